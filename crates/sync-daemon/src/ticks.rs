//! Ticking boxes in a text, with proof that nothing else changes its meaning.

use std::collections::HashSet;

use coditect_plan::{MarkerStatus, Plan, parse};

/// A text with boxes ticked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// The keys that now read as completed and did not before, or were asked for.
    pub ticked: Vec<String>,
    /// The keys that cannot be ticked, and why.
    pub refused: Vec<(String, String)>,
}

/// Ticks the tasks `keys` in `text`, the content of the plan at `path`, each that can be.
#[must_use]
pub fn tick(path: &str, text: &str, keys: &[&str]) -> Edited {
    if let Ok((text, ticked)) = tick_all(path, text, keys) {
        return Edited { text, ticked, refused: Vec::new() };
    }
    // Something is the matter with one of them: one by one, so that it holds up no other.
    let mut edited = Edited { text: text.to_owned(), ticked: Vec::new(), refused: Vec::new() };
    for key in keys {
        match tick_all(path, &edited.text, &[key]) {
            Ok((text, ticked)) => {
                edited.text = text;
                edited.ticked.extend(ticked);
            }
            Err(why) => edited.refused.push(((*key).to_owned(), why)),
        }
    }
    edited
}

/// The new text and the keys that are completed by it, or why not.
fn tick_all(path: &str, text: &str, keys: &[&str]) -> Result<(String, Vec<String>), String> {
    let wanted: Vec<_> = keys.iter().map(|key| (*key, MarkerStatus::Completed)).collect();
    let before = parse(path, text);
    let edit = before.set_statuses(text, &wanted).map_err(|error| error.to_string())?;
    let ticked = compared(&before, &parse(path, &edit.text), keys)?;
    Ok((edit.text, ticked))
}

/// What was completed between two readings of a plan, if nothing else happened between them.
fn compared(before: &Plan, after: &Plan, keys: &[&str]) -> Result<Vec<String>, String> {
    if before.tasks.len() != after.tasks.len() {
        return Err("the plan would not read the same afterwards; write its marker as `[x]` by hand".to_owned());
    }
    let keys: HashSet<_> = keys.iter().copied().collect();
    let mut ticked = Vec::new();
    for (before, after) in before.tasks.iter().zip(&after.tasks) {
        let done = after.status == MarkerStatus::Completed;
        let asked = keys.contains(before.key.as_str());
        if before.key != after.key || (asked && !done) || (before.status != after.status && !done) {
            return Err(format!("`{}` would not read as it should afterwards; tick it by hand", before.key));
        }
        if asked || before.status != after.status {
            ticked.push(after.key.clone());
        }
    }
    Ok(ticked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_cannot_be_ticked_holds_up_no_other() {
        let edited = tick("PLAN.md", "- [ ] 1.1 One\n- [ ] 1.2 Two\n", &["1.1", "9.9", "1.2"]);
        assert_eq!(edited.text, "- [x] 1.1 One\n- [x] 1.2 Two\n");
        assert_eq!(edited.ticked, ["1.1", "1.2"]);
        assert_eq!(edited.refused.len(), 1);
        assert_eq!(edited.refused[0].0, "9.9");
    }

    #[test]
    fn a_box_that_is_ticked_already_counts_and_changes_nothing() {
        let edited = tick("PLAN.md", "- [X] 1.1 One\n", &["1.1"]);
        assert_eq!((edited.text.as_str(), edited.ticked.len()), ("- [X] 1.1 One\n", 1));
    }
}
