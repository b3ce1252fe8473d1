//! One attempt's way out: a token, an API behind it, a budget, and the hosts that are allowed.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Uri;
use http::uri::{Authority, Scheme as UriScheme};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::activity::Activity;
use crate::api::{Api, Credential};
use crate::hold::Holds;
use crate::hosts::HostPattern;
use crate::ledger::Ledger;
use crate::notice::{Notice, Teller};
use crate::prices::PriceList;
use crate::serve;
use crate::token::{PROXY_USER, Token};
use crate::upstream::Client;
use crate::usage::Usage;

/// How long a client may take to send the head of a request.
const HEAD_LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// What a session is for.
#[derive(Debug)]
pub struct Open {
    /// The API behind it; none: it only leads to hosts.
    pub upstream: Option<Upstream>,
    /// What may be spent at the API, in millionths of a US dollar.
    pub budget_micros: i64,
    /// What models cost.
    pub prices: Arc<PriceList>,
    /// The hosts that may be reached.
    pub hosts: Vec<HostPattern>,
    /// The account whose pauses hold requests; none: nothing does.
    pub hold: Option<(Holds, String)>,
}

/// An API and the account's credential for it.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub(crate) api: Api,
    pub(crate) scheme: UriScheme,
    pub(crate) authority: Authority,
    /// Without a slash at its end.
    pub(crate) path: String,
    pub(crate) credential: Credential,
}

/// The address of an API cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address of an API: expected a URL like https://api.example.com")]
pub struct InvalidBaseUrl(String);

impl Upstream {
    /// An API at a URL, which may have a path.
    ///
    /// # Errors
    /// The URL is not one.
    pub fn new(api: Api, base_url: &str, credential: Credential) -> Result<Self, InvalidBaseUrl> {
        let invalid = || InvalidBaseUrl(base_url.to_owned());
        let uri: Uri = base_url.parse().map_err(|_| invalid())?;
        let (Some(scheme), Some(authority)) = (uri.scheme().cloned(), uri.authority().cloned()) else {
            return Err(invalid());
        };
        if ![UriScheme::HTTP, UriScheme::HTTPS].contains(&scheme) || uri.query().is_some() {
            return Err(invalid());
        }
        Ok(Self { api, scheme, authority, path: uri.path().trim_end_matches('/').to_owned(), credential })
    }
}

/// Who can reach a listener of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The session's own commands alone: it listens in their network namespace.
    Private,
    /// Whoever is on this machine: the forward proxy asks for the token too.
    Machine,
}

/// An open session. When it is dropped, its connections end and its token is good for nothing.
pub struct Session {
    shared: Arc<Shared>,
    notices: Option<mpsc::Receiver<Notice>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("spent_micros", &self.spent_micros()).finish_non_exhaustive()
    }
}

/// What the connections of a session share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) token: Token,
    pub(crate) upstream: Option<Upstream>,
    pub(crate) prices: Arc<PriceList>,
    pub(crate) hosts: Vec<HostPattern>,
    pub(crate) hold: Option<(Holds, String)>,
    pub(crate) ledger: Ledger,
    pub(crate) activity: Activity,
    pub(crate) teller: Teller,
    pub(crate) client: Client,
    /// The run is to end: its budget is spent.
    pub(crate) settle: CancellationToken,
    closed: CancellationToken,
}

impl Session {
    pub(crate) fn new(client: Client, open: Open) -> Self {
        let Open { upstream, budget_micros, prices, hosts, hold } = open;
        let (teller, notices) = Teller::new();
        let shared = Shared {
            token: Token::random(),
            upstream,
            prices,
            hosts,
            hold,
            ledger: Ledger::new(budget_micros),
            activity: Activity::default(),
            teller,
            client,
            settle: CancellationToken::new(),
            closed: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared), notices: Some(notices) }
    }

    /// The key for the API, good for this session alone.
    #[must_use]
    pub fn token(&self) -> &str {
        self.shared.token.expose()
    }

    /// The base URL for the API's clients, where the session listens on this address.
    #[must_use]
    pub fn base_url(address: SocketAddr) -> String {
        format!("http://{address}")
    }

    /// The URL for `HTTP_PROXY` and `HTTPS_PROXY`, where the session listens on this address.
    #[must_use]
    pub fn proxy_url(&self, address: SocketAddr) -> String {
        format!("http://{PROXY_USER}:{}@{address}", self.token())
    }

    /// Answers what comes in on the listener, until the session is dropped. There can be several.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub fn serve(&self, listener: std::net::TcpListener, reach: Reach) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        tokio::spawn(accept(Arc::clone(&self.shared), listener, reach));
        Ok(())
    }

    /// What was spent, in millionths of a US dollar, those requests included that are under way.
    #[must_use]
    pub fn spent_micros(&self) -> i64 {
        self.shared.ledger.spent()
    }

    /// The tokens that were used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.shared.ledger.usage()
    }

    /// What happens in the session. Taken once; it ends with the session.
    pub fn notices(&mut self) -> Option<mpsc::Receiver<Notice>> {
        self.notices.take()
    }

    /// When something last happened.
    #[must_use]
    pub fn activity(&self) -> Activity {
        self.shared.activity.clone()
    }

    /// Cancelled when the run is to end, because its budget is spent.
    #[must_use]
    pub fn settle(&self) -> CancellationToken {
        self.shared.settle.clone()
    }

    /// What could be spent, where a request was refused because it is.
    #[must_use]
    pub fn exceeded_micros(&self) -> Option<i64> {
        self.shared.settle.is_cancelled().then(|| self.shared.ledger.budget())
    }

    /// When the account's quota is there again, in milliseconds since 1970, if it is used up now.
    #[must_use]
    pub fn reset_at_ms(&self) -> Option<i64> {
        self.shared.teller.reset_at_ms()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.closed.cancel();
    }
}

impl Shared {
    /// Nothing more can be spent.
    pub(crate) fn budget_is_spent(&self) {
        let (spent_micros, budget_micros) = (self.ledger.spent(), self.ledger.budget());
        self.teller.once(Notice::BudgetSpent { spent_micros, budget_micros });
        self.settle.cancel();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// Waits until the session is dropped.
    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
    }
}

/// So many connections of a session are served at once; more wait. What one agent opens takes nothing from the others.
const CONNECTIONS: usize = 128;

async fn accept(shared: Arc<Shared>, listener: TcpListener, reach: Reach) {
    let closed = shared.closed.clone();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = tokio::select! {
            () = closed.cancelled() => return,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = closed.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Too many open files, for example: it passes.
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        // Small events are to arrive as they are sent.
        let _ = stream.set_nodelay(true);
        let serving = connection(Arc::clone(&shared), stream, reach);
        tokio::spawn(async move {
            serving.await;
            drop(place);
        });
    }
}

async fn connection(shared: Arc<Shared>, stream: tokio::net::TcpStream, reach: Reach) {
    let closed = shared.closed.clone();
    let service = service_fn(|request| serve::answer(Arc::clone(&shared), reach, request));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .preserve_header_case(true)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::select! {
        () = closed.cancelled() => {}
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "a connection to the gateway ended");
        },
    }
}
