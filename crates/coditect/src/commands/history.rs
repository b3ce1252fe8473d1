//! `coditect plan history`, `show` and `restore`: every content of a plan file that was synced.

use std::io::{ErrorKind, Write};

use coditect_proto::v1;
use serde_json::json;

use crate::client::{Daemon, refused};
use crate::commands::pause::actor;
use crate::failure::{Failure, OK};
use crate::output;

/// How many changes of a revision are shown on the screen.
const SHOWN: usize = 5;

/// The flags of `history`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: coditect plan history PLAN.md")]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    daemon: Daemon,
    /// The plan file, as `plan.paths` has it
    path: String,
    /// How many revisions at most
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: i64,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// The flags of `show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: coditect plan show PLAN.md --revision 12 > old.md")]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    daemon: Daemon,
    /// The plan file, as `plan.paths` has it
    path: String,
    /// Which content
    #[arg(long, value_name = "N")]
    revision: i64,
}

/// The flags of `restore`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: coditect plan restore PLAN.md --revision 12")]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    daemon: Daemon,
    /// The plan file, as `plan.paths` has it
    path: String,
    /// Which content
    #[arg(long, value_name = "N")]
    revision: i64,
}

/// Lists the contents, newest first.
pub(crate) async fn history(args: HistoryArgs) -> Result<u8, Failure> {
    let HistoryArgs { daemon, path, limit, json } = args;
    let request = v1::ListRevisionsRequest { plan: path, before: 0, limit };
    let revisions = daemon.client()?.list_revisions(request).await.map_err(refused)?.into_inner().revisions;
    if json {
        let change = |c: &v1::FieldChange| json!({ "task": c.task, "field": c.field, "from": c.from, "to": c.to });
        let revisions: Vec<_> = revisions
            .iter()
            .map(|r| {
                json!({
                    "revision": r.revision, "actor": r.actor, "at_ms": r.at_ms, "hash": r.hash, "kept": r.kept,
                    "changes": r.changes.iter().map(change).collect::<Vec<_>>(),
                })
            })
            .collect();
        output::json(&json!({ "revisions": revisions }))?;
        return Ok(OK);
    }
    for v1::Revision { revision, actor, at_ms, changes, .. } in &revisions {
        let age = output::duration(output::now_ms() - *at_ms);
        output::line(format_args!("{revision}  {age} ago  {actor}"))?;
        for c in changes.iter().take(SHOWN) {
            let value = |text: &str| text.lines().next().filter(|line| !line.is_empty()).unwrap_or("-").to_owned();
            output::line(format_args!("    {}  {}: {} → {}", c.task, c.field, value(&c.from), value(&c.to)))?;
        }
        if changes.len() > SHOWN {
            output::line(format_args!("    and {} more; --json has them all", changes.len() - SHOWN))?;
        }
    }
    Ok(OK)
}

/// Prints one content, byte for byte.
pub(crate) async fn show(args: ShowArgs) -> Result<u8, Failure> {
    let request = v1::GetRevisionRequest { plan: args.path, revision: args.revision };
    let text = args.daemon.client()?.get_revision(request).await.map_err(refused)?.into_inner().text;
    // Not as text for a screen: whatever is in it goes out as it is.
    let written = std::io::stdout().lock().write_all(text.as_bytes());
    match written.and_then(|()| std::io::stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::wrong(format!("cannot write: {error}"))),
        Ok(()) | Err(_) => Ok(OK),
    }
}

/// Brings one content back into the file.
pub(crate) async fn restore(args: RestoreArgs) -> Result<u8, Failure> {
    let RestoreArgs { daemon, path, revision } = args;
    let request = v1::RestoreRevisionRequest { plan: path.clone(), revision, actor: actor() };
    let made = daemon.client()?.restore_revision(request).await.map_err(refused)?.into_inner().revision;
    if made == revision {
        output::say(format_args!("{path} is as it was at revision {revision} already"));
    } else {
        output::say(format_args!("{path} is as it was at revision {revision}; that is revision {made} now"));
    }
    output::say("what is finished stays finished and is ticked again");
    Ok(OK)
}
