//! The demo's plan: four epics of diamonds and chains, a task that fails once, one whose proof fails once.

use std::fmt::Write as _;

/// The name of the plan file.
pub(crate) const NAME: &str = "PLAN.md";

const EPICS: [&str; 4] = ["Foundations", "Walls", "Roof", "Rooms"];
const AGENTS: [&str; 4] = ["surveyor", "mason", "carpenter", "decorator"];
const WORK: [&str; 6] = [
    "Mark out the place",
    "Cut the left part",
    "Cut the right part",
    "Join the parts",
    "Smooth the joints",
    "Clear up",
];

/// A plan of `count` tasks.
pub(crate) fn text(count: usize) -> String {
    let per = count.div_ceil(EPICS.len());
    let mut text = String::from(
        "# Build a house\n\nA plan for `coditect demo`. Agents do the work, the system ticks the steps.\n\n\
         ## Legend\n\n- [ ] **Pending**\n- [x] **Completed**\n",
    );
    for at in 0..count {
        let (epic, number) = (at / per, at % per + 1);
        if number == 1 {
            let _ = write!(text, "\n## Epic {}: {}\n", epic + 1, EPICS.get(epic).copied().unwrap_or("More"));
        }
        task(&mut text, epic, number, per);
    }
    text
}

fn task(text: &mut String, epic: usize, number: usize, per: usize) {
    let phase = epic + 1;
    let depends = match (epic, number) {
        (0, 1) => "None".to_owned(),
        // An epic begins when the middle of the one before it is done.
        (_, 1) => format!("Task {epic}.{}", per.div_ceil(2)),
        (_, 2 | 3) => format!("Task {phase}.1"),
        (_, 4) => format!("Task {phase}.2, Task {phase}.3"),
        _ => format!("Task {phase}.{}", number - 1),
    };
    let what = WORK.get((number - 1) % WORK.len()).copied().unwrap_or("Go on");
    let name = EPICS.get(epic).copied().unwrap_or("More").to_lowercase();
    let agent = AGENTS.get(epic).copied().unwrap_or("builder");
    let file = format!("house/{phase}.{number}.txt");
    let (before, content, verify) = match (epic, number) {
        (1, 2) => (
            "[ \"$CODITECT_ATTEMPT\" -gt 1 ] || { echo 'the saw is blunt' >&2; exit 1; }\n",
            "\"$CODITECT_TASK_TITLE\"",
            format!("test -s {file}"),
        ),
        // Claims to be done, and is not, the first time: the proof finds it out.
        (2, 3) => (
            "",
            "\"$([ \"$CODITECT_ATTEMPT\" -gt 1 ] && echo straight || echo crooked)\"",
            format!("grep -q straight {file}"),
        ),
        _ => ("", "\"$CODITECT_TASK_TITLE\"", format!("test -s {file}")),
    };
    let _ = write!(
        text,
        "\n### Task {phase}.{number}: {what} of the {name}\n\
         **Agent:** `{agent}`\n**Priority:** P{}\n**Time Estimate:** {} hours\n**Dependencies:** {depends}\n\
         **Verify:** `{verify}`\n\n- [ ] Do the work\n- [ ] Leave a note in {file}\n\n\
         ```sh\n{before}sleep 0.3\nmkdir -p house\necho {content} > {file}\necho \"{what}: done\"\n```\n\n\
         **Acceptance Criteria:**\n- [ ] The note says what was done\n",
        epic.min(3),
        number.min(8),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_sound_at_any_size() {
        for count in [8, 24, 25, 100] {
            let plan = coditect_plan::parse(NAME, &text(count));
            assert_eq!(plan.tasks.len(), count);
            assert!(plan.diagnostics.is_empty(), "{:?}", plan.diagnostics);
            assert!(plan.tasks.iter().all(|task| task.script.is_some() && task.verify.len() == 1));
        }
    }
}
