//! The plan of the demo: a field guide to small birds, written page by page.
//!
//! Epics of equal size; in each, groups of six: one task, three that wait for it (a diamond), one that joins them, one
//! that follows (a chain). Each epic begins when the first task of the one before it is done. Every task carries its
//! own shell script. One script fails at its first attempt, and the result of another does not pass its verify
//! command at first.

use std::fmt::Write;

/// How many epics there are, if there are tasks enough.
const EPICS: [(&str, &str); 4] = [
    ("Ground", "the outline and the words every page uses"),
    ("Species", "a page for each bird"),
    ("Voices", "what they sound like"),
    ("Print", "putting it together"),
];

const TITLES: [[&str; 6]; 4] = [
    [
        "Lay out the chapters",
        "Write the glossary",
        "Draw the parts of a bird",
        "Collect the habitats",
        "Review the foundations",
        "Settle the page template",
    ],
    [
        "List the species",
        "Write the wren",
        "Write the goldcrest",
        "Write the long-tailed tit",
        "Compare lookalikes",
        "Proofread the species",
    ],
    [
        "Choose a notation for song",
        "Describe the dawn chorus",
        "Describe alarm calls",
        "Describe winter flocks",
        "Cross-check songs with species",
        "Index the voices",
    ],
    ["Set the type", "Make the cover", "Make the index", "Make the maps", "Bind the chapters", "Print a first copy"],
];

const AGENTS: [&str; 4] = ["outline-writer", "field-naturalist", "sound-editor", "typesetter"];
const PRIORITIES: [&str; 4] = ["P0", "P1", "P1", "P2"];
const PAUSES: [&str; 4] = ["0.3", "0.2", "0.5", "0.4"];

/// How a task's first attempt goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    /// Well.
    Fine,
    /// The script fails.
    ScriptFails,
    /// The script ends well, and what it made does not pass.
    VerifyFails,
}

#[derive(Debug)]
struct Task {
    key: String,
    title: String,
    epic: usize,
    /// As they are written; the first of them is what the script builds on.
    dependencies: String,
    source: Option<String>,
    first: First,
}

/// The plan.
#[derive(Debug)]
pub(super) struct DemoPlan {
    tasks: Vec<Task>,
}

/// The boxes of a plan file, counted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Boxes {
    /// How many steps there are.
    pub(super) steps: usize,
    /// How many of them are ticked.
    pub(super) ticked: usize,
    /// How many boxes are no steps.
    pub(super) others: usize,
    /// Whether those are as they were.
    pub(super) others_untouched: bool,
}

impl DemoPlan {
    /// A plan of so many tasks.
    pub(super) fn new(tasks: usize) -> Self {
        let size = tasks.div_ceil(EPICS.len()).max(1);
        let task = |number: usize| {
            let (epic, place) = (number / size, number % size);
            let key = |place: usize| format!("{}.{}", epic + 1, place + 1);
            let group = place / 6 * 6;
            let (dependencies, source) = match (place % 6, epic) {
                (0, 0) if group == 0 => ("None".to_owned(), None),
                (0, _) if group == 0 => (format!("Task {epic}.1 ({})", EPICS[epic - 1].0), Some(format!("{epic}.1"))),
                (0, _) => (key(group - 1), Some(key(group - 1))),
                (1..=3, _) => (key(group), Some(key(group))),
                (4, _) => (format!("{}-{}", key(group + 1), key(group + 3)), Some(key(group + 1))),
                _ => (format!("{}, {} complete", key(group), key(group + 4)), Some(key(group + 4))),
            };
            let part = if place < 6 { String::new() } else { format!(", part {}", place / 6 + 1) };
            let first = match number {
                n if tasks > 1 && n == tasks / 3 => First::ScriptFails,
                n if tasks > 2 && n == tasks * 2 / 3 => First::VerifyFails,
                _ => First::Fine,
            };
            let title = format!("{}{part}", TITLES[epic][place % 6]);
            Task { key: key(place), title, epic, dependencies, source, first }
        };
        Self { tasks: (0..tasks).map(task).collect() }
    }

    /// How many tasks it has.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// The file, its steps ticked or not.
    pub(super) fn text(&self, ticked: bool) -> String {
        let mut text = String::from(HEAD);
        let mut epic = usize::MAX;
        for task in &self.tasks {
            if task.epic != epic {
                epic = task.epic;
                let (name, about) = EPICS[epic];
                let _ = write!(text, "\n## Epic {}: {name}\n\nThis is about {about}.\n", epic + 1);
            }
            task.write(&mut text, ticked);
        }
        text.push_str(LEGEND);
        text
    }

    /// The boxes in `text`, which should be this plan's.
    pub(super) fn boxes(&self, text: &str) -> Boxes {
        let expected = self.text(false);
        let is_box = |line: &&str| line.starts_with("- [");
        let step = |line: &str| STEPS.iter().any(|step| line.ends_with(step));
        let others = |text: &'_ str| -> Vec<String> {
            text.lines().filter(|line| is_box(line) && !step(line)).map(str::to_owned).collect()
        };
        let steps = || text.lines().filter(|line| is_box(line) && step(line));
        Boxes {
            steps: self.len() * STEPS.len(),
            ticked: steps().filter(|line| line.starts_with("- [x]")).count(),
            others: others(&expected).len(),
            others_untouched: others(text) == others(&expected),
        }
    }
}

impl Task {
    fn write(&self, text: &mut String, ticked: bool) {
        let Self { key, title, epic, dependencies, .. } = self;
        let (agent, priority, mark) = (AGENTS[*epic], PRIORITIES[*epic], if ticked { "x" } else { " " });
        let (script, verify) = (self.script(), self.verify());
        let [draft, check] = STEPS;
        let _ = write!(
            text,
            "
### Task {key}: {title}

**Agent:** `{agent}` | **Priority:** {priority}
**Time Estimate:** {minutes} minutes
**Dependencies:** {dependencies}
**Verify:** `{verify}`

- [{mark}] {draft}
- [{mark}] {check}

```sh
{script}```

**Acceptance Criteria:**
- [ ] A reader understands it without asking
",
            minutes = 15 + 15 * (epic + 1),
        );
    }

    fn script(&self) -> String {
        let Self { key, title, epic, source, first, .. } = self;
        let pause = PAUSES[(epic + key.len()) % PAUSES.len()];
        let mut script = format!("echo \"{title}: writing\"\nsleep {pause}\n");
        if *first == First::ScriptFails {
            script.push_str("[ \"$CODITECT_ATTEMPT\" -gt 1 ] || echo \"the pencil broke\" >&2\n");
            script.push_str("[ \"$CODITECT_ATTEMPT\" -gt 1 ]\n");
        }
        script.push_str("mkdir -p guide\n{\n");
        let _ = writeln!(script, "  echo \"# {title}\"");
        match source {
            Some(source) => {
                let _ = writeln!(script, "  echo \"Builds on: $(head -n 1 guide/{source}.md)\"");
            }
            None => script.push_str("  echo \"Builds on nothing.\"\n"),
        }
        if *first == First::VerifyFails {
            script.push_str(
                "  if [ \"$CODITECT_ATTEMPT\" -gt 1 ]; then echo \"Complete.\"; else echo \"To be continued.\"; fi\n",
            );
        } else {
            script.push_str("  echo \"Complete.\"\n");
        }
        let _ = writeln!(script, "}} > guide/{key}.md\necho \"{title}: done\"");
        script
    }

    fn verify(&self) -> String {
        format!("grep -q Complete guide/{}.md", self.key)
    }
}

/// The steps of every task.
const STEPS: [&str; 2] = ["Write the draft", "Check it against what it builds on"];

const HEAD: &str = "\
# A field guide to small birds

The plan of `coditect demo`. Each task carries the shell script that does its work, so that no language model is
needed; everything else is as it is for agents: a worktree of its own for each attempt, the verify command on a clean
checkout of the result, one commit on the target branch, and a tick here.
";

const LEGEND: &str = "
## Legend

- [ ] not begun
- [~] in progress
- [x] done
";

#[cfg(test)]
mod tests {
    use coditect_plan::{MarkerStatus, parse};

    use super::*;

    #[test]
    fn ticking_every_task_gives_the_ticked_plan_byte_for_byte() {
        for tasks in [1, 2, 3, 5, 24, 100] {
            let plan = DemoPlan::new(tasks);
            let text = plan.text(false);
            let read = parse("PLAN.md", &text);
            assert_eq!((read.tasks.len(), read.diagnostics.len()), (tasks, 0), "{:?}", read.diagnostics);
            let all: Vec<_> = read.tasks.iter().map(|task| (task.key.as_str(), MarkerStatus::Completed)).collect();
            assert_eq!(parse("PLAN.md", &text).set_statuses(&text, &all).unwrap().text, plan.text(true));
        }
    }

    #[test]
    fn boxes_of_others_are_seen_when_they_change() {
        let plan = DemoPlan::new(24);
        let fine = plan.boxes(&plan.text(true));
        assert_eq!(fine, Boxes { steps: 48, ticked: 48, others: 27, others_untouched: true });
        let changed = plan.text(true).replacen("- [ ] A reader", "- [x] A reader", 1);
        assert!(!plan.boxes(&changed).others_untouched);
    }

    #[test]
    fn the_plan_has_what_a_demo_is_to_show() {
        let plan = DemoPlan::new(24);
        let read = parse("PLAN.md", &plan.text(false));
        let task = |key: &str| read.find(key).unwrap();
        let waits_for = |key: &str| task(key).dependencies.iter().map(|d| d.key.clone()).collect::<Vec<_>>();
        assert_eq!(waits_for("1.5"), ["1.2", "1.3", "1.4"], "a diamond");
        assert_eq!(waits_for("1.6"), ["1.1", "1.5"]);
        assert_eq!(waits_for("2.1"), ["1.1"]);
        assert!(read.tasks.iter().all(|task| task.script.is_some() && task.verify.len() == 1 && task.agent.is_some()));
        let firsts: Vec<_> = plan.tasks.iter().map(|task| task.first).filter(|first| *first != First::Fine).collect();
        assert_eq!(firsts, [First::ScriptFails, First::VerifyFails]);
    }
}
