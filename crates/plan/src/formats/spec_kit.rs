//! GitHub's spec-kit: `specs/NNN-name/tasks.md`.
//!
//! A box with an id such as `T012` is a task. `## Phase N` is a barrier. Within a phase tasks go one after the other,
//! except neighbours marked `[P]`, which run together. `[US1]` says which user story it is for; a path at the end of
//! the title is a file it touches.

use std::ops::ControlFlow;

use crate::formats::order::{self, Turn};
use crate::formats::{Format, coditect, sniff};
use crate::model::Plan;
use crate::select::{self, Source};
use crate::text::strip_prefix_ci;

pub(super) fn recognises(path: &str, text: &str) -> bool {
    let place = sniff::has_folder(path, "specs") && sniff::is_file(path, "tasks.md");
    let (mut ids, mut tags) = (false, place);
    sniff::signs(text, |sign| {
        match sign {
            sniff::Sign::Box(_, text) => {
                if let Some(task) = Labelled::of(text) {
                    ids = true;
                    tags |= task.parallel || task.story;
                }
            }
            sniff::Sign::Heading(2, title) => tags |= title.starts_with("Format: `[ID] [P?]"),
            _ => {}
        }
        if ids && tags { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    ids && tags
}

pub(super) fn parse(path: &str, document: &str) -> Plan {
    let mut phases = Vec::new();
    let mut plan = coditect::parse_with(path, document, Format::SpecKit, |source, sink| {
        let explains = |line: usize| about_the_list(source, source.outline.of_line.get(line).copied().flatten());
        let (selection, mut left_out) = select::boxes(source, |line, text, _| {
            Labelled::of(text).filter(|_| !explains(line)).map(|task| (task.id, task.title))
        });
        left_out.retain(|line| !explains(*line));
        select::without_id(source, &left_out, sink);
        selection
    });
    for task in &mut plan.tasks {
        let line = document.get(task.span.clone()).unwrap_or_default();
        let parallel =
            line.split_once(']').and_then(|(_, text)| Labelled::of(text.trim_start())).is_some_and(|t| t.parallel);
        let phase = task.section.iter().find(|title| is_phase(title)).cloned();
        task.touches.extend(paths(&task.title));
        phases.push((phase, parallel));
    }
    coditect::open_steps_are_open_tasks(&mut plan);
    order::imply(&mut plan.tasks, &turns(&phases));
    plan
}

/// A phase ends where another begins; tasks outside all phases are part of the one above.
fn turns(phases: &[(Option<String>, bool)]) -> Vec<Turn> {
    let (mut phase, mut last) = (0, None);
    let turn = |(title, parallel): &(Option<String>, bool)| {
        if title.is_some() && *title != last {
            phase += 1;
            last.clone_from(title);
        }
        Turn { phase, parallel: *parallel }
    };
    phases.iter().map(turn).collect()
}

/// `Phase 2: Title`.
pub(super) fn is_phase(title: &str) -> bool {
    strip_prefix_ci(title, "phase").is_some_and(|rest| rest.starts_with([' ', ':']))
}

/// The text of a box, taken apart.
struct Labelled<'a> {
    /// `None` for the placeholder `TXXX`.
    id: Option<&'a str>,
    parallel: bool,
    story: bool,
    title: &'a str,
}

impl<'a> Labelled<'a> {
    /// `T012 [P] [US1] Title`; `None` without an id.
    fn of(text: &'a str) -> Option<Self> {
        let (word, mut title) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        let bare = word.trim_matches(['*', '`', '_']).trim_end_matches([':', '.']).trim_matches(['*', '`']);
        let number = bare.strip_prefix('T')?;
        let digits = number.trim_end_matches(|c: char| c.is_ascii_lowercase());
        let counted =
            digits.len() >= 3 && digits.bytes().all(|b| b.is_ascii_digit()) && number.len() - digits.len() < 2;
        let placeholder = number.len() >= 3 && number.bytes().all(|b| b == b'X');
        if !counted && !placeholder {
            return None;
        }
        let (mut parallel, mut story) = (false, false);
        while let Some((tag, rest)) = title.trim_start().strip_prefix('[').and_then(|t| t.split_once(']')) {
            let is_story = tag.strip_prefix("US").is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()));
            if tag != "P" && !is_story {
                break;
            }
            (parallel, story, title) = (parallel || tag == "P", story || is_story, rest);
        }
        Some(Self { id: counted.then_some(bare), parallel, story, title: title.trim() })
    }
}

/// Whether a heading, or one around it, begins a part that explains the list.
fn about_the_list(source: &Source<'_, '_>, heading: Option<usize>) -> bool {
    const PARTS: [&str; 7] = [
        "dependencies",
        "parallel",
        "implementation strategy",
        "path conventions",
        "validation",
        "task generation",
        "summary",
    ];
    source
        .outline
        .around(heading)
        .filter_map(|h| source.outline.headings.get(h))
        .any(|heading| heading.level == 2 && PARTS.iter().any(|part| strip_prefix_ci(&heading.title, part).is_some()))
}

/// The paths a title ends in: `in src/a.py and src/b.py (depends on T001)`.
fn paths(title: &str) -> Vec<String> {
    let mut text = title.trim();
    while let Some(open) = text.rfind('(').filter(|_| text.ends_with(')')) {
        text = text.get(..open).unwrap_or_default().trim_end();
    }
    let mut found = Vec::new();
    let words: Vec<&str> = text.split_whitespace().collect();
    for (at, word) in words.iter().enumerate().rev() {
        let bare = word.trim_matches(['`', ',', ';', '.', '"', '\'', '(', ')']);
        if matches!(bare, "and" | "&" | "or") && !found.is_empty() {
            continue;
        }
        let name = bare.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let extension = name
            .rsplit_once('.')
            .is_some_and(|(_, e)| (1..=6).contains(&e.len()) && e.bytes().all(|b| b.is_ascii_alphanumeric()));
        let folder = bare.contains('/');
        let led_in = at
            .checked_sub(1)
            .and_then(|i| words.get(i))
            .is_some_and(|w| ["in", "at", "under", "to", "into", "from"].contains(&w.to_ascii_lowercase().as_str()));
        let sure = word.starts_with('`') || led_in || (folder && (extension || bare.ends_with('/')));
        if bare.contains("://") || !sure || !(extension || folder) {
            break;
        }
        found.push(bare.to_owned());
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_taken_apart_and_other_brackets_are_text() {
        let task = Labelled::of("T012 [P] [US1] Create [Entity1] model in src/models/[entity1].py").unwrap();
        assert_eq!((task.id, task.parallel, task.story), (Some("T012"), true, true));
        assert_eq!(task.title, "Create [Entity1] model in src/models/[entity1].py");
        assert_eq!(Labelled::of("T014 [OTHER repos] - Verify").unwrap().title, "[OTHER repos] - Verify");
        assert_eq!(Labelled::of("**T014a**: Verify").unwrap().id, Some("T014a"));
        assert!(Labelled::of("TXXX [P] Docs").unwrap().id.is_none());
        assert!(Labelled::of("Test all of it").is_none() && Labelled::of("T1 a").is_none());
    }

    #[test]
    fn the_paths_a_title_ends_in_are_told_from_words_with_a_slash() {
        for (title, want) in [
            ("Create model in src/models/user.py", vec!["src/models/user.py"]),
            ("Implement it in src/a.py and `src/b.py` (depends on T012, T013)", vec!["src/a.py", "src/b.py"]),
            ("Documentation updates in docs/", vec!["docs/"]),
            ("Implement authentication/authorization framework", vec![]),
            ("Split the client/server", vec![]),
            ("See https://example.org/a.html", vec![]),
            ("Write README.md", vec![]),
            ("Write `README.md`", vec!["README.md"]),
            ("Add a section to README.md", vec!["README.md"]),
        ] {
            assert_eq!(paths(title), want, "{title}");
        }
    }
}
