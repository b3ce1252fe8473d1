use std::sync::Arc;

use agent_executor::job::Runtime;
use agent_executor::pipeline::{self, Fenced, Phase};
use coditect_core::FailureClass;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Fixture, TARGET, control, failed, git, landed, open_host, run_on};

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_changed_nothing_has_not_succeeded() {
    let fixture = Fixture::new();
    failed(&fixture.run(&fixture.job("1.1", "true")).await, FailureClass::NoChange);
    // Neither is what the repository ignores a change, nor an empty commit.
    let script = "echo ignored > .git/info/exclude; git commit -q --allow-empty -m nothing";
    failed(&fixture.run(&fixture.job("1.1", script)).await, FailureClass::NoChange);
    assert!(fixture.commits_of("plan/1.1").is_empty());
    fixture.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_verify_command_says_which_with_its_code_and_output_and_lands_nothing() {
    let fixture = Fixture::new();
    let mut job = fixture.job("1.1", "echo a > a");
    job.verify = vec!["test -f a".to_owned(), "echo seen; echo the cause >&2; exit 7".to_owned(), "never".to_owned()];
    let outcome = fixture.run(&job).await;
    let (message, evidence) = failed(&outcome, FailureClass::VerificationFailed);
    assert!(
        message.contains("exit 7") && message.contains("exit code 7") && message.contains("the cause"),
        "{message}"
    );
    let codes: Vec<_> = evidence.verify.iter().map(|result| result.exit_code).collect();
    assert_eq!(codes, [Some(0), Some(7)]);
    assert_eq!(evidence.verify[1].tail, "seen\nthe cause");
    assert_eq!(fixture.git(&["rev-parse", TARGET]), fixture.git(&["rev-parse", "main"]));
    fixture.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_sees_only_what_would_land_and_nothing_the_agent_left_elsewhere() {
    let fixture = Fixture::new();
    let script = "echo build > .gitignore; mkdir build; echo x > build/x; echo a > a; echo poison > ~/.profile-of-tests; chmod -R a-w build";
    let mut job = fixture.job("1.1", script);
    job.verify = vec![
        "test -f a; test ! -e build; test ! -e ~/.profile-of-tests".to_owned(),
        "test $(git log -1 --format=%s) = '1.1:' || git log -1 --format=%s | grep -q '^1.1: Task'".to_owned(),
        "test -z \"$(git status --porcelain)\"".to_owned(),
    ];
    landed(&fixture.run(&job).await);
    fixture.assert_clean();
}

/// Runs the first attempt up to its verification, then the second to its end, then the rest of the first.
async fn overtaken(fixture: &Fixture, first: &str, second: &str) -> agent_executor::job::Outcome {
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (at_gate, opened) = (Arc::clone(&arrived), Arc::clone(&go_on));
    let control = control().with_gate(move |phase| {
        let (at_gate, opened) = (Arc::clone(&at_gate), Arc::clone(&opened));
        async move {
            if phase == Phase::Verifying {
                at_gate.notify_one();
                opened.notified().await;
            }
            Ok(())
        }
    });
    let (one, two) = (fixture.job("1.1", first), fixture.job("1.2", second));
    let slow = pipeline::run(&one, &fixture.host, &control, CancellationToken::new());
    let quick = async {
        arrived.notified().await;
        landed(&fixture.run(&two).await);
        go_on.notify_one();
    };
    tokio::join!(slow, quick).0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_with_what_landed_meanwhile_names_the_files() {
    let fixture = Fixture::new();
    let outcome = overtaken(&fixture, "echo mine > README; echo m > mine", "echo theirs > README").await;
    let (message, _) = failed(&outcome, FailureClass::MergeConflict);
    assert!(message.contains("README") && message.contains(TARGET) && !message.contains("mine"), "{message}");
    assert_eq!(fixture.show("README"), "theirs");
    fixture.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_conflict_the_next_attempt_has_it_in_hand_on_whatever_executor() {
    let fixture = Fixture::new();
    failed(
        &overtaken(&fixture, "echo mine > README; echo m > mine", "echo theirs > README").await,
        FailureClass::MergeConflict,
    );
    let kept = fixture.git(&["for-each-ref", "--format=%(refname)", "refs/coditect/conflict"]);
    assert_eq!(kept, "refs/coditect/conflict/plan/1.1/1");
    let elsewhere = open_host(&fixture.path("elsewhere"));
    let url = format!("file://{}", fixture.origin().display());
    let again = |script: &str, remote: bool| {
        let mut job = fixture.job("1.1", script);
        job.attempt_number = 2;
        if remote {
            job.repository.clone_from(&url);
        }
        job.runtime =
            Runtime::Command { argv: ["sh", "-ec", &format!("cat > prompt; {script}")].map(str::to_owned).into() };
        job
    };
    // One that leaves the marks as they are does not land.
    let left = run_on(&elsewhere, &again("grep -q '^<<<<<<< ' README; test -e mine", true)).await;
    let (message, _) = failed(&left, FailureClass::AgentError);
    assert!(message.contains("README"), "{message}");
    let told = "grep -q 'git.s marks of a conflict' prompt; grep -q -- '- README' prompt; rm prompt";
    let settled = run_on(&elsewhere, &again(&format!("{told}; echo both > README"), false)).await;
    landed(&settled);
    assert_eq!((fixture.show("README"), fixture.show("mine")), ("both".to_owned(), "m".to_owned()));
    assert_eq!(fixture.git(&["for-each-ref", "refs/coditect/conflict"]), "");
    fixture.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_landed_meanwhile_is_no_change() {
    let fixture = Fixture::new();
    let outcome = overtaken(&fixture, "echo same > README", "echo same > README").await;
    failed(&outcome, FailureClass::NoChange);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_beside_each_other_are_merged_and_the_merge_is_what_is_verified() {
    let fixture = Fixture::new();
    let outcome = overtaken(&fixture, "sed -i 1s/one/ONE/ README", "sed -i 3s/three/THREE/ README").await;
    landed(&outcome);
    assert_eq!(fixture.show("README"), "ONE\ntwo\nTHREE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_was_rewritten_meanwhile_is_a_conflict() {
    let fixture = Fixture::new();
    fixture.git(&["branch", TARGET]);
    let origin = fixture.origin();
    let control = control().with_gate(move |phase| {
        if phase == Phase::Verifying {
            git(&origin, &["checkout", "-q", "--orphan", "new"]);
            git(&origin, &["commit", "-qm", "another history"]);
            git(&origin, &["branch", "-f", TARGET, "new"]);
        }
        std::future::ready(Ok(()))
    });
    let job = fixture.job("1.1", "echo a > a");
    let outcome = pipeline::run(&job, &fixture.host, &control, CancellationToken::new()).await;
    let (message, _) = failed(&outcome, FailureClass::MergeConflict);
    assert!(message.contains("rewritten"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_path_lands_as_it_was_and_that_is_noted() {
    let fixture = Fixture::new();
    let outcome = fixture.run(&fixture.job("1.1", "echo '- [x] 1.1' > docs/PLAN.md; echo a > a")).await;
    landed(&outcome);
    assert_eq!(fixture.show("docs/PLAN.md"), "- [ ] 1.1 a task");
    assert!(outcome.evidence().notes[0].contains("docs/PLAN.md"), "{:?}", outcome.evidence().notes);
    assert_eq!(outcome.evidence().files, ["a"]);
    failed(&fixture.run(&fixture.job("1.2", "rm docs/PLAN.md")).await, FailureClass::NoChange);
    // Not by putting something else where its folder was, either.
    let outcome = fixture.run(&fixture.job("1.3", "rm -r docs; ln -s /etc docs; echo b > b")).await;
    landed(&outcome);
    assert_eq!(fixture.show("docs/PLAN.md"), "- [ ] 1.1 a task");
    assert_eq!(outcome.evidence().files, ["b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_checked_out_is_refused_before_the_agent_starts() {
    let fixture = Fixture::new();
    let ran = fixture.shared("ran");
    let mut job = fixture.job("1.1", &format!("touch {}; echo a > a", ran.display()));
    job.target_branch = "main".to_owned();
    let outcome = fixture.run(&job).await;
    let (message, _) = failed(&outcome, FailureClass::Config);
    assert!(message.contains("checked out in") && message.contains("target_branch"), "{message}");

    fixture.git(&["worktree", "add", "-q", "-b", "side", "../linked"]);
    job.target_branch = "side".to_owned();
    let outcome = fixture.run(&job).await;
    let (message, _) = failed(&outcome, FailureClass::Config);
    assert!(message.contains("linked"), "{message}");
    assert!(!ran.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_checked_out_during_the_attempt_is_refused_too() {
    let fixture = Fixture::new();
    let origin = fixture.origin();
    let control = control().with_gate(move |phase| {
        if phase == Phase::Landing {
            git(&origin, &["switch", "-q", TARGET]);
        }
        std::future::ready(Ok(()))
    });
    let job = fixture.job("1.1", "echo a > a");
    let outcome = pipeline::run(&job, &fixture.host, &control, CancellationToken::new()).await;
    failed(&outcome, FailureClass::Config);
    assert_eq!(fixture.git(&["status", "--porcelain"]), "");
    assert_eq!(fixture.git(&["for-each-ref", "refs/coditect"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_is_a_matter_of_configuration_with_a_cure() {
    let fixture = Fixture::empty();
    let outcome = fixture.run(&fixture.job("1.1", "true")).await;
    assert!(failed(&outcome, FailureClass::Config).0.contains("no commit yet"));

    let fixture = Fixture::new();
    let mut job = fixture.job("1.1", "true");
    job.repository = fixture.dir.path().to_string_lossy().into_owned();
    assert!(failed(&fixture.run(&job).await, FailureClass::Config).0.contains("git init"));
    job.repository = "/no/such/place".to_owned();
    assert!(failed(&fixture.run(&job).await, FailureClass::Config).0.contains("/no/such/place"));

    let mut job = fixture.job("1.1", "true");
    job.runtime = Runtime::Command { argv: vec!["no-such-agent".to_owned()] };
    assert!(failed(&fixture.run(&job).await, FailureClass::Config).0.contains("no-such-agent"));
    job.runtime = Runtime::Command { argv: Vec::new() };
    failed(&fixture.run(&job).await, FailureClass::Config);
    job.attempt_id = "../escape".to_owned();
    failed(&fixture.run(&job).await, FailureClass::Config);

    let fixture = Fixture::new();
    fixture.git(&["branch", "coditect"]);
    let outcome = fixture.run(&fixture.job("1.1", "true")).await;
    assert!(failed(&outcome, FailureClass::Config).0.contains("could not be made"));
    fixture.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_fails_is_quoted() {
    let fixture = Fixture::new();
    let outcome = fixture.run(&fixture.job("1.1", "echo a > a; echo out; echo the reason >&2; exit 3")).await;
    let (message, _) = failed(&outcome, FailureClass::AgentError);
    assert!(message.contains("exit code 3") && message.contains("the reason"), "{message}");
    // `-e`: the first command that fails ends it.
    failed(&fixture.run(&fixture.job("1.1", "false; echo a > a")).await, FailureClass::AgentError);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_repository_does_not_land_as_a_mere_reference() {
    let fixture = Fixture::new();
    let script = "git init -q sub; cd sub; echo a > a; git add a; git commit -qm a";
    let script =
        format!("export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a; {script}");
    let outcome = fixture.run(&fixture.job("1.1", &script)).await;
    assert!(failed(&outcome, FailureClass::AgentError).0.contains("`sub`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_replaces_its_worktree_has_failed() {
    let fixture = Fixture::new();
    let outcome = fixture.run(&fixture.job("1.1", "cd ..; rm -rf $OLDPWD; ln -s /etc $OLDPWD")).await;
    failed(&outcome, FailureClass::AgentError);
    fixture.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_checkout_is_set_up_for_the_agent_and_for_the_proof_of_its_result() {
    let fixture = Fixture::new();
    let mut job = fixture.job("1.1", "test -d .git/deps; echo a > a");
    job.setup = vec!["mkdir .git/deps".to_owned(), "echo deps > .git/deps/list".to_owned()];
    job.verify = vec!["grep -qx deps .git/deps/list".to_owned()];
    landed(&fixture.run(&job).await);
    job = fixture.job("1.2", "echo never > b");
    job.setup = vec!["echo no such package >&2; exit 4".to_owned()];
    let outcome = fixture.run(&job).await;
    let (message, _) = failed(&outcome, FailureClass::Config);
    for part in ["worktree.setup", "exit code 4", TARGET, "no such package"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    // What an agent has broken is its own fault.
    job = fixture.job("1.3", "echo broken > manifest");
    job.setup = vec!["! test -f manifest".to_owned()];
    job.verify = vec!["true".to_owned()];
    let outcome = fixture.run(&job).await;
    let (message, _) = failed(&outcome, FailureClass::VerificationFailed);
    assert!(message.contains("! test -f manifest"), "{message}");
    job = fixture.job("1.4", "echo never > b");
    job.setup = vec!["tail -f /dev/null".to_owned()];
    job.limits.setup_wall = std::time::Duration::from_millis(200);
    failed(&fixture.run(&job).await, FailureClass::Config);
    fixture.assert_nothing_runs();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_reads_its_prompt_and_reports_on_its_last_line() {
    let fixture = Fixture::new();
    let script = "cat > prompt; echo working; echo '{\"summary\":\"did it\",\"cost_usd\":0.25,\"tokens_in\":10,\"tokens_out\":20}'; echo";
    let mut job = fixture.job("1.1", "");
    job.brief.task.description = "line one\n".repeat(50_000);
    job.conventions = vec!["CONVENTIONS.md".to_owned(), "missing.md".to_owned()];
    std::fs::write(fixture.origin().join("CONVENTIONS.md"), "Tabs, not spaces.\n").unwrap();
    fixture.git(&["add", "."]);
    fixture.git(&["commit", "-qm", "conventions"]);
    job.runtime = Runtime::Command { argv: ["sh", "-c", script].map(str::to_owned).to_vec() };
    let outcome = fixture.run(&job).await;
    landed(&outcome);
    let evidence = outcome.evidence();
    let prompt = fixture.show("prompt");
    assert!(prompt.starts_with("Task: 1.1 Task 1.1\n\nline one\nline one\n"), "{:?}", prompt.get(..100));
    assert_eq!(prompt.matches("line one\n").count(), 50_000);
    assert!(prompt.contains("\n----- CONVENTIONS.md\nTabs, not spaces.\n"));
    assert_eq!((evidence.summary.as_deref(), evidence.cost_usd), (Some("did it"), Some(0.25)));
    assert_eq!((evidence.tokens_in, evidence.tokens_out), (Some(10), Some(20)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_is_fenced_at_either_gate_takes_no_effect() {
    let fixture = Fixture::new();
    for at in [Phase::Verifying, Phase::Landing] {
        let control =
            control().with_gate(move |phase| std::future::ready(if phase == at { Err(Fenced) } else { Ok(()) }));
        let mut job = fixture.job("1.1", "echo a > a");
        job.verify = vec!["test -f a".to_owned()];
        let outcome = pipeline::run(&job, &fixture.host, &control, CancellationToken::new()).await;
        let (_, evidence) = failed(&outcome, FailureClass::Cancelled);
        assert_eq!(evidence.verify.len(), usize::from(at == Phase::Landing));
        assert!(fixture.commits_of("plan/1.1").is_empty());
        fixture.assert_clean();
    }
}
