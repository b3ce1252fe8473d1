//! One process and the watch over it: what it prints is passed on, and when it dies it is started again.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

use super::redis;
use super::screen::Screen;
use crate::failure::{Failure, USAGE};
use crate::output;

/// The pause before the first restart; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Whoever has lived for so long is taken to be well.
const WELL_AFTER: Duration = Duration::from_secs(30);
/// Whoever dies so often in a row without ever being well is given up.
const GIVE_UP_AFTER: u32 = 20;
/// A log that is longer than this is begun anew; the old one is kept beside it.
const LOG_LIMIT: u64 = 16 << 20;

/// What to run, and how.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    /// What it is called.
    pub(super) name: &'static str,
    /// The program.
    pub(super) program: PathBuf,
    /// Its arguments.
    pub(super) arguments: Vec<OsString>,
    /// Variables to set, or to take away.
    pub(super) environment: Vec<(String, Option<String>)>,
    /// The folder it starts in.
    pub(super) folder: PathBuf,
    /// Where what it prints is kept.
    pub(super) log: PathBuf,
    /// For redis-server behind its guard: the folder of its data. The two are killed together.
    pub(super) redis: Option<PathBuf>,
}

/// What a process is to do. Later ones win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// Run, and run again.
    Run,
    /// Finish.
    Drain,
    /// End at once.
    Cut,
}

/// What happened to a process.
#[derive(Debug)]
pub(crate) enum Event {
    /// It runs.
    Up {
        /// Who.
        name: &'static str,
        /// As which process.
        pid: u32,
    },
    /// It is gone, and will be started again.
    Down {
        /// Who.
        name: &'static str,
    },
    /// It is gone, as it was told.
    Ended {
        /// Who.
        name: &'static str,
    },
    /// It cannot be kept running.
    Fatal(Failure),
}

/// Keeps a process running until it is told otherwise.
pub(super) async fn supervise(
    spec: Spec,
    mut order: watch::Receiver<Order>,
    events: mpsc::UnboundedSender<Event>,
    screen: Screen,
) {
    let name = spec.name;
    let (mut pause, mut deaths) = (FIRST_PAUSE, 0);
    while *order.borrow_and_update() == Order::Run {
        if let Some(folder) = &spec.redis {
            redis::make_ready(folder).await;
        }
        let began = Instant::now();
        let mut child = match spawn(&spec) {
            Ok(child) => child,
            Err(error) => {
                let failure = Failure::wrong(format!("{name} cannot be started: {error}"))
                    .help(format!("see that {} can be run", spec.program.display()));
                let _ = events.send(Event::Fatal(failure));
                break;
            }
        };
        let _ = events.send(Event::Up { name, pid: child.id().unwrap_or_default() });
        // Held open: at its end the process ends.
        let input = child.stdin.take();
        let readers = [
            child.stdout.take().map(|pipe| tokio::spawn(read(pipe, spec.clone(), screen.clone()))),
            child.stderr.take().map(|pipe| tokio::spawn(read(pipe, spec.clone(), screen.clone()))),
        ];
        let status = follow(&mut child, &mut order, spec.redis.is_some()).await;
        drop(input);
        for reader in readers.into_iter().flatten() {
            let _ = tokio::time::timeout(Duration::from_secs(1), reader).await;
        }
        if *order.borrow() != Order::Run {
            break;
        }
        if began.elapsed() >= WELL_AFTER {
            (pause, deaths) = (FIRST_PAUSE, 0);
        }
        deaths += 1;
        let how = how(status);
        if let Some(failure) = hopeless(&spec, status, &how, deaths) {
            let _ = events.send(Event::Fatal(failure));
            break;
        }
        if let Some(folder) = &spec.redis
            && deaths % 3 == 0
            && status.and_then(|status| status.code()) == Some(1)
            && let Some(aside) = redis::set_aside(folder)
        {
            screen.say(format_args!("redis-server cannot start with its data: put aside as {}", aside.display()));
        }
        let log = spec.log.display();
        screen.say(format_args!("{name} {how}; starting it again ({log})"));
        let _ = events.send(Event::Down { name });
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = order.changed() => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    let _ = events.send(Event::Ended { name });
}

/// Why there is no use in starting it again, if there is none.
fn hopeless(spec: &Spec, status: Option<ExitStatus>, how: &str, deaths: u32) -> Option<Failure> {
    let (name, log) = (spec.name, spec.log.display());
    if spec.redis.is_none() && status.and_then(|status| status.code()) == Some(i32::from(USAGE)) {
        let failure = Failure::usage(format!("{name} refuses its configuration (its reason is above, and in {log})"));
        return Some(failure.help("mend the setting it names, then start `coditect up` again"));
    }
    (deaths >= GIVE_UP_AFTER).then(|| {
        Failure::wrong(format!("{name} {how}, {deaths} times in a row; see {log}"))
            .help("look at the last lines of the log; `coditect doctor` checks what the system stands on")
    })
}

fn how(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("ended with exit code {code}"),
        Some((None, Some(signal))) => format!("was ended by signal {signal}"),
        _ => "ended".to_owned(),
    }
}

fn spawn(spec: &Spec) -> std::io::Result<Child> {
    let mut command = Command::new(&spec.program);
    command.args(&spec.arguments).current_dir(&spec.folder);
    // A guard is not killed but loses its input, so that what it guards ends with it.
    command.kill_on_drop(spec.redis.is_none());
    for (name, value) in &spec.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // A group of its own: Ctrl-C on the terminal is ours to act on.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Waits for the end of a process, and passes on what it is ordered meanwhile.
async fn follow(child: &mut Child, order: &mut watch::Receiver<Order>, group: bool) -> Option<ExitStatus> {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
    loop {
        let order = tokio::select! {
            status = child.wait() => return status.ok(),
            changed = order.changed() => if changed.is_ok() { *order.borrow_and_update() } else { Order::Cut },
        };
        let Some(pid) = pid else { continue };
        let _ = match order {
            Order::Run => Ok(()),
            Order::Drain => kill(pid, Signal::SIGTERM),
            Order::Cut if group => killpg(pid, Signal::SIGKILL),
            Order::Cut => kill(pid, Signal::SIGKILL),
        };
        if order == Order::Cut {
            return child.wait().await.ok();
        }
    }
}

/// Passes lines on to the screen and the log.
async fn read(pipe: impl AsyncRead + Unpin, spec: Spec, screen: Screen) {
    let mut reader = BufReader::new(pipe);
    let mut log = Log::open(&spec.log);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).await.is_ok_and(|read| read > 0) {
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end();
        if !line.is_empty() {
            log.line(line);
            // What Redis says is of use to nobody until it dies, and then it is in the log.
            if spec.redis.is_none() {
                screen.child(spec.name, line);
            }
        }
        bytes.clear();
    }
}

/// A file of lines that does not grow for ever.
#[derive(Debug)]
struct Log<'a> {
    path: &'a Path,
    file: Option<File>,
}

impl<'a> Log<'a> {
    fn open(path: &'a Path) -> Self {
        let mut log = Self { path, file: None };
        log.file = File::options().append(true).create(true).open(path).ok();
        log
    }

    fn line(&mut self, line: &str) {
        let Some(file) = &mut self.file else { return };
        let _ = writeln!(file, "{} {line}", output::now_ms());
        if file.metadata().is_ok_and(|meta| meta.len() > LOG_LIMIT) {
            let _ = fs::rename(self.path, self.path.with_extension("log.1"));
            *self = Self::open(self.path);
        }
    }
}
