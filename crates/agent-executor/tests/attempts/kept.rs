use std::time::Duration;

use agent_executor::job::{Job, Runtime};
use agent_executor::kept::Bounds;
use agent_executor::pipeline;
use coditect_core::FailureClass;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Fixture, TARGET, control, failed, git, landed, open_host, run_on};

/// An attempt of 1.1 by a program that reads its prompt into a file of the worktree's git directory.
fn attempt(fixture: &Fixture, number: i64, script: &str) -> Job {
    let mut job = fixture.job("1.1", "");
    job.attempt_number = number;
    job.runtime =
        Runtime::Command { argv: ["sh", "-ec", &format!("cat > .git/prompt; {script}")].map(str::to_owned).into() };
    job
}

const GOES_ON: &str = "grep -q 'what an earlier attempt left' .git/prompt";
const BEGINS_ANEW: &str = "if grep -q 'what an earlier attempt left' .git/prompt; then exit 9; fi; test ! -e a";

#[tokio::test(flavor = "multi_thread")]
async fn the_next_attempt_goes_on_with_what_a_failed_one_left() {
    let fixture = Fixture::new();
    failed(&fixture.run(&attempt(&fixture, 1, "echo half > a; exit 3")).await, FailureClass::AgentError);
    fixture.assert_clean();
    let next = attempt(
        &fixture,
        2,
        &format!("{GOES_ON}; grep -qx half a; git status --porcelain | grep -q a; echo whole >> a"),
    );
    landed(&fixture.run(&next).await);
    assert_eq!(fixture.show("a"), "half\nwhole");
    assert_eq!(kept(&fixture), 0, "what has landed is not kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_landed_meanwhile_is_merged_in_and_a_conflict_is_named() {
    let fixture = Fixture::new();
    let left = "sed -i 1s/one/mine/ README; echo a > a; exit 3";
    failed(&fixture.run(&attempt(&fixture, 1, left)).await, FailureClass::AgentError);
    landed(&fixture.run(&fixture.job("1.2", "sed -i 1s/one/theirs/ README; echo b > b")).await);
    let next = format!("{GOES_ON}; grep -q '^- README' .git/prompt; grep -q '^<<<<<<< ' README; test -f a; test -f b");
    let torn = fixture.run(&attempt(&fixture, 2, &next)).await;
    assert!(failed(&torn, FailureClass::AgentError).0.contains("README"), "marks do not land");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_failed_twice_by_its_own_fault_is_given_up() {
    let fixture = Fixture::new();
    failed(&fixture.run(&attempt(&fixture, 1, "echo a > a; exit 3")).await, FailureClass::AgentError);
    failed(&fixture.run(&attempt(&fixture, 2, &format!("{GOES_ON}; exit 3"))).await, FailureClass::AgentError);
    landed(&fixture.run(&attempt(&fixture, 3, &format!("{BEGINS_ANEW}; echo b > b"))).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_no_fault_and_takes_nothing_away() {
    let fixture = Fixture::new();
    for number in [1, 2] {
        let mut job = attempt(&fixture, number, &format!("echo {number} >> a; exec tail -f /dev/null"));
        job.limits.wall = Duration::from_millis(1_500);
        failed(&fixture.run(&job).await, FailureClass::Timeout);
    }
    landed(&fixture.run(&attempt(&fixture, 3, "true")).await);
    assert_eq!(fixture.show("a"), "1\n2");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_kept_for_the_same_generation_the_same_executor_and_no_longer_than_allowed() {
    let mut fixture = Fixture::new();
    failed(&fixture.run(&attempt(&fixture, 1, "echo a > a; exit 3")).await, FailureClass::AgentError);
    let mut opened_anew = attempt(&fixture, 2, &format!("{BEGINS_ANEW}; exit 0"));
    opened_anew.generation = 2;
    // (It leaves nothing either, as it has changed nothing.)
    failed(&fixture.run(&opened_anew).await, FailureClass::NoChange);

    failed(&fixture.run(&attempt(&fixture, 1, "echo a > a; exit 3")).await, FailureClass::AgentError);
    let elsewhere = open_host(&fixture.path("elsewhere"));
    failed(&run_on(&elsewhere, &attempt(&fixture, 2, &format!("{BEGINS_ANEW}; exit 0"))).await, FailureClass::NoChange);

    assert_eq!(kept(&fixture), 1);
    fixture.host = fixture.host.with_kept(Bounds { bytes: 1 << 20, age: Duration::ZERO });
    fixture.host.sweep(&[]).await.unwrap();
    assert_eq!(kept(&fixture), 0);
    fixture.host = fixture.host.with_kept(Bounds { bytes: 1, age: Duration::from_secs(60) });
    failed(&fixture.run(&attempt(&fixture, 1, "echo a > a; exit 3")).await, FailureClass::AgentError);
    assert_eq!(kept(&fixture), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_and_what_was_cancelled_leave_nothing() {
    let fixture = Fixture::new();
    failed(&fixture.run(&fixture.job("1.1", "echo a > a; exit 3")).await, FailureClass::AgentError);
    assert_eq!(kept(&fixture), 0);
    let began = fixture.shared("began");
    let job = attempt(&fixture, 2, &format!("echo a > a; touch {}; exec tail -f /dev/null", began.display()));
    let (control, cancel) = (control(), CancellationToken::new());
    let stop = async {
        while !began.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let run = pipeline::run(&job, &fixture.host, &control, cancel.clone());
    let stopped = tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(run, stop).0 });
    failed(&stopped.await.unwrap(), FailureClass::Cancelled);
    assert_eq!(kept(&fixture), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_and_cannot_be_read_any_more_is_left_aside() {
    let fixture = Fixture::new();
    failed(&fixture.run(&attempt(&fixture, 1, "echo a > a; exit 3")).await, FailureClass::AgentError);
    for folder in std::fs::read_dir(fixture.host.root().path().join("kept")).unwrap() {
        let objects = folder.unwrap().path().join("objects");
        std::fs::remove_dir_all(&objects).unwrap();
        std::fs::create_dir(&objects).unwrap();
    }
    landed(&fixture.run(&attempt(&fixture, 2, &format!("{BEGINS_ANEW}; echo b > b"))).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn protected_paths_are_not_part_of_it() {
    let fixture = Fixture::new();
    let left = "echo '- [x] 1.1' > docs/PLAN.md; echo a > a; exit 3";
    failed(&fixture.run(&attempt(&fixture, 1, left)).await, FailureClass::AgentError);
    landed(&fixture.run(&attempt(&fixture, 2, &format!("{GOES_ON}; grep -q '\\[ \\]' docs/PLAN.md"))).await);
    assert_eq!(git(&fixture.origin(), &["show", &format!("{TARGET}:docs/PLAN.md")]), "- [ ] 1.1 a task");
}

/// How many attempts have something kept.
fn kept(fixture: &Fixture) -> usize {
    std::fs::read_dir(fixture.host.root().path().join("kept")).unwrap().count()
}
