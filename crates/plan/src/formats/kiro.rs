//! Kiro's specs: `.kiro/specs/<feature>/tasks.md`.
//!
//! A numbered box is a task. One that has numbered boxes beneath is none: it gathers them, and its box is ticked with
//! the last that is required. Kiro runs its tasks one after the other, so order is a dependency. A task called
//! *Checkpoint* is for a person.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use crate::diagnostic::{Code, Sink};
use crate::formats::{Format, coditect, order, sniff};
use crate::marker::MarkerStatus;
use crate::model::{Anchor, Dependency, Group, Plan, PlanTask};
use crate::select;
use crate::text::strip_prefix_ci;

/// What is written about a group is repeated for each of its tasks, unless it is longer than this.
const LONGEST_SHARED: usize = 4096;

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
    let tree = Tree::new(std::mem::take(&mut plan.tasks));
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); tree.all.len()];
    for (at, task) in tree.all.iter().enumerate().filter(|(at, _)| !tree.is_group(*at)) {
        for group in tree.around(at) {
            members.get_mut(group).into_iter().for_each(|m| m.push(plan.tasks.len()));
        }
        plan.tasks.push(tree.leaf(at, task.clone()));
    }
    let keys: Vec<String> = plan.tasks.iter().map(|t| t.key.clone()).collect();
    for leaf in &mut plan.tasks {
        // To name a group is to name what it gathers.
        for dependency in std::mem::take(&mut leaf.dependencies) {
            let group =
                tree.number.get(&dependency.key).filter(|at| tree.is_group(**at)).and_then(|at| members.get(*at));
            let named = match group {
                Some(group) => group.iter().filter_map(|m| keys.get(*m).cloned()).collect(),
                None => vec![dependency.key.clone()],
            };
            for key in named {
                if key != leaf.key && leaf.dependencies.iter().all(|d| d.key != key) {
                    leaf.dependencies.push(Dependency { key, ..dependency });
                }
            }
        }
    }
    let mut sink = Sink::new(&plan.path);
    for (task, gathered) in tree.all.iter().zip(members).filter(|(_, gathered)| !gathered.is_empty()) {
        plan.style.groups.extend(group(task, gathered, &plan.tasks, &mut sink));
    }
    plan.diagnostics.extend(sink.finish());
    plan.diagnostics.sort_by_key(|d| (d.line, d.column, d.code));
}

/// The box of a task that gathers others, by their numbers.
fn group(task: &PlanTask, gathered: Vec<usize>, leaves: &[PlanTask], sink: &mut Sink<'_>) -> Option<Group> {
    let Anchor::Box { marker } = &task.anchor else { return None };
    let needed = |m: &usize| leaves.get(*m).is_some_and(|t| !t.optional);
    let all_optional = !gathered.iter().any(needed);
    let required: Vec<usize> = gathered.into_iter().filter(|m| all_optional || needed(m)).collect();
    let open = required.iter().filter_map(|m| leaves.get(*m)).filter(|t| !t.status.is_settled()).count();
    if task.status == MarkerStatus::Completed && open > 0 {
        let message = format!("`{}` is ticked, but {open} of the tasks beneath are not", title(task));
        let help = "tick them, or untick it; they are done whatever it says".to_owned();
        sink.add(Code::OpenSteps, (task.line, task.column), message, help);
    }
    let open = task.steps.iter().any(|s| !s.status.is_settled());
    Some(Group { marker: marker.clone(), status: task.status, required, open })
}

/// All numbered boxes, and which is around which.
struct Tree {
    all: Vec<PlanTask>,
    number: HashMap<String, usize>,
    parents: Vec<Option<usize>>,
    groups: HashSet<usize>,
}

impl Tree {
    fn new(all: Vec<PlanTask>) -> Self {
        let number: HashMap<String, usize> = all.iter().enumerate().map(|(at, t)| (t.key.clone(), at)).collect();
        let parents: Vec<Option<usize>> =
            all.iter().map(|t| t.parent.as_deref().and_then(|p| number.get(p)).copied()).collect();
        let groups = parents.iter().copied().flatten().collect();
        Self { all, number, parents, groups }
    }

    fn is_group(&self, at: usize) -> bool {
        self.groups.contains(&at)
    }

    /// Those around a task, innermost first.
    fn around(&self, at: usize) -> impl Iterator<Item = usize> {
        let parent = |at: usize| self.parents.get(at).copied().flatten();
        std::iter::successors(parent(at), move |at| parent(*at))
    }

    /// A task with what those around it say for it.
    fn leaf(&self, at: usize, mut task: PlanTask) -> PlanTask {
        task.parent = None;
        let depth = task.section.len();
        for group in self.around(at).filter_map(|group| self.all.get(group)) {
            task.section.insert(depth, title(group));
            task.optional |= group.optional;
            task.human |= group.human;
            task.priority = task.priority.or(group.priority);
            task.agent = task.agent.take().or_else(|| group.agent.clone());
            let shared = Some(group.description.as_str()).filter(|d| d.len() <= LONGEST_SHARED);
            let said = shared.into_iter().chain([task.description.as_str()]).filter(|d| !d.is_empty());
            task.description = said.collect::<Vec<_>>().join("\n\n");
        }
        task
    }
}

fn title(task: &PlanTask) -> String {
    match &task.id {
        Some(id) => format!("{id}. {}", task.title),
        None => task.title.clone(),
    }
}
