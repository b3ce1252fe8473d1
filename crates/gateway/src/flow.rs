//! A request and its answer on their way: passed on piece by piece, counted, and cut where the budget ends.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use crate::api::Api;
use crate::notice::Notice;
use crate::prices::Prices;
use crate::quota::{self, Standing};
use crate::scan::{Found, Scanner, Wanted};
use crate::session::Shared;
use crate::tap::{BYTES_PER_TOKEN, Tap};
use crate::upstream::BodyError;
use crate::usage::Usage;

/// The longest name of a model.
const LONGEST_NAME: usize = 200;

/// What has no space for so long is no text but an encoded file, which is charged otherwise.
const LONGEST_WORD: u64 = 4 * 1024;

const MODEL: &[Wanted<()>] = &[Wanted { path: &["model"], what: (), only_length: false }];

/// What is known of a request that was sent.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// Bytes of text.
    text: AtomicU64,
    /// All of it was sent.
    whole: AtomicBool,
    model: Mutex<Option<String>>,
}

/// A request's body on its way to the API.
#[derive(Debug)]
pub(crate) struct Sent {
    body: Incoming,
    request: Arc<Request>,
    /// Looks for the model, until it is found.
    scanner: Option<Scanner<()>>,
    /// The length of the word that the last piece ended in.
    word: u64,
}

impl Sent {
    pub(crate) fn new(body: Incoming, request: Arc<Request>) -> Self {
        Self { body, request, scanner: Some(Scanner::new(MODEL)), word: 0 }
    }

    fn passes(&mut self, bytes: &[u8]) {
        let mut text = 0;
        for piece in bytes.split_inclusive(|byte| matches!(byte, b' ' | b'"' | b'\\' | b'\n')) {
            let length = piece.len() as u64;
            text += length.min(LONGEST_WORD.saturating_sub(self.word));
            let ends = matches!(piece.last(), Some(b' ' | b'"' | b'\\' | b'\n'));
            self.word = if ends { 0 } else { self.word + length };
        }
        self.request.text.fetch_add(text, Ordering::Relaxed);
        let mut model = None;
        if let Some(scanner) = &mut self.scanner {
            scanner.feed(bytes, &mut |(), found| {
                if let Found::Value(value) = found
                    && model.is_none()
                {
                    model = serde_json::from_slice::<String>(value).ok();
                }
            });
        }
        if let Some(model) = model.filter(|model| model.len() <= LONGEST_NAME) {
            *self.request.model.lock().unwrap_or_else(PoisonError::into_inner) = Some(model);
            self.scanner = None;
        }
    }
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.passes(data);
                }
                // The last piece is not always followed by a question for more.
                let ended = self.body.is_end_stream();
                self.request.whole.fetch_or(ended, Ordering::Relaxed);
            }
            Some(Err(_)) => {}
            None => self.request.whole.store(true, Ordering::Relaxed),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// One request with its answer. What it costs is settled when this is dropped, however far it came.
#[derive(Debug)]
pub(crate) struct Flow {
    shared: Arc<Shared>,
    api: Api,
    /// It is answered by a model.
    costs: bool,
    request: Arc<Request>,
    status: Option<StatusCode>,
    tap: Option<Tap>,
    /// The answer cannot be read.
    is_encoded: bool,
    received: u64,
    /// What it is thought to cost, and is entered in the ledger for.
    charged: i64,
    /// The model it is charged for, and its prices.
    priced: Option<(String, Prices)>,
}

/// The budget was spent while the answer came.
#[derive(Debug, thiserror::Error)]
#[error("the budget of the attempt is spent")]
struct Cut;

impl Flow {
    pub(crate) fn begin(shared: Arc<Shared>, api: Api, path: &str, costs: bool) -> Self {
        let request = Request::default();
        if api == Api::Gemini
            && let Some((_, model)) = path.rsplit_once("/models/")
        {
            let model = model.split(':').next().unwrap_or(model);
            *request.model.lock().unwrap_or_else(PoisonError::into_inner) = Some(model.to_owned());
        }
        Self {
            shared,
            api,
            costs,
            request: Arc::new(request),
            status: None,
            tap: None,
            is_encoded: false,
            received: 0,
            charged: 0,
            priced: None,
        }
    }

    pub(crate) fn request(&self) -> Arc<Request> {
        Arc::clone(&self.request)
    }

    /// The head of the answer is there.
    pub(crate) fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.shared.activity.touch();
        self.status = Some(status);
        if !self.costs {
            return;
        }
        let standing = quota::standing(status, headers, now_ms());
        self.shared.teller.standing(standing, status.as_u16());
        let header = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        self.is_encoded = header(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
        if !self.is_encoded {
            self.tap = Some(Tap::new(self.api, header(CONTENT_TYPE).unwrap_or_default()));
        }
    }

    /// There was no answer, and nothing is owed.
    pub(crate) fn failed(&mut self) {
        self.costs = false;
    }

    /// More of the answer has come.
    fn passes(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        self.shared.activity.touch();
        self.received = self.received.saturating_add(bytes.len() as u64);
        if let Some(tap) = &mut self.tap {
            tap.feed(bytes);
        }
        if !self.costs || !self.status.is_some_and(|status| status.is_success()) {
            return Ok(());
        }
        self.charge(self.until_now());
        // What is spent to the last cent by an answer that has ended is not too much; what goes on is.
        if self.shared.ledger.spent() > self.shared.ledger.budget() {
            self.shared.budget_is_spent();
            return Err(Cut);
        }
        Ok(())
    }

    /// The tokens until now. OpenAI says only at the end what was read: until then it is estimated.
    fn until_now(&self) -> Usage {
        let seen = self.tap.as_ref().map(Tap::seen);
        let mut usage = seen.map(|seen| seen.until_now()).unwrap_or_default();
        if self.api == Api::OpenAi && seen.is_some_and(|seen| seen.counted.is_none()) {
            usage.input = self.estimated_input();
        }
        usage
    }

    fn estimated_input(&self) -> u64 {
        self.request.text.load(Ordering::Relaxed).div_ceil(BYTES_PER_TOKEN)
    }

    /// Enters in the ledger that so much was used.
    fn charge(&mut self, usage: Usage) {
        let now = if usage == Usage::default() { 0 } else { self.prices().cost(&usage) };
        self.shared.ledger.replace(self.charged, now);
        self.charged = now;
    }

    /// The prices of the model that answers; until that is known, of the one that was asked for.
    fn prices(&mut self) -> Prices {
        let answers = self.tap.as_ref().and_then(|tap| tap.seen().model.as_deref());
        if let (Some((name, prices)), Some(model)) = (&self.priced, answers)
            && name == model
        {
            return *prices;
        }
        let asked = self.request.model.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A service may call the model that answers by a name of its own.
        let names: Vec<&str> = answers.into_iter().chain(asked.as_deref()).collect();
        let priced = names.iter().map(|name| self.shared.prices.of(name));
        let priced = priced.clone().find(|priced| priced.known).or_else(|| priced.clone().next());
        let priced = priced.unwrap_or_else(|| self.shared.prices.of(""));
        if !priced.known {
            let model = names.first().copied().unwrap_or_default().to_owned();
            self.shared.teller.once(Notice::UnknownModel { model });
        }
        if let Some(model) = answers {
            self.priced = Some((model.to_owned(), priced.prices));
        }
        priced.prices
    }

    /// What it came to in the end.
    fn settle(&mut self) {
        let Some(status) = self.status else {
            // Nobody waited for the answer: what was asked is read all the same.
            if self.costs && self.request.whole.load(Ordering::Relaxed) {
                let usage = Usage { input: self.estimated_input(), ..Usage::default() };
                self.charge(usage);
                self.shared.ledger.used(usage);
            }
            return;
        };
        if let Some(tap) = &mut self.tap {
            tap.finish();
        }
        if !self.costs {
            return;
        }
        let seen = self.tap.as_ref().map(Tap::seen);
        if !status.is_success() {
            self.charge(Usage::default());
            let seen = self.tap.as_ref().map(Tap::seen);
            if seen.and_then(|seen| seen.error.as_deref()) == Some("insufficient_quota") {
                self.shared.teller.standing(Standing::Refused, status.as_u16());
            } else if status == StatusCode::TOO_MANY_REQUESTS
                && let Some(wait_ms) = seen.and_then(|seen| seen.wait_ms)
            {
                self.shared.teller.standing(quota::standing_after(wait_ms, now_ms()), status.as_u16());
            }
            return;
        }
        let counted = seen.and_then(|seen| seen.counted);
        let mut usage = self.until_now();
        if counted.is_none() {
            usage.input = self.estimated_input();
            if self.is_encoded {
                usage.output = self.received.div_ceil(BYTES_PER_TOKEN);
            }
            self.shared.teller.once(Notice::NotCounted);
        }
        self.charge(usage);
        self.shared.ledger.used(usage);
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.settle();
    }
}

/// An answer's body on its way to the agent.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Incoming,
    flow: Flow,
}

impl Answer {
    pub(crate) const fn new(body: Incoming, flow: Flow) -> Self {
        Self { body, flow }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && let Err(cut) = self.flow.passes(data)
        {
            return Poll::Ready(Some(Err(cut.into())));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
