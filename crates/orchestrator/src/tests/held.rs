//! Results that wait for a person's word.

use coditect_core::{FailureClass, TaskState};
use coditect_queue::message::{ResultEntry, evidence_reference};
use coditect_store::HeldVerdict;

use super::{World, finished, word};
use crate::attempts::Fence;
use crate::interventions::Action;

fn held(fence: &Fence) -> ResultEntry {
    ResultEntry {
        outcome: "held".to_owned(),
        held: Some("c0ffee".to_owned()),
        branch: Some("coditect/held/a-1".to_owned()),
        message: "the test file `tests/a.rs` is deleted: `adds`\n`ci.yml` is changed".to_owned(),
        ..finished(fence, Some(FailureClass::Held))
    }
}

impl World {
    async fn verdict(&self) -> Option<HeldVerdict> {
        self.orchestrator.store.held(&self.task, 1).await.unwrap().unwrap().verdict
    }
}

#[tokio::test]
async fn a_held_result_asks_a_person_at_once_and_is_kept_with_its_branch() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    world.orchestrator.apply(&held(&fence)).await.unwrap();
    let life = world.row().await.life;
    assert_eq!((life.state, life.failure), (TaskState::NeedsHuman, Some(FailureClass::Held)));
    let reason = life.reason.unwrap();
    for part in ["`adds` (and one thing more)", "coditect task approve", "...coditect/held/a-1", "c0ffee"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    world.orchestrator.apply(&held(&fence)).await.unwrap();
    assert_eq!(world.verdict().await, None, "a second time changes nothing");
}

#[tokio::test]
async fn approving_has_the_next_attempt_land_exactly_what_was_held() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    world.orchestrator.apply(&held(&fence)).await.unwrap();
    assert!(world.orchestrator.act(&world.task, &word(Action::Approve)).await.unwrap());
    assert_eq!(world.row().await.life.state, TaskState::Pending);
    let (second, specification) = world.claims(2).await;
    let approved = specification.approved.unwrap();
    assert_eq!((approved.commit.as_str(), approved.branch.as_str()), ("c0ffee", "coditect/held/a-1"));
    assert_eq!((approved.by.as_str(), approved.flags.len()), ("person:test", 2));
    // An executor that dies has decided nothing.
    world.orchestrator.apply(&finished(&second, Some(FailureClass::ExecutorLost))).await.unwrap();
    let (third, specification) = world.claims(3).await;
    assert!(specification.approved.is_some());
    world.land(&third).await;
    assert_eq!(world.verdict().await, Some(HeldVerdict::Landed));
    let events = world.orchestrator.store.events(&world.task).await.unwrap();
    let said = events.iter().find(|event| event.actor == "person:test").unwrap();
    assert_eq!(said.cause, "retry: approved: c0ffee lands as it is");
}

#[tokio::test]
async fn an_approved_result_that_no_longer_fits_is_done_again_by_an_agent() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    world.orchestrator.apply(&held(&fence)).await.unwrap();
    assert!(world.orchestrator.act(&world.task, &word(Action::Approve)).await.unwrap());
    let (second, _) = world.claims(2).await;
    world.orchestrator.apply(&finished(&second, Some(FailureClass::MergeConflict))).await.unwrap();
    assert_eq!(world.verdict().await, Some(HeldVerdict::Overtaken));
    world.retried().await;
    assert_eq!(world.claims(3).await.1.approved, None);
}

#[tokio::test]
async fn retrying_drops_what_was_held_and_tells_the_agent_what_was_flagged() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    world.orchestrator.apply(&held(&fence)).await.unwrap();
    world.retried().await;
    assert_eq!(world.verdict().await, Some(HeldVerdict::Dropped));
    let (_, specification) = world.claims(2).await;
    assert_eq!(specification.approved, None);
    let told = specification.earlier_failures.join("\n");
    assert!(told.contains("was not accepted") && told.contains("`tests/a.rs` is deleted"), "{told}");
}

#[tokio::test]
async fn where_nothing_is_held_approving_completes_without_landing() {
    let world = World::new().await;
    world.stopped(1).await;
    assert!(world.orchestrator.act(&world.task, &word(Action::Approve)).await.unwrap());
    assert_eq!(world.row().await.life.state, TaskState::Completed);
}

#[tokio::test]
async fn evidence_that_was_uploaded_stays_with_the_attempt_when_its_result_refers_to_it() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    let kept = r#"{"runtime_version":"agent 1.2","verify":[]}"#;
    let mut tx = world.orchestrator.store.begin().await.unwrap();
    assert!(tx.keep_evidence(fence.attempt, kept).await.unwrap());
    tx.commit().await.unwrap();
    let evidence = Some(evidence_reference(&fence.attempt.to_string()));
    world.orchestrator.apply(&ResultEntry { evidence, ..finished(&fence, None) }).await.unwrap();
    let row = world.orchestrator.store.attempt(fence.attempt).await.unwrap().unwrap();
    assert_eq!((row.end.evidence.as_deref(), row.end.runtime_version.as_deref()), (Some(kept), Some("agent 1.2")));
    // What comes after the end changes nothing.
    let mut tx = world.orchestrator.store.begin().await.unwrap();
    assert!(tx.keep_evidence(fence.attempt, "{}").await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(
        world.orchestrator.store.attempt(fence.attempt).await.unwrap().unwrap().end.evidence.as_deref(),
        Some(kept)
    );
}
