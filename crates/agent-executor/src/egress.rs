//! The way out of a command: a session of the gateway, and the place where the command reaches it.
//!
//! An agent asks its model through a session, with a token that is good for its attempt only; what may be reached beside that
//! (`executor.sandbox.hosts`) it reaches through the same session as a proxy. The session is all there is: where commands have a
//! network of their own it alone leads out of that, and on a machine that allows none Landlock lets them to its port alone.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use coditect_gateway::{
    Activity, Gateway, Holds, HostPattern, Notice, Open, PriceList, Reach, Session, TlsError, Upstream,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use coditect_core::FailureClass;

use crate::access::Way;
use crate::control::Control;
use crate::job::{Account, Failure};
use crate::run::{End, Ended};
use crate::runtime::{AccountNotice, AccountStanding, ApiAccess, KeyKind, Spent};
use crate::sandbox::{Confinement, Network};

/// The port where a command with a network of its own finds the gateway. It is out of the way of what programs listen on, and
/// below the ports that the kernel chooses by itself.
const PORT: u16 = 29_317;

/// How often it is told what a run has spent so far.
const TELL_SPENT: Duration = Duration::from_secs(3);

/// The failure of an attempt whose way out cannot be opened.
pub(crate) fn closed(error: io::Error) -> Failure {
    Failure::config(format!("the way to the model's service cannot be opened on this machine: {error}"))
}

/// What of the world the commands of an executor may reach, and what models cost. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Agents are given a token in place of the account's key.
    pub gateway: bool,
    /// The hosts that commands may reach.
    pub hosts: Vec<HostPattern>,
    /// What models cost.
    pub prices: Arc<PriceList>,
    /// The accounts whose requests are held.
    pub holds: Holds,
    sessions: Gateway,
}

impl Policy {
    /// Agents reach their model through the gateway, and commands reach no host.
    ///
    /// # Errors
    /// TLS cannot be spoken.
    pub fn new() -> Result<Self, TlsError> {
        Ok(Self {
            gateway: true,
            hosts: Vec::new(),
            prices: Arc::default(),
            holds: Holds::default(),
            sessions: Gateway::new()?,
        })
    }
}

/// What a run has to do with its session.
#[derive(Debug)]
pub struct Outlet {
    /// Takes the socket on which the command's own network leads out; none where it has no network of its own.
    pub front: Option<oneshot::Sender<TcpListener>>,
    /// Bytes that flow are a sign of life.
    pub activity: Activity,
    /// The run is to end at once: its budget is spent.
    pub settle: CancellationToken,
}

/// The way out of one command. It is closed when this is dropped.
pub(crate) struct Egress {
    session: Arc<Session>,
    address: SocketAddr,
    /// The command has a network of its own.
    private: bool,
    /// It leads to hosts.
    proxies: bool,
    /// What is on the command's own loopback is not asked for through the proxy. Where this machine's loopback is allowed, it is.
    near: bool,
    front: Option<oneshot::Sender<TcpListener>>,
}

impl Egress {
    /// Opens the way out of an agent, and says how it reaches its model.
    pub(crate) fn of_agent(
        policy: &Policy,
        confine: &Confinement,
        control: &Control,
        account: &Account,
        way: Way,
    ) -> io::Result<(Option<Self>, ApiAccess)> {
        match way {
            Way::Through(upstream) => {
                let upstream = Some((upstream, account));
                let egress = Self::open(policy, confine, control, upstream, policy.hosts.clone())?;
                let (base_url, key) = (Session::base_url(egress.address), egress.session.token().to_owned());
                Ok((Some(egress), ApiAccess { base_url: Some(base_url), key, kind: KeyKind::ApiKey }))
            }
            Way::Passed { access, host } if confine.network != Network::Host => {
                let hosts = policy.hosts.iter().cloned().chain(host).collect();
                Ok((Some(Self::open(policy, confine, control, None, hosts)?), access))
            }
            Way::Passed { access, .. } => Ok((None, access)),
        }
    }

    /// Opens the way out of a command that asks no model; none where it needs none.
    pub(crate) fn of_command(policy: &Policy, confine: &Confinement, control: &Control) -> io::Result<Option<Self>> {
        if confine.network == Network::Host || policy.hosts.is_empty() {
            return Ok(None);
        }
        Self::open(policy, confine, control, None, policy.hosts.clone()).map(Some)
    }

    fn open(
        policy: &Policy,
        confine: &Confinement,
        control: &Control,
        upstream: Option<(Upstream, &Account)>,
        hosts: Vec<HostPattern>,
    ) -> io::Result<Self> {
        let private = confine.layers.network;
        let hosts = if confine.network == Network::Host { Vec::new() } else { hosts };
        let proxies = !hosts.is_empty();
        let near = upstream.is_some() || !hosts.iter().any(HostPattern::is_loopback);
        let (upstream, account) = upstream.map_or((None, None), |(upstream, account)| (Some(upstream), Some(account)));
        let mut session = policy.sessions.open(Open {
            upstream,
            budget_micros: account.map_or(0, |account| account.budget_micros),
            prices: Arc::clone(&policy.prices),
            hosts,
            hold: account.map(|account| (policy.holds.clone(), account.name.clone())),
        });
        let notices = session.notices();
        let session = Arc::new(session);
        if let Some(notices) = notices {
            tokio::spawn(tell(control.clone(), Arc::downgrade(&session), notices));
        }
        if private {
            let (front, listener) = oneshot::channel();
            let serving = Arc::downgrade(&session);
            tokio::spawn(async move {
                let Ok(listener) = listener.await else { return };
                if let Some(session) = serving.upgrade()
                    && let Err(error) = session.serve(listener, Reach::Private)
                {
                    tracing::warn!(%error, "an agent's way to its model cannot be opened");
                }
            });
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
            return Ok(Self { session, address, private, proxies, near, front: Some(front) });
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        session.serve(listener, Reach::Machine)?;
        Ok(Self { session, address, private, proxies, near, front: None })
    }

    /// What the command may reach.
    pub(crate) fn confine(&self, confine: Confinement) -> Confinement {
        confine.reaching(Network::Loopback { port: self.address.port() })
    }

    /// What tells the command's programs of the proxy.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        if !self.proxies {
            return Vec::new();
        }
        let url = if self.private { Session::base_url(self.address) } else { self.session.proxy_url(self.address) };
        let proxy =
            ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"].map(|name| (name.to_owned(), url.clone()));
        let direct = ["NO_PROXY", "no_proxy"].map(|name| (name.to_owned(), "localhost,127.0.0.1,::1".to_owned()));
        proxy.into_iter().chain(direct.into_iter().filter(|_| self.near)).collect()
    }

    /// What the run has to do with the session. Asked once.
    pub(crate) fn outlet(&mut self) -> Outlet {
        Outlet { front: self.front.take(), activity: self.session.activity(), settle: self.session.settle() }
    }

    /// What was used, where anything was asked of a model.
    pub(crate) fn spent(&self) -> Option<Spent> {
        spent(&self.session)
    }

    /// What the end of a run means that only its session knows.
    pub(crate) fn failure(&self, ended: &Ended) -> Option<Failure> {
        if let Some(budget) = self.session.exceeded_micros() {
            let message = format!(
                "the attempt's budget of ${} is spent, and the run was ended: raise budget.per_task_usd, or split the task",
                dollars(budget)
            );
            return Some(Failure::new(FailureClass::BudgetExceeded, message));
        }
        if ended.end == End::Wall && ended.held {
            let message = "the agent waited for its account, which is paused, until its time was up".to_owned();
            let reset_at_ms = self.session.reset_at_ms();
            return Some(Failure { class: FailureClass::RateLimited, message, reset_at_ms });
        }
        None
    }

    /// When the account's quota is there again, if it is used up now.
    pub(crate) fn reset_at_ms(&self) -> Option<i64> {
        self.session.reset_at_ms()
    }
}

#[expect(clippy::cast_precision_loss, reason = "what an attempt costs is no large number")]
fn dollars(micros: i64) -> f64 {
    micros as f64 / 1_000_000.0
}

fn spent(session: &Session) -> Option<Spent> {
    let (usage, micros) = (session.usage(), session.spent_micros());
    if micros == 0 && usage == coditect_gateway::Usage::default() {
        return None;
    }
    let tokens = |count: u64| Some(i64::try_from(count).unwrap_or(i64::MAX));
    Some(Spent { cost_usd: Some(dollars(micros)), tokens_in: tokens(usage.read()), tokens_out: tokens(usage.output) })
}

/// Tells what happens in a session, and what it has spent so far, until it is closed.
async fn tell(control: Control, session: std::sync::Weak<Session>, mut notices: mpsc::Receiver<Notice>) {
    let mut told = None;
    let mut ticks = tokio::time::interval(TELL_SPENT);
    loop {
        tokio::select! {
            notice = notices.recv() => match notice {
                Some(notice) => heard(&control, &notice),
                None => return,
            },
            _ = ticks.tick() => {
                let Some(now) = session.upgrade().map(|session| spent(&session)) else { return };
                if now != told {
                    told = now;
                    control.spent(now.unwrap_or_default());
                }
            }
        }
    }
}

fn heard(control: &Control, notice: &Notice) {
    let message = notice.to_string();
    control.say(format!("gateway: {message}"));
    let (standing, reset_at_ms) = match notice {
        Notice::RateLimited { reset_at_ms } => (AccountStanding::RateLimited, Some(*reset_at_ms)),
        Notice::Refused { .. } => (AccountStanding::Auth, None),
        Notice::Ok => (AccountStanding::Ok, None),
        _ => return,
    };
    control.account(AccountNotice { standing, reset_at_ms, message });
}
