//! ralphex's plans: `docs/plans/*.md`.
//!
//! A heading `### Task N: Title` is a task and the boxes below are its steps. ralphex does the first task with open
//! boxes, then the next: order is a dependency.

use std::ops::ControlFlow;

use crate::formats::{Format, coditect, order, sniff};
use crate::headings::Heading;
use crate::label::Label;
use crate::lines::Kind;
use crate::model::Plan;
use crate::select::{self, Source};
use crate::text::strip_prefix_ci;

pub(super) fn recognises(path: &str, text: &str) -> bool {
    let place = sniff::has_folder(path, "ralphex") || sniff::parts(path).windows(2).any(|w| w == ["docs", "plans"]);
    // Tasks with boxes, nothing that only the CODITECT dialect has, and something that only these plans have.
    let (mut tasks, mut own, mut foreign, mut in_task) = (0_usize, place, false, false);
    sniff::signs(text, |sign| {
        match sign {
            sniff::Sign::Heading(level, title) => {
                in_task = is_task(level, title);
                own |= level == 2 && title.eq_ignore_ascii_case("validation commands");
                foreign |= level != 3 && named(title).is_some();
            }
            sniff::Sign::Box(_, text) => {
                tasks += usize::from(std::mem::take(&mut in_task));
                foreign |= text.starts_with("**Task ");
            }
            sniff::Sign::Text(text) => {
                foreign |= sniff::is_own_field(text);
                own |= ["Modify: `", "Create: `"].iter().any(|verb| text.starts_with(verb));
            }
        }
        if foreign { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    !foreign && own && tasks > 0
}

/// Whether a heading may be a task, by its title.
pub(super) fn is_task(level: usize, title: &str) -> bool {
    level == 3 && (named(title).is_some() || numbered(title).is_some())
}

pub(super) fn parse(path: &str, document: &str) -> Plan {
    let mut plan = coditect::parse_with(path, document, Format::Ralphex, |source, sink| {
        select::by_heading(source, &tasks(source), sink)
    });
    order::one_by_one(&mut plan.tasks);
    plan
}

/// Per heading, its label where it is a task. A bare number makes one only in a plan without the word, over boxes.
fn tasks<'a>(source: &Source<'a, '_>) -> Vec<Option<Label<'a>>> {
    let headings = &source.outline.headings;
    let candidates = |label: fn(&'a str) -> Option<Label<'a>>| -> Vec<Option<Label<'a>>> {
        let fit = |h: &&Heading| h.level == 3;
        headings.iter().map(|h| Some(h).filter(fit).and_then(|h| label(source.text(&h.text)))).collect()
    };
    let words = candidates(named);
    if words.iter().any(Option::is_some) {
        return words;
    }
    let mut boxes = vec![false; headings.len()];
    for (line, heading) in source.lines.iter().zip(&source.outline.of_line) {
        if matches!(line.kind, Kind::Item { checkbox: Some(_), .. })
            && let Some(has) = heading.and_then(|h| boxes.get_mut(h))
        {
            *has = true;
        }
    }
    candidates(numbered).into_iter().zip(boxes).map(|(label, has)| label.filter(|_| has)).collect()
}

/// `Task 1: Title`, `Iteration 2: Title`.
fn named(title: &str) -> Option<Label<'_>> {
    let rest = ["task ", "iteration "].into_iter().find_map(|word| strip_prefix_ci(title, word))?;
    let (id, rest) = rest.split_once(':')?;
    let id = id.trim();
    (!id.is_empty() && id.len() <= 32).then(|| Label { id, word: true, rest: rest.trim() })
}

/// `1. Title`.
fn numbered(title: &str) -> Option<Label<'_>> {
    let (id, rest) = sniff::number(title)?;
    (!id.contains('.')).then_some(Label { id, word: false, rest })
}
