use std::sync::Arc;

use agent_executor::pipeline::{self, Control};
use coditect_core::FailureClass;
use coditect_service::config::SandboxMode;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Fixture, TARGET, eventually, failed, git, landed, open_host, run_on};

#[tokio::test(flavor = "multi_thread")]
async fn two_executors_that_race_on_one_task_land_it_once() {
    let fixture = Fixture::new();
    let other = open_host(&fixture.path("other"));
    let (one, two) = (fixture.job("1.1", "echo one > a"), fixture.job("1.1", "echo two > a"));
    let (first, second) = tokio::join!(fixture.run(&one), run_on(&other, &two));
    assert_eq!(landed(&first), landed(&second));
    assert_eq!(fixture.commits_of("plan/1.1"), [landed(&first)]);
    assert_eq!(fixture.git(&["rev-parse", "refs/coditect/landed/plan/1.1/1"]), landed(&first));
    let already = |outcome: &agent_executor::job::Outcome| {
        outcome.evidence().notes.iter().any(|note| note.contains("already landed"))
    };
    assert!(already(&first) != already(&second), "{first:?} {second:?}");
    assert_eq!(
        fixture.host.landed_commit(&one.repository, "plan/1.1", 1).await.unwrap().as_deref(),
        Some(landed(&first))
    );
    assert_eq!(fixture.host.landed_commit(&one.repository, "plan/1.1", 2).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_tasks_on_two_executors_all_land_in_one_line() {
    let fixture = Arc::new(Fixture::new());
    let other = Arc::new(open_host(&fixture.path("other")));
    let mut all = JoinSet::new();
    for n in 1..=8 {
        let (fixture, other) = (Arc::clone(&fixture), Arc::clone(&other));
        all.spawn(async move {
            let mut job = fixture.job(&format!("1.{n}"), &format!("echo {n} > file-{n}"));
            job.verify = vec![format!("grep -qx {n} file-{n}")];
            if n % 2 == 0 { fixture.run(&job).await } else { run_on(&other, &job).await }
        });
    }
    for outcome in all.join_all().await {
        landed(&outcome);
        assert_eq!(outcome.evidence().verify.len(), 1);
    }
    for n in 1..=8 {
        assert_eq!(fixture.commits_of(&format!("plan/1.{n}")).len(), 1);
        assert_eq!(fixture.show(&format!("file-{n}")), n.to_string());
    }
    assert_eq!(fixture.git(&["rev-list", "--count", TARGET]), "9");
    assert_eq!(fixture.git(&["rev-list", "--merges", "--count", TARGET]), "0");
    fixture.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_wait_land_together_and_what_breaks_the_proof_is_found_among_them() {
    let fixture = Arc::new(Fixture::new());
    let (began, go) = (fixture.shared("began"), fixture.shared("go"));
    // The first one proves for as long as it takes the others to come.
    let mut first = fixture.job("1.0", "echo first > file-0");
    first.verify = vec![format!("touch {}; until test -e {}; do sleep 0.02; done", began.display(), go.display())];
    let (log, mut said) = tokio::sync::mpsc::channel(1_000);
    let mut all = JoinSet::new();
    let run = |all: &mut JoinSet<_>, job: agent_executor::job::Job| {
        let (fixture, control) = (Arc::clone(&fixture), Control::new(log.clone()));
        all.spawn(async move {
            let key = job.key.clone();
            (key, pipeline::run(&job, &fixture.host, &control, CancellationToken::new()).await)
        });
    };
    run(&mut all, first);
    eventually("the first one proves", || began.exists());
    for n in 1..=6 {
        let script = if n == 4 { "echo broken > broken".to_owned() } else { format!("echo {n} > file-{n}") };
        let mut job = fixture.job(&format!("1.{n}"), &script);
        let nobody_was_here = "! test -e ~/mark && touch ~/mark".to_owned();
        job.verify =
            vec![nobody_was_here, "! test -e broken".to_owned(), format!("test {n} = 4 || grep -qx {n} file-{n}")];
        run(&mut all, job);
    }
    let mut waiting = 0;
    while waiting < 6 {
        waiting += usize::from(said.recv().await.unwrap().text.contains("waits for its turn"));
    }
    std::fs::write(&go, "").unwrap();
    let mut together = 0;
    for (key, outcome) in all.join_all().await {
        if key == "1.4" {
            let (message, _) = failed(&outcome, FailureClass::VerificationFailed);
            assert!(message.contains("! test -e broken"), "{message}");
            continue;
        }
        landed(&outcome);
        let evidence = outcome.evidence();
        assert_eq!(evidence.verify.len(), if key == "1.0" { 1 } else { 3 }, "{evidence:?}");
        together += usize::from(evidence.notes.iter().any(|note| note.contains("landed together with")));
        assert_eq!(fixture.commits_of(&format!("plan/{key}")), [landed(&outcome)]);
        assert_eq!(fixture.git(&["rev-parse", &format!("refs/coditect/landed/plan/{key}/1")]), landed(&outcome));
    }
    assert!(together >= 2, "{together} have landed together");
    assert_eq!(fixture.git(&["rev-list", "--count", TARGET]), "7");
    assert_eq!(fixture.git(&["rev-list", "--merges", "--count", TARGET]), "0");
    fixture.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owners_checkout_is_never_touched() {
    let fixture = Fixture::new();
    std::fs::write(fixture.origin().join("README"), "unsaved work\n").unwrap();
    std::fs::write(fixture.origin().join("staged"), "x").unwrap();
    std::fs::write(fixture.origin().join("untracked"), "y").unwrap();
    fixture.git(&["add", "staged"]);
    let state = || {
        let index = std::fs::read(fixture.origin().join(".git/index")).unwrap();
        let head = std::fs::read(fixture.origin().join(".git/HEAD")).unwrap();
        (index, head, fixture.git(&["stash", "list"]), fixture.git(&["rev-parse", "main"]))
    };
    let before = state();
    landed(&fixture.run(&fixture.job("1.1", "echo changed > README; echo new > new")).await);
    assert!(before == state());
    assert_eq!(fixture.git(&["status", "--porcelain"]), " M README\nA  staged\n?? untracked");
    assert_eq!(std::fs::read_to_string(fixture.origin().join("README")).unwrap(), "unsaved work\n");
    assert_eq!(fixture.show("README"), "changed");
    assert_eq!(fixture.git(&["worktree", "list", "--porcelain"]).matches("worktree ").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_commits_itself_lands_as_one_commit_with_its_trailers() {
    let fixture = Fixture::new();
    let script = "git branch --show-current > branch
        echo a > a; git add a; git commit -qm first
        echo b > b; git add b; git commit -qm second
        git checkout -q -b elsewhere; echo c > c";
    let job = fixture.job("1.1", script);
    let outcome = fixture.run(&job).await;
    let commit = landed(&outcome);
    assert_eq!(fixture.git(&["rev-list", "--count", &format!("main..{TARGET}")]), "1");
    let message = fixture.git(&["log", "-1", "--format=%B", commit]);
    let expected = format!(
        "1.1: Task 1.1\n\nCoditect-Task: plan/1.1\nCoditect-Generation: 1\nCoditect-Attempt: {}\nCoditect-Agent: tester",
        job.attempt_id
    );
    assert_eq!(message, expected);
    assert_eq!(fixture.show("branch"), format!("coditect/attempt/{}", job.attempt_id));
    assert_eq!(outcome.evidence().files, ["a", "b", "branch", "c"]);
    assert_eq!(outcome.evidence().diff_stat, "4 files changed, 4 insertions(+)");
    assert!(outcome.evidence().no_verify);
    // The repository's only new branch is the target.
    assert_eq!(fixture.git(&["branch", "--format=%(refname:short)"]), format!("{TARGET}\nmain"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_that_has_landed_is_not_run_again_and_a_new_one_is() {
    let fixture = Fixture::new();
    let ran = fixture.shared("ran");
    let script = format!("echo x >> {}; date +%N > a", ran.display());
    let first = fixture.run(&fixture.job("1.1", &script)).await;
    let again = fixture.run(&fixture.job("1.1", &script)).await;
    assert_eq!(landed(&first), landed(&again));
    assert_eq!(std::fs::read_to_string(&ran).unwrap(), "x\n");
    let mut job = fixture.job("1.1", &script);
    job.generation = 2;
    assert_ne!(landed(&first), landed(&fixture.run(&job).await));
    assert_eq!(fixture.commits_of("plan/1.1").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_repository_goes_the_same_way() {
    let fixture = Fixture::new();
    for n in 1..=3 {
        let mut job = fixture.job(&format!("1.{n}"), &format!("test ! -e file-{n}; echo {n} > file-{n}"));
        job.repository = format!("file://{}", fixture.origin().display());
        job.verify = vec![format!("test $(ls file-* | wc -l) = {n}")];
        landed(&fixture.run(&job).await);
    }
    assert_eq!(fixture.git(&["rev-list", "--count", TARGET]), "4");
    fixture.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_repository_may_land_on_its_current_branch() {
    let fixture = Fixture::new();
    git(fixture.dir.path(), &["clone", "-q", "--bare", "origin", "bare.git"]);
    let mut job = fixture.job("1.1", "echo a > a");
    job.repository = fixture.path("bare.git").to_string_lossy().into_owned();
    job.target_branch = "main".to_owned();
    let outcome = fixture.run(&job).await;
    assert_eq!(git(&fixture.path("bare.git"), &["rev-parse", "main"]), landed(&outcome));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_hook_filter_or_setting_of_an_agent_or_the_origin_is_run_by_us() {
    let fixture = Fixture::new();
    let trap = fixture.shared("trap");
    for hook in ["pre-receive", "update", "post-receive", "reference-transaction", "post-update"] {
        let path = fixture.origin().join(".git/hooks").join(hook);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\necho {hook} >> {}\nexit 1\n", trap.display())).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let script = format!(
        "mkdir -p .git/hooks; for hook in pre-commit post-commit post-index-change reference-transaction; do
           printf '#!/bin/sh\\necho %s >> {trap}' $hook > .git/hooks/$hook; chmod +x .git/hooks/$hook
         done
         printf '#!/bin/sh\\necho fsmonitor >> {trap}' > .git/watch; chmod +x .git/watch
         git config core.fsmonitor $PWD/.git/watch
         git config filter.evil.clean 'echo clean >> {trap}; cat'
         git config filter.evil.smudge 'echo smudge >> {trap}; cat'
         git config filter.evil.process 'echo process >> {trap}'
         git config diff.evil.command 'echo diff >> {trap}'; git config diff.evil.textconv 'echo text >> {trap}; cat'
         git config merge.evil.driver 'echo merge >> {trap}; false'
         git config core.hooksPath $PWD/.git/hooks; git config core.sshCommand 'echo ssh >> {trap}'
         git config credential.helper '!echo credential >> {trap}'; git config gc.recentObjectsHook 'echo gc >> {trap}'
         git config core.pager 'echo pager >> {trap}'; git config core.editor 'echo editor >> {trap}'
         git config gpg.program $PWD/.git/watch; git config commit.gpgSign true
         git config core.alternateRefsCommand 'echo refs >> {trap}'; git config uploadpack.packObjectsHook 'echo pack >> {trap}'
         git config url.ext::sh.insteadOf /; git config protocol.ext.allow always
         printf '[include]\\n\\tpath = %s\\n' $PWD/.git/more >> .git/config; cp .git/config .git/more
         cp .git/more ~/.gitconfig; mkdir -p ~/.config/git; cp .git/more ~/.config/git/config
         echo '* filter=evil diff=evil merge=evil' > .gitattributes; cp .gitattributes .git/info/attributes
         rm -f {trap}; echo a > a",
        trap = trap.display()
    );
    landed(&fixture.run(&fixture.job("1.1", &script)).await);
    assert!(!trap.exists(), "{}", std::fs::read_to_string(&trap).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_with_the_other_hash_works_too() {
    let fixture = Fixture::empty();
    let origin = fixture.path("sha256");
    git(fixture.dir.path(), &["init", "-q", "-b", "main", "--object-format=sha256", "sha256"]);
    std::fs::write(origin.join("a"), "a").unwrap();
    git(&origin, &["add", "."]);
    git(&origin, &["-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "start"]);
    for n in 1..=2 {
        let mut job = fixture.job(&format!("1.{n}"), &format!("git log --oneline | grep start; echo {n} > b{n}"));
        job.repository = origin.to_string_lossy().into_owned();
        job.verify = vec!["git log -1 --format=%s | grep Task".to_owned()];
        assert_eq!(landed(&fixture.run(&job).await).len(), 64);
    }
}

/// A verify command that counts how often it is run and has, the first time, a person change a path on the target.
fn moved_while_verifying(fixture: &Fixture, path: &str) -> String {
    let (count, clone) = (fixture.shared("count"), fixture.shared("person"));
    git(fixture.dir.path(), &["clone", "-q", "origin", "shared/person"]);
    git(&clone, &["push", "-q", "origin", &format!("main:{TARGET}")]);
    let push = format!(
        "cd {} && echo changed >> {path} && git add . && git -c user.name=P -c user.email=p@localhost commit -qm moved && \
         git push -q origin HEAD:{TARGET}",
        clone.display()
    );
    format!("echo x >> {count}; [ $(wc -l < {count}) -gt 1 ] || ( {push} )", count = count.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_changes_plan_files_alone_does_not_invalidate_what_was_verified() {
    // The command is a person too, who pushes.
    let fixture = Fixture::new().with_sandbox(SandboxMode::Off);
    let mut job = fixture.job("1.1", "echo done > a");
    job.verify = vec![moved_while_verifying(&fixture, "docs/PLAN.md")];
    let outcome = fixture.run(&job).await;
    landed(&outcome);
    assert_eq!(std::fs::read_to_string(fixture.shared("count")).unwrap(), "x\n");
    assert_eq!(fixture.show("docs/PLAN.md"), "- [ ] 1.1 a task\nchanged");
    assert_eq!(fixture.show("a"), "done");
    assert_eq!(fixture.git(&["rev-list", "--count", TARGET]), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_changes_anything_else_has_the_result_verified_again() {
    // The command is a person too, who pushes.
    let fixture = Fixture::new().with_sandbox(SandboxMode::Off);
    let mut job = fixture.job("1.1", "echo done > a");
    job.verify = vec![moved_while_verifying(&fixture, "README")];
    let outcome = fixture.run(&job).await;
    landed(&outcome);
    assert_eq!(std::fs::read_to_string(fixture.shared("count")).unwrap(), "x\nx\n");
    assert_eq!(fixture.show("a"), "done");
}
