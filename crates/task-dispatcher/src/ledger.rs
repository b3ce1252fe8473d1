//! What is in use and what is held, and the decision that follows for a task. Pure.
//!
//! Tasks are placed one after another, in dispatch order; each one that is placed takes what it needs, so that the next one
//! sees what is left. A task that is held takes nothing and holds up nobody.

use std::collections::{BTreeMap, BTreeSet};

use coditect_core::{Admission, AttemptId, BreakerScope};
use coditect_store::BreakerRow;

use crate::account::{Account, PROBED, breaker_holds};
use crate::capacity::Capacity;
use crate::pauses::Pauses;
use crate::words::dollars;

/// How soon to look again where no executor takes work.
const NO_EXECUTOR_MS: i64 = 250;

/// What is in use and what is held, at one moment.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The moment.
    pub now_ms: i64,
    /// Slots.
    pub capacity: Capacity,
    /// What people paused.
    pub pauses: Pauses,
    /// The accounts, by name.
    pub accounts: Vec<Account>,
    /// The breakers of agents, by name.
    pub agents: BTreeMap<String, BreakerRow>,
    /// The open attempts.
    pub open: BTreeSet<AttemptId>,
    /// What a task may cost, in millionths of a dollar.
    pub task_micros: i64,
    /// The agents that a task placed here tries out.
    pub probed: BTreeSet<String>,
}

/// Where a task goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The account it is charged to.
    pub account: String,
    /// The breakers whose probe it is.
    pub probes: Vec<BreakerScope>,
}

impl Ledger {
    /// Places a task of `agent` that has cost `spent_micros`, or says in sentences what holds it.
    ///
    /// # Errors
    /// What holds it.
    pub fn place(&mut self, agent: &str, spent_micros: i64) -> Result<Placement, Vec<String>> {
        let held = self.holds_task(agent, spent_micros);
        if !held.is_empty() {
            return Err(held);
        }
        let now_ms = self.now_ms;
        let free = self.accounts.iter_mut().filter(|account| account.held(now_ms).is_empty());
        // One that works before one that is to be tried out; the emptier one of two.
        let Some(account) = free.min_by_key(|account| (account.admission == Admission::Probe, account.load())) else {
            return Err(self.accounts.iter().flat_map(|account| account.held(now_ms)).collect());
        };
        let mut probes = Vec::new();
        account.active += 1;
        account.spent_micros += account.limits.map_or(0, |limits| limits.reserve_micros);
        if account.admission == Admission::Probe {
            account.admission = Admission::Until(PROBED);
            probes.push(BreakerScope::Account);
        }
        let account = account.name.clone();
        if self.admits(agent) == Admission::Probe {
            self.probed.insert(agent.to_owned());
            probes.push(BreakerScope::Agent);
        }
        self.capacity.active += 1;
        self.capacity.taken += 1;
        Ok(Placement { account, probes })
    }

    /// Whether no task at all can be placed any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.pauses.all
            || self.capacity.free() == 0
            || self.accounts.iter().all(|account| !account.held(self.now_ms).is_empty())
    }

    /// When the first of the things that hold tasks ends by itself, or may have ended without a word.
    #[must_use]
    pub fn due_ms(&self) -> Option<i64> {
        let accounts = self.accounts.iter().filter_map(|account| account.due_ms(self.now_ms));
        let agents = self.agents.values().filter_map(|row| row.breaker.open_until_ms);
        // Nobody tells when the first executor is there.
        let executors = (self.capacity.slots == 0).then_some(self.now_ms + NO_EXECUTOR_MS);
        accounts.chain(agents).chain(executors).filter(|at| *at > self.now_ms && *at < PROBED).min()
    }

    /// What holds a task, whatever account it would be charged to.
    fn holds_task(&self, agent: &str, spent_micros: i64) -> Vec<String> {
        let mut held = Vec::new();
        if self.pauses.all {
            held.push("Everything is paused by a person; `coditect resume` resumes it.".to_owned());
        }
        let Capacity { max_concurrent, slots, active, taken } = self.capacity;
        if active >= max_concurrent {
            held.push(format!("All of the {max_concurrent} tasks that may be under way at once are."));
        } else if slots == 0 {
            held.push("No executor offers a slot.".to_owned());
        } else if taken >= slots {
            held.push(format!("All of the executors' {slots} slots are taken."));
        }
        if self.pauses.agents.contains(agent) {
            held.push(format!("The agent {agent} is paused by a person; `coditect resume` resumes it."));
        }
        if let Some(row) = self.agents.get(agent) {
            let whose = format!("The agent {agent}");
            held.extend(breaker_holds(&whose, &row.breaker, self.admits(agent), self.now_ms));
        }
        if spent_micros >= self.task_micros {
            held.push(format!(
                "The task has cost {} of the {} that a task may cost; raise `budget.per_task_usd` to have it tried again.",
                dollars(spent_micros),
                dollars(self.task_micros),
            ));
        }
        held
    }

    fn admits(&self, agent: &str) -> Admission {
        match self.agents.get(agent) {
            None => Admission::Free,
            Some(_) if self.probed.contains(agent) => Admission::Until(PROBED),
            Some(row) => row.breaker.admits(self.now_ms, |attempt| self.open.contains(&attempt)),
        }
    }
}

#[cfg(test)]
mod tests {
    use coditect_core::{Breaker, BreakerPolicy, BreakerState, Signal};
    use coditect_store::AccountPause;

    use super::*;
    use crate::account::Limits;

    fn account(name: &str, max_concurrent: usize) -> Account {
        Account {
            name: name.to_owned(),
            limits: Some(Limits { max_concurrent, daily_micros: 20, reserve_micros: 5 }),
            active: 0,
            spent_micros: 0,
            paused_by_person: false,
            pause: None,
            breaker: Breaker::default(),
            admission: Admission::Free,
        }
    }

    fn ledger(slots: usize, accounts: Vec<Account>) -> Ledger {
        Ledger {
            now_ms: 1_000,
            capacity: Capacity { max_concurrent: 99, slots, active: 0, taken: 0 },
            pauses: Pauses::default(),
            accounts,
            agents: BTreeMap::new(),
            open: BTreeSet::new(),
            task_micros: 5,
            probed: BTreeSet::new(),
        }
    }

    /// The accounts that tasks of agent `a` are placed on until one is held.
    fn placed(ledger: &mut Ledger) -> Vec<String> {
        std::iter::from_fn(|| ledger.place("a", 0).ok()).map(|placement| placement.account).collect()
    }

    fn open_breaker() -> Breaker {
        let policy = BreakerPolicy { failures: 1, open_ms: 500, max_open_ms: 500 };
        Breaker::default().after(AttemptId::from_parts(1, &[1; 10]), Signal::Failure, &policy, 900)
    }

    #[test]
    fn tasks_take_the_free_slots_and_no_more() {
        assert_eq!(placed(&mut ledger(2, vec![account("x", 9)])), ["x", "x"]);
        assert!(ledger(0, vec![account("x", 9)]).place("a", 0).unwrap_err()[0].contains("No executor"));
    }

    #[test]
    fn accounts_share_the_work_up_to_their_limits() {
        let mut ledger = ledger(9, vec![account("x", 2), account("y", 1)]);
        assert_eq!(placed(&mut ledger), ["x", "y", "x"]);
        let held = ledger.place("a", 0).unwrap_err();
        assert!(held.iter().all(|reason| reason.contains("attempts under way")), "{held:?}");
        assert!(ledger.is_closed());
    }

    #[test]
    fn a_days_budget_is_set_aside_before_a_start() {
        let mut ledger = ledger(9, vec![Account { spent_micros: 11, ..account("x", 9) }]);
        assert_eq!(placed(&mut ledger).len(), 1, "11 and 5 and 5 are more than 20");
        assert!(ledger.place("a", 0).unwrap_err()[0].contains("for today"));
        assert_eq!(ledger.due_ms(), Some(86_400_000), "midnight");
    }

    #[test]
    fn a_task_that_cost_what_it_may_waits_for_a_person() {
        let mut ledger = ledger(9, vec![account("x", 9)]);
        assert!(ledger.place("a", 5).unwrap_err()[0].contains("budget.per_task_usd"));
        assert!(ledger.place("a", 4).is_ok());
    }

    #[test]
    fn a_paused_account_gets_nothing_and_the_other_one_everything() {
        let until_ms = Some(1_500);
        let pause = AccountPause {
            account: "x".to_owned(),
            cause: "rate_limited".to_owned(),
            reason: "the quota is used up".to_owned(),
            until_ms,
            at_ms: 1,
        };
        let paused = Account { pause: Some(pause), ..account("x", 9) };
        let mut both = ledger(3, vec![paused.clone(), account("y", 9)]);
        assert_eq!(placed(&mut both), ["y", "y", "y"]);
        let mut one = ledger(3, vec![paused]);
        assert!(one.place("a", 0).unwrap_err()[0].contains("the quota is used up"));
        assert_eq!((one.due_ms(), one.is_closed()), (until_ms, true));
        one.now_ms = 1_500;
        assert_eq!(placed(&mut one).len(), 3, "its time is over");
    }

    #[test]
    fn without_accounts_limits_only_pauses_hold() {
        let mut free = ledger(9, vec![Account { limits: None, spent_micros: 99, ..account("x", 1) }]);
        assert_eq!(placed(&mut free).len(), 9);
        let paused = Account { limits: None, paused_by_person: true, ..account("x", 1) };
        assert!(ledger(9, vec![paused]).place("a", 0).is_err());
    }

    #[test]
    fn an_agent_with_an_open_breaker_is_left_alone_then_tried_with_one_attempt() {
        let row = BreakerRow {
            scope: BreakerScope::Agent,
            name: "a".to_owned(),
            breaker: open_breaker(),
            version: 1,
            updated_at_ms: 0,
        };
        let mut ledger = ledger(9, vec![account("x", 9)]);
        ledger.agents.insert("a".to_owned(), row);
        assert!(ledger.place("a", 0).unwrap_err()[0].contains("left alone"));
        assert!(ledger.place("b", 0).is_ok(), "others go on");
        assert_eq!(ledger.due_ms(), Some(1_400));
        ledger.now_ms = 1_400;
        assert_eq!(ledger.place("a", 0).unwrap().probes, [BreakerScope::Agent]);
        assert!(ledger.place("a", 0).is_err(), "one only");
    }

    #[test]
    fn an_account_that_is_to_be_tried_out_comes_last_and_gets_one_attempt() {
        let breaker = open_breaker();
        assert_eq!(breaker.state, BreakerState::Open);
        let probe = Account { breaker, admission: Admission::Probe, ..account("x", 9) };
        let mut ledger = ledger(9, vec![probe, account("y", 2)]);
        assert_eq!(placed(&mut ledger), ["y", "y", "x"]);
        assert_eq!(ledger.due_ms(), None);
    }

    #[test]
    fn while_there_is_no_executor_it_looks_again_soon() {
        assert_eq!(ledger(0, vec![account("x", 9)]).due_ms(), Some(1_000 + NO_EXECUTOR_MS));
    }
}
