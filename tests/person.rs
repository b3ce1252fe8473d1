//! A plan of 300 tasks runs while a person edits its file 200 times. At the end every edit is there, every task is
//! ticked, and nothing that was finished ran again unless the person asked for it.
//!
//! The person has a list of what the file must say, marker for marker left out, and holds the file against it before
//! each edit: a lost edit is told with its number. `CODITECT_PERSON_SEED` chooses other edits.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "person/document.rs"]
mod document;
#[path = "person/witness.rs"]
mod witness;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use coditect_tests::{Project, Up, wait_until};
use rand::prelude::*;
use rand::rngs::StdRng;

use document::{Document, PRIORITIES, Place};
use witness::Witness;

const TASKS: usize = 300;
const EDITS: usize = 200;

/// After so many edits the person waits until the system has seen them. In between they pile up as they do.
const PILE: usize = 4;

/// How often the file is saved from a copy that was read before the last ticks.
const SLOW: f64 = 0.1;

/// Makes a commit each time it runs, also of what was made before.
const WRITE: &str = r#"mkdir -p done && echo "$CODITECT_TASK_TITLE $CODITECT_ATTEMPT $(date +%s%N)" >> "done/$(echo "$CODITECT_TASK_ID" | tr / +).txt""#;

const SEED: &str = "CODITECT_PERSON_SEED";

#[test]
fn every_edit_of_a_person_is_there_in_the_end_and_no_finished_task_ran_again() {
    let seed = std::env::var(SEED).ok().map_or(20_261_125, |seed| seed.parse().unwrap());
    println!("{SEED}={seed}");
    let document = Document::generate(TASKS);
    let project = Project::new(&document.text());
    let up = project.up(&["--runtime", "script", "--script", WRITE]);
    let witness = Witness::of(&project);
    let mut person = Person {
        file: project.plan(),
        document,
        random: StdRng::seed_from_u64(seed),
        witness: &witness,
        seen: HashMap::new(),
        reads: 0,
        touched: HashSet::new(),
        ids: BTreeMap::new(),
        unticked: BTreeMap::new(),
        deleted: Vec::new(),
        done: Vec::new(),
    };
    wait_until("the plan is in the database", || witness.tasks().len() == TASKS);
    person.settle();
    for edit in 0..EDITS {
        // Spread over the whole run.
        let progress = (edit * TASKS / EDITS) as i64;
        wait_until("the run goes on", || {
            let finished = witness.completions();
            finished >= progress || witness.nothing_to_do()
        });
        person.edit(edit);
        if edit % PILE == PILE - 1 {
            person.settle();
        }
    }
    person.finish(&project, &up);
    up.interrupt();
    person.judge(&project);
}

struct Person<'a> {
    file: PathBuf,
    /// What the file must say.
    document: Document,
    random: StdRng,
    witness: &'a Witness,
    /// Tasks that were seen ticked, each with the read in which it was first seen so.
    seen: HashMap<usize, usize>,
    reads: usize,
    /// Tasks that were edited since the system was last seen to know every edit.
    touched: HashSet<usize>,
    /// What the system calls each task.
    ids: BTreeMap<usize, String>,
    /// How often each task was unticked.
    unticked: BTreeMap<usize, i64>,
    deleted: Vec<usize>,
    /// The edits, for those who look for a lost one.
    done: Vec<String>,
}

impl Person<'_> {
    /// Reads, changes one thing, writes.
    fn edit(&mut self, number: usize) {
        let mut ticked = self.read();
        let what = self.random.random_range(0..100);
        let told = match what {
            0..25 => self.retitle(number),
            25..40 => self.reorder(),
            40..55 => self.move_away(),
            55..67 => self.add(number),
            67..77 => self.delete(),
            77..88 => self.untick(&mut ticked),
            _ => self.prioritise(),
        };
        // Some think before they save, and what they save is older than the file by then.
        let slow = self.random.random_bool(SLOW);
        if slow {
            let read = fs::read(&self.file).unwrap();
            wait_until("something was ticked meanwhile", || {
                fs::read(&self.file).unwrap() != read || self.witness.nothing_to_do()
            });
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let copy = if slow { ", in an old copy" } else { "" };
        self.done.push(format!("{number} at {now}: {told}{copy}"));
        self.write(&self.document.text_with(&ticked));
    }

    /// What is ticked in the file, which must otherwise be as the person left it.
    fn read(&mut self) -> HashSet<usize> {
        let text = fs::read_to_string(&self.file).unwrap();
        let ticked = self.document.compare(&text).unwrap_or_else(|lost| {
            panic!("the file is not as the person left it: {lost}\nedits:\n{}", self.done.join("\n"))
        });
        self.reads += 1;
        self.seen.retain(|task, _| ticked.contains(task));
        for task in &ticked {
            self.seen.entry(*task).or_insert(self.reads);
        }
        ticked
    }

    /// As editors do: in place, or beside it and renamed.
    fn write(&mut self, text: &str) {
        if self.random.random_bool(0.5) {
            let beside = self.file.with_extension("md~");
            fs::write(&beside, text).unwrap();
            fs::rename(beside, &self.file).unwrap();
        } else {
            fs::write(&self.file, text).unwrap();
        }
    }

    /// Waits until the system knows what the file says, and holds who is who against what it was.
    fn settle(&mut self) {
        let titles = self.document.titles();
        let mut tasks = Vec::new();
        wait_until("the edits are in the database", || {
            tasks = self.witness.tasks();
            let mut known: Vec<&str> = tasks.iter().map(|task| task.title.as_str()).collect();
            known.sort_unstable();
            let mut wanted: Vec<&str> = titles.values().map(String::as_str).collect();
            wanted.sort_unstable();
            known == wanted
        });
        let by_title: HashMap<&str, &str> = tasks.iter().map(|task| (task.title.as_str(), task.id.as_str())).collect();
        for (task, title) in titles {
            let id = by_title[title.as_str()];
            let known = self.ids.entry(task).or_insert_with(|| id.to_owned());
            assert_eq!(known, id, "`{title}` is another task than it was\nedits:\n{}", self.done.join("\n"));
        }
        self.touched.clear();
    }

    /// A task that was not edited since the system was last seen to know every edit, as a place.
    fn choose(&mut self, fits: impl Fn(&Document, Place) -> bool) -> Option<Place> {
        let fitting: Vec<Place> = self
            .document
            .places()
            .into_iter()
            .filter(|place| !self.touched.contains(&self.document.task(*place).number) && fits(&self.document, *place))
            .collect();
        let place = fitting.choose(&mut self.random).copied()?;
        self.touched.insert(self.document.task(place).number);
        Some(place)
    }

    fn retitle(&mut self, number: usize) -> String {
        let Some(place) = self.choose(|_, _| true) else { return "nothing to retitle".to_owned() };
        let task = self.document.task_mut(place);
        let title = format!("{}, as of edit {number}", task.title.split(", as of").next().unwrap());
        let old = std::mem::replace(&mut task.title, title);
        format!("retitle `{old}`")
    }

    fn reorder(&mut self) -> String {
        let Some(place) = self.choose(|_, _| true) else { return "nothing to reorder".to_owned() };
        let length = self.document.sections[place.section].tasks.len();
        let to = Place { at: self.random.random_range(0..length), ..place };
        let title = self.document.move_to(place, to);
        format!("reorder `{title}` from {place:?} to {to:?}")
    }

    fn move_away(&mut self) -> String {
        let Some(place) = self.choose(|_, _| true) else { return "nothing to move".to_owned() };
        let section = self.random.random_range(0..self.document.sections.len());
        let at = self.random.random_range(0..=self.document.sections[section].tasks.len());
        let to = if section == place.section { place } else { Place { section, at } };
        let title = self.document.move_to(place, to);
        format!("move `{title}` from {place:?} to {to:?}")
    }

    fn add(&mut self, number: usize) -> String {
        let section = self.random.random_range(0..self.document.sections.len());
        let at = self.random.random_range(0..=self.document.sections[section].tasks.len());
        let task = self.document.add(Place { section, at }, number);
        self.touched.insert(task);
        format!("add `{}`", self.document.task(Place { section, at }).title)
    }

    fn delete(&mut self) -> String {
        // What others wait for stays.
        let Some(place) = self.choose(|document, place| !document.task(place).needed) else {
            return "nothing to delete".to_owned();
        };
        let task = self.document.sections[place.section].tasks.remove(place.at);
        self.deleted.push(task.number);
        format!("delete `{}`", task.title)
    }

    /// Unticks a task that was not ticked last: so it is a wish, and no old copy.
    fn untick(&mut self, ticked: &mut HashSet<usize>) -> String {
        let last = ticked.iter().filter_map(|task| self.seen.get(task)).max().copied().unwrap_or_default();
        let seen = self.seen.clone();
        let old = |document: &Document, place: Place| {
            let number = document.task(place).number;
            ticked.contains(&number) && seen.get(&number).is_some_and(|read| *read < last)
        };
        let Some(place) = self.choose(old) else { return "nothing to untick yet".to_owned() };
        let task = self.document.task(place);
        ticked.remove(&task.number);
        self.seen.remove(&task.number);
        *self.unticked.entry(task.number).or_default() += 1;
        format!("untick `{}`", task.title)
    }

    fn prioritise(&mut self) -> String {
        let Some(place) = self.choose(|_, _| true) else { return "nothing to give another priority".to_owned() };
        let priority = *PRIORITIES.choose(&mut self.random).unwrap();
        let task = self.document.task_mut(place);
        task.priority = priority;
        format!("`{}` gets priority `{priority}`", task.title)
    }

    /// Waits until all is done and ticked; if it is not to be, says what is missing.
    fn finish(&mut self, project: &Project, up: &Up<'_>) {
        self.settle();
        let all: HashSet<usize> = self.document.places().into_iter().map(|p| self.document.task(p).number).collect();
        let text = self.document.text_with(&all);
        let begun = std::time::Instant::now();
        loop {
            let now = fs::read_to_string(&self.file).unwrap();
            if now == text && self.witness.nothing_to_do() {
                return;
            }
            if begun.elapsed() > coditect_tests::LIMIT {
                let ticked = self.read();
                let open = all.difference(&ticked).map(|task| (self.ids.get(task), self.unticked.get(task)));
                let unfinished: Vec<_> = self.witness.tasks().into_iter().filter(|t| t.state != "completed").collect();
                panic!(
                    "not ticked: {:?}\nnot completed: {unfinished:?}\nedits:\n{}\n{}\n{}",
                    open.collect::<Vec<_>>(),
                    self.done.join("\n"),
                    project.git(&["log", "--oneline", "-5", "coditect/integration"]),
                    up.tail()
                );
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// What git and the history say of each task.
    fn judge(&mut self, project: &Project) {
        let all = self.read();
        assert_eq!(all.len(), self.document.places().len(), "not all are ticked");
        let unticked: HashMap<&str, i64> =
            self.unticked.iter().map(|(task, times)| (self.ids[task].as_str(), *times)).collect();
        let mut wrong = Vec::new();

        let mut landed: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for (task, generation) in project.landings() {
            landed.entry(task).or_default().push(generation);
        }
        let deleted: HashSet<&str> =
            self.deleted.iter().filter_map(|task| Some(self.ids.get(task)?.as_str())).collect();
        for (task, generations) in &landed {
            let asked = unticked.get(task.as_str()).copied().unwrap_or_default();
            let times = generations.len() as i64;
            if times > 1 + asked {
                wrong.push(format!("`{task}` landed {times} times ({generations:?}) and was unticked {asked} times"));
            }
            if generations.iter().collect::<HashSet<_>>().len() < generations.len() {
                wrong.push(format!("a generation of `{task}` landed twice: {generations:?}"));
            }
        }
        for (task, id) in &self.ids {
            let (times, asked) = (landed.get(id).map_or(0, |g| g.len() as i64), unticked.get(id.as_str()).copied());
            if !deleted.contains(id.as_str()) && times != 1 + asked.unwrap_or_default() {
                wrong.push(format!("`{id}` (task {task}) landed {times} times and was unticked {asked:?} times"));
            }
        }
        for (task, times) in self.witness.times_completed() {
            let asked = unticked.get(task.as_str()).copied().unwrap_or_default();
            if times > 1 + asked {
                wrong.push(format!("`{task}` was completed {times} times and was unticked {asked} times"));
            }
        }
        for (task, times) in self.witness.times_reopened() {
            let asked = unticked.get(task.as_str()).copied().unwrap_or_default();
            if times > asked {
                let history = self.witness.history(&task);
                wrong.push(format!("`{task}` was reopened {times} times and was unticked {asked} times:\n{history}"));
            }
        }
        let states = self.witness.states();
        for task in &self.deleted {
            let Some(id) = self.ids.get(task) else { continue };
            if states[id] != "retired" {
                wrong.push(format!("`{id}` was deleted and is {}, not retired", states[id]));
            }
        }
        let retired = states.iter().filter(|(id, state)| *state == "retired" && !deleted.contains(id.as_str()));
        wrong.extend(retired.map(|(id, _)| format!("`{id}` is retired, and nobody deleted it")));
        assert!(wrong.is_empty(), "{}\nedits:\n{}", wrong.join("\n"), self.done.join("\n"));
        let count = |kind: &str| self.done.iter().filter(|edit| edit.contains(&format!(": {kind} "))).count();
        for kind in ["retitle", "reorder", "move", "add", "delete", "untick"] {
            assert!(count(kind) >= 3, "too few edits of the kind `{kind}`: choose another seed");
        }
    }
}
