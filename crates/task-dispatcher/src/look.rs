//! Looking at the truth: the ledger as the database has it, within one transaction.

use std::collections::BTreeMap;

use coditect_core::{Breaker, BreakerScope};
use coditect_service::Config;
use coditect_store::{AttemptRow, StoreError, Tx};

use crate::account::{Account, Limits, day_began};
use crate::capacity::{Capacity, silence_ms};
use crate::ledger::Ledger;
use crate::pauses::{PAUSE, Pauses};

/// The ledger at this time, with the open attempts.
///
/// # Errors
/// The database failed.
pub async fn look(tx: &mut Tx, config: &Config, now_ms: i64) -> Result<(Ledger, Vec<AttemptRow>), StoreError> {
    let executors = tx.executors(now_ms.saturating_sub(silence_ms(config))).await?;
    let open = tx.open_attempts().await?;
    let pauses = Pauses::from_facts(&tx.facts(PAUSE).await?);
    let stopped = tx.account_pauses().await?;
    let spent = tx.spent(day_began(now_ms), config.reserve_micros()).await?;
    let (agents, accounts): (Vec<_>, Vec<_>) =
        tx.breakers().await?.into_iter().partition(|row| row.scope == BreakerScope::Agent);
    let breakers: BTreeMap<_, _> = accounts.into_iter().map(|row| (row.name, row.breaker)).collect();
    let runs = |id| open.iter().any(|attempt| attempt.id == id);
    let accounts = config
        .accounts
        .iter()
        .map(|(name, settings)| {
            let breaker: Breaker = breakers.get(name).copied().unwrap_or_default();
            Account {
                name: name.clone(),
                limits: config.uses_accounts().then(|| Limits {
                    max_concurrent: usize::try_from(settings.max_concurrent).unwrap_or(usize::MAX),
                    daily_micros: settings.daily_micros(),
                    reserve_micros: config.reserve_micros(),
                }),
                active: open.iter().filter(|attempt| attempt.account == *name).count(),
                spent_micros: spent.get(name).copied().unwrap_or_default(),
                paused_by_person: pauses.accounts.contains(name),
                pause: stopped.iter().find(|pause| pause.account == *name).cloned(),
                breaker,
                admission: breaker.admits(now_ms, runs),
            }
        })
        .collect();
    let ledger = Ledger {
        now_ms,
        capacity: Capacity::of(&executors, &open, config),
        pauses,
        accounts,
        agents: agents.into_iter().map(|row| (row.name.clone(), row)).collect(),
        open: open.iter().map(|attempt| attempt.id).collect(),
        task_micros: config.budget.per_task_micros(),
        probed: Default::default(),
    };
    Ok((ledger, open))
}
