//! Results that are left on a branch of their own, to be merged by others.

use agent_executor::job::{Earlier, Job, Outcome, Runtime};
use agent_executor::pipeline::{self, Phase};
use coditect_core::FailureClass;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Fixture, TARGET, control, failed, git, landed, open_host, run_on};

const BRANCH: &str = "coditect/task/plan/1.1";

fn job(fixture: &Fixture, script: &str) -> Job {
    Job { leave_on: Some(BRANCH.to_owned()), ..fixture.job("1.1", script) }
}

/// An attempt that goes on with what is on the branch, and whose agent is told of it.
fn again(fixture: &Fixture, commit: &str, script: &str) -> Job {
    let argv = ["sh", "-ec", &format!("cat > ~/prompt; {script}")].map(str::to_owned).into();
    Job {
        attempt_number: 2,
        start_from: Some(Earlier { branch: BRANCH.to_owned(), commit: commit.to_owned() }),
        runtime: Runtime::Command { argv },
        ..job(fixture, script)
    }
}

#[track_caller]
fn delivered(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Delivered { branch, commit, .. } => {
            assert_eq!(branch, BRANCH);
            commit
        }
        Outcome::Landed { commit, .. } => panic!("landed as {commit}"),
        Outcome::Held { flags, .. } => panic!("held: {flags:?}"),
        Outcome::Failed { class, message, .. } => panic!("{class}: {message}"),
    }
}

fn on_branch(fixture: &Fixture, path: &str) -> String {
    fixture.git(&["show", &format!("{BRANCH}:{path}")])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_result_is_left_on_its_branch_and_the_target_stays_as_it_is() {
    for remote in [false, true] {
        let fixture = Fixture::new();
        let mut job = job(&fixture, "echo done > a");
        job.verify = vec!["grep -q done a".to_owned()];
        if remote {
            job.repository = format!("file://{}", fixture.origin().display());
        }
        let outcome = fixture.run(&job).await;
        let commit = delivered(&outcome);
        assert_eq!(fixture.git(&["rev-parse", BRANCH]), commit);
        assert_eq!(fixture.git(&["rev-parse", &format!("{BRANCH}^")]), fixture.git(&["rev-parse", TARGET]));
        assert_eq!(fixture.git(&["rev-parse", TARGET]), fixture.git(&["rev-parse", "main"]));
        assert_eq!(fixture.git(&["for-each-ref", "refs/coditect/landed"]), "");
        assert_eq!(outcome.evidence().verify.len(), 1);
        assert_eq!(outcome.evidence().commit.as_deref(), Some(commit));
        fixture.assert_clean();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_not_proved_is_left_nowhere() {
    let fixture = Fixture::new();
    let mut job = job(&fixture, "echo done > a");
    job.verify = vec!["exit 7".to_owned()];
    failed(&fixture.run(&job).await, FailureClass::VerificationFailed);
    assert_eq!(fixture.git(&["branch", "--list", "coditect/task/*"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_held_is_left_too_as_people_look_at_it_anyway_and_are_told() {
    let fixture = Fixture::new();
    let mut job = job(&fixture, "mkdir ci; echo run > ci/run.yml");
    job.proof.guarded = vec!["ci/**".to_owned()];
    let outcome = fixture.run(&job).await;
    delivered(&outcome);
    assert_eq!(outcome.evidence().flags, ["`ci/run.yml` is changed, which `repository.protected` guards"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_attempt_goes_on_with_it_and_with_what_people_and_the_target_have_added() {
    let fixture = Fixture::new();
    let outcome = fixture.run(&job(&fixture, "echo mine > a; echo m > README")).await;
    let first = delivered(&outcome).to_owned();
    // A person pushes to the branch; another task lands, and does not fit.
    git(fixture.dir.path(), &["clone", "-q", "-b", BRANCH, "origin", "person"]);
    let clone = fixture.path("person");
    std::fs::write(clone.join("b"), "a person's").unwrap();
    git(&clone, &["add", "."]);
    git(&clone, &["-c", "user.name=P", "-c", "user.email=p@localhost", "commit", "-qm", "more"]);
    git(&clone, &["push", "-q", "origin", BRANCH]);
    landed(&fixture.run(&fixture.job("2", "echo theirs > README")).await);

    let elsewhere = open_host(&fixture.path("elsewhere"));
    let script = "grep -q 'what an earlier attempt left' ~/prompt; grep -q -- '- README' ~/prompt
        grep -q mine a; grep -q person b; grep -q '^<<<<<<< ' README
        echo both > README; echo better > a";
    let outcome = run_on(&elsewhere, &again(&fixture, &first, script)).await;
    let second = delivered(&outcome);
    assert_ne!(second, first);
    let now = ["a", "b", "README"].map(|path| on_branch(&fixture, path));
    assert_eq!(now, ["better", "a person's", "both"]);
    // It is one commit on top of what has landed.
    assert_eq!(fixture.git(&["rev-parse", &format!("{BRANCH}^")]), fixture.git(&["rev-parse", TARGET]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_is_gone_is_gone_on_with_from_its_commit_while_that_is_there() {
    let fixture = Fixture::new();
    let outcome = fixture.run(&job(&fixture, "echo mine > a")).await;
    let first = delivered(&outcome).to_owned();
    fixture.git(&["branch", "-D", BRANCH]);
    delivered(&fixture.run(&again(&fixture, &first, "grep -q mine a; echo more > b")).await);
    assert_eq!((on_branch(&fixture, "a"), on_branch(&fixture, "b")), ("mine".to_owned(), "more".to_owned()));
    // What was never there is no reason not to begin.
    let nowhere = again(&fixture, "0123456789012345678901234567890123456789", "test ! -e b; echo c > c");
    fixture.git(&["branch", "-D", BRANCH]);
    delivered(&fixture.run(&nowhere).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_pushes_meanwhile_is_not_taken_away() {
    let fixture = Fixture::new();
    let outcome = fixture.run(&job(&fixture, "echo mine > a")).await;
    let first = delivered(&outcome).to_owned();
    let origin = fixture.origin();
    let control = control().with_gate(move |phase| {
        if phase == Phase::Landing {
            git(&origin, &["branch", "-f", BRANCH, "main"]);
        }
        std::future::ready(Ok(()))
    });
    let job = again(&fixture, &first, "echo better > a");
    let outcome = pipeline::run(&job, &fixture.host, &control, CancellationToken::new()).await;
    let (message, _) = failed(&outcome, FailureClass::MergeConflict);
    assert!(message.contains(BRANCH) && message.contains("somebody has moved"), "{message}");
    assert_eq!(fixture.git(&["rev-parse", BRANCH]), fixture.git(&["rev-parse", "main"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_begins_anew_keeps_what_was_on_its_branch() {
    for remote in [false, true] {
        let fixture = Fixture::new();
        delivered(&fixture.run(&job(&fixture, "echo mine > a")).await);
        git(fixture.dir.path(), &["clone", "-q", "-b", BRANCH, "origin", "person"]);
        let clone = fixture.path("person");
        git(
            &clone,
            &["-c", "user.name=P", "-c", "user.email=p@localhost", "commit", "-q", "--allow-empty", "-m", "more"],
        );
        git(&clone, &["push", "-q", "origin", BRANCH]);
        let theirs = git(&clone, &["rev-parse", "HEAD"]);

        let mut job = Job { generation: 2, ..job(&fixture, "test ! -e a; echo other > b") };
        if remote {
            job.repository = format!("file://{}", fixture.origin().display());
        }
        let outcome = fixture.run(&job).await;
        delivered(&outcome);
        assert_eq!(on_branch(&fixture, "b"), "other");
        let kept = format!("refs/coditect/replaced/{BRANCH}/{theirs}");
        assert_eq!(fixture.git(&["rev-parse", &kept]), theirs);
        assert!(outcome.evidence().notes.iter().any(|note| note.contains(&kept)), "{:?}", outcome.evidence().notes);
    }
}
