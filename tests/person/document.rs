//! A note with tasks as a person has it in mind: everything but the markers.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

/// Priorities as a line has them.
pub(crate) const PRIORITIES: [&str; 5] = ["🔺", "⏫", "🔼", "🔽", "⏬"];

/// Every other of so many sections has tasks with ids.
const SECTIONS: usize = 10;

const ROOMS: [&str; SECTIONS] =
    ["kitchen", "cellar", "attic", "hall", "study", "garden", "stable", "workshop", "library", "bath"];
const WORK: [&str; 6] = [
    "Paint the door of",
    "Mend a window of",
    "Measure a wall of",
    "Sweep the floor of",
    "Light a lamp in",
    "Draw a plan of",
];

#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) sections: Vec<Section>,
    next: usize,
}

#[derive(Debug)]
pub(crate) struct Section {
    title: String,
    with_ids: bool,
    pub(crate) tasks: Vec<Task>,
}

#[derive(Debug)]
pub(crate) struct Task {
    /// What the person knows it by, whatever becomes of it.
    pub(crate) number: usize,
    pub(crate) title: String,
    pub(crate) priority: &'static str,
    id: Option<String>,
    waits_for: Option<String>,
    note: Option<String>,
    /// Whether others wait for it.
    pub(crate) needed: bool,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) section: usize,
    pub(crate) at: usize,
}

impl Document {
    pub(crate) fn generate(count: usize) -> Self {
        let per = count / SECTIONS;
        let sections = (0..SECTIONS).map(|at| Section {
            title: format!("The {}", ROOMS[at]),
            with_ids: at % 2 == 0,
            tasks: Vec::with_capacity(per),
        });
        let mut document = Self { sections: sections.collect(), next: 0 };
        for section in 0..SECTIONS {
            for at in 0..per {
                document.add(Place { section, at }, 0);
            }
        }
        for section in 0..SECTIONS {
            let Some(first) = document.sections[section].tasks.first_mut() else { continue };
            let Some(id) = first.id.clone() else { continue };
            first.needed = true;
            // The rest of the section, here and there, and the end of the next one, which has no ids.
            let own = document.sections[section].tasks.iter_mut().skip(1).step_by(5);
            own.for_each(|task| task.waits_for = Some(id.clone()));
            if let Some(last) = document.sections.get_mut(section + 1).and_then(|next| next.tasks.last_mut()) {
                last.waits_for = Some(id);
            }
        }
        document
    }

    /// A new task at a place; `edit` is the number of the edit that adds it. Answers what the person knows it by.
    pub(crate) fn add(&mut self, Place { section, at }: Place, edit: usize) -> usize {
        let number = self.next;
        self.next += 1;
        let here = &mut self.sections[section];
        let room = ROOMS[section];
        let added = if edit == 0 { String::new() } else { format!(" too, since edit {edit}") };
        let task = Task {
            number,
            title: format!("{} {room} {number}{added}", WORK[number % WORK.len()]),
            priority: PRIORITIES[number % PRIORITIES.len()],
            id: here.with_ids.then(|| format!("{}{number:03}", &room[..3])),
            waits_for: None,
            note: number.is_multiple_of(7).then(|| format!("ask before {number} is begun")),
            needed: false,
        };
        here.tasks.insert(at, task);
        number
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        let sections = self.sections.iter().enumerate();
        sections.flat_map(|(section, s)| (0..s.tasks.len()).map(move |at| Place { section, at })).collect()
    }

    pub(crate) fn task(&self, place: Place) -> &Task {
        &self.sections[place.section].tasks[place.at]
    }

    pub(crate) fn task_mut(&mut self, place: Place) -> &mut Task {
        &mut self.sections[place.section].tasks[place.at]
    }

    /// Moves a task; answers its title.
    pub(crate) fn move_to(&mut self, from: Place, to: Place) -> String {
        let task = self.sections[from.section].tasks.remove(from.at);
        let title = task.title.clone();
        self.sections[to.section].tasks.insert(to.at, task);
        title
    }

    /// The title of each task, by its number.
    pub(crate) fn titles(&self) -> BTreeMap<usize, String> {
        self.sections.iter().flat_map(|s| &s.tasks).map(|task| (task.number, task.title.clone())).collect()
    }

    pub(crate) fn text(&self) -> String {
        self.text_with(&HashSet::new())
    }

    pub(crate) fn text_with(&self, ticked: &HashSet<usize>) -> String {
        self.lines(ticked).into_iter().fold(String::new(), |text, (_, line)| text + &line + "\n")
    }

    /// The lines, each with the task whose own line it is.
    fn lines(&self, ticked: &HashSet<usize>) -> Vec<(Option<usize>, String)> {
        let mut lines = vec![(None, "# The house".to_owned()), (None, String::new())];
        for section in &self.sections {
            lines.push((None, format!("## {}", section.title)));
            lines.push((None, String::new()));
            for task in &section.tasks {
                let mark = if ticked.contains(&task.number) { 'x' } else { ' ' };
                let mut line = format!("- [{mark}] {} {}", task.title, task.priority);
                if let Some(id) = &task.id {
                    let _ = write!(line, " 🆔 {id}");
                }
                if let Some(id) = &task.waits_for {
                    let _ = write!(line, " ⛔ {id}");
                }
                lines.push((Some(task.number), line));
                lines.extend(task.note.iter().map(|note| (None, format!("\t- {note}"))));
            }
            lines.push((None, String::new()));
        }
        lines
    }

    /// The tasks that are ticked in a text that otherwise says the same; else where it does not.
    pub(crate) fn compare(&self, text: &str) -> Result<HashSet<usize>, String> {
        let expected = self.lines(&HashSet::new());
        let mut ticked = HashSet::new();
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        for (at, (task, wanted)) in expected.iter().enumerate() {
            let Some(&line) = lines.get(at) else { return Err(format!("line {} is gone: `{wanted}`", at + 1)) };
            match (line.strip_prefix("- [x]"), task) {
                (Some(rest), Some(task)) if wanted.strip_prefix("- [ ]") == Some(rest) => {
                    ticked.insert(*task);
                }
                _ if line == wanted => {}
                _ => return Err(format!("line {}: `{line}`, expected `{wanted}`", at + 1)),
            }
        }
        if lines.len() > expected.len() || !text.ends_with('\n') {
            return Err("there is something behind the end".to_owned());
        }
        Ok(ticked)
    }
}
