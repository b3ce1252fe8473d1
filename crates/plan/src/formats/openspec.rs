//! OpenSpec's changes: `openspec/changes/<id>/tasks.md`.
//!
//! The outermost boxes are the tasks, with a number or without; boxes beneath are steps. OpenSpec asks for tasks in
//! the order in which they depend on each other and works through them from the top, so order is a dependency.

use std::ops::ControlFlow;

use crate::formats::{Format, coditect, order, sniff};
use crate::model::Plan;
use crate::select;

pub(super) fn recognises(path: &str, text: &str) -> bool {
    let parts = sniff::parts(path);
    let change = matches!(parts.as_slice(), [.., "changes", _, last] if last.eq_ignore_ascii_case("tasks.md"))
        || matches!(parts.as_slice(), [.., "changes", "archive", _, last] if last.eq_ignore_ascii_case("tasks.md"));
    if change || sniff::has_folder(path, "openspec") {
        return has_box(text);
    }
    is_grouped(text)
}

/// `## 1. Group`.
pub(super) fn is_group(level: usize, title: &str) -> bool {
    level == 2 && sniff::number(title).is_some_and(|(id, _)| !id.contains('.'))
}

fn has_box(text: &str) -> bool {
    let mut found = false;
    sniff::signs(text, |sign| match sign {
        sniff::Sign::Box(..) => {
            found = true;
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    found
}

/// Whether all sections are numbered, all boxes have numbers of their section, and there are no fields.
fn is_grouped(text: &str) -> bool {
    let (mut group, mut boxes, mut fits) = (None, 0_usize, true);
    sniff::signs(text, |sign| {
        match sign {
            sniff::Sign::Heading(1, _) => {}
            sniff::Sign::Heading(2, title) => {
                group = sniff::number(title).map(|(id, _)| id).filter(|id| !id.contains('.'));
                fits &= group.is_some();
            }
            sniff::Sign::Heading(..) => fits = false,
            sniff::Sign::Box(_, text) => {
                let own = sniff::number(text).and_then(|(id, _)| id.split_once('.'));
                fits &= own.is_some() && own.map(|(head, _)| head) == group;
                boxes += 1;
            }
            sniff::Sign::Text(text) => fits &= !sniff::is_own_field(text),
        }
        if fits { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    fits && boxes > 1
}

pub(super) fn parse(path: &str, document: &str) -> Plan {
    let mut plan = coditect::parse_with(path, document, Format::OpenSpec, |source, _| {
        let (selection, _) = select::boxes(source, |_, text, around| match (around, sniff::number(text)) {
            (Some(_), _) => None,
            (None, Some((id, rest))) => Some((Some(id), rest)),
            (None, None) => Some((None, text)),
        });
        selection
    });
    coditect::open_steps_are_open_tasks(&mut plan);
    order::one_by_one(&mut plan.tasks);
    plan
}
