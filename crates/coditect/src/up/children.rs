//! The child processes: started, printed, restarted when they die, stopped.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::MultiProgress;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use owo_colors::{AnsiColors, OwoColorize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::failure::{Failure, USAGE, at};

/// The five services; the first is the one the others and people ask.
pub(crate) const SERVICES: [&str; 5] =
    ["orchestrator", "sync-daemon", "dependency-resolver", "task-dispatcher", "agent-executor"];

const EXECUTOR: &str = "agent-executor";
const REDIS: &str = "redis-server";

/// The first pause before a restart; it doubles up to [`LONGEST_PAUSE`], and is forgotten after [`HEALTHY`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const HEALTHY: Duration = Duration::from_secs(30);

/// What a child is started with.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
}

impl Spec {
    /// A service of ours, from beside this program.
    pub(crate) fn service(name: &'static str, environment: Vec<(String, String)>) -> Result<Self, Failure> {
        let own = std::env::current_exe().map_err(|error| Failure::wrong(format!("cannot find myself: {error}")))?;
        let program = own.with_file_name(name);
        Ok(Self { name, program, arguments: Vec::new(), environment })
    }

    /// The private Redis, run through `coditect guard` so that it never outlives us.
    pub(crate) fn redis(program: &Path, folder: &Path, port: u16) -> Result<Self, Failure> {
        let own = std::env::current_exe().map_err(|error| Failure::wrong(format!("cannot find myself: {error}")))?;
        let data = folder.join("redis");
        std::fs::create_dir_all(&data).map_err(at("make the folder", &data))?;
        let mut arguments: Vec<OsString> = vec!["guard".into(), "--".into(), program.into()];
        let port = port.to_string();
        let settings = [
            ["--port", &port],
            ["--bind", "127.0.0.1"],
            ["--appendonly", "yes"],
            ["--appendfsync", "everysec"],
            ["--save", ""],
            ["--maxmemory-policy", "noeviction"],
            ["--loglevel", "warning"],
        ];
        arguments.extend(settings.as_flattened().iter().map(OsString::from));
        arguments.extend(["--dir".into(), data.into_os_string()]);
        Ok(Self { name: REDIS, program: own, arguments, environment: Vec::new() })
    }
}

/// Where lines are printed: above the progress line, if there is one.
#[derive(Debug, Clone)]
pub(crate) struct Printer(pub(crate) MultiProgress);

impl Printer {
    fn line(&self, name: &str, color: AnsiColors, text: &str) {
        self.0.suspend(|| {
            use std::io::Write as _;
            let _ = writeln!(anstream::stderr(), "{} {text}", format!("{name:>19}").color(color));
        });
    }
}

/// What is asked of the children's keepers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Run,
    /// End well: a signal; a child that ends is not started again.
    Drain,
    /// End now.
    Kill,
}

/// The children.
#[derive(Debug)]
pub(crate) struct Children {
    folder: PathBuf,
    printer: Printer,
    keepers: Vec<(&'static str, watch::Sender<Order>, JoinHandle<()>)>,
    pids: Arc<Mutex<BTreeMap<String, u32>>>,
    failures: (mpsc::UnboundedSender<Failure>, mpsc::UnboundedReceiver<Failure>),
}

impl Children {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            printer: Printer(MultiProgress::new()),
            keepers: Vec::new(),
            pids: Arc::default(),
            failures: mpsc::unbounded_channel(),
        }
    }

    pub(crate) fn printer(&self) -> Printer {
        self.printer.clone()
    }

    /// The processes by name, as they are now.
    pub(crate) fn pids(&self) -> BTreeMap<String, u32> {
        self.pids.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts a child and keeps it alive.
    pub(crate) fn start(&mut self, spec: Spec) {
        let (orders, received) = watch::channel(Order::Run);
        let keeper = Keeper {
            color: color(self.keepers.len()),
            folder: self.folder.clone(),
            printer: self.printer.clone(),
            pids: Arc::clone(&self.pids),
            failures: self.failures.0.clone(),
            orders: received,
            spec,
        };
        let name = keeper.spec.name;
        self.keepers.push((name, orders, tokio::spawn(keeper.keep())));
    }

    /// Returns when a child cannot be started at all.
    pub(crate) async fn failure(&mut self) -> Failure {
        match self.failures.1.recv().await {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }

    /// Lets the executor finish what runs.
    pub(crate) async fn drain(&mut self) {
        for (name, orders, keeper) in &mut self.keepers {
            if *name == EXECUTOR {
                orders.send_replace(Order::Drain);
                let _ = keeper.await;
            }
        }
    }

    /// Stops everything: services first, Redis last; what does not end in time is killed.
    pub(crate) async fn stop(mut self, limit: Duration) {
        let deadline = tokio::time::Instant::now() + limit;
        for services in [true, false] {
            for (name, orders, keeper) in &self.keepers {
                if (*name != REDIS) == services && !keeper.is_finished() {
                    orders.send_replace(Order::Drain);
                }
            }
            for (name, orders, keeper) in &mut self.keepers {
                if (*name != REDIS) != services || keeper.is_finished() {
                    continue;
                }
                if tokio::time::timeout_at(deadline, &mut *keeper).await.is_err() {
                    orders.send_replace(Order::Kill);
                    let _ = keeper.await;
                }
            }
        }
    }
}

/// Keeps one child alive.
#[derive(Debug)]
struct Keeper {
    spec: Spec,
    color: AnsiColors,
    folder: PathBuf,
    printer: Printer,
    pids: Arc<Mutex<BTreeMap<String, u32>>>,
    failures: mpsc::UnboundedSender<Failure>,
    orders: watch::Receiver<Order>,
}

impl Keeper {
    async fn keep(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let begun = Instant::now();
            let mut child = match self.spawn() {
                Ok(child) => child,
                Err(failure) => {
                    let _ = self.failures.send(failure);
                    return;
                }
            };
            let printed = child
                .stderr
                .take()
                .map(|stderr| tokio::spawn(print(self.printer.clone(), self.spec.name, self.color, stderr)));
            let code = self.wait(&mut child).await;
            if let Some(printed) = printed {
                let _ = printed.await;
            }
            self.pids.lock().unwrap_or_else(PoisonError::into_inner).remove(self.spec.name);
            if *self.orders.borrow() != Order::Run {
                return;
            }
            if code == Some(i32::from(USAGE)) {
                let failure = Failure::usage(format!("{} refuses its configuration", self.spec.name));
                let _ = self.failures.send(failure.help("what it said stands above"));
                return;
            }
            pause = if begun.elapsed() >= HEALTHY { FIRST_PAUSE } else { pause };
            let said = format!("ended unexpectedly; started again in {} ms", pause.as_millis());
            self.printer.line(self.spec.name, self.color, &said);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = self.orders.changed() => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn spawn(&self) -> Result<Child, Failure> {
        let Spec { name, program, arguments, environment } = &self.spec;
        let child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            // Held open as long as we live: a child whose input ends stops.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C is for us to pass on.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(at(&format!("start {name} from"), program))?;
        if let Some(pid) = child.id() {
            self.pids.lock().unwrap_or_else(PoisonError::into_inner).insert((*name).to_owned(), pid);
        }
        Ok(child)
    }

    /// Waits for the child's end, passing on what is asked.
    async fn wait(&mut self, child: &mut Child) -> Option<i32> {
        // Taken out, because waiting for a child closes its input, and a child whose input ends stops.
        let mut input = child.stdin.take();
        let mut asked = Order::Run;
        loop {
            let order = *self.orders.borrow_and_update();
            if order != asked {
                asked = order;
                match order {
                    Order::Run => {}
                    Order::Drain => terminate(child),
                    Order::Kill => {
                        // Its input ends, so that what it guards ends too.
                        drop(input.take());
                        let _ = tokio::time::timeout(Duration::from_secs(2), child.wait()).await;
                        let _ = child.start_kill();
                    }
                }
            }
            tokio::select! {
                ended = child.wait() => return ended.ok().and_then(|status| status.code()),
                changed = self.orders.changed() => {
                    if changed.is_err() {
                        let _ = child.start_kill();
                    }
                }
            }
        }
    }
}

fn terminate(child: &Child) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

/// Prints a child's lines; the name it begins its own lines with is ours already.
async fn print(printer: Printer, name: &'static str, color: AnsiColors, stderr: tokio::process::ChildStderr) {
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        let line = line.strip_prefix(name).map_or(&*line, str::trim_start);
        printer.line(name, color, line.trim_end());
    }
}

fn color(at: usize) -> AnsiColors {
    const COLORS: [AnsiColors; 6] = [
        AnsiColors::Red,
        AnsiColors::Cyan,
        AnsiColors::Green,
        AnsiColors::Yellow,
        AnsiColors::Blue,
        AnsiColors::Magenta,
    ];
    COLORS.get(at % COLORS.len()).copied().unwrap_or(AnsiColors::White)
}
