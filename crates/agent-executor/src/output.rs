//! A command's output on its way into the log: cut into lines, bounded, and its end remembered.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::control::{LineKind, LogLine};
use crate::runtime::{AccountNotice, Reader};

/// The longest line the log is given.
const LINE: usize = 8 * 1024;

/// The longest line that is remembered whole, in case it is a result.
const RAW_LINE: usize = 64 * 1024;

/// The longest event of an agent that is read; a longer one is told as that.
const EVENT: usize = 4 * 1024 * 1024;

/// How much of the end of the output is remembered.
const TAIL: usize = 4 * 1024;

/// How long a log that takes nothing may hold up a command before lines are dropped instead.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where the lines of a run go, and how many more may.
#[derive(Debug)]
pub struct Sink<'a> {
    log: &'a mpsc::Sender<LogLine>,
    left: usize,
    limit: usize,
    full: bool,
    stalled: bool,
    patience: Duration,
    dropped: u64,
}

impl<'a> Sink<'a> {
    /// A sink that takes so many bytes.
    #[must_use]
    pub const fn new(log: &'a mpsc::Sender<LogLine>, limit: usize) -> Self {
        Self { log, left: limit, limit, full: false, stalled: false, patience: PATIENCE, dropped: 0 }
    }

    /// Sends a line on, unless the bound is reached.
    pub async fn line(&mut self, kind: LineKind, raw: &[u8]) {
        if self.full {
            return;
        }
        let cut = raw.get(..LINE).unwrap_or(raw);
        if self.left < cut.len() + 1 {
            self.full = true;
            let text = format!("the output is longer than {} bytes; the rest is not kept", self.limit);
            self.send(LogLine::now(LineKind::Harness, text)).await;
            return;
        }
        self.left -= cut.len() + 1;
        let mut text = String::from_utf8_lossy(cut).into_owned();
        if cut.len() < raw.len() {
            text.push_str(" … [line cut]");
        }
        self.send(LogLine::now(kind, text)).await;
    }

    async fn send(&mut self, line: LogLine) {
        let sent = if self.stalled {
            self.log.try_send(line).is_ok()
        } else {
            matches!(tokio::time::timeout(self.patience, self.log.send(line)).await, Ok(Ok(())))
        };
        if !sent {
            self.stalled = true;
            self.dropped += 1;
            return;
        }
        self.stalled = false;
        if self.dropped > 0 {
            let text = format!("{} lines were dropped because the log was blocked", self.dropped);
            if self.log.try_send(LogLine::now(LineKind::Harness, text)).is_ok() {
                self.dropped = 0;
            }
        }
    }
}

/// What lines meant, where an agent's program speaks in events.
#[derive(Debug, Default)]
pub struct Meaning {
    /// What they say about the account.
    pub accounts: Vec<AccountNotice>,
    /// The command is to be stopped.
    pub stop: bool,
}

/// One of a command's two streams, cut into lines.
pub struct Lines<'a> {
    kind: LineKind,
    line: Vec<u8>,
    /// The line is longer than what was kept of it.
    cut: bool,
    last: Vec<u8>,
    tail: Tail,
    secrets: &'a [String],
    reader: Option<&'a mut dyn Reader>,
    meaning: Meaning,
}

impl<'a> Lines<'a> {
    /// A stream that has said nothing yet. What is secret is struck out of everything that is kept.
    #[must_use]
    pub fn new(kind: LineKind, secrets: &'a [String]) -> Self {
        Self {
            kind,
            line: Vec::new(),
            cut: false,
            last: Vec::new(),
            tail: Tail::default(),
            secrets,
            reader: None,
            meaning: Meaning::default(),
        }
    }

    /// The stream is one of events, which this understands.
    #[must_use]
    pub fn read_by(mut self, reader: Option<&'a mut dyn Reader>) -> Self {
        self.reader = reader;
        self
    }

    /// Takes what was read; answers what it meant.
    pub async fn feed(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Meaning {
        let longest = if self.reader.is_some() { EVENT } else { RAW_LINE };
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            let room = longest.saturating_sub(self.line.len());
            self.cut |= text.len() > room;
            self.line.extend_from_slice(text.get(..room).unwrap_or(text));
            if ends {
                self.flush(sink).await;
            }
        }
        std::mem::take(&mut self.meaning)
    }

    /// Takes the end: a last line need not be ended.
    pub async fn finish(&mut self, sink: &mut Sink<'_>) -> Meaning {
        if !self.line.is_empty() {
            self.flush(sink).await;
        }
        std::mem::take(&mut self.meaning)
    }

    /// The last line that was not blank, and the end of everything.
    #[must_use]
    pub fn into_end(self) -> (String, String) {
        (String::from_utf8_lossy(&self.last).into_owned(), self.tail.text())
    }

    async fn flush(&mut self, sink: &mut Sink<'_>) {
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        strike_out(&mut self.line, self.secrets);
        match &mut self.reader {
            Some(reader) => {
                let heard = reader.hear(&self.line, !self.cut);
                for (kind, text) in heard.progress.iter().flat_map(crate::runtime::Progress::lines) {
                    sink.line(kind, text.as_bytes()).await;
                }
                self.meaning.accounts.extend(heard.account);
                self.meaning.stop |= heard.stop;
            }
            None => sink.line(self.kind, &self.line).await,
        }
        self.tail.push(&self.line);
        self.tail.push(b"\n");
        if !self.line.trim_ascii().is_empty() {
            std::mem::swap(&mut self.last, &mut self.line);
        }
        self.line.clear();
        self.cut = false;
    }
}

/// The shortest text that is taken for a secret: a shorter one stands in too much else.
const SECRET: usize = 8;

/// Replaces every secret in the text.
fn strike_out(text: &mut Vec<u8>, secrets: &[String]) {
    for secret in secrets.iter().map(String::as_bytes).filter(|secret| secret.len() >= SECRET) {
        let finder = memchr::memmem::Finder::new(secret);
        if finder.find(text).is_none() {
            continue;
        }
        // In one pass: a line may be nothing but the secret, over and over.
        let mut struck = Vec::with_capacity(text.len());
        let mut rest = text.as_slice();
        while let Some(at) = finder.find(rest) {
            let (before, from) = rest.split_at(at);
            struck.extend_from_slice(before);
            struck.extend_from_slice(b"[secret]");
            rest = from.get(secret.len()..).unwrap_or_default();
        }
        struck.extend_from_slice(rest);
        *text = struck;
    }
}

/// The end of a text of any length.
#[derive(Debug, Default)]
pub struct Tail(Vec<u8>);

impl Tail {
    /// Appends.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > 4 * TAIL {
            self.0.drain(..self.0.len() - TAIL);
        }
    }

    /// The end, as text.
    #[must_use]
    pub fn text(&self) -> String {
        let from = self.0.len().saturating_sub(TAIL);
        String::from_utf8_lossy(self.0.get(from..).unwrap_or(&[])).trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_cut_and_bounded_and_junk_survives() {
        let (log, mut seen) = mpsc::channel(100);
        let mut sink = Sink::new(&log, 9_000);
        let mut lines = Lines::new(LineKind::Stdout, &[]);
        lines.feed(b"one\r\ntw", &mut sink).await;
        lines.feed(b"o\n\xff\n", &mut sink).await;
        lines.feed(&vec![b'x'; 200_000], &mut sink).await;
        lines.feed(b"\nlast", &mut sink).await;
        lines.finish(&mut sink).await;
        lines.feed(&vec![b'y'; 9_000], &mut sink).await;
        lines.finish(&mut sink).await;
        lines.feed(b"never", &mut sink).await;
        lines.finish(&mut sink).await;
        drop(log);
        let mut texts = Vec::new();
        while let Some(line) = seen.recv().await {
            texts.push(line.text);
        }
        assert_eq!(&texts[..3], ["one", "two", "\u{fffd}"]);
        assert!(texts[3].len() < 9_000 && texts[3].ends_with("[line cut]"));
        assert_eq!(texts[4], "last");
        assert!(texts[5].contains("longer than 9000 bytes"), "{}", texts[5]);
        assert_eq!(texts.len(), 6);
        assert_eq!(lines.into_end().0, "never");
    }

    #[test]
    fn a_line_of_nothing_but_secrets_is_struck_out_in_one_pass() {
        let secret = "attempt-0123456789".to_owned();
        let mut line = secret.repeat(200_000).into_bytes();
        strike_out(&mut line, std::slice::from_ref(&secret));
        assert_eq!(line, "[secret]".repeat(200_000).into_bytes());
    }

    #[tokio::test]
    async fn a_secret_is_in_no_line_and_no_end() {
        let (log, mut seen) = mpsc::channel(100);
        let mut sink = Sink::new(&log, 9_000);
        let secrets = ["k-0123456789".to_owned(), "x".to_owned()];
        let mut lines = Lines::new(LineKind::Stdout, &secrets);
        lines.feed(b"KEY=k-01234", &mut sink).await;
        lines.feed(b"56789 k-0123456789 x\n", &mut sink).await;
        assert_eq!(seen.recv().await.unwrap().text, "KEY=[secret] [secret] x");
        let (last, tail) = lines.into_end();
        assert_eq!((last.as_str(), tail.as_str()), ("KEY=[secret] [secret] x", "KEY=[secret] [secret] x"));
    }

    #[tokio::test]
    async fn a_blocked_log_drops_lines_instead_of_holding_up_the_command() {
        let (log, mut seen) = mpsc::channel(1);
        let mut sink = Sink { patience: Duration::from_millis(10), ..Sink::new(&log, 9_000) };
        for n in 0..5 {
            sink.line(LineKind::Stdout, format!("{n}").as_bytes()).await;
        }
        assert_eq!(seen.recv().await.unwrap().text, "0");
        sink.line(LineKind::Stdout, b"again").await;
        assert_eq!(seen.recv().await.unwrap().text, "again");
    }
}
