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
use crate::ledger::{self, Admission};
use crate::notice::Notice;
use crate::prices::{PriceList, Prices};
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

/// How many tokens an answer may have whose request does not say.
const USUAL_MOST: u64 = 8 * 1024;

/// What is looked for in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Model,
    /// The answer comes in pieces, which are charged as they come.
    Stream,
    /// The most tokens of the answer.
    Most,
    /// The answer is given later, to somebody else: nobody would count it.
    Background,
}

const fn asked(path: &'static [&'static str], what: Asked) -> Wanted<Asked> {
    Wanted { path, what, only_length: false }
}

const ASKED: &[Wanted<Asked>] = &[
    asked(&["model"], Asked::Model),
    asked(&["stream"], Asked::Stream),
    asked(&["max_tokens"], Asked::Most),
    asked(&["max_output_tokens"], Asked::Most),
    asked(&["max_completion_tokens"], Asked::Most),
    asked(&["generationConfig", "maxOutputTokens"], Asked::Most),
    asked(&["background"], Asked::Background),
];

/// What is known of a request that was sent.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// Bytes of text.
    text: AtomicU64,
    /// All of it was sent.
    whole: AtomicBool,
    model: Mutex<Option<String>>,
    streams: AtomicBool,
    /// The most tokens of the answer; 0: it does not say.
    most: AtomicU64,
    /// It asks for what nobody would count.
    refused: AtomicBool,
    /// It may be answered, and others reckon with it.
    admission: Mutex<Option<Admission>>,
}

impl Request {
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn estimated_input(&self) -> u64 {
        self.text.load(Ordering::Relaxed).div_ceil(BYTES_PER_TOKEN)
    }

    /// What it may cost until the answer itself says so, at these prices.
    fn may_cost(&self, prices: &PriceList) -> i64 {
        let output = match (self.streams.load(Ordering::Relaxed), self.most.load(Ordering::Relaxed)) {
            (true, _) => 0,
            (false, 0) => USUAL_MOST,
            (false, most) => most,
        };
        let usage = Usage { input: self.estimated_input(), output, ..Usage::default() };
        let model = self.model.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default();
        prices.of(&model).prices.cost(&usage)
    }
}

/// A piece of a request, or its end.
type Piece = Option<Result<Frame<Bytes>, BodyError>>;

/// The wait of a request for its admission.
type Admitted = Pin<Box<dyn Future<Output = Admission> + Send + Sync>>;

/// A request's body on its way to the API. Its end is not sent before the budget admits it.
pub(crate) struct Sent {
    body: Incoming,
    request: Arc<Request>,
    /// Whom its cost is the matter of; nobody's, if a model does not answer it or it was admitted.
    shared: Option<Arc<Shared>>,
    scanner: Scanner<Asked>,
    /// The length of the word that the last piece ended in.
    word: u64,
    /// It is whole, and this is sent when it is admitted.
    waits: Option<(Admitted, Piece)>,
}

/// A request asks for an answer that is given later.
#[derive(Debug, thiserror::Error)]
#[error("answers in the background are not counted, and not asked for")]
struct InBackground;

impl Sent {
    pub(crate) fn new(body: Incoming, request: Arc<Request>, shared: Option<Arc<Shared>>) -> Self {
        Self { body, request, shared, scanner: Scanner::new(ASKED), word: 0, waits: None }
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
        let request = &self.request;
        self.scanner.feed(bytes, &mut |what, found| {
            let Found::Value(value) = found else { return };
            match what {
                Asked::Model => {
                    let model = serde_json::from_slice::<String>(value).ok();
                    if let Some(model) = model.filter(|model| model.len() <= LONGEST_NAME) {
                        *request.model.lock().unwrap_or_else(PoisonError::into_inner) = Some(model);
                    }
                }
                Asked::Stream => request.streams.store(value == b"true", Ordering::Relaxed),
                Asked::Most => {
                    let most = serde_json::from_slice::<u64>(value).unwrap_or_default();
                    request.most.fetch_max(most, Ordering::Relaxed);
                }
                Asked::Background => {
                    request.refused.store(value != b"false" && value != b"null", Ordering::Relaxed);
                }
            }
        });
    }
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Piece> {
        if self.waits.is_none() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref) {
                self.passes(data);
            }
            if self.request.is_refused() {
                return Poll::Ready(Some(Err(InBackground.into())));
            }
            // The last piece is not always followed by a question for more.
            let whole = !matches!(frame, Some(Err(_))) && (frame.is_none() || self.body.is_end_stream());
            let frame = frame.map(|frame| frame.map_err(Into::into));
            match self.shared.take_if(|_| whole) {
                Some(shared) => {
                    let may_cost = self.request.may_cost(&shared.prices);
                    self.waits = Some((Box::pin(ledger::admit(shared, may_cost)), frame));
                }
                None => {
                    self.request.whole.fetch_or(whole, Ordering::Relaxed);
                    return Poll::Ready(frame);
                }
            }
        }
        let Some((admitted, _)) = &mut self.waits else { return Poll::Ready(None) };
        let admission = ready!(admitted.as_mut().poll(cx));
        // Those before it may have spent the rest.
        if admission.is_too_late() {
            return Poll::Ready(Some(Err(Cut.into())));
        }
        *self.request.admission.lock().unwrap_or_else(PoisonError::into_inner) = Some(admission);
        self.request.whole.store(true, Ordering::Relaxed);
        Poll::Ready(self.waits.take().and_then(|(_, frame)| frame))
    }

    fn is_end_stream(&self) -> bool {
        self.waits.is_none() && self.body.is_end_stream() && self.shared.is_none()
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
            let streams = model.contains(":stream");
            request.streams.store(streams, Ordering::Relaxed);
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
        self.request.estimated_input()
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
        *self.request.admission.lock().unwrap_or_else(PoisonError::into_inner) = None;
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
