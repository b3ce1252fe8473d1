//! Kiro's specs: `.kiro/specs/<feature>/tasks.md`.
//!
//! A numbered box is a task. One that has numbered boxes beneath is none: it gathers them, and its box is ticked with
//! the last that is required. Kiro runs its tasks one after the other, so order is a dependency. A task called
//! *Checkpoint* is for a person.

use std::collections::HashMap;
use std::ops::ControlFlow;

use crate::diagnostic::{Code, Sink};
use crate::formats::{Format, coditect, order, sniff};
use crate::marker::MarkerStatus;
use crate::model::{Anchor, Group, Plan, PlanTask};
use crate::select;
use crate::text::strip_prefix_ci;

pub(super) fn recognises(path: &str, text: &str) -> bool {
    if sniff::has_folder(path, ".kiro") {
        return sniff::is_file(path, "tasks.md");
    }
    // Elsewhere: numbered boxes, and the requirements they serve.
    let (mut numbered, mut requirements) = (false, false);
    sniff::signs(text, |sign| {
        match sign {
            sniff::Sign::Box(_, text) => numbered |= sniff::number(text).is_some(),
            sniff::Sign::Text(text) => requirements |= served(text).is_some(),
            sniff::Sign::Heading(..) => {}
        }
        if numbered && requirements { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    numbered && requirements
}

pub(super) fn parse(path: &str, document: &str) -> Plan {
    let mut plan = coditect::parse_with(path, document, Format::Kiro, |source, _| {
        let (selection, _) = select::boxes(source, |_, text, around| match sniff::number(text) {
            Some((id, rest)) => Some((Some(id), rest)),
            None => around.is_none().then_some((None, text)),
        });
        selection
    });
    for task in &mut plan.tasks {
        task.human |= strip_prefix_ci(&task.title, "checkpoint").is_some_and(|r| !r.starts_with(char::is_alphabetic));
        let served: Vec<String> = task.description.lines().filter_map(served).collect();
        task.acceptance.extend(served);
    }
    gather(&mut plan);
    coditect::open_steps_are_open_tasks(&mut plan);
    order::one_by_one(&mut plan.tasks);
    plan
}

/// `_Requirements: 8.1, 8.2_`, as a bullet or not.
fn served(line: &str) -> Option<String> {
    let inner = line.trim().trim_start_matches(['-', '*', '+']).trim().strip_prefix('_')?.strip_suffix('_')?;
    let numbers = strip_prefix_ci(inner, "requirements:").or_else(|| strip_prefix_ci(inner, "requirement:"))?;
    Some(format!("Requirements: {}", numbers.trim()))
}

/// Takes the tasks that gather others out of the list: what they say goes to those beneath.
fn gather(plan: &mut Plan) {
    let all = std::mem::take(&mut plan.tasks);
    let number: HashMap<&str, usize> = all.iter().enumerate().map(|(at, t)| (t.key.as_str(), at)).collect();
    let parents: Vec<Option<usize>> =
        all.iter().map(|t| t.parent.as_deref().and_then(|p| number.get(p)).copied()).collect();
    let around =
        |at: usize| std::iter::successors(parents.get(at).copied().flatten(), |p| parents.get(*p).copied().flatten());
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); all.len()];
    let mut is_group = vec![false; all.len()];
    for parent in parents.iter().flatten() {
        is_group.get_mut(*parent).into_iter().for_each(|g| *g = true);
    }
    let mut leaves: Vec<PlanTask> = Vec::new();
    for (at, task) in all.iter().enumerate().filter(|(at, _)| is_group.get(*at) != Some(&true)) {
        let mut leaf = task.clone();
        leaf.parent = None;
        for group in around(at) {
            if let Some(members) = members.get_mut(group) {
                members.push(leaves.len());
            }
            let Some(group) = all.get(group) else { continue };
            leaf.optional |= group.optional;
            leaf.human |= group.human;
            leaf.priority = leaf.priority.or(group.priority);
            leaf.agent = leaf.agent.take().or_else(|| group.agent.clone());
            leaf.description = [group.description.as_str(), &leaf.description]
                .into_iter()
                .filter(|d| !d.is_empty())
                .collect::<Vec<_>>()
                .join("\n\n");
        }
        let mut titles: Vec<String> = around(at).filter_map(|g| all.get(g)).map(title).collect();
        titles.reverse();
        leaf.section.extend(titles);
        leaves.push(leaf);
    }
    let keys: Vec<String> = leaves.iter().map(|t| t.key.clone()).collect();
    let of_group = |key: &str| {
        let at = number.get(key).copied().filter(|at| is_group.get(*at) == Some(&true))?;
        Some(members.get(at)?.iter().filter_map(|m| keys.get(*m).cloned()).collect::<Vec<_>>())
    };
    for leaf in &mut leaves {
        // To name a group is to name what it gathers.
        for dependency in std::mem::take(&mut leaf.dependencies) {
            for key in of_group(&dependency.key).unwrap_or_else(|| vec![dependency.key.clone()]) {
                if key != leaf.key && leaf.dependencies.iter().all(|d| d.key != key) {
                    leaf.dependencies.push(crate::Dependency { key, ..dependency.clone() });
                }
            }
        }
    }
    let mut sink = Sink::new(&plan.path);
    for (at, task) in all.iter().enumerate().filter(|(at, _)| is_group.get(*at) == Some(&true)) {
        let Anchor::Box { marker } = &task.anchor else { continue };
        let gathered = members.get(at).map(Vec::as_slice).unwrap_or_default();
        let needed = |m: &&usize| leaves.get(**m).is_some_and(|t| !t.optional);
        let mut required: Vec<usize> = gathered.iter().filter(needed).copied().collect();
        if required.is_empty() {
            required = gathered.to_vec();
        }
        let open = required.iter().filter_map(|m| leaves.get(*m)).filter(|t| !t.status.is_settled()).count();
        if task.status == MarkerStatus::Completed && open > 0 {
            let message = format!("`{}` is ticked, but {open} of the tasks beneath are not", title(task));
            let help = "tick them, or untick it; until then they are done as if it were open".to_owned();
            sink.add(Code::OpenSteps, (task.line, task.column), message, help);
        }
        let open = task.steps.iter().any(|s| !s.status.is_settled());
        plan.style.groups.push(Group { marker: marker.clone(), status: task.status, required, open });
    }
    plan.diagnostics.extend(sink.finish());
    plan.diagnostics.sort_by_key(|d| (d.line, d.column, d.code));
    plan.tasks = leaves;
}

fn title(task: &PlanTask) -> String {
    match &task.id {
        Some(id) => format!("{id}. {}", task.title),
        None => task.title.clone(),
    }
}
