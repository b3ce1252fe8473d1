//! Tying the rows of an earlier tool's database to the tasks of plans.
//!
//! Three rounds, each over what the one before left: the same id, the same words within the section of the same name, a
//! title that is nearly the same. A round ties a row only where it leads to one task, and no other row to that task; what
//! is ambiguous is told, never guessed.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::label::label;
use crate::model::{Plan, PlanTask};
use crate::text::strip_prefix_ci;

/// Titles this much alike are taken for one, where only one pair is.
const ALIKE: f64 = 0.9;

/// A row and a task that are both called by the same bare number need titles at least this much alike.
const NUMBERED: f64 = 0.5;

/// A row of an earlier tool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// What it was called there.
    pub id: String,
    /// Its title, where it has one.
    pub title: String,
    /// What else is written about it.
    pub description: String,
    /// The titles of what it is part of: its feature, its epic.
    pub sections: Vec<String>,
}

/// A task among several plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which plan.
    pub document: usize,
    /// Which of its tasks.
    pub task: usize,
}

/// Why a row was tied to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TiedBy {
    /// Both have the same id.
    Id,
    /// Both say the same, in sections of the same name.
    Section,
    /// Their titles are so many hundredths alike.
    Title(u8),
}

impl std::fmt::Display for TiedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id => f.write_str("same id"),
            Self::Section => f.write_str("same words in the section of the same name"),
            Self::Title(100) => f.write_str("same title"),
            Self::Title(alike) => write!(f, "titles {alike} % alike"),
        }
    }
}

/// A row and its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tie {
    /// Which row.
    pub row: usize,
    /// The task.
    pub task: Place,
    /// Why.
    pub by: TiedBy,
}

/// What became of all rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tying {
    /// The rows that were tied, in their order.
    pub ties: Vec<Tie>,
    /// Rows that may be any of several tasks, or one that other rows may be too.
    pub ambiguous: Vec<(usize, Vec<Place>)>,
    /// Rows that are like no task.
    pub unknown: Vec<usize>,
    /// Tasks that no row was tied to, in the order of the plans.
    pub free: Vec<Place>,
}

/// Ties rows to tasks.
#[must_use]
pub fn tie(rows: &[Row], plans: &[Plan]) -> Tying {
    let rows: Vec<_> = rows.iter().map(Words::of_row).collect();
    let tasks: Vec<(Place, Words)> = (0..)
        .zip(plans)
        .flat_map(|(document, plan)| (0..).zip(&plan.tasks).map(move |(task, of)| (Place { document, task }, of)))
        .map(|(place, task)| (place, Words::of_task(task)))
        .collect();
    let mut round = Rounds { rows: &rows, tasks: &tasks, open: vec![true; rows.len()], ..Rounds::default() };
    round.free = vec![true; tasks.len()];
    let ids = index(&tasks, |words| words.ids.clone());
    round.play(|row, free| by_id(row, &ids, &tasks, free));
    let texts = index(&tasks, |words| words.texts.clone());
    round.play(|row, free| by_section(row, &texts, &tasks, free));
    round.play(|row, free| by_title(row, &tasks, free));
    round.done()
}

/// What is compared of a row or a task.
#[derive(Debug, Default)]
struct Words {
    ids: Vec<String>,
    title: String,
    /// The title and the description, as far as there are any.
    texts: Vec<String>,
    sections: HashSet<String>,
    /// How often each letter is in the title: what tells most pairs apart at once.
    letters: [i32; 32],
}

impl Words {
    fn of_row(row: &Row) -> Self {
        let first = row.description.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let title = if row.title.trim().is_empty() { first } else { &row.title };
        let label = label(title);
        let mut ids = vec![plain_id(&row.id)];
        ids.extend(label.map(|label| plain_id(label.id)));
        let title = label.map_or(title, |label| label.rest);
        Self::new(ids, title, &row.description, &row.sections)
    }

    fn of_task(task: &PlanTask) -> Self {
        let mut ids: Vec<_> = task.id.iter().map(|id| plain_id(id)).collect();
        ids.dedup();
        Self::new(ids, &task.title, &task.description, &task.section)
    }

    fn new(mut ids: Vec<String>, title: &str, description: &str, sections: &[String]) -> Self {
        ids.retain(|id| !id.is_empty());
        let title: String = plain(title).chars().take(crate::identity::COMPARED).collect();
        let texts = HashSet::from([title.clone(), plain(description)]);
        let mut letters = [0; 32];
        for letter in title.bytes() {
            letters[usize::from(letter % 32)] += 1;
        }
        Self {
            ids,
            texts: texts.into_iter().filter(|text| !text.is_empty()).collect(),
            sections: sections.iter().flat_map(|section| names(section)).collect(),
            letters,
            title,
        }
    }

    /// How much the titles are alike, where that is at least `least`.
    fn alike(&self, other: &Self, least: f64) -> Option<f64> {
        let (mine, theirs) = (self.title.chars().count(), other.title.chars().count());
        if mine == 0 || theirs == 0 {
            return None;
        }
        // Each edit changes two counts at most.
        let longest = f64::from(u32::try_from(mine.max(theirs)).unwrap_or(u32::MAX));
        let apart: i32 = self.letters.iter().zip(&other.letters).map(|(a, b)| (a - b).abs()).sum();
        if self.title.is_ascii() && other.title.is_ascii() && f64::from(apart) / 2.0 > longest * (1.0 - least) + 1e-9 {
            return None;
        }
        Some(strsim::normalized_levenshtein(&self.title, &other.title)).filter(|alike| *alike >= least)
    }
}

/// A row's candidates: tasks by their place in the list, each with the reason.
type Candidates = Vec<(usize, TiedBy)>;

type Index = HashMap<String, Vec<usize>>;

fn index(tasks: &[(Place, Words)], by: impl Fn(&Words) -> Vec<String>) -> Index {
    let mut index = Index::new();
    for (at, (_, words)) in tasks.iter().enumerate() {
        for key in by(words) {
            index.entry(key).or_default().push(at);
        }
    }
    index
}

fn by_id(row: &Words, ids: &Index, tasks: &[(Place, Words)], free: &[bool]) -> Candidates {
    for id in &row.ids {
        let bare = id.bytes().all(|b| b.is_ascii_digit());
        let mut found: Vec<usize> = ids.get(id).into_iter().flatten().copied().filter(|&at| free[at]).collect();
        // Databases number their rows: such a number alone says little.
        found.retain(|&at| !bare || row.title.is_empty() || row.alike(&tasks[at].1, NUMBERED).is_some());
        for same in [
            |row: &Words, task: &Words| !row.sections.is_disjoint(&task.sections),
            |row: &Words, task: &Words| row.texts.iter().any(|text| task.texts.contains(text)),
        ] {
            let narrower: Vec<_> = found.iter().copied().filter(|&at| same(row, &tasks[at].1)).collect();
            if found.len() > 1 && !narrower.is_empty() {
                found = narrower;
            }
        }
        if !found.is_empty() {
            return found.into_iter().map(|at| (at, TiedBy::Id)).collect();
        }
    }
    Vec::new()
}

fn by_section(row: &Words, texts: &Index, tasks: &[(Place, Words)], free: &[bool]) -> Candidates {
    let same: HashSet<usize> = row.texts.iter().filter_map(|text| texts.get(text)).flatten().copied().collect();
    let mut found: Vec<_> =
        same.into_iter().filter(|&at| free[at] && !row.sections.is_disjoint(&tasks[at].1.sections)).collect();
    found.sort_unstable();
    found.into_iter().map(|at| (at, TiedBy::Section)).collect()
}

fn by_title(row: &Words, tasks: &[(Place, Words)], free: &[bool]) -> Candidates {
    let alike = (0..tasks.len()).filter(|&at| free[at]).filter_map(|at| Some((at, row.alike(&tasks[at].1, ALIKE)?)));
    let alike: Vec<_> = alike.collect();
    let equal: Vec<_> = alike.iter().copied().filter(|(_, alike)| *alike >= 1.0).collect();
    let found = if equal.is_empty() { alike } else { equal };
    found.into_iter().map(|(at, alike)| (at, TiedBy::Title(hundredths(alike)))).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
fn hundredths(alike: f64) -> u8 {
    (alike * 100.0).floor().clamp(0.0, 100.0) as u8
}

/// The rounds, and what is left after each.
#[derive(Debug, Default)]
struct Rounds<'a> {
    rows: &'a [Words],
    tasks: &'a [(Place, Words)],
    open: Vec<bool>,
    free: Vec<bool>,
    ties: Vec<Tie>,
    ambiguous: Vec<(usize, Vec<Place>)>,
}

impl Rounds<'_> {
    fn play(&mut self, candidates: impl Fn(&Words, &[bool]) -> Candidates) {
        let open: Vec<_> = (0..self.rows.len()).filter(|&row| self.open[row]).collect();
        let found: Vec<(usize, Candidates)> =
            open.into_iter().map(|row| (row, candidates(&self.rows[row], &self.free))).collect();
        let mut wanted: HashMap<usize, usize> = HashMap::new();
        for (at, _) in found.iter().flat_map(|(_, found)| found) {
            *wanted.entry(*at).or_default() += 1;
        }
        for (row, found) in found {
            match found.as_slice() {
                [] => continue,
                [(at, by)] if wanted.get(at) == Some(&1) => {
                    self.free[*at] = false;
                    self.ties.push(Tie { row, task: self.tasks[*at].0, by: *by });
                }
                several => {
                    let places = several.iter().map(|(at, _)| self.tasks[*at].0).collect();
                    self.ambiguous.push((row, places));
                }
            }
            self.open[row] = false;
        }
    }

    fn done(mut self) -> Tying {
        self.ties.sort_unstable_by_key(|tie| tie.row);
        self.ambiguous.sort_unstable_by_key(|(row, _)| *row);
        Tying {
            unknown: (0..self.rows.len()).filter(|&row| self.open[row]).collect(),
            free: (0..self.tasks.len()).filter(|&at| self.free[at]).map(|at| self.tasks[at].0).collect(),
            ties: self.ties,
            ambiguous: self.ambiguous,
        }
    }
}

/// An id without what people vary: case, the word `Task`, a colon after it.
fn plain_id(id: &str) -> String {
    let id = id.trim().trim_end_matches([':', '.']);
    strip_prefix_ci(id, "task ").unwrap_or(id).trim().trim_start_matches('#').to_lowercase()
}

/// The words of a text, without case, emphasis, punctuation and pictures.
fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What a section may be called: its whole title, and the title after `Phase 1:`.
fn names(section: &str) -> impl Iterator<Item = String> {
    let after = section.split_once([':', '—', '–']).map(|(_, rest)| plain(rest));
    [Some(plain(section)), after].into_iter().flatten().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, title: &str, section: &str) -> Row {
        Row {
            id: id.to_owned(),
            title: title.to_owned(),
            description: String::new(),
            sections: vec![section.to_owned()].into_iter().filter(|section| !section.is_empty()).collect(),
        }
    }

    const WITH_IDS: &str = "# Plan\n\n## Phase 1: Set-up\n\n- [ ] T001.001: Write the schema\n\n## Phase 2: Serve\n\n\
        - [ ] **Task 2.1:** Listen on a port\n";

    const WITHOUT: &str = "# Plan\n\n## Phase 1: Set-up\n\n- [x] Read it again\n\n## Phase 2: Serve\n\n\
        - [ ] Read it again\n- [ ] Answer every request\n";

    fn tied(rows: &[Row]) -> (Vec<(usize, String, TiedBy)>, Tying) {
        let plans = [crate::parse("A.md", WITH_IDS), crate::parse("B.md", WITHOUT)];
        let tying = tie(rows, &plans);
        let name = |place: Place| plans[place.document].tasks[place.task].title.clone();
        (tying.ties.iter().map(|tie| (tie.row, name(tie.task), tie.by)).collect(), tying)
    }

    #[test]
    fn an_id_ties_however_it_is_written() {
        let rows = [row("t001.001", "Something else", ""), row("Task 2.1", "", ""), row("77", "Task 9.9: Nothing", "")];
        let (ties, tying) = tied(&rows);
        assert_eq!(
            ties,
            [(0, "Write the schema".to_owned(), TiedBy::Id), (1, "Listen on a port".to_owned(), TiedBy::Id)]
        );
        assert_eq!((tying.unknown, tying.ambiguous.len()), (vec![2], 0));
    }

    #[test]
    fn an_id_in_a_title_ties_too() {
        let (ties, _) = tied(&[row("8f3a", "T001.001: Whatever", "")]);
        assert_eq!(ties, [(0, "Write the schema".to_owned(), TiedBy::Id)]);
    }

    #[test]
    fn the_number_of_a_row_alone_is_no_id() {
        let plans = [crate::parse("PLAN.md", "# P\n\n## Tasks\n\n- [ ] **Task 1:** Paint\n- [ ] **Task 2:** Dry\n")];
        assert_eq!(plans[0].tasks.len(), 2);
        let tying = tie(&[row("1", "Deploy it all", ""), row("2", "Drying", "")], &plans);
        assert_eq!(tying.unknown, [0]);
        assert_eq!((tying.ties.len(), tying.ties[0].row), (1, 1));
    }

    #[test]
    fn equal_words_tie_within_the_section_of_that_name() {
        let (ties, tying) = tied(&[row("a", "read it AGAIN!", "Serve"), row("b", "Read it again", "Set-up")]);
        assert_eq!(
            ties.iter().map(|(row, _, by)| (*row, *by)).collect::<Vec<_>>(),
            [(0, TiedBy::Section), (1, TiedBy::Section)]
        );
        assert!(tying.ties[0].task > tying.ties[1].task);
    }

    #[test]
    fn a_description_can_be_the_title() {
        let only = Row { id: "x".into(), description: "Answer every request".into(), ..Row::default() };
        let (ties, _) = tied(&[only]);
        assert_eq!(ties, [(0, "Answer every request".to_owned(), TiedBy::Title(100))]);
    }

    #[test]
    fn a_title_that_is_nearly_the_same_ties_and_one_that_is_not_does_not() {
        let (ties, tying) = tied(&[row("a", "Answer every requests", ""), row("b", "Answer some questions", "")]);
        assert_eq!(ties, [(0, "Answer every request".to_owned(), TiedBy::Title(95))]);
        assert_eq!(tying.unknown, [1]);
        assert_eq!(tying.free.len(), 4);
    }

    #[test]
    fn what_may_be_either_is_told_and_not_tied() {
        let (ties, tying) = tied(&[row("a", "Read it again", ""), row("b", "Write the schema", "")]);
        assert_eq!(ties.len(), 1);
        assert_eq!((tying.ambiguous[0].0, tying.ambiguous[0].1.len()), (0, 2));
        let (ties, tying) = tied(&[row("a", "Write the schema", ""), row("b", "Write the schema", "")]);
        assert!(ties.is_empty() && tying.ambiguous.len() == 2, "two rows, one task: {tying:?}");
    }

    #[test]
    fn an_id_that_several_tasks_have_is_told_apart_by_section_and_words() {
        let text = "# P\n\n## Phase 1: One\n\n- [ ] **1.1** Begin\n\n## Phase 2: Two\n\n- [ ] **1.1** End\n";
        let plans = [crate::parse("PLAN.md", text)];
        let tying = tie(&[row("1.1", "Finish", "Two")], &plans);
        assert_eq!(tying.ties[0].task.task, 1);
        assert_eq!(tie(&[row("1.1", "Begin", "")], &plans).ties[0].task.task, 0);
        assert_eq!(tie(&[row("1.1", "Middle", "")], &plans).ambiguous.len(), 1);
    }
}
