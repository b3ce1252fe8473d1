//! Databases for tests: a SQLite file, or a database of its own on a real PostgreSQL server that the tests start.
//!
//! One server serves a test process. It is run by a shell that waits for the end of its standard input, which the test
//! process holds: however that process ends, server and data go with it. The server orders text by the rules of a
//! language, as servers out there do, so that a query which relies on the order of bytes is found out.
#![expect(clippy::panic, reason = "a test without the database it asks for has failed")]

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;

use crate::{Durability, Store};

/// An empty database of the current schema.
#[derive(Debug)]
pub struct Database {
    /// Its URL.
    pub url: String,
    /// A handle to it.
    pub store: Store,
    _folder: Option<TempDir>,
}

impl Database {
    /// A new SQLite file, which goes with the value.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for a database: {error}"));
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        Self::at(url, Some(folder)).await
    }

    /// A new database on the test process's PostgreSQL server. `None` on a machine without PostgreSQL, which is said
    /// once, on standard error; with `CI=true` that is a failure.
    pub async fn postgres() -> Option<Self> {
        let server = Server::get()?;
        Some(Self::at(server.database().await, None).await)
    }

    async fn at(url: String, folder: Option<TempDir>) -> Self {
        let store = open(&url).await;
        store.migrate().await.unwrap_or_else(|error| panic!("{url} cannot be migrated: {error:?}"));
        Self { url, store, _folder: folder }
    }

    /// Another handle to it, as another process would have.
    pub async fn again(&self) -> Store {
        open(&self.url).await
    }
}

async fn open(url: &str) -> Store {
    Store::open(url, Durability::Normal).await.unwrap_or_else(|error| panic!("{url} cannot be opened: {error:?}"))
}

/// The PostgreSQL server of this process.
#[derive(Debug)]
struct Server {
    port: u16,
    databases: AtomicU64,
    /// Its standard input keeps the server up.
    _watcher: Child,
}

impl Server {
    fn get() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        let server = SERVER.get_or_init(|| {
            let programs = programs();
            if programs.is_none() {
                assert!(
                    env::var("CI").as_deref() != Ok("true"),
                    "PostgreSQL is not installed: initdb and pg_ctl are neither in PATH nor under /usr/lib/postgresql"
                );
                // Not through `eprintln!`, which tests keep to themselves.
                let _ = writeln!(std::io::stderr(), "skipped: tests on PostgreSQL, which is not installed");
            }
            programs.map(|programs| Self::start(&programs))
        });
        server.as_ref()
    }

    fn start(programs: &Path) -> Self {
        let mut last = String::new();
        // Somebody else may take the port meanwhile.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")
                .and_then(|listener| listener.local_addr())
                .unwrap_or_else(|error| panic!("no free port: {error}"))
                .port();
            let mut watcher = shell(programs, port)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap_or_else(|error| panic!("PostgreSQL's shell cannot be started: {error}"));
            last.clear();
            for line in watcher.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
                let Ok(line) = line else { break };
                if line == READY {
                    return Self { port, databases: AtomicU64::new(1), _watcher: watcher };
                }
                last.push_str(&line);
                last.push('\n');
            }
            let _ = watcher.wait();
        }
        panic!("PostgreSQL does not start:\n{last}")
    }

    /// Makes a database; answers its URL.
    async fn database(&self) -> String {
        sqlx::any::install_default_drivers();
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = async {
            let mut connection = AnyConnection::connect(&self.url("postgres")).await?;
            sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
            connection.close().await
        };
        made.await.unwrap_or_else(|error| panic!("no database {name}: {error:?}"));
        self.url(&name)
    }

    fn url(&self, name: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }
}

/// What the shell prints once the server takes connections.
const READY: &str = "PostgreSQL takes connections";

/// `$1`: the port; `$2`: where to make the folder; `$3`: what to say when it is ready.
const SCRIPT: &str = r#"
cd / && trap : INT TERM HUP
folder=$(mktemp -d "$2/coditect-postgres-XXXXXX") || exit 1
new() { initdb -D "$folder/data" -U postgres -A trust -E UTF8 --no-sync "$@" >"$folder/initdb.log" 2>&1; }
new --locale-provider=icu --icu-locale=en-US --locale=C || { rm -rf "$folder/data"; new --locale=C; }
if pg_ctl -D "$folder/data" -l "$folder/log" -w -s -o "-p $1 -h 127.0.0.1 -c unix_socket_directories= -c fsync=off \
    -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 -c shared_buffers=32MB" start >/dev/null 2>&1
then
    echo "$3"
    cat >/dev/null
    pg_ctl -D "$folder/data" -m immediate -s stop
else
    cat "$folder/initdb.log" "$folder/log" 2>/dev/null
fi
rm -rf "$folder"
"#;

/// The shell that runs a server. The server refuses to be run by root: then the user `postgres`, or else `nobody`, does.
fn shell(programs: &Path, port: u16) -> Command {
    let mut path = OsString::from(programs);
    if let Some(rest) = env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    let temporary = if is_root() { PathBuf::from("/tmp") } else { env::temp_dir() };
    let mut command = if is_root() {
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let ids = |user: &str| {
            let mut fields =
                users.lines().map(|line| line.split(':')).find(|line| line.clone().next() == Some(user))?;
            Some((fields.nth(2)?, fields.next()?))
        };
        let (user, group) = ids("postgres").or_else(|| ids("nobody")).unwrap_or(("65534", "65534"));
        let mut command = Command::new("setpriv");
        command.args(["--reuid", user, "--regid", group, "--clear-groups", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    command.args(["-c", SCRIPT, "sh", &port.to_string()]).arg(temporary).arg(READY).env("PATH", path);
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// The folder of PostgreSQL's programs: in `PATH`, or where Linux distributions put them, the newest first.
fn programs() -> Option<PathBuf> {
    let complete = |folder: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).exists());
    let path = env::var_os("PATH").unwrap_or_default();
    if let Some(folder) = env::split_paths(&path).find(complete) {
        return Some(folder);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<_> = versions.flatten().map(|version| version.path().join("bin")).filter(complete).collect();
    folders.sort();
    folders.pop()
}
