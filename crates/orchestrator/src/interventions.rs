//! People's words: from the command line, and from edits of the plan.

use coditect_core::{Change, Clock, TaskId, Trigger};
use coditect_service::announce::announce;
use coditect_store::{AttemptEnd, Moved, StoreError, Wish};
use tracing::info;

use crate::Orchestrator;

impl Orchestrator {
    /// Applies a person's word. `None`: it means nothing in the task's state.
    pub(crate) async fn intervene(
        &self,
        task: &TaskId,
        trigger: Trigger,
        actor: &str,
        reason: Option<String>,
    ) -> Result<Option<Moved>, StoreError> {
        let now_ms = self.clock.now_ms();
        let mut tx = self.store.begin().await?;
        let Some(seen) = tx.lifecycle(task).await? else { return Ok(None) };
        let change = Change::Intervene { trigger, reason };
        let moved = tx.change(task, &seen, change, AttemptEnd::default(), actor, now_ms).await?;
        tx.commit().await?;
        if let Some(moved) = &moved {
            info!(%task, %trigger, actor, from = %moved.from, to = %moved.now.state, "a person intervened");
            announce(&self.queue, std::slice::from_ref(moved)).await;
        }
        Ok(moved)
    }

    /// Applies what edits of the plan ask for.
    pub(crate) async fn grant_wishes(&self) -> Result<(), StoreError> {
        for wish in self.store.open_wishes().await? {
            let now_ms = self.clock.now_ms();
            let mut tx = self.store.begin().await?;
            let Some(seen) = tx.lifecycle(&wish.task).await? else { continue };
            let reason = match wish.wish {
                Wish::Complete => "ticked in the plan",
                Wish::Reopen => "unticked in the plan",
                Wish::Cancel => "cancelled in the plan",
                Wish::Retire => "gone from the plan",
                Wish::Restore => "back in the plan",
            };
            let change = Change::Intervene { trigger: wish.wish.trigger(), reason: Some(reason.to_owned()) };
            let moved = tx.change(&wish.task, &seen, change, AttemptEnd::default(), "person:plan", now_ms).await?;
            let result = if moved.is_some() { "applied" } else { "means nothing in the task's state" };
            tx.wish_applied(&wish.id, result, now_ms).await?;
            tx.commit().await?;
            if let Some(moved) = moved {
                info!(task = %wish.task, reason, from = %moved.from, to = %moved.now.state, "the plan was edited");
                announce(&self.queue, &[moved]).await;
            }
        }
        Ok(())
    }
}
