//! What agents say while they work: a bounded stream per attempt, until the orchestrator has stored it for good.

use redis::cmd;

use crate::entry::{EntryId, read_entries};
use crate::error::QueueError;
use crate::message::{LogLine, decode, encode};
use crate::queue::Queue;

/// How many lines of an attempt are kept.
pub(crate) const LINES: usize = 5_000;
/// How long the log of an attempt is kept after its last line.
const KEPT_SECONDS: usize = 24 * 60 * 60;
/// How long a line may be, in bytes.
const LINE_BYTES: usize = 16 * 1024;

impl Queue {
    /// Adds lines to the log of an attempt. The oldest lines beyond 5,000 are dropped, a line beyond 16 KiB is cut
    /// (and says so), and the log is gone a day after its last line.
    pub async fn add_log(&self, attempt: &str, lines: &[LogLine]) -> Result<(), QueueError> {
        if lines.is_empty() {
            return Ok(());
        }
        let key = self.keys.log(attempt);
        let mut transaction = redis::pipe();
        transaction.atomic();
        for line in lines {
            let line = LogLine { text: cut(&line.text), ..line.clone() };
            transaction.cmd("XADD").arg(&key).arg("MAXLEN").arg("~").arg(LINES).arg("*").arg(encode(&line)).ignore();
        }
        transaction.cmd("EXPIRE").arg(&key).arg(KEPT_SECONDS).ignore();
        let mut connection = self.connection().await?;
        transaction.exec_async(&mut connection).await?;
        Ok(())
    }

    /// The lines of an attempt after the one with the id `after` (from the start without it), oldest first.
    ///
    /// An entry that is no log line is left out.
    pub async fn read_log(
        &self,
        attempt: &str,
        after: Option<EntryId>,
        count: usize,
    ) -> Result<Vec<(EntryId, LogLine)>, QueueError> {
        let mut connection = self.connection().await?;
        let start = after.map_or("-".to_owned(), |id| format!("({id}"));
        let mut range = cmd("XRANGE");
        range.arg(self.keys.log(attempt)).arg(start).arg("+").arg("COUNT").arg(count.max(1));
        let entries = read_entries(range.query_async(&mut connection).await?)?;
        let line = |entry: crate::entry::RawEntry| Some((entry.id, decode(&entry.fields.ok()?).ok()?));
        Ok(entries.into_iter().filter_map(line).collect())
    }

    /// The attempts that have a log.
    pub async fn log_attempts(&self) -> Result<Vec<String>, QueueError> {
        let names = self.scan("log:").await?;
        Ok(names.into_iter().filter_map(|name| name.strip_prefix("log:").map(str::to_owned)).collect())
    }

    /// Drops the log of an attempt, once it is stored for good.
    pub async fn delete_log(&self, attempt: &str) -> Result<(), QueueError> {
        let mut connection = self.connection().await?;
        cmd("DEL").arg(self.keys.log(attempt)).exec_async(&mut connection).await?;
        Ok(())
    }
}

/// The text within its bound, saying how much is missing.
fn cut(text: &str) -> String {
    if text.len() <= LINE_BYTES {
        return text.to_owned();
    }
    let kept = text.get(..text.floor_char_boundary(LINE_BYTES)).unwrap_or_default();
    format!("{kept} [{} bytes cut]", text.len() - kept.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_between_characters_and_says_so() {
        assert_eq!(cut("short"), "short");
        let cut = cut(&"ä".repeat(LINE_BYTES));
        assert!(cut.ends_with("[16384 bytes cut]") && cut.len() < LINE_BYTES + 30);
    }
}
