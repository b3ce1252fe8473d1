//! Plan files as the offline commands see them: read, resolved against each other, and laid out as one graph.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use coditect_core::TaskId;
use coditect_graph::{DEFAULT_ESTIMATE_MINUTES, Edge, Expected, Forecast, Graph, Node, NodeState, render};
use coditect_plan::links::{self, Linked, LinkedTask};
use coditect_plan::{Diagnostic, Format, MarkerStatus, Plan, PlanTask, Severity, parse_as};
use coditect_service::plan_files::PlanFiles;
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;

/// The code of a diagnostic about tasks that wait for each other.
const CYCLE: &str = "dependency-cycle";

/// The code of a diagnostic about two documents of one name.
const SAME_NAME: &str = "duplicate-document";

/// One or more plans, with the graph of their tasks.
#[derive(Debug)]
pub(crate) struct Plans {
    /// The plans, in the order they were named.
    pub(crate) documents: Vec<Plan>,
    /// All their tasks.
    pub(crate) graph: Graph,
    /// What they wait for in each other.
    linked: Linked,
    places: HashMap<String, (usize, usize)>,
    /// What is odd about the set of them.
    odd: Vec<Finding>,
}

/// One remark about the plans.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What it is about, in kebab-case.
    pub(crate) code: &'static str,
    /// The document.
    pub(crate) path: String,
    /// Line, from 1.
    pub(crate) line: usize,
    /// Column in characters, from 1.
    pub(crate) column: usize,
    /// What is the matter.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: String,
}

/// How many tasks stand where. `tasks` is `completed` + `cancelled` + `ready` + `waiting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    pub(crate) tasks: usize,
    pub(crate) completed: usize,
    pub(crate) cancelled: usize,
    pub(crate) ready: usize,
    pub(crate) waiting: usize,
    pub(crate) cycles: usize,
    pub(crate) dangling: usize,
    /// Open tasks for agents whose results neither their own verify commands nor their plan's would prove.
    pub(crate) unproved: usize,
}

impl Plans {
    /// Reads these files, and those that folders and patterns among them mean.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        Self::read_as(paths, None)
    }

    /// Reads these files in `format`, if one is given.
    pub(crate) fn read_as(paths: &[PathBuf], format: Option<Format>) -> Result<Self, Failure> {
        let given: Vec<_> = paths.iter().map(|path| (path.clone(), format)).collect();
        Self::read_each(Path::new(""), &given)
    }

    /// Reads what these paths mean from `root` on, each in its format.
    pub(crate) fn read_each(root: &Path, paths: &[(PathBuf, Option<Format>)]) -> Result<Self, Failure> {
        let (mut documents, mut odd) = (Vec::new(), Vec::new());
        let mut taken: HashMap<String, String> = HashMap::new();
        for (path, format) in paths {
            let files = PlanFiles::new(root, &path.to_string_lossy())
                .map_err(|error| Failure::usage(format!("{} is no pattern: {error}", path.display())))?;
            let before = documents.len();
            for file in files.files() {
                let text = match text(&file) {
                    Err(_) if !files.is_one() => continue,
                    text => text?,
                };
                let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
                let format = format.unwrap_or_else(|| Format::detect(&name, &text));
                let plan = parse_as(format, &name, &text);
                if !files.is_one() && !PlanFiles::is_plan(&plan) {
                    continue;
                }
                match taken.entry(plan.document_id()) {
                    Entry::Vacant(free) => {
                        free.insert(plan.path.clone());
                        documents.push(plan);
                    }
                    // Named twice, as itself and by a folder, is no oddity.
                    Entry::Occupied(other) if *other.get() == plan.path => {}
                    Entry::Occupied(other) => odd.push(same_name(&plan, other.key(), other.get())),
                }
            }
            if documents.len() == before && !files.is_one() && odd.is_empty() && documents.is_empty() {
                return Err(Failure::usage(format!("there is no plan in {}", path.display()))
                    .help("name a file, a folder or a pattern such as 'docs/**/*.md'; a plan has at least one task"));
            }
        }
        Ok(Self::of(documents, odd))
    }

    fn of(documents: Vec<Plan>, odd: Vec<Finding>) -> Self {
        let linked = links::link(&documents.iter().collect::<Vec<_>>());
        let (mut nodes, mut edges, mut places) = (Vec::new(), Vec::new(), HashMap::new());
        let single = documents.len() == 1;
        for (document, plan) in documents.iter().enumerate() {
            let own = linked.documents.get(document);
            for (at, task) in plan.tasks.iter().enumerate() {
                let id = name(single, plan, &task.key);
                let order = u64::try_from(nodes.len()).unwrap_or(u64::MAX);
                edges.extend(task.dependencies.iter().map(|to| Edge::blocks(&id, name(single, plan, &to.key))));
                let mut node = node(&id, plan, task, order);
                if let Some(own) = own.and_then(|own| own.tasks.get(at)) {
                    let targets = named_links(single, &documents, own);
                    edges.extend(targets.iter().map(|to| Edge::blocks(&id, to.as_str())));
                    node.dangling = own.unresolved.iter().map(|reference| reference.text.clone()).collect();
                }
                nodes.push(node);
                places.insert(id, (document, at));
            }
        }
        Self { graph: Graph::build(nodes, edges), documents, linked, places, odd }
    }

    /// The documents as they are published: as the parser sees them, with what they wait for in each other.
    pub(crate) fn published(&self) -> Vec<Value> {
        let single = self.documents.len() == 1;
        let document = |(plan, linked): (&Plan, &links::LinkedDocument)| {
            let mut value = json!(plan);
            let tasks = value.get_mut("tasks").and_then(Value::as_array_mut).into_iter().flatten();
            for (task, linked) in tasks.zip(&linked.tasks) {
                if let Some(list) = task.get_mut("dependencies").and_then(Value::as_array_mut) {
                    list.extend(named_links(single, &self.documents, linked).into_iter().map(Value::from));
                }
                if let Some(fields) = task.as_object_mut() {
                    match linked.unresolved.is_empty() {
                        true => drop(fields.remove("unresolved")),
                        false => drop(fields.insert("unresolved".to_owned(), json!(linked.unresolved))),
                    }
                }
            }
            value
        };
        self.documents.iter().zip(&self.linked.documents).map(document).collect()
    }

    /// When each open task would be worked on by so many at once, in minutes from now.
    pub(crate) fn forecast(&self, slots: usize) -> Forecast {
        self.graph.forecast(slots, |node| Expected {
            length: node.estimate_minutes.unwrap_or(DEFAULT_ESTIMATE_MINUTES),
            begun: self.task(&node.id).is_some_and(|(_, task)| task.status == MarkerStatus::InProgress),
        })
    }

    /// The task a node of the graph stands for, and its document.
    pub(crate) fn task(&self, id: &str) -> Option<(&Plan, &PlanTask)> {
        let &(document, at) = self.places.get(id)?;
        let plan = self.documents.get(document)?;
        Some((plan, plan.tasks.get(at)?))
    }

    /// Every task, with what it is called among all of them.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = (String, &PlanTask)> {
        let single = self.documents.len() == 1;
        self.documents
            .iter()
            .flat_map(move |plan| plan.tasks.iter().map(move |task| (name(single, plan, &task.key), task)))
    }

    /// Everything odd about the plans, by document and line; cycles included.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut found: BTreeMap<&str, Vec<Finding>> = BTreeMap::new();
        for (plan, linked) in self.documents.iter().zip(&self.linked.documents) {
            found.entry(&plan.path).or_default().extend(linked.diagnostics.iter().map(finding));
        }
        for cycle in self.graph.cycles() {
            if let Some(finding) = self.cycle(&cycle)
                && let Some(list) = found.get_mut(finding.path.as_str())
            {
                list.push(finding);
            }
        }
        let mut all = Vec::new();
        for plan in &self.documents {
            let mut list = found.remove(plan.path.as_str()).unwrap_or_default();
            list.sort_by_key(|finding| (finding.line, finding.column));
            all.append(&mut list);
        }
        all.extend(self.odd.iter().cloned());
        all
    }

    /// A cycle, told at the reference to doubt first.
    fn cycle(&self, cycle: &coditect_graph::Cycle) -> Option<Finding> {
        let Edge { dependent, dependency, .. } = &cycle.suggestion;
        let (plan, task) = self.task(dependent)?;
        let (line, column) = self.reference(dependent, dependency).unwrap_or((task.line, task.column));
        let mut message = format!("these tasks wait for each other, so none can start: {}", cycle.path.join(" → "));
        let documents: HashSet<_> = cycle.path.iter().filter_map(|id| Some(self.places.get(id)?.0)).collect();
        if documents.len() > 1 {
            let place = |(from, to): (&String, &String)| {
                let ((plan, task), (line, column)) = (self.task(from)?, self.reference(from, to)?);
                Some(format!("{}:{line}:{column} `{}` waits for `{to}`", plan.path, task.key))
            };
            let places: Vec<_> = cycle.path.iter().zip(cycle.path.iter().skip(1)).filter_map(place).collect();
            message = format!("{message} ({})", places.join("; "));
        }
        Some(Finding {
            severity: Severity::Error,
            code: CYCLE,
            path: plan.path.clone(),
            line,
            column,
            message,
            help: format!("if `{dependent}` can do without `{dependency}`, remove that dependency"),
        })
    }

    /// Line and column where a task says that it waits for another.
    fn reference(&self, dependent: &str, dependency: &str) -> Option<(usize, usize)> {
        let (&(document, at), &wanted) = (self.places.get(dependent)?, self.places.get(dependency)?);
        let (_, task) = self.task(dependent)?;
        if document == wanted.0 {
            let key = &self.task(dependency)?.1.key;
            if let Some(to) = task.dependencies.iter().find(|to| to.key == *key) {
                return Some((to.line, to.column));
            }
        }
        let links = &self.linked.documents.get(document)?.tasks.get(at)?.links;
        links.iter().find(|link| (link.document, link.task) == wanted).map(|link| (link.line, link.column))
    }

    /// How many tasks stand where.
    pub(crate) fn summary(&self) -> Summary {
        let graph = self.graph.summary();
        let statuses = || self.documents.iter().flat_map(|plan| &plan.tasks).map(|task| task.status);
        let count = |wanted| statuses().filter(|status| *status == wanted).count();
        let (completed, cancelled) = (count(MarkerStatus::Completed), count(MarkerStatus::Cancelled));
        Summary {
            tasks: graph.total,
            completed,
            cancelled,
            ready: graph.ready,
            waiting: graph.total.saturating_sub(completed + cancelled + graph.ready),
            cycles: graph.cycles,
            dangling: graph.dangling,
            unproved: self.documents.iter().map(unproved).sum(),
        }
    }

    /// The ready tasks in the order of dispatch.
    pub(crate) fn next(&self) -> Vec<String> {
        self.graph.order(self.graph.ready())
    }

    /// The graph as a picture in text.
    pub(crate) fn picture(&self, format: render::Format) -> String {
        render::render(&self.graph, format)
    }
}

/// The text of a plan file.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let bytes = fs::read(path).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
            _ => error.to_string(),
        };
        Failure::usage(format!("cannot read the plan {shown}: {why}"))
            .help("name a markdown file that can be read; `coditect init` writes an example")
    })?;
    match coditect_plan::decode(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(Failure::wrong(format!("{shown}: {error}"))),
    }
}

/// What a task is called: its key, and where there are several documents, the document before it.
fn name(single: bool, plan: &Plan, key: &str) -> String {
    if single { key.to_owned() } else { TaskId::new(&plan.document_id(), key).to_string() }
}

/// What a task waits for in other documents, by name.
fn named_links(single: bool, documents: &[Plan], task: &LinkedTask) -> Vec<String> {
    let named = |link: &links::Link| {
        let plan = documents.get(link.document)?;
        Some(name(single, plan, &plan.tasks.get(link.task)?.key))
    };
    task.links.iter().filter_map(named).collect()
}

fn finding(diagnostic: &Diagnostic) -> Finding {
    Finding {
        severity: diagnostic.severity,
        code: diagnostic.code.as_str(),
        path: diagnostic.path.clone(),
        line: diagnostic.line,
        column: diagnostic.column,
        message: diagnostic.message.clone(),
        help: diagnostic.help.clone(),
    }
}

fn same_name(plan: &Plan, id: &str, other: &str) -> Finding {
    Finding {
        severity: Severity::Error,
        code: SAME_NAME,
        path: plan.path.clone(),
        line: 1,
        column: 1,
        message: format!("this document would be called `{id}` like {other}, so it is left out"),
        help: "rename one of them".to_owned(),
    }
}

fn node(id: &str, plan: &Plan, task: &PlanTask, order: u64) -> Node {
    let state = match task.status {
        MarkerStatus::Completed => NodeState::Met,
        MarkerStatus::Pending | MarkerStatus::InProgress => NodeState::Open,
        MarkerStatus::Blocked | MarkerStatus::Cancelled => NodeState::Blocking,
    };
    Node {
        title: task.title.clone(),
        section: task.section.clone(),
        priority: task.priority.unwrap_or_default(),
        estimate_minutes: task.estimate_minutes,
        order,
        path: plan.path.clone(),
        line: u32::try_from(task.line).unwrap_or(u32::MAX),
        state,
        dangling: task.unresolved.iter().map(|reference| reference.text.clone()).collect(),
        ..Node::new(id)
    }
}

/// How a plan comes to prove its tasks.
pub(crate) const PROVING: &str = "give tasks a `**Verify:**` field, or the plan a section `## Validation Commands`";

/// How many tasks no verify command proves, in words.
pub(crate) fn said_of_unproved(count: usize) -> String {
    match count {
        1 => "1 open task has no verify command".to_owned(),
        several => format!("{several} open tasks have no verify command"),
    }
}

/// The open tasks for agents that no verify command of a plan proves.
fn unproved(plan: &Plan) -> usize {
    let open = |status| !matches!(status, MarkerStatus::Completed | MarkerStatus::Cancelled);
    let bare = plan.tasks.iter().filter(|task| open(task.status) && !task.human && task.verify.is_empty());
    if plan.verify.is_empty() { bare.count() } else { 0 }
}
