//! What an agent, and a verify command, can get hold of: nothing that is not theirs.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use agent_executor::job::Outcome;
use coditect_service::config::{SandboxConfig, SandboxMode, SandboxNetwork};

use crate::fixture::{Fixture, eventually, failed, git, landed, sandbox};

/// What must not be found anywhere.
const SECRET: &str = "hunter2-0123456789";

/// A server that knows the secret, on a port and on a socket.
struct Redis {
    server: Child,
    port: u16,
    socket: PathBuf,
}

impl Redis {
    fn start(dir: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let socket = dir.join("redis.sock");
        let mut server = Command::new("redis-server");
        server.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--unixsocketperm", "777"]);
        server.arg("--unixsocket").arg(&socket).arg("--dir").arg(dir).stdout(Stdio::null());
        let this = Self { server: server.spawn().unwrap(), port, socket };
        let set = || {
            let args = ["-p", &this.port.to_string(), "set", "secret", SECRET];
            Command::new("redis-cli").args(args).output().is_ok_and(|output| output.stdout == b"OK\n")
        };
        eventually("redis answers", set);
        this
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Somebody with the secret in environment and memory, as an executor has it.
struct Neighbour(Child);

impl Neighbour {
    fn start() -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "while :; do sleep 60; done"]).env("API_KEY", SECRET);
        Self(shell.spawn().unwrap())
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A fixture with the secret wherever an executor and its user have some.
struct Stage {
    fixture: Fixture,
    redis: Redis,
    neighbour: Neighbour,
    files: Vec<PathBuf>,
}

impl Stage {
    fn set(mode: SandboxMode) -> Self {
        let mut fixture = Fixture::new().with_sandbox(mode);
        let path = std::env::var("PATH").unwrap();
        let env = [("PATH", path.as_str()), ("API_KEY", SECRET), ("DATABASE_URL", SECRET)];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        fixture.host = fixture.host.with_env(env);
        let root = fixture.host.root().path().to_owned();
        let files = [
            root.join("outbox/result"),
            root.join("git-home/.git-credentials"),
            root.join("worktrees/another/notes"),
            root.join("homes/another/agent/.config"),
            fixture.path("home/.ssh/id_ed25519"),
            fixture.path("coditect.db"),
            fixture.origin().join(".git/credentials"),
            fixture.origin().join("unsaved"),
        ];
        for file in &files {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, SECRET).unwrap();
            std::fs::set_permissions(file, PermissionsExt::from_mode(0o666)).unwrap();
        }
        let redis = Redis::start(fixture.dir.path());
        Self { fixture, redis, neighbour: Neighbour::start(), files: files.into() }
    }

    /// A script that takes what it can get and writes it to `loot`.
    fn burglary(&self, loot: &str) -> String {
        let files: String = self.files.iter().map(|file| format!(" {}", file.display())).collect();
        let (executor, neighbour) = (std::process::id(), self.neighbour.0.id());
        format!(
            "{{ env; set; cat /proc/[0-9]*/environ; cat /proc/[0-9]*/cmdline; cat {files}
               for pid in $PPID {executor} {neighbour} 1; do
                 grep -m 1 stack /proc/$pid/maps | (IFS=- read from to; dd if=/proc/$pid/mem bs=4096 count=64 skip=$((0x$from / 4096)))
                 cat /proc/$pid/root{first}; ls /proc/$pid/fd /proc/$pid/cwd/
               done
               find / -xdev -name id_ed25519 -exec cat '{{}}' + ; cat /proc/sys/kernel/hostname
               redis-cli -s {socket} get secret; redis-cli -p {port} get secret
             }} > {loot} 2> /dev/null || true\n",
            first = self.files[0].display(),
            socket = self.redis.socket.display(),
            port = self.redis.port,
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_and_a_verify_command_find_no_secret_of_the_executor_and_its_machine() {
    let stage = Stage::set(SandboxMode::Required);
    let mut job = stage.fixture.job("1.1", &stage.burglary("loot"));
    job.verify =
        vec![format!("{} test -s /tmp/loot; ! grep -aq 'hunter[2]' loot /tmp/loot", stage.burglary("/tmp/loot"))];
    let outcome = stage.fixture.run(&job).await;
    landed(&outcome);
    let loot = stage.fixture.show("loot");
    assert!(loot.contains("CODITECT_TASK_ID"), "it did look: {loot}");
    assert!(!loot.contains(SECRET), "{loot}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_cannot_choose_what_the_next_one_sees_as_its_temporary_folder() {
    let fixture = Fixture::new();
    let plant = "mv ~/tmp $(mktemp -du -p ~); ln -s $(echo ~ | sed 's|/[^/]*|../|g') ~/tmp; test -L ~/tmp";
    let look = "test ! -e /tmp/etc; test ! -e ~/tmp/etc; echo a > /tmp/a; test -d ~/tmp; ! test -L ~/tmp";
    let mut job = fixture.job("1.1", &format!("{look}; echo a > a"));
    job.setup = vec![plant.to_owned(), look.replace("; ", " && "), plant.to_owned()];
    job.verify = vec![plant.to_owned(), look.replace("; ", " && ")];
    landed(&fixture.run(&job).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_burglar_finds_them_where_nothing_is_confined() {
    let stage = Stage::set(SandboxMode::Off);
    let mut job = stage.fixture.job("1.1", &stage.burglary("loot"));
    job.verify = vec!["! grep -a hunter2 loot".to_owned()];
    failed(&stage.fixture.run(&job).await, coditect_core::FailureClass::VerificationFailed);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_landlock_alone_files_processes_and_ports_are_out_of_reach() {
    let mut stage = Stage::set(SandboxMode::Auto);
    let alone = sandbox(&SandboxConfig::default()).without_namespaces();
    stage.fixture.host = stage.fixture.host.with_sandbox(alone);
    landed(
        &stage.fixture.run(&stage.fixture.job("1.0", "git log -1 > 0; git add 0; git commit -qm 0; git status")).await,
    );
    // Only sockets that have a path are not Landlock's business (before Linux 7.1).
    let script =
        stage.burglary("loot").replace(&format!("redis-cli -s {} get secret;", stage.redis.socket.display()), "");
    let outcome = stage.fixture.run(&stage.fixture.job("1.1", &script)).await;
    landed(&outcome);
    let loot = stage.fixture.show("loot");
    assert!(loot.contains("CODITECT_TASK_ID") && !loot.contains(SECRET), "{loot}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_root_may_read_of_the_settings_is_nobodys() {
    let fixture = Fixture::new();
    let script = "cat /etc/shadow /etc/gshadow /etc/sudoers /etc/ssh/ssh_host_* > loot 2> /dev/null || true
        (echo 1 > /proc/sys/vm/drop_caches) 2> /dev/null && echo wrote >> loot
        (echo x > /etc/passwd; echo x > /usr/x; touch /x) 2> /dev/null && echo wrote >> loot
        grep -q root /etc/passwd; id -un; test $(id -u) != 0; grep 'CapEff:.0000000000000000' /proc/self/status; echo a > a";
    landed(&fixture.run(&fixture.job("1.1", script)).await);
    assert_eq!(fixture.show("loot"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_has_the_tools_it_needs() {
    let fixture = Fixture::new();
    let script = "echo a > /tmp/a; cat /tmp/a > a; mktemp > /dev/null; echo x > /dev/shm/x; echo x > /dev/null
        head -c 4 /dev/urandom > /dev/null; git status --porcelain; git add a; git commit -qm a; git log > /dev/null
        test \"$(ls /proc | grep -c '^[0-9]')\" -lt 10; ps ax > /dev/null || true; echo b | tee /dev/stderr > b
        sleep 0.1 & wait; echo ok > ~/kept; cat ~/kept > c; nproc > /dev/null; ls / > /dev/null; ls -d /tmp/* > d";
    landed(&fixture.run(&fixture.job("1.1", script)).await);
    assert_eq!((fixture.show("a"), fixture.show("b"), fixture.show("c")), ("a".into(), "b".into(), "ok".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_network_has_a_loopback_and_an_open_one_reaches_the_machine() {
    let fixture = Fixture::new();
    let redis = Redis::start(fixture.dir.path());
    let own = "redis-server --port 7777 --save '' --daemonize yes > /dev/null
        until redis-cli -p 7777 set a b > /dev/null 2>&1; do sleep 0.05; done; redis-cli -p 7777 get a > a";
    let mut job = fixture.job("1.1", own);
    job.limits.wall = std::time::Duration::from_secs(20);
    landed(&fixture.run(&job).await);
    assert_eq!(fixture.show("a"), "b");

    let Fixture { dir, host } = fixture;
    let config = SandboxConfig { network: SandboxNetwork::Host, ..SandboxConfig::default() };
    let fixture = Fixture { dir, host: host.with_sandbox(sandbox(&config)) };
    landed(&fixture.run(&fixture.job("1.2", &format!("redis-cli -p {} get secret > b", redis.port))).await);
    assert_eq!(fixture.show("b"), SECRET);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_executors_folder_is_hidden_in_whatever_may_be_read() {
    for namespaces in [true, false] {
        let fixture = Fixture::new();
        let root = fixture.host.root().path().to_owned();
        std::fs::create_dir(root.join("outbox")).unwrap();
        std::fs::write(root.join("outbox/result"), SECRET).unwrap();
        std::fs::write(fixture.path("notes"), "to be read").unwrap();
        let config = SandboxConfig { read: vec![fixture.dir.path().display().to_string()], ..SandboxConfig::default() };
        let sandbox = if namespaces { sandbox(&config) } else { sandbox(&config).without_namespaces() };
        let Fixture { dir, host } = fixture;
        let fixture = Fixture { dir, host: host.with_sandbox(sandbox) };
        let script = format!(
            "cat {0}/notes > a; ! cat {1}/outbox/result >> a 2> /dev/null; ! touch {0}/x 2> /dev/null; git add a; git status",
            fixture.dir.path().display(),
            root.display()
        );
        landed(&fixture.run(&fixture.job("1.1", &script)).await);
        assert_eq!(fixture.show("a"), "to be read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_said_in_the_log_of_the_attempt() {
    let fixture = Fixture::new().with_sandbox(SandboxMode::Off);
    let (control, log) = crate::fixture::logged();
    let cancel = tokio_util::sync::CancellationToken::new();
    let job = fixture.job("1.1", "echo a > a");
    let outcome: Outcome = agent_executor::pipeline::run(&job, &fixture.host, &control, cancel).await;
    landed(&outcome);
    drop(control);
    let said = log.await.unwrap();
    assert!(said.iter().any(|line| line.text.contains("not confined")), "{said:?}");
    git(&fixture.origin(), &["fsck", "--no-dangling"]);
}
