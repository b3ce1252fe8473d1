//! What the plan file says in the end: the boxes of completed tasks are ticked, and no other byte has changed.

use coditect_plan::PlanTask;

/// What is wrong about the file, given the tasks of the file as it was and the keys of those that were completed since.
#[must_use]
pub fn faults(before: &str, after: &str, tasks: &[PlanTask], completed: &[String]) -> Vec<String> {
    let (was, is): (Vec<&str>, Vec<&str>) = (before.split('\n').collect(), after.split('\n').collect());
    if was.len() != is.len() {
        return vec![format!("the plan had {} lines and has {}", was.len(), is.len())];
    }
    // Line by line: what should stand there. Only the steps of completed tasks may differ, by their box alone.
    let mut expected: Vec<String> = was.iter().map(|line| (*line).to_owned()).collect();
    for task in tasks.iter().filter(|task| completed.contains(&task.key)) {
        for step in &task.steps {
            if let Some(line) = expected.get_mut(step.line - 1) {
                *line = line.replacen("- [ ] ", "- [x] ", 1);
            }
        }
    }
    let differing = expected.iter().zip(&is).enumerate().filter(|(_, (expected, is))| expected != *is);
    differing.take(10).map(|(at, (expected, is))| format!("line {}: `{is}`, not `{expected}`", at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "# P\n\n### Task 1.1: A\n**Agent:** a\n\n- [ ] one\n- [ ] two\n\n**Acceptance:**\n- [ ] so\n";

    #[test]
    fn only_the_boxes_of_completed_tasks_may_differ() {
        let tasks = coditect_plan::parse("PLAN.md", PLAN).tasks;
        let done = ["1.1".to_owned()];
        let ticked = PLAN.replace("- [ ] one", "- [x] one").replace("- [ ] two", "- [x] two");
        assert!(faults(PLAN, &ticked, &tasks, &done).is_empty());
        assert!(faults(PLAN, PLAN, &tasks, &[]).is_empty());
        assert_eq!(faults(PLAN, PLAN, &tasks, &done).len(), 2, "a box that is not ticked");
        assert_eq!(faults(PLAN, &ticked, &tasks, &[]).len(), 2, "boxes of a task that is not completed");
        assert_eq!(faults(PLAN, &ticked.replace("[ ] so", "[x] so"), &tasks, &done).len(), 1, "a criterion");
        assert_eq!(faults(PLAN, &ticked.replace("# P", "# Q"), &tasks, &done).len(), 1, "another byte");
        assert_eq!(faults(PLAN, ticked.trim_end(), &tasks, &done).len(), 1, "the last line's end");
    }
}
