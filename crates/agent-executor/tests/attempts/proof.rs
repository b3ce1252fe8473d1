//! What is proved of a result before it lands, and what waits for a person.

use agent_executor::job::{Job, Outcome};
use agent_executor::proof::{Approved, Changes};
use coditect_core::FailureClass;
use coditect_service::config::RemovedTests;

use crate::fixture::{Fixture, TARGET, failed, landed};

/// A repository with a program, its test, and a way to run all tests.
fn with_tests() -> Fixture {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.origin().join("tests")).unwrap();
    std::fs::write(fixture.origin().join("add.sh"), "echo $(($1 + $2))\n").unwrap();
    std::fs::write(fixture.origin().join("tests/add.bats"), "@test \"adds\" {\n  [ \"$(sh add.sh 1 2)\" = 3 ]\n}\n")
        .unwrap();
    std::fs::write(
        fixture.origin().join("tests/test_add.sh"),
        "test_adds() {\n  test \"$(sh add.sh 1 2)\" = 3\n}\ntest_adds\n",
    )
    .unwrap();
    fixture.git(&["add", "."]);
    fixture.git(&["commit", "-qm", "tests"]);
    fixture
}

/// An attempt whose result is proved by all tests that there are.
fn job(fixture: &Fixture, key: &str, script: &str) -> Job {
    let run = "for t in tests/test_*.sh; do [ ! -e \"$t\" ] || sh -e \"$t\" || { echo \"$t: adds: expected 3\"; exit 7; }; done";
    Job { verify: vec![run.to_owned()], ..fixture.job(key, script) }
}

fn held(outcome: &Outcome) -> (&str, &str, &[String]) {
    match outcome {
        Outcome::Held { branch, commit, flags, .. } => (branch, commit, flags),
        Outcome::Landed { commit, .. } => panic!("landed as {commit}"),
        Outcome::Delivered { branch, .. } => panic!("left on {branch}"),
        Outcome::Failed { class, message, .. } => panic!("{class}: {message}"),
    }
}

fn approved(of: &Outcome) -> Approved {
    let (branch, commit, flags) = held(of);
    Approved {
        commit: commit.to_owned(),
        branch: branch.to_owned(),
        by: "person:ann".to_owned(),
        flags: flags.to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_breaks_a_test_does_not_land_and_what_failed_is_said() {
    let fixture = with_tests();
    let outcome = fixture.run(&job(&fixture, "1", "echo 'echo 4' > add.sh")).await;
    let (message, evidence) = failed(&outcome, FailureClass::VerificationFailed);
    assert!(message.contains("for t in tests/") && message.contains("exit code 7"), "{message}");
    assert!(message.ends_with("tests/test_add.sh: adds: expected 3"), "{message}");
    assert_eq!(evidence.verify[0].exit_code, Some(7));
    assert!(evidence.commit.is_some() && !evidence.diff_stat.is_empty());
    assert_eq!(fixture.commits_of("plan/1"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_deletes_a_test_waits_on_a_branch_and_lands_as_it_is_once_approved() {
    let fixture = with_tests();
    let outcome = fixture.run(&job(&fixture, "1.2", "echo 'echo 4' > add.sh; rm tests/test_add.sh")).await;
    let (branch, commit, flags) = held(&outcome);
    assert_eq!(flags, ["the test file `tests/test_add.sh` is deleted: `test_adds`"]);
    assert!(branch.starts_with("coditect/held/1.2-"), "{branch}");
    assert_eq!(fixture.git(&["rev-parse", branch]), commit);
    assert_eq!(outcome.evidence().verify[0].exit_code, Some(0), "it was proved as far as it can be");
    assert_eq!(outcome.evidence().held_on.as_deref(), Some(branch));
    assert_eq!(fixture.commits_of("plan/1.2"), Vec::<String>::new(), "nothing has landed");
    fixture.assert_clean();

    let mut again = job(&fixture, "1.2", "echo an agent ran > ran");
    again.proof.approved = Some(approved(&outcome));
    let second = fixture.run(&again).await;
    assert_eq!(landed(&second), commit, "exactly that commit");
    assert_eq!(fixture.commits_of("plan/1.2"), [commit]);
    assert!(second.evidence().notes.iter().any(|note| note.contains("person:ann has approved")));
    assert_eq!(second.evidence().files, ["add.sh", "tests/test_add.sh"]);
    assert_eq!(fixture.git(&["branch", "--list", "coditect/held/*"]), "", "nobody has to look at it any more");
    fixture.assert_clean();
    assert_eq!(landed(&fixture.run(&again).await), commit, "and not a second time");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_result_is_proved_on_what_has_landed_meanwhile() {
    let fixture = with_tests();
    let outcome = fixture.run(&job(&fixture, "1", "rm tests/add.bats; echo more > more")).await;
    held(&outcome);
    landed(&fixture.run(&fixture.job("2", "echo other > other")).await);
    let mut again = job(&fixture, "1", "false");
    again.proof.approved = Some(approved(&outcome));
    let second = fixture.run(&again).await;
    assert_ne!(landed(&second), held(&outcome).1, "rebased");
    assert_eq!((fixture.show("more"), fixture.show("other")), ("more".to_owned(), "other".to_owned()));

    let third = fixture.run(&job(&fixture, "3", "rm tests/test_add.sh; echo a > shared")).await;
    landed(&fixture.run(&fixture.job("4", "echo b > shared")).await);
    let mut again = job(&fixture, "3", "false");
    again.proof.approved = Some(approved(&third));
    failed(&fixture.run(&again).await, FailureClass::MergeConflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_result_comes_back_from_a_repository_that_is_pushed_to() {
    let fixture = with_tests();
    let url = format!("file://{}", fixture.origin().display());
    let remote = |mut job: Job| {
        job.repository.clone_from(&url);
        job
    };
    let outcome = fixture.run(&remote(job(&fixture, "1", "rm tests/test_add.sh"))).await;
    // An executor that has never seen it.
    let other = crate::fixture::open_host(&fixture.path("other"));
    let mut again = remote(job(&fixture, "1", "false"));
    again.proof.approved = Some(approved(&outcome));
    let second = crate::fixture::run_on(&other, &again).await;
    assert_eq!(landed(&second), held(&outcome).1);
    assert_eq!(fixture.git(&["branch", "--list", "coditect/held/*"]), "");

    again.task = "plan/2".to_owned();
    again.proof.approved.as_mut().unwrap().commit = "1".repeat(40);
    let gone = crate::fixture::run_on(&other, &again).await;
    let (message, _) = failed(&gone, FailureClass::Config);
    assert!(message.contains("is not in the repository any more"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_held_and_fails_is_no_question_for_a_person() {
    let fixture = with_tests();
    let outcome = fixture.run(&job(&fixture, "1", "rm tests/add.bats; echo 'echo 4' > add.sh")).await;
    let (message, _) = failed(&outcome, FailureClass::VerificationFailed);
    assert!(message.contains("Beside that: the test file `tests/add.bats` is deleted"), "{message}");
    assert_eq!(fixture.git(&["branch", "--list", "coditect/held/*"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_tests_can_be_noted_or_ignored() {
    for (removed_tests, notes) in [(RemovedTests::Note, 1), (RemovedTests::Ignore, 0)] {
        let fixture = with_tests();
        let mut job = job(&fixture, "1", "rm tests/test_add.sh");
        job.proof.removed_tests = removed_tests;
        let outcome = fixture.run(&job).await;
        landed(&outcome);
        assert_eq!(outcome.evidence().notes.len(), notes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_guarded_path_waits_for_a_person() {
    let fixture = with_tests();
    let mut job = job(&fixture, "1", "mkdir ci; echo x > ci/run.yml; echo y > z");
    job.proof.guarded = vec!["ci/**".to_owned()];
    let outcome = fixture.run(&job).await;
    assert_eq!(held(&outcome).2, ["`ci/run.yml` is changed, which `repository.protected` guards"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_of_a_conflict_do_not_land() {
    let fixture = Fixture::new();
    let outcome = fixture.run(&fixture.job("1", "printf '<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n' > README")).await;
    let (message, _) = failed(&outcome, FailureClass::AgentError);
    assert!(message.contains("in `README`"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_may_change_nothing_is_proved_on_the_target_and_done_once() {
    let fixture = with_tests();
    let mut job = job(&fixture, "1", "true");
    job.proof.changes = Changes::Optional;
    let outcome = fixture.run(&job).await;
    let tip = fixture.git(&["rev-parse", TARGET]);
    assert_eq!(landed(&outcome), tip);
    assert_eq!(outcome.evidence().verify[0].exit_code, Some(0));
    assert_eq!(fixture.git(&["rev-parse", "refs/coditect/landed/plan/1/1"]), tip);
    assert!(fixture.git(&["log", "--format=%B", TARGET]).lines().all(|line| !line.starts_with("Coditect-Task")));
    // Whoever runs it again finds that it is done.
    job.runtime = agent_executor::job::Runtime::Script { body: "echo x > more".to_owned() };
    assert_eq!(landed(&fixture.run(&job).await), tip);
    fixture.assert_clean();

    job.task = "plan/2".to_owned();
    assert_ne!(landed(&fixture.run(&job).await), tip, "a change lands as always");
    assert_eq!(fixture.show("more"), "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_changes_nothing_leaves_what_it_changed_behind_and_is_proved_without_it() {
    let fixture = with_tests();
    let mut job = job(&fixture, "1", "echo 'echo 4' > add.sh");
    job.proof.changes = Changes::None;
    let outcome = fixture.run(&job).await;
    assert_eq!(landed(&outcome), fixture.git(&["rev-parse", TARGET]));
    let notes = &outcome.evidence().notes;
    assert!(notes.iter().any(|note| note.contains("left behind: add.sh")), "{notes:?}");
    job.task = "plan/2".to_owned();
    job.verify = vec!["false".to_owned()];
    failed(&fixture.run(&job).await, FailureClass::VerificationFailed);
}
