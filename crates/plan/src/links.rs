//! Several plans as one: references that mean nothing in their own document are looked for in the others.
//!
//! Understood are an explicit id that one task of one other document has (`B.1.2`), a place in a document
//! (`docs/track-b.md#B.1.2`, `TRACK-B B.1.2`), and a document as a whole (`track-b.md`, `TRACK-B complete`): all of its
//! tasks. What the own document knows is never looked for elsewhere.

mod names;

use std::collections::{HashMap, HashSet};

use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Plan, PlanTask, UnresolvedDependency};

use names::{Meant, Names};

/// References to whole documents on every task would make a list of millions.
const MOST_LINKS: usize = 250_000;

/// So many candidates are named.
const NAMED: usize = 5;

/// What a set of plans comes to, document by document in the order in which they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Linked {
    /// The documents.
    pub documents: Vec<LinkedDocument>,
}

/// A document among others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkedDocument {
    /// What its tasks depend on beside what the plan itself says, as many as it has tasks.
    pub tasks: Vec<LinkedTask>,
    /// What is odd about it, now that the others are known; in the order of the document.
    pub diagnostics: Vec<Diagnostic>,
}

/// A task among those of several documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkedTask {
    /// The tasks it waits for that its own document did not tell.
    pub links: Vec<Link>,
    /// The references that lead nowhere: in place of [`PlanTask::unresolved`].
    pub unresolved: Vec<UnresolvedDependency>,
}

/// A task that one of another document waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The place of its document in the set.
    pub document: usize,
    /// Its place in that document.
    pub task: usize,
    /// Line of the reference, from 1.
    pub line: usize,
    /// Column of the reference in characters, from 1.
    pub column: usize,
}

/// Ties the tasks of `plans` to each other.
#[must_use]
pub fn link(plans: &[&Plan]) -> Linked {
    let names = Names::new(plans);
    let mut budget = MOST_LINKS;
    let documents = plans.iter().enumerate().map(|(at, plan)| {
        let mut linking = Linking { plans, names: &names, document: at, budget, said: Said::of(plan) };
        let tasks = plan.tasks.iter().enumerate().map(|(own, task)| linking.task(own, task)).collect();
        budget = linking.budget;
        LinkedDocument { tasks, diagnostics: linking.said.finish() }
    });
    Linked { documents: documents.collect() }
}

/// The work on one document.
struct Linking<'a> {
    plans: &'a [&'a Plan],
    names: &'a Names<'a>,
    document: usize,
    budget: usize,
    said: Said,
}

impl Linking<'_> {
    fn task(&mut self, own: usize, task: &PlanTask) -> LinkedTask {
        let mut linked = LinkedTask::default();
        let mut seen: HashSet<(usize, usize)> = HashSet::new();
        for reference in &task.unresolved {
            let unknown = self.said.has(Code::UnknownDependency, reference);
            if !unknown || !self.resolve(own, reference, true, &mut seen, &mut linked) {
                linked.unresolved.push(reference.clone());
            }
        }
        for reference in &task.asides {
            self.resolve(own, reference, false, &mut seen, &mut linked);
        }
        let known = |link: &Link| {
            let same = link.document == self.document;
            let key = self.plans.get(link.document).and_then(|p| p.tasks.get(link.task)).map(|t| &t.key);
            same && key.is_some_and(|key| task.dependencies.iter().any(|d| d.key == *key))
        };
        linked.links.retain(|link| !known(link));
        linked
    }

    /// Looks for what `reference` means. Answers whether it has been dealt with; `dangling`: it is told of as unknown.
    fn resolve(
        &mut self,
        own: usize,
        reference: &UnresolvedDependency,
        dangling: bool,
        seen: &mut HashSet<(usize, usize)>,
        linked: &mut LinkedTask,
    ) -> bool {
        let text = &reference.text;
        let (code, message, help) = match self.names.meaning(text, self.document, dangling) {
            Meant::Nothing => return false,
            Meant::Tasks(found) if found == [(self.document, own)] => (
                Code::SelfDependency,
                format!("`{text}` is this task itself"),
                "remove the reference, or name the task that was meant".to_owned(),
            ),
            Meant::Tasks(found) if found.len() > self.budget => (
                Code::TooManyDependencies,
                format!("`{text}` names {} tasks, too many to be listed one by one", found.len()),
                "name the last tasks only".to_owned(),
            ),
            Meant::Tasks(found) => {
                self.budget -= found.len();
                let others = found.into_iter().filter(|at| *at != (self.document, own) && seen.insert(*at));
                let (line, column) = (reference.line, reference.column);
                linked.links.extend(others.map(|(document, task)| Link { document, task, line, column }));
                self.said.forget(reference);
                return true;
            }
            Meant::Several(found) => {
                let named: Vec<String> = found.iter().take(NAMED).map(|at| self.called(*at)).collect();
                let more = if found.len() > NAMED { ", …" } else { "" };
                (
                    Code::AmbiguousDependency,
                    format!("`{text}` could be {}{more}", named.join(", ")),
                    "write `path/to/document.md#id` for the one that is meant".to_owned(),
                )
            }
            Meant::Missing(document) => {
                let Some(plan) = self.plans.get(document) else { return false };
                let path = &plan.path;
                let lacks = if plan.tasks.is_empty() { "of which there is none yet" } else { "which it has not" };
                (
                    Code::UnknownDependency,
                    format!("`{text}` means a task of {path}, {lacks}"),
                    "correct the id, or add the task; until then this task is held".to_owned(),
                )
            }
            Meant::NoDocument => (
                Code::UnknownDependency,
                format!("`{text}` names a document that is none of these"),
                "name that document too, or correct its path; until then this task is held".to_owned(),
            ),
        };
        self.said.forget(reference);
        self.said.add(self.plans, self.document, code, reference, message, help);
        linked.unresolved.push(reference.clone());
        true
    }

    /// What people call a task, or a document as a whole.
    fn called(&self, (document, task): (usize, usize)) -> String {
        let Some(plan) = self.plans.get(document) else { return String::new() };
        match plan.tasks.get(task) {
            Some(task) => format!("{}#{}", plan.path, task.key),
            None => plan.path.clone(),
        }
    }
}

/// The diagnostics of a document while it is linked.
struct Said {
    /// Those that are not so any more are gone.
    found: Vec<Option<Diagnostic>>,
    /// Where they are, by line and column.
    places: HashMap<(usize, usize), Vec<usize>>,
}

impl Said {
    fn of(plan: &Plan) -> Self {
        let mut places: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, diagnostic) in plan.diagnostics.iter().enumerate() {
            places.entry((diagnostic.line, diagnostic.column)).or_default().push(at);
        }
        Self { found: plan.diagnostics.iter().cloned().map(Some).collect(), places }
    }

    fn has(&self, code: Code, reference: &UnresolvedDependency) -> bool {
        let at = self.places.get(&(reference.line, reference.column)).into_iter().flatten();
        at.filter_map(|at| self.found.get(*at)?.as_ref()).any(|d| d.code == code && is_about(d, reference))
    }

    /// What was said of a reference is not so.
    fn forget(&mut self, reference: &UnresolvedDependency) {
        let wrong = [Code::UnknownDependency, Code::IgnoredDependency];
        for at in self.places.get(&(reference.line, reference.column)).into_iter().flatten() {
            if let Some(said) = self.found.get_mut(*at) {
                *said = said.take().filter(|d| !(wrong.contains(&d.code) && is_about(d, reference)));
            }
        }
    }

    fn add(
        &mut self,
        plans: &[&Plan],
        document: usize,
        code: Code,
        reference: &UnresolvedDependency,
        message: String,
        help: String,
    ) {
        let path = plans.get(document).map_or_else(String::new, |plan| plan.path.clone());
        let (line, column) = (reference.line, reference.column);
        self.found.push(Some(Diagnostic { severity: code.severity(), code, path, line, column, message, help }));
    }

    fn finish(self) -> Vec<Diagnostic> {
        let mut found: Vec<Diagnostic> = self.found.into_iter().flatten().collect();
        found.sort_by_key(|d| (d.line, d.column, d.code));
        found
    }
}

/// Several references may stand at one place, in data for instance: they are told apart by their text.
fn is_about(diagnostic: &Diagnostic, reference: &UnresolvedDependency) -> bool {
    let message = diagnostic.message.strip_prefix('`').and_then(|m| m.strip_prefix(reference.text.as_str()));
    message.is_some_and(|rest| rest.starts_with('`'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    /// What the first task of the last document waits for in others, what is dangling, and what is said of it.
    fn linked(others: &[(&str, &str)], reference: &str) -> (Vec<String>, Vec<String>, Vec<Code>) {
        let text = format!("# Mine\n\n- [ ] Z.1 Own one\n  - **Depends on:** {reference}\n- [ ] Z.2 Own two\n");
        let own = [("docs/mine.md", text.as_str())];
        let plans: Vec<Plan> = others.iter().chain(&own).map(|(path, text)| parse(path, text)).collect();
        let plans: Vec<&Plan> = plans.iter().collect();
        let linked = link(&plans);
        let document = linked.documents.last().unwrap();
        let task = &document.tasks[0];
        let named = |link: &Link| {
            let plan = plans[link.document];
            assert!(link.line == 4 && link.column > 1, "{link:?}");
            format!("{}#{}", plan.path, plan.tasks[link.task].key)
        };
        (
            task.links.iter().map(named).collect(),
            task.unresolved.iter().map(|r| r.text.clone()).collect(),
            document.diagnostics.iter().map(|d| d.code).collect(),
        )
    }

    const B: (&str, &str) =
        ("docs/TRACK-B-DASHBOARD.md", "# Track B: Dashboard\n\n- [ ] B.1 First\n- [ ] B.2 Second\n");
    const C: (&str, &str) = ("docs/c.md", "# Access control\n\n- [ ] C.1 First\n- [ ] 1.2 Second\n");
    const D: (&str, &str) = ("specs/login/tasks.md", "# Login\n\n- [ ] D.1 First\n- [ ] 1.2 Second\n");

    #[test]
    fn an_id_that_one_other_document_has_is_found_there_whatever_its_case() {
        for written in ["B.1", "b.1", "Task B.1", "B.1 (the first)", "after B.1", "B.1 complete"] {
            let (links, dangling, said) = linked(&[B, C, D], written);
            assert_eq!(links, ["docs/TRACK-B-DASHBOARD.md#B.1"], "{written}");
            assert!(dangling.is_empty() && said.is_empty(), "{written}: {dangling:?} {said:?}");
        }
    }

    #[test]
    fn what_the_own_document_knows_is_not_looked_for_elsewhere() {
        let other = ("docs/y.md", "- [ ] Z.2 Of another\n- [ ] Y.1 Another\n");
        assert_eq!(linked(&[other], "Z.2"), (vec![], vec![], vec![]));
    }

    #[test]
    fn an_id_that_several_documents_have_is_ambiguous_and_a_path_settles_it() {
        let (links, dangling, said) = linked(&[C, D], "1.2");
        assert_eq!((links.len(), dangling, said), (0, vec!["1.2".to_owned()], vec![Code::AmbiguousDependency]));
        for written in
            ["docs/c.md#1.2", "c.md#1.2", "./c.md#1.2", "`c.md#1.2`", "c.md 1.2", "docs-c/1.2", "Access control 1.2"]
        {
            assert_eq!(linked(&[C, D], written), (vec!["docs/c.md#1.2".to_owned()], vec![], vec![]), "{written}");
        }
        assert_eq!(linked(&[C, D], "../specs/login/tasks.md#1.2").0, ["specs/login/tasks.md#1.2"]);
        assert_eq!(linked(&[C, D], "login 1.2").0, ["specs/login/tasks.md#1.2"]);
    }

    #[test]
    fn a_track_and_an_id_are_a_task_of_that_track() {
        for written in ["TRACK-B B.2", "Track B B.2", "TRACK-B: B.2", "TRACK-B#B.2"] {
            let (links, dangling, said) = linked(&[B, C], written);
            assert_eq!(links, ["docs/TRACK-B-DASHBOARD.md#B.2"], "{written}: {dangling:?} {said:?}");
            assert!(said.is_empty(), "{written}: {said:?}");
        }
    }

    #[test]
    fn a_document_alone_is_all_of_its_tasks() {
        let whole = [
            "TRACK-B",
            "TRACK-B complete",
            "Track B",
            "All TRACK-B tasks",
            "track-b-dashboard.md",
            "`docs/TRACK-B-DASHBOARD.md`",
            "Track B: Dashboard",
        ];
        for written in whole {
            let (links, dangling, said) = linked(&[B, C], written);
            assert_eq!(links, ["docs/TRACK-B-DASHBOARD.md#B.1", "docs/TRACK-B-DASHBOARD.md#B.2"], "{written}");
            assert!(dangling.is_empty() && said.is_empty(), "{written}: {dangling:?} {said:?}");
        }
    }

    #[test]
    fn a_range_is_every_task_in_it_or_an_error() {
        let b = ("docs/TRACK-B.md", "- [ ] B.1 First\n- [ ] B.2 Second\n- [ ] B.3 Third\n- [ ] B.4 Fourth\n");
        let three = ["docs/TRACK-B.md#B.1", "docs/TRACK-B.md#B.2", "docs/TRACK-B.md#B.3"];
        let written = ["B.1-B.3", "B.1 - B.3", "B.1 – B.3", "B.1 to B.3", "B.1..B.3", "b.1-3", "Tasks B.1 through B.3"];
        let placed = ["TRACK-B B.1-B.3", "TRACK-B tasks B.1 to B.3", "TRACK-B.md#B.1-B.3", "TRACK-B: B.1 – B.3"];
        for written in written.into_iter().chain(placed) {
            let (links, dangling, said) = linked(&[b, C], written);
            assert_eq!(links, three, "{written}: {said:?}");
            assert!(dangling.is_empty() && said.is_empty(), "{written}: {dangling:?} {said:?}");
        }
        for written in ["B.1-B.9", "B.3 to B.1", "TRACK-B B.0-B.3"] {
            let (links, dangling, said) = linked(&[b, C], written);
            assert_eq!((links.len(), dangling.len(), said), (0, 1, vec![Code::UnknownDependency]), "{written}");
        }
        let (links, _, said) = linked(&[C, ("docs/c2.md", "- [ ] C.1 One\n- [ ] C.2 Two\n"), D], "C.1-C.2");
        assert_eq!((links.len(), said.len()), (2, 0), "one document has both ends");
    }

    #[test]
    fn a_section_of_another_document_is_the_tasks_in_it() {
        let text =
            "# Track B\n\n## Phase 2: API\n\n- [ ] B.1 First\n- [ ] B.2 Second\n\n## Phase 2.1\n\n- [ ] B.3 Third\n";
        let b = ("docs/TRACK-B.md", text);
        for written in ["TRACK-B Phase 2", "TRACK-B Phase 2 complete", "docs/TRACK-B.md#phase-2"] {
            let (links, dangling, said) = linked(&[b], written);
            assert_eq!(links, ["docs/TRACK-B.md#B.1", "docs/TRACK-B.md#B.2"], "{written}: {dangling:?} {said:?}");
            assert!(dangling.is_empty() && said.is_empty(), "{written}: {dangling:?} {said:?}");
        }
        let (links, dangling, said) = linked(&[b], "TRACK-B Phase 7");
        assert_eq!((links.len(), dangling.len(), said), (0, 1, vec![Code::UnknownDependency]));
    }

    #[test]
    fn a_hyperlink_is_what_it_leads_to() {
        for written in
            ["[B.1](TRACK-B-DASHBOARD.md)", "[**B.1**](./TRACK-B-DASHBOARD.md)", "[it](TRACK-B-DASHBOARD.md#B.1)"]
        {
            let (links, dangling, said) = linked(&[B, C], written);
            assert_eq!(links, ["docs/TRACK-B-DASHBOARD.md#B.1"], "{written}: {dangling:?} {said:?}");
            assert!(said.is_empty(), "{written}: {said:?}");
        }
        assert_eq!(linked(&[B, C], "[the dashboard](TRACK-B-DASHBOARD.md)").0.len(), 2);
        for written in ["[B.9](TRACK-B-DASHBOARD.md)", "[it](TRACK-B-DASHBOARD.md#B.9)", "[it](none.md)"] {
            let (links, dangling, said) = linked(&[B, C], written);
            assert_eq!((links.len(), dangling.len(), said), (0, 1, vec![Code::UnknownDependency]), "{written}");
        }
        assert_eq!(linked(&[B, C], "[serde](https://serde.rs)").1.len(), 0);
    }

    #[test]
    fn a_track_that_is_not_there_holds_the_task() {
        for written in ["TRACK-E", "TRACK-E complete", "TRACK-E E.1", "Track E E.1"] {
            let (links, dangling, said) = linked(&[B, C], written);
            assert_eq!((links.len(), dangling.len(), said), (0, 1, vec![Code::UnknownDependency]), "{written}");
        }
        for written in ["Track usage", "track a bug", "tracks"] {
            assert_eq!(linked(&[B, C], written).2, [Code::IgnoredDependency], "{written}");
        }
    }

    #[test]
    fn thousands_of_references_across_thousands_of_documents_are_linked_in_one_go() {
        let each = |at: usize| format!("- [ ] A.{at} T\n  - **Depends on:** doc-{}.md\n", (at + 1) % 3_000);
        let mut plans: Vec<Plan> = (0..3_000).map(|at| parse(&format!("p/doc-{at}.md"), &each(at))).collect();
        let big: String =
            (0..10_000).map(|at| format!("- [ ] Q.{at} T\n  - **Depends on:** A.{}\n", at % 3_000)).collect();
        plans.push(parse("p/big.md", &big));
        let linked = link(&plans.iter().collect::<Vec<_>>());
        let links: usize = linked.documents.iter().flat_map(|d| &d.tasks).map(|task| task.links.len()).sum();
        assert_eq!(links, 13_000);
        assert!(linked.documents.iter().all(|document| document.diagnostics.is_empty()));
    }

    #[test]
    fn what_nobody_has_stays_as_it_was_told() {
        assert_eq!(linked(&[B, C], "9.9"), (vec![], vec!["9.9".to_owned()], vec![Code::UnknownDependency]));
        assert_eq!(linked(&[B, C], "good weather"), (vec![], vec![], vec![Code::IgnoredDependency]));
        assert_eq!(linked(&[B, C], "`redis`"), (vec![], vec![], vec![]));
    }

    #[test]
    fn a_task_that_a_named_document_has_not_holds_the_task() {
        for written in ["TRACK-B B.9", "docs/TRACK-B-DASHBOARD.md#B.9", "docs/none.md#1.1", "docs/none.md"] {
            let (links, dangling, said) = linked(&[B, C], written);
            assert_eq!((links.len(), dangling.len(), said), (0, 1, vec![Code::UnknownDependency]), "{written}");
        }
    }

    #[test]
    fn a_document_that_is_yet_to_be_written_is_not_done() {
        let (links, dangling, said) = linked(&[("docs/track-e.md", "# Track E\n")], "TRACK-E");
        assert_eq!((links.len(), dangling, said), (0, vec!["TRACK-E".to_owned()], vec![Code::UnknownDependency]));
    }

    #[test]
    fn a_task_that_names_itself_by_its_document_is_told_so() {
        let (links, dangling, said) = linked(&[], "mine.md#Z.1");
        assert_eq!((links.len(), dangling.len(), said), (0, 1, vec![Code::SelfDependency]));
        assert_eq!(linked(&[], "mine.md#Z.2").0, ["docs/mine.md#Z.2"]);
    }

    #[test]
    fn formats_of_data_are_linked_as_well() {
        let a = parse(
            "backlog/tasks/back-1 - One.md",
            "---\nid: BACK-1\ntitle: One\nstatus: To Do\ndependencies: []\n---\n",
        );
        let b = parse(
            "backlog/tasks/back-2 - Two.md",
            "---\nid: BACK-2\ntitle: Two\nstatus: To Do\ndependencies: [back-1, BACK-3]\n---\n",
        );
        let linked = link(&[&a, &b]);
        let task = &linked.documents[1].tasks[0];
        assert_eq!((task.links[0].document, task.links[0].task), (0, 0));
        assert_eq!(task.unresolved.iter().map(|r| r.text.as_str()).collect::<Vec<_>>(), ["BACK-3"]);
        assert_eq!(linked.documents[1].diagnostics.len(), 1);
    }

    #[test]
    fn whole_documents_are_not_listed_without_end() {
        let many =
            |letter: &str, after: &str| (0..600).map(|n| format!("- [ ] {letter}.{n} T\n{after}")).collect::<String>();
        let plans = [parse("b.md", &many("B", "")), parse("c.md", &many("C", "  - **Depends on:** b.md\n"))];
        let linked = link(&plans.iter().collect::<Vec<_>>());
        let links: usize = linked.documents[1].tasks.iter().map(|task| task.links.len()).sum();
        assert!(links <= MOST_LINKS && links > MOST_LINKS / 2, "{links}");
        assert!(linked.documents[1].diagnostics.iter().any(|d| d.code == Code::TooManyDependencies));
    }
}
