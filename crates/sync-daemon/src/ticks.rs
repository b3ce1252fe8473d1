//! Marking tasks in a text, with proof that nothing else changes its meaning.

use std::collections::HashMap;

use coditect_plan::{Edit, EditError, Mark, MarkerStatus, Plan, parse_as};

/// A text with tasks marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// What it reads as.
    pub plan: Plan,
    /// The keys that read now as was asked for.
    pub marked: Vec<String>,
    /// The keys that cannot be marked.
    pub refused: Vec<Refused>,
}

/// A task that cannot be marked as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its key.
    pub key: String,
    /// Why not; nothing: the format has no way to say it, and nobody misses it.
    pub why: Option<String>,
}

/// Marks tasks in `text`, from which `plan` was read: each that can be.
#[must_use]
pub fn mark(plan: &Plan, text: &str, marks: &[Mark<'_>]) -> Edited {
    let unchanged = Edited { text: text.to_owned(), plan: plan.clone(), marked: Vec::new(), refused: Vec::new() };
    if let Ok((edit, plan)) = mark_all(plan, text, marks) {
        let marked = marks.iter().map(|mark| mark.key.to_owned()).collect();
        return Edited { text: edit.text, plan, marked, ..unchanged };
    }
    // Something is the matter with one of them: one by one, so that it holds up no other.
    marks.iter().fold(unchanged, |edited, mark| {
        match mark_all(&edited.plan, &edited.text, std::slice::from_ref(mark)) {
            Ok((edit, plan)) => {
                let marked = edited.marked.into_iter().chain([mark.key.to_owned()]).collect();
                Edited { text: edit.text, plan, marked, ..edited }
            }
            Err(why) => {
                let refused = Refused { key: mark.key.to_owned(), why };
                Edited { refused: edited.refused.into_iter().chain([refused]).collect(), ..edited }
            }
        }
    })
}

/// The new text and what it reads as, or why not.
fn mark_all(plan: &Plan, text: &str, marks: &[Mark<'_>]) -> Result<(Edit, Plan), Option<String>> {
    let edit = plan.set_marks(text, marks).map_err(|error| match error {
        EditError::NotInFormat { status: MarkerStatus::InProgress, .. } => None,
        error => Some(error.to_string()),
    })?;
    let after = if edit.is_identity() { plan.clone() } else { parse_as(plan.format, &plan.path, &edit.text) };
    compared(plan, &after, marks)?;
    Ok((edit, after))
}

/// Whether what was asked for, and nothing else, happened between two readings of a plan.
fn compared(before: &Plan, after: &Plan, marks: &[Mark<'_>]) -> Result<(), Option<String>> {
    if before.tasks.len() != after.tasks.len() {
        return Err(Some("the plan would not read the same afterwards; write its marker by hand".to_owned()));
    }
    let marks: HashMap<_, _> = marks.iter().map(|mark| (mark.key, mark.status)).collect();
    for (before, after) in before.tasks.iter().zip(&after.tasks) {
        let wanted = marks.get(before.key.as_str()).copied().unwrap_or(before.status);
        if before.key == after.key && after.status == wanted {
            continue;
        }
        if wanted == MarkerStatus::InProgress {
            return Err(None);
        }
        return Err(Some(format!("`{}` would not read as it should afterwards; mark it by hand", before.key)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use MarkerStatus::{Completed, InProgress, Pending};

    fn marked(text: &str, marks: &[(&str, MarkerStatus)]) -> Edited {
        let marks: Vec<_> = marks.iter().map(|(key, status)| Mark { key, status: *status, note: None }).collect();
        mark(&coditect_plan::parse("PLAN.md", text), text, &marks)
    }

    #[test]
    fn a_key_that_cannot_be_marked_holds_up_no_other() {
        let asked = [("1.1", Completed), ("9.9", Completed), ("1.2", Pending)];
        let edited = marked("- [ ] 1.1 One\n- [x] 1.2 Two\n", &asked);
        assert_eq!(edited.text, "- [x] 1.1 One\n- [ ] 1.2 Two\n");
        assert_eq!(edited.marked, ["1.1", "1.2"]);
        assert_eq!((edited.refused.len(), edited.refused[0].key.as_str()), (1, "9.9"));
        assert!(edited.refused[0].why.is_some());
    }

    #[test]
    fn a_box_that_is_ticked_already_counts_and_changes_nothing() {
        let edited = marked("- [X] 1.1 One\n", &[("1.1", Completed)]);
        assert_eq!((edited.text.as_str(), edited.marked.len()), ("- [X] 1.1 One\n", 1));
    }

    #[test]
    fn what_a_format_cannot_say_of_a_task_under_way_is_left_out_without_a_word() {
        let text = "### Task 1.1: One\n\nWords.\n\n### Task 1.2: Two\n";
        let edited = marked(text, &[("1.1", InProgress), ("1.2", Completed)]);
        assert_eq!(edited.refused, [Refused { key: "1.1".to_owned(), why: None }]);
        assert_eq!(edited.marked, ["1.2"]);
    }
}
