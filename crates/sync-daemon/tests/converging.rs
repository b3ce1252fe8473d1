//! Whatever people, agents and crashes do, in whatever order: file and database end up saying the same, no edit is lost, and
//! what is finished stays so unless a person takes its mark away.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod fixture;

use std::collections::BTreeSet;

use coditect_core::{TaskId, TaskState, Trigger};
use coditect_store::merge::Says;
use fixture::Fixture;
use proptest::prelude::*;
use sync_daemon::marking::Ready;
use sync_daemon::sync::{Looked, Ticked};

const PLAN: &str = "# Plan\n\n## One\n\n- [ ] 1.1 Alpha\n- [ ] 1.2 Beta\n- [ ] 1.3 Gamma\n\n## Two\n\n- [ ] 2.1 Delta\n- [ ] 2.2 Epsilon\n";

/// Longer than a lone mark of the daemon is young.
const LONG_MS: i64 = 61_000;

/// What a person does to a text. The number says to which line.
#[derive(Debug, Clone, Copy)]
enum Edit {
    Retitle,
    Add,
    Delete,
    Move,
    Tick,
    Untick,
    Cancel,
    Text,
}

#[derive(Debug, Clone)]
enum Step {
    /// Edits the file as it is.
    Save(Edit, usize),
    /// Opens the file in an editor.
    Open,
    /// Edits what was opened, however old, and saves that.
    SaveOpened(Edit, usize),
    /// The database decides.
    Decide(Trigger, usize),
    Grant,
    Sync,
    Tick,
    /// The daemon dies after so many steps of a tick; a person may save in between.
    Crash(usize, bool),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => Just(Edit::Retitle), 2 => Just(Edit::Add), 1 => Just(Edit::Delete), 2 => Just(Edit::Move),
        2 => Just(Edit::Tick), 2 => Just(Edit::Untick), 1 => Just(Edit::Cancel), 2 => Just(Edit::Text),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let decision = prop_oneof![
        6 => Just(Trigger::Complete), 1 => Just(Trigger::Cancel), 1 => Just(Trigger::Skip), 1 => Just(Trigger::Retry),
    ];
    prop_oneof![
        5 => (edit(), 0usize..9).prop_map(|(edit, at)| Step::Save(edit, at)),
        1 => Just(Step::Open),
        2 => (edit(), 0usize..9).prop_map(|(edit, at)| Step::SaveOpened(edit, at)),
        5 => (decision, 0usize..9).prop_map(|(trigger, at)| Step::Decide(trigger, at)),
        3 => Just(Step::Grant),
        4 => Just(Step::Sync),
        4 => Just(Step::Tick),
        2 => (0usize..4, any::<bool>()).prop_map(|(steps, save)| Step::Crash(steps, save)),
    ]
}

struct World {
    fixture: Fixture,
    /// What is open in an editor.
    opened: Option<String>,
    /// What a person saved last.
    saved: String,
    saves: usize,
    /// The tasks that were finished by the database.
    finished: BTreeSet<String>,
    /// The tasks whose marks people changed.
    touched: BTreeSet<String>,
}

impl World {
    async fn take(&mut self, step: Step) {
        match step {
            Step::Save(edit, at) => {
                if matches!(edit, Edit::Untick | Edit::Cancel) {
                    // Deliberately: long after whatever the daemon wrote.
                    self.wait().await;
                }
                self.save(&self.fixture.text(), edit, at);
            }
            Step::Open => self.opened = Some(self.fixture.text()),
            Step::SaveOpened(edit, at) => {
                let Some(opened) = self.opened.take() else { return };
                // A tick that the daemon made meanwhile would pass for one of the daemon's that the file has.
                let edit = if matches!(edit, Edit::Tick) { Edit::Text } else { edit };
                // What people marked meanwhile, they unmark by this.
                self.touched.extend(marked_by_people(&self.fixture.text(), &opened, &self.finished));
                self.save(&opened, edit, at);
            }
            Step::Decide(trigger, at) => {
                let ids: Vec<_> = self.fixture.store.tasks().await.unwrap().into_iter().map(|task| task.id).collect();
                let id = &ids[at % ids.len()];
                if self.fixture.pull(id.key(), trigger).await && trigger == Trigger::Complete {
                    self.finished.insert(id.key().to_owned());
                }
            }
            Step::Grant => self.fixture.grant().await,
            Step::Sync => drop(self.fixture.sync().await),
            Step::Tick => drop(self.fixture.tick().await),
            Step::Crash(steps, save) => self.crash(steps, save).await,
        }
    }

    async fn crash(&mut self, steps: usize, save: bool) {
        let now_ms = self.fixture.now_ms;
        if let Ready::Prepared(prepared) = self.fixture.plans.prepare(0, now_ms).await.unwrap() {
            if steps > 0 {
                self.fixture.plans.intend(0, &prepared).await.unwrap();
            }
            if save {
                self.save(&self.fixture.text(), Edit::Retitle, steps);
            }
            if steps > 1 {
                self.fixture.plans.write(0, &prepared).await.unwrap();
                let text = self.fixture.text();
                assert!(text == prepared.new.text || text == self.saved, "neither the old file nor the new one: {text}");
            }
            if steps > 2 && !save {
                self.fixture.plans.note(0, &prepared, now_ms).await.unwrap();
            }
        }
        self.fixture.restart();
    }

    /// Time passes, in which the daemon looks at the file.
    async fn wait(&mut self) {
        self.fixture.settle().await;
        self.fixture.now_ms += LONG_MS;
        self.opened = None;
    }

    fn save(&mut self, text: &str, edit: Edit, at: usize) {
        self.saves += 1;
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let tasks: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].starts_with("- [")).collect();
        let number = self.saves;
        // Every save is a content of its own: older ones ask for nothing, and are tested elsewhere.
        lines.retain(|line| !line.starts_with("Save "));
        let tail = format!("Save {number}");
        if let Some(line) = tasks.get(at % tasks.len().max(1)).copied() {
            let key = key(&lines[line]);
            match edit {
                Edit::Retitle => lines[line] += &format!(" v{number}"),
                Edit::Add => lines.insert(line, format!("- [ ] 9.{number} New {number}")),
                Edit::Delete => drop(lines.remove(line)),
                Edit::Move => {
                    let moved = lines.remove(line);
                    lines.push(moved);
                }
                Edit::Tick | Edit::Untick | Edit::Cancel => {
                    let marker = match edit {
                        Edit::Tick => "[x]",
                        Edit::Cancel => "[-]",
                        _ => "[ ]",
                    };
                    self.touched.insert(key);
                    lines[line].replace_range(2..5, marker);
                }
                Edit::Text => {}
            }
        }
        self.saved = format!("{}\n{tail}\n", lines.join("\n"));
        self.fixture.save(&self.saved);
    }

    /// Everything comes to rest; then it is looked at.
    async fn end(mut self) -> Result<(), TestCaseError> {
        self.fixture.settle().await;
        prop_assert_eq!(self.fixture.sync().await, Looked::InStep);
        prop_assert_eq!(self.fixture.tick().await, Ticked::Nothing);
        prop_assert!(self.fixture.store.open_wishes().await.unwrap().is_empty());
        let text = self.fixture.text();
        prop_assert_eq!(unmarked(&text), unmarked(&self.saved), "a person's edit is lost");

        let disputed: BTreeSet<TaskId> =
            self.fixture.store.conflicts(false).await.unwrap().into_iter().map(|conflict| conflict.task).collect();
        let plan = coditect_plan::parse("PLAN.md", &text);
        let rows = self.fixture.store.tasks().await.unwrap();
        for task in &plan.tasks {
            let row = rows.iter().find(|row| row.key == task.key).unwrap();
            prop_assert_eq!(&row.title, &task.title);
            prop_assert_eq!(row.marker.as_str(), task.status.as_str());
            prop_assert!(
                disputed.contains(&row.id) || Says::marker(task.status) == Says::state(row.life.state),
                "{}: the file says {}, the database {}", row.id, task.status, row.life.state
            );
            let key = row.id.key();
            if self.finished.contains(key) && !self.touched.contains(key) {
                prop_assert_eq!((row.life.state, row.life.generation), (TaskState::Completed, 1), "{} was reopened", key);
            }
        }
        for row in &rows {
            let there = plan.tasks.iter().any(|task| task.key == row.key);
            prop_assert_eq!(there, row.life.state != TaskState::Retired, "{}", row.id);
        }
        for revision in self.fixture.store.revisions("plan", 0, 1_000).await.unwrap() {
            let text = self.fixture.store.revision_text("plan", revision.revision).await.unwrap().unwrap();
            prop_assert_eq!(sync_daemon::file::hash(text.as_bytes()), revision.hash);
        }
        Ok(())
    }
}

fn key(line: &str) -> String {
    line.get(6..).unwrap_or_default().split(' ').next().unwrap_or_default().to_owned()
}

/// The text without what is between brackets.
fn unmarked(text: &str) -> String {
    let unmark = |line: &str| match line.starts_with("- [") {
        true => format!("{}{}\n", &line[..3], &line[4..]),
        false => format!("{line}\n"),
    };
    text.lines().map(unmark).collect()
}

/// The tasks that are marked in `now` otherwise than in `before`, though the database did not finish them.
fn marked_by_people(now: &str, before: &str, finished: &BTreeSet<String>) -> Vec<String> {
    let differs = |line: &&str| line.starts_with("- [") && !before.contains(&line[..6 + key(line).len() + 1]);
    now.lines().filter(differs).map(key).filter(|key| !finished.contains(key)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn file_and_database_come_together_and_nothing_is_lost(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::with(PLAN).await;
            let mut world = World {
                fixture,
                opened: None,
                saved: PLAN.to_owned(),
                saves: 0,
                finished: BTreeSet::new(),
                touched: BTreeSet::new(),
            };
            for step in steps {
                world.take(step).await;
            }
            world.end().await
        })?;
    }
}
