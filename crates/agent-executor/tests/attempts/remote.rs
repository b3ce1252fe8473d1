use std::path::PathBuf;

use agent_executor::job::{Job, Outcome};
use agent_executor::pipeline::{self, Host, Phase};
use coditect_core::FailureClass;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Fixture, TARGET, control, failed, git, landed, open_host, run_on};

/// An attempt on the origin as on a repository of another machine.
fn remote(fixture: &Fixture, key: &str, script: &str) -> Job {
    let mut job = fixture.job(key, script);
    job.repository = format!("file://{}", fixture.origin().display());
    job
}

fn clone_of(host: &Host) -> PathBuf {
    let mut clones = std::fs::read_dir(host.root().path().join("repositories")).unwrap();
    clones.next().unwrap().unwrap().path()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_whose_packs_are_cut_short_is_fetched_anew() {
    let fixture = Fixture::new();
    // The target has not moved, so there is nothing that would be fetched anyway.
    failed(&fixture.run(&remote(&fixture, "1.1", "exit 3")).await, FailureClass::AgentError);
    let clone = clone_of(&fixture.host);
    // Everything in one pack, as a clone that is older has it.
    git(&clone, &["repack", "-adq"]);
    for file in std::fs::read_dir(clone.join("objects/pack")).unwrap().map(|file| file.unwrap().path()) {
        let bytes = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    }
    landed(&fixture.run(&remote(&fixture, "1.2", "test -f README; echo b > b")).await);
    fixture.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_that_is_gone_or_full_of_rubbish_is_made_anew() {
    let fixture = Fixture::new();
    landed(&fixture.run(&remote(&fixture, "1.1", "echo a > a")).await);
    let clone = clone_of(&fixture.host);
    std::fs::remove_dir_all(&clone).unwrap();
    landed(&fixture.run(&remote(&fixture, "1.2", "test -f a; echo b > b")).await);
    std::fs::write(clone.join("HEAD"), "rubbish").unwrap();
    std::fs::write(clone.join("packed-refs"), "rubbish").unwrap();
    landed(&fixture.run(&remote(&fixture, "1.3", "test -f b; echo c > c")).await);
    fixture.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lock_of_a_fetch_that_was_killed_holds_up_no_other() {
    let fixture = Fixture::new();
    landed(&fixture.run(&remote(&fixture, "1.1", "echo a > a")).await);
    let lock = clone_of(&fixture.host).join(format!("refs/coditect/tips/{TARGET}.lock"));
    std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
    std::fs::write(&lock, "").unwrap();
    // Another executor lands meanwhile, so that there is something to fetch.
    let other = open_host(&fixture.path("other"));
    landed(&run_on(&other, &remote(&fixture, "1.2", "echo b > b")).await);
    landed(&fixture.run(&remote(&fixture, "1.3", "test -f b; echo c > c")).await);
    fixture.assert_clean();
}

/// Runs an attempt while whose result is verified the target branch is removed.
async fn without_target(fixture: &Fixture, host: &Host) -> Outcome {
    let origin = fixture.origin();
    let control = control().with_gate(move |phase| {
        if phase == Phase::Verifying {
            git(&origin, &["branch", "-D", TARGET]);
        }
        std::future::ready(Ok(()))
    });
    let job = remote(fixture, "1.2", "echo b > b");
    pipeline::run(&job, host, &control, CancellationToken::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_vanishes_is_made_anew_where_nothing_is_lost_and_is_said_where_something_is() {
    let fixture = Fixture::new();
    fixture.git(&["branch", TARGET]);
    landed(&without_target(&fixture, &fixture.host).await);

    let fixture = Fixture::new();
    landed(&fixture.run(&remote(&fixture, "1.1", "echo a > a")).await);
    // Elsewhere, so that nobody remembers where it was.
    let elsewhere = open_host(&fixture.path("elsewhere"));
    let outcome = without_target(&fixture, &elsewhere).await;
    assert!(failed(&outcome, FailureClass::MergeConflict).0.contains("rewritten"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_not_there_is_named() {
    let fixture = Fixture::new();
    let mut job = remote(&fixture, "1.1", "true");
    job.repository.push_str("-none");
    let outcome = run_on(&fixture.host, &job).await;
    assert!(failed(&outcome, FailureClass::Config).0.contains("origin-none"));
}
