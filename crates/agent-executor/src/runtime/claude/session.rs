//! Follows one run: turns its events into progress, notices what they mean for the account, and knows when going on
//! is of no use.

use coditect_core::FailureClass;

use super::classify::{self, Seen};
use super::event::{Event, Trouble};
use crate::control::now_ms;
use crate::run::Ended;
use crate::runtime::progress::{beginning, excerpt};
use crate::runtime::{AccountNotice, AccountStanding, Conclusion, Heard, Progress, Reader, Spent};

/// The name the log and the evidence give the program.
const NAME: &str = "claude-code";

/// Errors no retry mends. The program would still retry for three minutes.
const ACCOUNT_ERRORS: [&str; 6] = [
    "authentication_failed",
    "oauth_org_not_allowed",
    "account_on_hold",
    "verification_required",
    "billing_error",
    "cloud_credential_error",
];

/// A pause below this is the program's own matter; a longer one is the account's.
const LONG_PAUSE_MS: i64 = 5_000;

/// How much of the agent's last words is kept with the result; the log has them all.
const SUMMARY: usize = 8_000;

/// How many tools that were not allowed are named.
const DENIED: usize = 10;

/// The events of one run so far.
#[derive(Debug, Default)]
pub struct Session {
    seen: Seen,
    version: Option<String>,
    /// It is to go on with an earlier conversation.
    resumes: bool,
    session_id: Option<String>,
    /// The model has answered in it: there is something to go on with.
    answered: bool,
    notice: Option<AccountNotice>,
    /// The message that is being said, and what it used so far; and what those before it used.
    message: (String, i64, i64),
    before: (i64, i64),
    unreadable: u64,
}

/// Whether an error is the account's, and no retry mends it.
pub(super) fn is_account_error(error: &str) -> bool {
    ACCOUNT_ERRORS.contains(&error)
}

impl Session {
    /// One that goes on with an earlier conversation, or begins a new one.
    #[must_use]
    pub fn new(resumes: bool) -> Self {
        Self { resumes, ..Self::default() }
    }

    fn event(&mut self, event: &Event, heard: &mut Heard) {
        match event.kind() {
            ("system", "init") => {
                // One comes with every turn.
                if !self.seen.started {
                    let (version, model) = event.started();
                    let version = excerpt(&format!("{NAME} {version}"));
                    self.version = Some(version.clone());
                    heard.progress.push(Progress::Started { version, model });
                }
                self.seen.started = true;
                self.session_id = event.session_id().or(self.session_id.take());
            }
            ("system", "api_retry") => self.retry(event.retry(), heard),
            ("system", "permission_denied") => heard.progress.push(event.denied()),
            ("system", "model_fallback") => heard.progress.push(event.fallback()),
            ("rate_limit_event", _) => {
                if let Some(limit) = event.limit() {
                    if let Progress::Limit { exhausted: true, reset_at_ms, .. } = &limit {
                        self.seen.exhausted = true;
                        self.seen.reset_at_ms = reset_at_ms.or(self.seen.reset_at_ms);
                        let message = limit.lines().into_iter().map(|(_, text)| text).collect();
                        heard.account = self.account(AccountStanding::RateLimited, *reset_at_ms, message);
                    }
                    heard.progress.push(limit);
                }
            }
            ("assistant", _) => self.assistant(event, heard),
            ("user", _) => heard.progress.extend(event.answered()),
            ("result", _) => self.result(event, heard),
            _ => {}
        }
    }

    fn retry(&mut self, retry: Progress, heard: &mut Heard) {
        if let Progress::Retry { error, status, delay_ms, .. } = &retry {
            let what = retry.lines().into_iter().map(|(_, text)| text).collect::<String>();
            if is_account_error(error) || *status == Some(401) {
                self.seen.refused.get_or_insert_with(|| error.clone());
                heard.account = self.account(AccountStanding::Auth, None, format!("the API refuses it: {what}"));
                heard.stop = true;
            } else if (error == "rate_limit" || *status == Some(429)) && *delay_ms >= LONG_PAUSE_MS {
                let reset = now_ms().saturating_add(*delay_ms);
                heard.account = self.account(AccountStanding::RateLimited, Some(reset), what);
            }
        }
        heard.progress.push(retry);
    }

    fn assistant(&mut self, event: &Event, heard: &mut Heard) {
        match event.trouble() {
            Some(trouble) => {
                self.trouble(trouble, event, heard);
                return;
            }
            // Whatever the account had, it has no more.
            None if self.notice.as_ref().is_some_and(|notice| notice.standing == AccountStanding::RateLimited) => {
                let message = "the API answers again".to_owned();
                heard.account = self.account(AccountStanding::Ok, None, message);
                (self.seen.exhausted, self.seen.reset_at_ms) = (false, None);
            }
            None => {}
        }
        self.answered = true;
        if let Some((id, read, written)) = event.used() {
            if self.message.0 != id {
                self.before = (self.before.0 + self.message.1, self.before.1 + self.message.2);
            }
            self.message = (id.to_owned(), read, written);
        }
        heard.progress.extend(event.said());
    }

    fn trouble(&mut self, trouble: Trouble, event: &Event, heard: &mut Heard) {
        heard.progress.extend(event.said());
        let said = event.said().iter().flat_map(Progress::lines).map(|(_, text)| text).collect::<Vec<_>>().join(" ");
        if is_account_error(&trouble.error) {
            heard.account = self.account(AccountStanding::Auth, None, said);
        } else if trouble.error == "rate_limit" || trouble.status == Some(429) {
            self.seen.reset_at_ms = trouble.reset_at_ms.or(self.seen.reset_at_ms);
            heard.account = self.account(AccountStanding::RateLimited, self.seen.reset_at_ms, said);
        }
        self.seen.trouble = Some(trouble);
    }

    fn result(&mut self, event: &Event, heard: &mut Heard) {
        let verdict = event.verdict();
        heard.progress.push(Progress::Ended {
            failed: verdict.is_error,
            text: verdict.text.clone(),
            spent: verdict.spent,
        });
        if !verdict.is_error {
            self.seen.trouble = None;
        }
        self.seen.verdict = Some(verdict);
    }

    /// What there is to tell of the account, unless it was told already.
    fn account(
        &mut self,
        standing: AccountStanding,
        reset_at_ms: Option<i64>,
        message: String,
    ) -> Option<AccountNotice> {
        let told =
            self.notice.as_ref().is_some_and(|last| last.standing == standing && last.reset_at_ms == reset_at_ms);
        let notice = AccountNotice { standing, reset_at_ms, message: excerpt(&message) };
        (!told).then(|| self.notice.insert(notice).clone())
    }

    /// What was used: as the last result has it, else what the answers so far had at least.
    fn spent(&self) -> Spent {
        let known = self.seen.verdict.as_ref().map(|verdict| verdict.spent).unwrap_or_default();
        let least = (self.before.0 + self.message.1, self.before.1 + self.message.2);
        let at_least = |known: Option<i64>, least: i64| known.or((least > 0).then_some(least));
        Spent {
            cost_usd: known.cost_usd,
            tokens_in: at_least(known.tokens_in, least.0),
            tokens_out: at_least(known.tokens_out, least.1),
        }
    }
}

impl Reader for Session {
    fn hear(&mut self, line: &[u8], whole: bool) -> Heard {
        let mut heard = Heard::default();
        if line.trim_ascii().is_empty() {
            return heard;
        }
        match Event::parse(line) {
            Some(event) => self.event(&event, &mut heard),
            None if whole => {
                self.unreadable += 1;
                heard.progress.push(Progress::Note(String::from_utf8_lossy(line).into_owned()));
            }
            None => {
                self.unreadable += 1;
                heard.progress.push(Progress::Note("an event that was too long to be read".to_owned()));
            }
        }
        heard
    }

    fn conclude(&mut self, ended: &Ended) -> Conclusion {
        let verdict = self.seen.verdict.as_ref();
        let mut notes = Vec::new();
        let denied: Vec<String> = verdict.map(|verdict| verdict.denied.clone()).unwrap_or_default();
        if !denied.is_empty() {
            let mut tools = denied.clone();
            tools.sort();
            tools.dedup();
            tools.truncate(DENIED);
            notes.push(format!(
                "{} uses of tools were not allowed ({}); executor.claude.allowed_tools says which are",
                denied.len(),
                tools.join(", ")
            ));
        }
        if self.unreadable > 0 {
            notes.push(format!("{} lines of its output were no events", self.unreadable));
        }
        let summary =
            verdict.filter(|verdict| !verdict.is_error).map(|verdict| beginning(verdict.text.trim(), SUMMARY));
        if summary.as_deref() == Some("") {
            notes.push("the agent ended without a word".to_owned());
        }
        let failure = classify::failure(&self.seen, ended);
        // What is wrong beside the conversation goes wrong again with a new one, and is told then.
        let config = failure.as_ref().is_some_and(|failure| failure.class == FailureClass::Config);
        let too_much = verdict.is_some_and(classify::is_too_much);
        Conclusion {
            session_id: self.session_id.clone().filter(|_| (self.answered || self.resumes) && !too_much),
            resume_refused: self.resumes && !self.seen.started && config,
            summary: summary.filter(|summary| !summary.is_empty()),
            spent: self.spent(),
            runtime_version: self.version.clone(),
            notes,
            failure,
        }
    }
}
