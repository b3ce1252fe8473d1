//! The whole system under test: real binaries, a real redis-server, a real repository, and a checker that trusts
//! nothing the system says of itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test fixture")]

pub mod cluster;
pub mod differences;
pub mod history;
pub mod plan_tools;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// The longest anything is waited for.
pub const LIMIT: Duration = Duration::from_secs(240);

/// A binary of the workspace, beside the tests' own.
pub fn binary(name: &str) -> PathBuf {
    let path = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join(name);
    assert!(path.is_file(), "{} is missing: run `cargo build --workspace --bins` first", path.display());
    path
}

/// Waits until `true`, looking often.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < LIMIT, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A repository with a plan.
pub struct Project {
    pub folder: TempDir,
    pub original: String,
}

impl Project {
    /// A repository whose PLAN.md is `plan`, committed.
    pub fn new(plan: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("coditect-test-").tempdir().unwrap();
        let project = Self { folder, original: plan.to_owned() };
        project.git(&["init", "-q", "-b", "main"]);
        fs::write(project.plan(), plan).unwrap();
        project.git(&["add", "."]);
        project.git(&["commit", "-q", "-m", "Plan"]);
        project
    }

    /// A repository that holds a copy of what is in `sample`, committed.
    pub fn copy_of(sample: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("coditect-test-").tempdir().unwrap();
        copy(sample, folder.path());
        let project = Self { folder, original: String::new() };
        project.git(&["init", "-q", "-b", "main"]);
        project.commit();
        project
    }

    /// Commits all there is.
    pub fn commit(&self) {
        self.git(&["add", "--all", "."]);
        self.git(&["commit", "-q", "-m", "Plan"]);
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn plan(&self) -> PathBuf {
        self.path().join("PLAN.md")
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Test", "-c", "user.email=test@localhost"])
            .args(arguments)
            .current_dir(self.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `coditect` to its end in the repository.
    pub fn coditect(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts `coditect up` in the repository.
    pub fn up(&self, arguments: &[&str]) -> Up<'_> {
        self.up_with(arguments, &[])
    }

    /// Starts `coditect up` in the repository, with more in its environment.
    pub fn up_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Up<'_> {
        self.up_on(&["PLAN.md"], arguments, environment)
    }

    /// Starts `coditect up` on these plans of the repository.
    pub fn up_on(&self, plans: &[&str], arguments: &[&str], environment: &[(&str, &str)]) -> Up<'_> {
        let log = self.path().join(".git/up.log");
        let file = fs::File::create(&log).unwrap();
        let child = self
            .command(&["up", "--http", "127.0.0.1:0"])
            .args(plans.iter().flat_map(|plan| ["--plan", plan]))
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        Up { project: self, child, log }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("coditect"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("DATABASE_URL")
            .env_remove("REDIS_URL")
            .env("NO_COLOR", "1")
            .env("CODITECT_PLAN__DEBOUNCE_MS", "200")
            .env("CODITECT_RETRY__BASE_MS", "300")
            .env("CODITECT_EXECUTOR__LEASE_MS", "5000");
        command
    }

    /// The keys of the tasks landed on the target branch, oldest first, by trailer.
    pub fn landed(&self) -> Vec<String> {
        self.landings().into_iter().map(|(task, _)| task.split_once('/').unwrap().1.to_owned()).collect()
    }

    /// Id and generation of what has landed on the target branch, oldest first, by trailer.
    pub fn landings(&self) -> Vec<(String, i64)> {
        let refs = self.git(&["for-each-ref", "refs/heads/coditect/integration"]);
        if refs.is_empty() {
            return Vec::new();
        }
        let format = "--format=%(trailers:key=Coditect-Task,valueonly,separator=%x2C)%x09%(trailers:key=Coditect-Generation,valueonly,separator=%x2C)";
        let log = self.git(&["log", "--reverse", format, "main..coditect/integration"]);
        let lines = log.lines().filter_map(|line| line.split_once('\t')).filter(|(task, _)| !task.is_empty());
        lines.map(|(task, generation)| (task.to_owned(), generation.parse().unwrap())).collect()
    }

    /// Every task landed exactly once, after everything it depends on; every box of a task is ticked, and not one other
    /// byte of the plan has changed; nothing else of the person's repository has.
    pub fn check_all_landed(&self) {
        let plan = coditect_plan::parse("PLAN.md", &self.original);
        let landed = self.landed();
        let place: HashMap<&str, usize> = landed.iter().enumerate().map(|(at, key)| (key.as_str(), at)).collect();
        assert_eq!(place.len(), landed.len(), "a task landed twice: {landed:?}");
        let planned: HashSet<&str> = plan.tasks.iter().map(|task| task.key.as_str()).collect();
        assert_eq!(place.keys().copied().collect::<HashSet<_>>(), planned);
        for task in &plan.tasks {
            for dependency in &task.dependencies {
                assert!(
                    place[dependency.key.as_str()] < place[task.key.as_str()],
                    "{} before {}",
                    task.key,
                    dependency.key
                );
            }
        }
        let after = fs::read_to_string(self.plan()).unwrap();
        let keys: Vec<_> =
            plan.tasks.iter().map(|task| (task.key.as_str(), coditect_plan::MarkerStatus::Completed)).collect();
        let expected = plan.set_statuses(&self.original, &keys).unwrap().text;
        assert_eq!(after, expected);
        let untick = |text: &str| text.replace("[x]", "[ ]");
        assert_eq!(untick(&after), untick(&self.original));
        assert_eq!(self.git(&["status", "--porcelain"]).trim(), "M PLAN.md");
        assert_eq!(self.git(&["rev-parse", "--abbrev-ref", "HEAD"]).trim(), "main");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A running `coditect up`.
pub struct Up<'a> {
    project: &'a Project,
    pub child: Child,
    log: PathBuf,
}

impl Up<'_> {
    /// The process of a child, once it is there.
    pub fn pid(&self, name: &str) -> Pid {
        let file = self.project.path().join(".coditect/run.json");
        let mut found = None;
        wait_until(&format!("{name} runs"), || {
            let run =
                fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
            found = run.and_then(|run| run["processes"][name].as_i64());
            found.is_some()
        });
        Pid::from_raw(i32::try_from(found.unwrap()).unwrap())
    }

    /// Kills a child without warning. Redis comes back empty.
    pub fn kill(&self, name: &str) {
        let pid = self.pid(name);
        if name == "redis-server" {
            // It is run by a guard; what dies is Redis itself, and its data with it.
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
            let _ = fs::remove_dir_all(self.project.path().join(".coditect/redis/appendonlydir"));
            let _ = fs::remove_file(self.project.path().join(".coditect/redis/dump.rdb"));
            for child in children.split_whitespace() {
                let _ = kill(Pid::from_raw(child.parse().unwrap()), Signal::SIGKILL);
            }
        } else {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }

    /// Ends it as a person does, and waits for the end; answers the exit code.
    pub fn interrupt(self) -> i32 {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGINT).unwrap();
        self.wait()
    }

    /// Waits for the end; answers the exit code.
    pub fn wait(mut self) -> i32 {
        let mut code = None;
        let begun = Instant::now();
        while code.is_none() {
            assert!(begun.elapsed() < LIMIT, "it did not end:\n{}", self.tail());
            code = self.child.try_wait().unwrap().map(|status| status.code().unwrap_or(-1));
            std::thread::sleep(Duration::from_millis(20));
        }
        code.unwrap()
    }

    /// The end of what it printed.
    pub fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.tail());
        }
    }
}

/// A plan of `count` tasks over four epics: in each, a diamond and a chain, later epics hanging on earlier ones.
pub fn plan(count: usize, script: &str) -> String {
    let mut text = String::from("# A plan\n\nLegend: - [ ] open\n");
    let per = count.div_ceil(4);
    for at in 0..count {
        let (epic, number) = (at / per + 1, at % per + 1);
        if number == 1 {
            let _ = write!(text, "\n## Phase {epic}: Part {epic}\n");
        }
        let depends = match (epic, number) {
            (1, 1) => "None".to_owned(),
            (_, 1) => format!("Task {}.{}", epic - 1, (per / 2).max(1)),
            (_, 2 | 3) => format!("Task {epic}.1"),
            (_, 4) => format!("Task {epic}.2, Task {epic}.3"),
            _ => format!("Task {epic}.{}", number - 1),
        };
        let _ = write!(
            text,
            "\n### Task {epic}.{number}: Make part {number} of {epic}\n**Agent:** `builder`\n**Priority:** P{}\n\
             **Time Estimate:** 1 hour\n**Dependencies:** {depends}\n**Verify:** `test -s out/{epic}.{number}.txt`\n\n\
             - [ ] Write the file\n- [ ] Look at it\n\n```sh\n{script}\nmkdir -p out\n\
             echo \"$CODITECT_TASK_TITLE\" > \"out/$CODITECT_TASK_KEY.txt\"\n```\n\n**Acceptance Criteria:**\n\
             - [ ] The file is there\n",
            at % 3
        );
    }
    text
}
