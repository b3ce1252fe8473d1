//! `coditect logs`: what an agent printed, and goes on printing.

use std::time::Duration;

use coditect_proto::v1;
use owo_colors::OwoColorize;

use crate::client::{Target, refused};
use crate::failure::{Failure, OK};
use crate::{output, views};

/// How many lines are asked for at once.
const PAGE: i64 = 500;

/// Between two looks at a log that grows.
const EVERY: Duration = Duration::from_millis(500);

/// The flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: coditect logs 1.2 -f")]
pub(crate) struct Args {
    /// The task's id, or its key where only one document has it
    task: String,
    #[command(flatten)]
    target: Target,
    /// Go on until the attempt has ended
    #[arg(short, long)]
    follow: bool,
    /// The attempt's number [default: the newest]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    attempt: i64,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Prints the log.
pub(crate) async fn run(args: Args) -> Result<u8, Failure> {
    let mut orchestrator = args.target.orchestrator()?;
    let (mut number, mut after) = (args.attempt, 0);
    loop {
        let request = v1::ReadLogRequest { task: args.task.clone(), number, after, limit: PAGE };
        let page = orchestrator.read_log(request).await.map_err(refused)?.into_inner();
        // The attempt that was newest at first, even if another begins meanwhile.
        number = page.number;
        for line in &page.lines {
            after = after.max(line.seq);
            print(line, args.json)?;
        }
        if page.lines.is_empty() && (!args.follow || page.ended) {
            return Ok(OK);
        }
        if page.lines.is_empty() {
            tokio::time::sleep(EVERY).await;
        }
    }
}

fn print(line: &v1::LogLine, json: bool) -> Result<(), Failure> {
    if json {
        return output::json_line(&views::log_line(line));
    }
    match line.kind.as_str() {
        "stdout" => output::line(&line.text),
        "stderr" => output::line(line.text.yellow()),
        kind => output::line(format_args!("{} {}", format!("[{kind}]").dimmed(), line.text.dimmed())),
    }
}
