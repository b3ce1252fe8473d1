//! What people ask of the loop, and how it answers.

use coditect_core::Clock;
use coditect_store::{ConflictRow, Side};

use crate::api::unknown;
use crate::daemon::{Answer, Ask, Daemon, Refusal, What};
use crate::sync::Restored;

impl Daemon {
    /// Does what is asked, and answers.
    pub(crate) async fn answer(&mut self, Ask { what, answer }: Ask) {
        let result = match what {
            What::Sync => {
                self.sync_all().await;
                self.look().await
            }
            What::Look => self.look().await,
            What::Settle { conflicts, side, actor } => {
                let settled = self.settle(&conflicts, side, &actor).await;
                self.tick_all().await;
                settled
            }
            What::Restore { document, revision, actor } => self.restore(&document, revision, &actor).await,
        };
        // Whoever asked may have gone.
        let _ = answer.send(result);
    }

    async fn look(&self) -> Result<Answer, Refusal> {
        self.plans.status().await.map(Answer::Documents).map_err(|error| unavailable(&error))
    }

    /// Takes a side in the open conflicts that are named: by their ids, or by their tasks; without names in all of them.
    async fn settle(&self, names: &[String], side: Side, actor: &str) -> Result<Answer, Refusal> {
        let store = self.plans.store();
        let open = store.conflicts(false).await.map_err(|error| unavailable(&error.into()))?;
        let mut chosen: Vec<ConflictRow> = Vec::new();
        for name in names {
            let tasks = store.tasks_named(name).await.map_err(|error| unavailable(&error.into()))?;
            let meant = |c: &&ConflictRow| c.id.eq_ignore_ascii_case(name) || tasks.contains(&c.task);
            let found: Vec<_> = open.iter().filter(meant).cloned().collect();
            if found.is_empty() {
                let why =
                    format!("`{name}` is no open conflict and no task with one; `coditect conflicts list` shows them");
                return Err(Refusal::NotFound(why));
            }
            if found.iter().any(|conflict| conflict.task != found[0].task) {
                let ids: Vec<_> = found.iter().map(|conflict| conflict.task.as_str()).collect();
                return Err(Refusal::NotNow(format!("{name} may be any of {}: name one of these", ids.join(", "))));
            }
            chosen
                .extend(found.into_iter().filter(|c| chosen.iter().all(|known| known.id != c.id)).collect::<Vec<_>>());
        }
        if names.is_empty() {
            chosen = open;
        }
        let mut tx = store.begin().await.map_err(|error| unavailable(&error.into()))?;
        for conflict in &chosen {
            let settled = tx.settle(conflict, side, actor, self.clock.now_ms()).await;
            settled.map_err(|error| unavailable(&error.into()))?;
        }
        tx.commit().await.map_err(|error| unavailable(&error.into()))?;
        Ok(Answer::Settled(chosen))
    }

    /// Brings a revision back, and ticks in it what is finished.
    async fn restore(&mut self, document: &str, revision: i64, actor: &str) -> Result<Answer, Refusal> {
        let Some(at) = (0..self.plans.len()).find(|at| self.plans.document(*at).id == document) else {
            return Err(Refusal::NotFound(format!("`{document}` is in `plan.paths` no more")));
        };
        let path = self.plans.document(at).path.clone();
        let restored = self.plans.restore(at, revision, actor, self.clock.now_ms()).await;
        match restored.map_err(|error| Refusal::NotNow(format!("{error:#}")))? {
            Restored::Unknown => Err(Refusal::NotFound(unknown(&path, revision))),
            Restored::InStep => Ok(Answer::Restored(revision)),
            Restored::Done(made) => {
                self.tell(at, made, 1).await;
                self.tick(at).await;
                Ok(Answer::Restored(made))
            }
        }
    }
}

fn unavailable(error: &anyhow::Error) -> Refusal {
    Refusal::Unavailable(format!("{error:#}"))
}
