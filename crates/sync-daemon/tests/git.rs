//! Plan files on a branch: a real repository, people who push to it, and a real database.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use coditect_core::{Change, TaskId, TaskState, Trigger};
use coditect_service::Config;
use coditect_service::config::{PlanPath, PlanSource};
use coditect_store::{AttemptEnd, Durability, Store, Wish};
use sync_daemon::discovery::{Found, PlanSet};
use sync_daemon::document;
use sync_daemon::file::{Replaced, Unreadable};
use sync_daemon::members::ABSENCE_MS;
use sync_daemon::source::Source;
use sync_daemon::source::git::GitSource;
use sync_daemon::sync::{Looked, PlanSync, Ticked};
use tempfile::TempDir;

/// What a person pushed; the daemon; and the repository between them.
struct Fixture {
    folder: TempDir,
    config: Config,
    store: Store,
    source: Arc<GitSource>,
    plans: PlanSync,
    now_ms: i64,
}

impl Fixture {
    /// A repository whose `main` has this PLAN.md; it has been synced.
    async fn with(plan: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q", "--bare", "-b", "main", "remote.git"]);
        git(folder.path(), &["clone", "-q", "remote.git", "person"]);
        git(&folder.path().join("person"), &["checkout", "-q", "-b", "main"]);
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let store = Store::open(&url, Durability::Normal).await.unwrap();
        store.migrate().await.unwrap();
        let mut config = Config::default();
        config.plan.source = PlanSource::Git;
        config.plan.data_dir = folder.path().join("daemon").to_str().unwrap().to_owned();
        config.repository.path = folder.path().join("remote.git").to_str().unwrap().to_owned();
        let (source, plans) = daemon(&config, &store);
        let mut fixture = Self { folder, config, store, source, plans, now_ms: 1_000 };
        fixture.push("PLAN.md", plan);
        assert!(matches!(fixture.sync().await, Looked::Synced(_)));
        fixture
    }

    /// The daemon is killed, and another one starts.
    fn restart(&mut self) {
        (self.source, self.plans) = daemon(&self.config, &self.store);
    }

    fn person(&self, args: &[&str]) -> String {
        git(&self.folder.path().join("person"), args)
    }

    fn remote(&self, args: &[&str]) -> String {
        git(&self.folder.path().join("remote.git"), args)
    }

    fn place(&self, path: &str) -> PathBuf {
        self.folder.path().join("person").join(path)
    }

    /// A person commits this content and pushes it.
    fn push(&self, path: &str, text: &str) {
        fs::write(self.place(path), text).unwrap();
        self.person(&["add", "--all"]);
        self.person(&["commit", "-q", "-m", "A person's"]);
        self.person(&["push", "-q", "origin", "HEAD:main"]);
    }

    /// The file on the remote's branch.
    fn plan(&self) -> String {
        self.remote(&["cat-file", "blob", "main:PLAN.md"])
    }

    /// The subjects of the commits on the remote's branch, the last first.
    fn log(&self) -> Vec<String> {
        self.remote(&["log", "--format=%an: %s", "main"]).lines().map(str::to_owned).collect()
    }

    async fn sync(&mut self) -> Looked {
        self.now_ms += 100_000;
        self.plans.sync(0, self.now_ms).await.unwrap()
    }

    async fn tick(&mut self) -> Ticked {
        self.plans.tick(0, self.now_ms).await.unwrap()
    }

    async fn complete(&self, key: &str) {
        let id = TaskId::new("plan", key);
        let mut tx = self.store.begin().await.unwrap();
        let seen = tx.lifecycle(&id).await.unwrap().unwrap();
        let change = Change::Plain(Trigger::Complete);
        tx.change(&id, &seen, change, AttemptEnd::default(), "orchestrator", 1).await.unwrap().unwrap();
        tx.commit().await.unwrap();
    }

    async fn state(&self, key: &str) -> TaskState {
        self.store.task(&TaskId::new("plan", key)).await.unwrap().unwrap().life.state
    }

    async fn read(&self) -> Result<String, Unreadable> {
        self.source.read("PLAN.md").await.map(|content| content.text)
    }

    async fn trouble(&self) -> Option<String> {
        self.plans.status().await.unwrap().remove(0).trouble
    }
}

fn daemon(config: &Config, store: &Store) -> (Arc<GitSource>, PlanSync) {
    let source = Arc::new(GitSource::new(config));
    let documents = document::configured(source.own().folder(), &["PLAN.md".into()]).unwrap();
    let plans = PlanSync::new(store.clone(), documents, Duration::ZERO).within(Source::Git(Arc::clone(&source)));
    (source, plans)
}

fn git(dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        command.env_remove(name);
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").current_dir(dir);
    command.args(["-c", "user.name=Person", "-c", "user.email=person@example.org"]).args(args);
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn what_a_person_pushes_is_seen_and_a_tick_is_a_commit_that_changes_its_marker_and_nothing_else() {
    let plan = "\u{feff}# Plan\r\n- [ ] 1.1 One\r\n- [ ] 1.2 Two";
    let mut fixture = Fixture::with(plan).await;
    fixture.person(&["update-index", "--chmod=+x", "PLAN.md"]);
    fixture.person(&["commit", "-q", "-m", "Executable"]);
    // From here on git would turn the line ends of whatever it checks out or takes in.
    fs::write(fixture.place(".gitattributes"), "* text eol=lf\n").unwrap();
    fixture.person(&["config", "core.autocrlf", "input"]);
    fixture.remote(&["config", "core.autocrlf", "true"]);
    fixture.person(&["add", ".gitattributes"]);
    fixture.person(&["commit", "-q", "-m", "Attributes"]);
    fixture.person(&["push", "-q", "origin", "main"]);
    fixture.source.fetch().await.unwrap();
    fixture.complete("1.2").await;
    assert_eq!(fixture.sync().await, Looked::InStep);
    assert_eq!(fixture.tick().await, Ticked::Done(1));

    assert_eq!(fixture.plan(), plan.replace("[ ] 1.2", "[x] 1.2"));
    assert!(fixture.remote(&["ls-tree", "main", "PLAN.md"]).starts_with("100755 blob"));
    let changed = fixture.remote(&["diff", "--name-only", "main~", "main"]);
    assert_eq!(changed, "PLAN.md\n");
    let format = "--format=%an <%ae>|%(trailers:key=Coditect-Plan,valueonly)";
    assert_eq!(fixture.remote(&["log", "-1", format, "main"]).trim(), "coditect <coditect@localhost>|plan");
    assert_eq!(fixture.sync().await, Looked::InStep);

    fixture.person(&["fetch", "-q", "origin"]);
    fixture.person(&["reset", "-q", "--soft", "origin/main"]);
    fixture.push("PLAN.md", "- [x] 1.1 One\n- [x] 1.2 Two\n- [ ] 1.3 Three\n");
    assert_eq!(fixture.sync().await, Looked::InStep, "nothing was fetched yet");
    fixture.source.fetch().await.unwrap();
    let Looked::Synced(synced) = fixture.sync().await else { panic!("it was not seen") };
    assert_eq!(synced.wishes.len(), 1);
    assert_eq!(fixture.state("1.3").await, TaskState::Pending);
}

#[tokio::test]
async fn of_a_person_who_edits_the_plan_between_reading_and_pushing_nothing_is_lost_nor_the_tick() {
    let mut fixture = Fixture::with("- [ ] 1.1 One\n").await;
    fixture.complete("1.1").await;
    // The daemon has read; the person comes first.
    fixture.push("PLAN.md", "- [ ] 1.1 One\n- [ ] 1.2 Two\n");
    assert_eq!(fixture.tick().await, Ticked::Behind);
    assert_eq!(fixture.plan(), "- [ ] 1.1 One\n- [ ] 1.2 Two\n");
    assert!(matches!(fixture.sync().await, Looked::Synced(_)));
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(fixture.plan(), "- [x] 1.1 One\n- [ ] 1.2 Two\n");
    let log = fixture.log();
    assert!(log[0].starts_with("coditect: ") && log[1] == "Person: A person's" && log.len() == 3, "{log:?}");
}

#[tokio::test]
async fn a_push_that_leaves_the_plan_alone_does_not_hold_up_a_tick() {
    let mut fixture = Fixture::with("- [ ] 1.1 One\n").await;
    fixture.complete("1.1").await;
    fixture.push("code.txt", "landed meanwhile");
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(fixture.plan(), "- [x] 1.1 One\n");
    assert_eq!(fixture.remote(&["show", "main:code.txt"]), "landed meanwhile");
    assert_eq!(fixture.log().len(), 3);
}

#[tokio::test]
async fn a_branch_that_is_rewritten_is_followed_and_never_pushed_over() {
    let mut fixture = Fixture::with("- [ ] 1.1 One\n").await;
    fixture.push("code.txt", "a mistake");
    fixture.source.fetch().await.unwrap();
    fixture.person(&["reset", "-q", "--hard", "HEAD~"]);
    fs::write(fixture.place("PLAN.md"), "- [ ] 1.1 One\n- [ ] 2.1 Other\n").unwrap();
    fixture.person(&["commit", "-q", "--all", "--amend", "-m", "Rewritten"]);
    fixture.person(&["push", "-q", "--force", "origin", "main"]);
    fixture.complete("1.1").await;
    assert_eq!(fixture.tick().await, Ticked::Behind);
    assert_eq!(fixture.log(), ["Person: Rewritten"]);
    assert!(matches!(fixture.sync().await, Looked::Synced(_)));
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(fixture.plan(), "- [x] 1.1 One\n- [ ] 2.1 Other\n");
    assert_eq!(fixture.log()[1..], ["Person: Rewritten"]);
}

#[tokio::test]
async fn a_daemon_that_is_killed_before_or_after_a_push_loses_nothing_and_does_nothing_twice() {
    let mut fixture = Fixture::with("- [ ] 1.1 One\n- [ ] 1.2 Two\n").await;
    fixture.complete("1.1").await;
    // Killed between the commit and its push.
    let tip = fixture.source.fetch().await.unwrap().commit;
    let own = fixture.source.own();
    let entry = own.entry(&tip, "PLAN.md").await.unwrap().unwrap();
    own.commit(&tip, &entry, "- [x] 1.1 One\n- [ ] 1.2 Two\n", "not pushed").await.unwrap();
    fixture.restart();
    assert_eq!(fixture.sync().await, Looked::InStep);
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(fixture.log().len(), 2);

    // Killed between the push and its note in the database.
    fixture.complete("1.2").await;
    let (old, new) = ("- [x] 1.1 One\n- [ ] 1.2 Two\n", "- [x] 1.1 One\n- [x] 1.2 Two\n");
    assert_eq!(fixture.source.replace("plan", "PLAN.md", old, new).await.unwrap(), Replaced::Written);
    fixture.restart();
    let Looked::Synced(synced) = fixture.sync().await else { panic!("it was not seen") };
    assert_eq!(synced.wishes, []);
    assert_eq!(fixture.tick().await, Ticked::Nothing);
    assert_eq!((fixture.plan().as_str(), fixture.log().len()), (new, 3));
}

#[tokio::test]
async fn a_symbolic_link_stays_one_and_what_it_leads_to_is_ticked() {
    let mut fixture = Fixture::with("- [ ] 1.1 One\n").await;
    fs::create_dir_all(fixture.place("real/deep")).unwrap();
    fs::rename(fixture.place("PLAN.md"), fixture.place("real/deep/plan.md")).unwrap();
    std::os::unix::fs::symlink("real", fixture.place("docs")).unwrap();
    std::os::unix::fs::symlink("./docs/deep/plan.md", fixture.place("PLAN.md")).unwrap();
    fixture.push("other.txt", "and a link");
    fixture.source.fetch().await.unwrap();
    fixture.complete("1.1").await;
    assert_eq!(fixture.sync().await, Looked::InStep);
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(fixture.plan(), "./docs/deep/plan.md");
    assert!(fixture.remote(&["ls-tree", "main", "PLAN.md"]).starts_with("120000 "));
    assert_eq!(fixture.remote(&["show", "main:real/deep/plan.md"]), "- [x] 1.1 One\n");
    let listed = Source::Git(Arc::clone(&fixture.source)).list().await.unwrap();
    assert_eq!(listed, ["PLAN.md", "docs", "other.txt", "real/deep/plan.md"]);
}

#[tokio::test]
async fn a_clone_that_is_damaged_or_gone_is_made_anew() {
    let mut fixture = Fixture::with("- [ ] 1.1 One\n").await;
    let folder = fixture.source.own().folder().to_path_buf();
    for damage in [&["objects/pack", "refs", "packed-refs"][..], &["objects", "config"][..], &["."][..]] {
        for part in damage {
            let part = folder.join(part);
            let _ = if part.is_dir() { fs::remove_dir_all(part) } else { fs::remove_file(part) };
        }
        // What was read already is known; a new daemon, and a new tip, are not.
        fixture.restart();
        fixture.push("code.txt", &format!("{damage:?}"));
        let seen = fixture.sync().await;
        if seen != Looked::InStep {
            assert!(matches!(&seen, Looked::Unreadable(why) if why.contains("made anew")), "{damage:?}: {seen:?}");
            assert_eq!(fixture.sync().await, Looked::InStep, "{damage:?}");
        }
    }
    fixture.complete("1.1").await;
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(fixture.plan(), "- [x] 1.1 One\n");
}

#[tokio::test]
async fn whatever_is_missing_is_named_with_its_cure_and_found_when_it_comes() {
    let mut fixture = Fixture::with("- [ ] 1.1 One\n").await;
    let remote = fixture.folder.path().join("remote.git");
    fs::rename(&remote, fixture.folder.path().join("away")).unwrap();
    assert!(fixture.source.fetch().await.unwrap_err().contains("`repository.path`"));
    assert!(matches!(fixture.sync().await, Looked::Unreadable(why) if why.contains("`repository.path`")));
    assert!(fixture.trouble().await.unwrap().contains("cannot be read"));
    fs::rename(fixture.folder.path().join("away"), &remote).unwrap();
    fixture.source.fetch().await.unwrap();
    assert_eq!(fixture.sync().await, Looked::InStep);
    assert_eq!(fixture.trouble().await, None);

    fixture.config.plan.branch = Some("plans".to_owned());
    fixture.restart();
    let why = fixture.read().await.unwrap_err().to_string();
    assert!(why.contains("no branch `plans`") && why.contains("`plan.branch`"), "{why}");
    fixture.person(&["checkout", "-q", "-b", "plans"]);
    fixture.person(&["rm", "-q", "PLAN.md"]);
    fixture.person(&["commit", "-q", "-m", "No plan"]);
    fixture.person(&["push", "-q", "origin", "plans"]);
    fixture.source.fetch().await.unwrap();
    let why = fixture.read().await.unwrap_err().to_string();
    assert!(why.contains("on the branch `plans`") && why.contains("`plan.paths`"), "{why}");
    fs::write(fixture.place("PLAN.md"), b"- [ ] \xff").unwrap();
    fixture.person(&["add", "PLAN.md"]);
    fixture.person(&["commit", "-q", "-m", "No text"]);
    fixture.person(&["push", "-q", "origin", "plans"]);
    fixture.source.fetch().await.unwrap();
    assert!(fixture.read().await.unwrap_err().to_string().contains("line 1, column 7"));

    // The branch that work lands on comes from the default one.
    fixture.config.plan.branch = Some(fixture.config.repository.target_branch.clone());
    fixture.restart();
    assert_eq!(fixture.read().await.unwrap(), "- [ ] 1.1 One\n");
    assert_eq!(fixture.remote(&["rev-parse", "coditect/integration"]), fixture.remote(&["rev-parse", "main"]));
}

#[tokio::test]
async fn a_branch_that_takes_no_push_is_told_of_and_not_tried_again_at_once() {
    let mut fixture = Fixture::with("- [ ] 1.1 One\n").await;
    // The other side's rules hold for whoever comes by URL.
    let hook = fixture.folder.path().join("remote.git/hooks/update");
    let tries = fixture.folder.path().join("tries");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, format!("#!/bin/sh\necho x >> {}\necho protected branch\nexit 1\n", tries.display())).unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fixture.config.repository.path = format!("file://{}", fixture.config.repository.path);
    fixture.restart();
    fixture.complete("1.1").await;
    for _ in 0..3 {
        assert_eq!(fixture.tick().await, Ticked::Nothing);
    }
    let trouble = fixture.trouble().await.unwrap();
    assert!(trouble.contains("branch protection") && trouble.contains("`main`"), "{trouble}");
    assert_eq!(fs::read_to_string(&tries).unwrap(), "x\n");
    // Somebody asks: it is tried again.
    let _ = fixture.source.asked().await;
    assert_eq!(fixture.tick().await, Ticked::Nothing);
    assert_eq!(fs::read_to_string(&tries).unwrap(), "x\nx\n");

    fs::remove_file(&hook).unwrap();
    let _ = fixture.source.asked().await;
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(fixture.trouble().await, None);
    assert_eq!(fixture.plan(), "- [x] 1.1 One\n");
}

#[tokio::test]
async fn a_branch_that_somebody_works_on_is_not_pushed_to() {
    let mut fixture = Fixture::with("- [ ] 1.1 One\n").await;
    fixture.config.repository.path = fixture.folder.path().join("person").to_str().unwrap().to_owned();
    fixture.restart();
    fixture.complete("1.1").await;
    assert_eq!(fixture.tick().await, Ticked::Nothing);
    let trouble = fixture.trouble().await.unwrap();
    assert!(trouble.contains("check out another branch") && trouble.contains("`plan.source`"), "{trouble}");
    assert_eq!(fs::read_to_string(fixture.place("PLAN.md")).unwrap(), "- [ ] 1.1 One\n");
}

#[tokio::test]
async fn a_repository_with_the_other_hash_works_too() {
    let mut fixture = Fixture::with("- [ ] 1.1 One\n").await;
    let folder = fixture.folder.path().to_path_buf();
    git(&folder, &["init", "-q", "--bare", "-b", "main", "--object-format=sha256", "other.git"]);
    git(&folder, &["init", "-q", "-b", "main", "--object-format=sha256", "theirs"]);
    fs::write(folder.join("theirs/PLAN.md"), "- [ ] 1.1 One\n").unwrap();
    git(&folder.join("theirs"), &["add", "PLAN.md"]);
    git(&folder.join("theirs"), &["commit", "-q", "-m", "Plan"]);
    git(&folder.join("theirs"), &["push", "-q", "../other.git", "main"]);
    // The clone of what was there before is in the way.
    fixture.config.repository.path = folder.join("other.git").to_str().unwrap().to_owned();
    fixture.restart();
    fixture.complete("1.1").await;
    assert_eq!(fixture.sync().await, Looked::InStep);
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(git(&folder.join("other.git"), &["show", "main:PLAN.md"]), "- [x] 1.1 One\n");
}

#[tokio::test]
async fn plans_in_a_folder_of_the_branch_come_and_go_with_what_is_pushed() {
    let mut fixture = Fixture::with("# Plan\n\n- [ ] 1.1 One\n").await;
    fs::create_dir_all(fixture.place("tracks")).unwrap();
    fixture.push("tracks/a.md", "- [ ] A.1.1 First\n");
    fixture.push("tracks/notes.md", "No task.\n");
    fixture.push("tracks/.hidden.md", "- [ ] 9.9 No\n");
    fixture.source.asked().await.unwrap();
    let paths = ["PLAN.md", "tracks/"].map(PlanPath::from);
    let set = PlanSet::new(fixture.source.own().folder(), &paths).unwrap();
    let names = |found: &Found| found.documents.iter().map(|d| d.path.clone()).collect::<Vec<_>>();

    let found = fixture.plans.look_listed(&set).await.unwrap();
    assert_eq!(names(&found), ["PLAN.md", "tracks/a.md"]);
    assert_eq!(fixture.plans.refresh(found), [1]);
    assert!(matches!(fixture.plans.sync(1, fixture.now_ms).await.unwrap(), Looked::Synced(_)));
    let task = TaskId::new("tracks-a", "A.1.1");
    assert_eq!(fixture.store.state(&task).await.unwrap(), Some(TaskState::Pending));

    fixture.person(&["rm", "-q", "tracks/a.md"]);
    fixture.push("PLAN.md", "# Plan\n\n- [ ] 1.1 One\n- [ ] 1.2 Two\n");
    fixture.source.asked().await.unwrap();
    assert_eq!(names(&fixture.plans.look_listed(&set).await.unwrap()), ["PLAN.md"]);
    assert!(matches!(fixture.plans.sync(1, fixture.now_ms).await.unwrap(), Looked::Unreadable(_)), "it may come back");
    let later = fixture.now_ms + ABSENCE_MS;
    let Looked::Synced(synced) = fixture.plans.sync(1, later).await.unwrap() else { panic!() };
    assert_eq!(synced.wishes, [(task, Wish::Retire)]);
}
