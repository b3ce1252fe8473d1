//! `coditect queue`: what is in flight, read from Redis itself.

use std::time::Duration;

use coditect_queue::{Queue, StreamInfo};
use coditect_service::Config;
use serde_json::json;

use crate::failure::{Failure, OK};
use crate::{client, output};

/// The flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: coditect queue")]
pub(crate) struct Args {
    /// The Redis [default: that of the `coditect up` of this project]
    #[arg(long, value_name = "URL", env = "REDIS_URL", hide_env_values = true)]
    redis: Option<String>,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// Shows every stream.
pub(crate) async fn run(args: Args) -> Result<u8, Failure> {
    // A run of this project has a Redis of its own, whatever the environment says.
    let (url, project) = match (client::here("a Redis with --redis URL or REDIS_URL"), args.redis) {
        (Ok(run), _) => (run.redis_url, run.project),
        (Err(_), Some(url)) => (url, Config::load(None)?.project.name),
        (Err(failure), None) => return Err(failure),
    };
    let unreachable = |error| {
        Failure::unreachable(format!("{:#}", anyhow::Error::from(error))).help("start the system with `coditect up`")
    };
    let streams = Queue::connect(&url, &project).map_err(unreachable)?.inspect().await.map_err(unreachable)?;
    if args.json {
        output::json(&json!({ "streams": streams.iter().map(view).collect::<Vec<_>>() }))?;
        return Ok(OK);
    }
    let mut table =
        output::table(["stream", "depth", "oldest", "group", "lag", "pending", "oldest pending", "consumers"]);
    for StreamInfo { name, length, groups, oldest } in &streams {
        let (length, oldest) = (length.to_string(), age(*oldest));
        if groups.is_empty() {
            let dash = || "-".to_owned();
            table.add_row([name.clone(), length.clone(), oldest.clone(), dash(), dash(), dash(), dash(), dash()]);
        }
        for group in groups {
            table.add_row([
                name.clone(),
                length.clone(),
                oldest.clone(),
                group.name.clone(),
                group.lag.map_or_else(|| "?".to_owned(), |lag| lag.to_string()),
                group.pending.to_string(),
                age(group.oldest_pending),
                group.consumers.to_string(),
            ]);
        }
    }
    output::line(table.trim_fmt())?;
    Ok(OK)
}

fn age(age: Option<Duration>) -> String {
    age.map_or_else(|| "-".to_owned(), |age| output::duration(millis(age)))
}

fn millis(age: Duration) -> i64 {
    i64::try_from(age.as_millis()).unwrap_or(i64::MAX)
}

fn view(stream: &StreamInfo) -> serde_json::Value {
    let groups: Vec<_> = stream
        .groups
        .iter()
        .map(|group| {
            json!({
                "name": group.name, "pending": group.pending, "lag": group.lag, "consumers": group.consumers,
                "last_delivered": group.last_delivered.to_string(),
                "oldest_pending_ms": group.oldest_pending.map(millis),
            })
        })
        .collect();
    json!({ "name": stream.name, "length": stream.length, "oldest_ms": stream.oldest.map(millis), "groups": groups })
}
