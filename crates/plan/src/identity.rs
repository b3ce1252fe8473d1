//! Which task of a plan that was read anew is which one of the plan as it was last.
//!
//! Ids decide before titles, titles before places. What is left over in the old plan is gone; what is left over in the
//! new one may be a task that was gone and is back, or else is new. No two tasks are ever taken for one.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Titles at least this similar are one title that was reworded.
const SIMILAR: f64 = 0.5;

/// How many tasks ahead a reworded title is looked for where tasks came or went as well.
const REACH: usize = 16;

/// How much of a title is compared: the time grows with the square of it.
pub(crate) const COMPARED: usize = 500;

/// Whether one title may be the other, reworded.
#[must_use]
pub fn similar(one: &str, other: &str) -> bool {
    likeness(one, other) >= SIMILAR
}

/// From 0, nothing in common, to 1, equal.
fn likeness(one: &str, other: &str) -> f64 {
    let start = |title: &'_ str| title.char_indices().nth(COMPARED).map_or(title.len(), |(end, _)| end);
    let (one, other) = (one.split_at(start(one)).0, other.split_at(start(other)).0);
    strsim::normalized_levenshtein(one, other)
}

/// What a task is told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen<'a> {
    /// What the plan calls it.
    pub key: &'a str,
    /// The id as written, where there is one.
    pub id: Option<&'a str>,
    /// Its title.
    pub title: &'a str,
    /// The headings around it, outermost first.
    pub section: &'a [String],
}

/// Where a task of the new plan comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is this one of the old plan.
    Same(usize),
    /// It is this one of those that were gone.
    Back(usize),
    /// It was never there.
    New,
}

/// Where each task of `new` comes from: `old` is the plan as it was last, in its order, and `gone` what once was in it.
#[must_use]
pub fn matched(old: &[Seen<'_>], gone: &[Seen<'_>], new: &[Seen<'_>]) -> Vec<Origin> {
    let mut pairs = Pairs::new(old, new);
    pairs.by_ids();
    pairs.by_titles();
    pairs.by_places();
    pairs.by_ids_that_changed();
    let mut origins: Vec<_> = pairs.old_of.iter().map(|old| old.map_or(Origin::New, Origin::Same)).collect();

    let left: Vec<usize> = (0..new.len()).filter(|at| origins[*at] == Origin::New).collect();
    let left_seen: Vec<Seen<'_>> = left.iter().map(|at| new[*at]).collect();
    let mut back = Pairs::new(gone, &left_seen);
    back.by_ids();
    for sides in [BARE, NAMED, FOUND, LOST] {
        back.pair_up(sides, |seen| (seen.section, seen.title));
    }
    for (at, found) in left.iter().zip(&back.old_of) {
        if let Some(found) = found {
            origins[*at] = Origin::Back(*found);
        }
    }
    origins
}

/// Which tasks are looked at: of the old plan and of the new one those with an id, or those without.
#[derive(Debug, Clone, Copy)]
struct Sides {
    old: bool,
    new: bool,
}

const BARE: Sides = Sides { old: false, new: false };
const NAMED: Sides = Sides { old: true, new: true };
/// Those that were given an id.
const FOUND: Sides = Sides { old: false, new: true };
/// Those that lost theirs.
const LOST: Sides = Sides { old: true, new: false };

/// What has been found so far.
struct Pairs<'s, 'a> {
    old: &'s [Seen<'a>],
    new: &'s [Seen<'a>],
    /// For each of the new tasks, the old one that it is.
    old_of: Vec<Option<usize>>,
    /// For each of the old tasks, the new one that it is.
    new_of: Vec<Option<usize>>,
}

impl<'s, 'a> Pairs<'s, 'a> {
    fn new(old: &'s [Seen<'a>], new: &'s [Seen<'a>]) -> Self {
        Self { old, new, old_of: vec![None; new.len()], new_of: vec![None; old.len()] }
    }

    /// Equal ids; of several with one id, those of the same section and title, the same section, the same title, in order.
    fn by_ids(&mut self) {
        let id = |seen: &Seen<'a>| seen.id.map(str::to_ascii_lowercase);
        self.pair_up(NAMED, |seen| (id(seen), seen.section, seen.title));
        self.pair_up(NAMED, |seen| (id(seen), seen.section));
        self.pair_up(NAMED, |seen| (id(seen), seen.title));
        self.pair_up(NAMED, id);
    }

    /// Equal titles where no ids say otherwise; within a section in order, elsewhere where only one is called so.
    fn by_titles(&mut self) {
        self.pair_up(BARE, |seen| (seen.section, seen.title));
        self.pair_unique(BARE, |seen| seen.title);
        for sides in [FOUND, LOST] {
            self.pair_up(sides, |seen| (seen.key, seen.title));
            self.pair_up(sides, |seen| (seen.section, seen.title));
            self.pair_unique(sides, |seen| seen.title);
        }
        // It always had the id, of which nothing was known.
        self.pair_up(FOUND, |seen| seen.key);
    }

    /// Between two tasks that are known, the unknown ones without ids are those that were there, if as many remain or
    /// their titles are similar.
    fn by_places(&mut self) {
        let sections = self.sections();
        let (mut old_at, mut new_at) = (0, 0);
        while new_at < self.new.len() {
            if let Some(old) = self.old_of[new_at] {
                (old_at, new_at) = (old + 1, new_at + 1);
                continue;
            }
            let new_end = (new_at..self.new.len()).find(|at| self.old_of[*at].is_some()).unwrap_or(self.new.len());
            let old_end = (old_at..self.old.len()).find(|at| self.new_of[*at].is_some()).unwrap_or(self.old.len());
            self.gap((old_at..old_end).collect(), (new_at..new_end).collect(), &sections);
            new_at = new_end;
        }
    }

    fn gap(&mut self, old: Vec<usize>, new: Vec<usize>, sections: &HashMap<&'a [String], &'a [String]>) {
        let section = |at: &usize| sections.get(self.old[*at].section).copied().unwrap_or(self.old[*at].section);
        let mut order: Vec<&[String]> = Vec::new();
        let mut groups: HashMap<&[String], (Vec<usize>, Vec<usize>)> = HashMap::new();
        for at in new.into_iter().filter(|at| self.new[*at].id.is_none()) {
            let section = self.new[at].section;
            let group = groups.entry(section).or_insert_with(|| {
                order.push(section);
                Default::default()
            });
            group.1.push(at);
        }
        for at in old.into_iter().filter(|at| self.old[*at].id.is_none()) {
            if let Some((old, _)) = groups.get_mut(section(&at)) {
                old.push(at);
            }
        }
        let groups: Vec<_> = order.into_iter().filter_map(|section| groups.remove(section)).collect();
        for (old, new) in groups {
            if old.len() == new.len() {
                old.into_iter().zip(new).for_each(|(old, new)| self.is(old, new));
                continue;
            }
            let mut next = 0;
            for old in old {
                let similar = |at: usize| likeness(self.old[old].title, self.new[at].title);
                let within =
                    new.iter().enumerate().skip(next).take(REACH).map(|(place, at)| (place, *at, similar(*at)));
                let best =
                    within.filter(|(.., how)| *how >= SIMILAR).max_by(|a, b| a.2.total_cmp(&b.2).then(b.0.cmp(&a.0)));
                if let Some((place, at, _)) = best {
                    next = place + 1;
                    self.is(old, at);
                }
            }
        }
    }

    /// Equal titles with ids of which the other plan knows nothing: the task was given another number.
    fn by_ids_that_changed(&mut self) {
        self.pair_unique(NAMED, |seen| seen.title);
    }

    /// What sections of the old plan are called in the new one: what most of their known tasks stand under.
    fn sections(&self) -> HashMap<&'a [String], &'a [String]> {
        let there: HashSet<_> = self.new.iter().map(|seen| seen.section).collect();
        let mut votes: HashMap<&[String], HashMap<&[String], usize>> = HashMap::new();
        for (new, old) in self.old_of.iter().enumerate().filter_map(|(new, old)| Some((new, (*old)?))) {
            *votes.entry(self.old[old].section).or_default().entry(self.new[new].section).or_default() += 1;
        }
        votes
            .into_iter()
            .filter(|(section, _)| !there.contains(section))
            .filter_map(|(section, votes)| {
                Some((section, votes.into_iter().max_by_key(|(to, count)| (*count, *to))?.0))
            })
            .collect()
    }

    /// Pairs, in order, what is unknown so far and has the same trait.
    fn pair_up<T: Hash + Eq>(&mut self, sides: Sides, traits: impl Fn(&Seen<'a>) -> T) {
        for (old, new) in self.groups(sides, traits) {
            old.into_iter().zip(new).for_each(|(old, new)| self.is(old, new));
        }
    }

    /// As [`Self::pair_up`], where only one on each side has it.
    fn pair_unique<T: Hash + Eq>(&mut self, sides: Sides, traits: impl Fn(&Seen<'a>) -> T) {
        for (old, new) in self.groups(sides, traits) {
            if let ([old], [new]) = (old.as_slice(), new.as_slice()) {
                self.is(*old, *new);
            }
        }
    }

    /// What is unknown so far, by a trait that both sides have.
    fn groups<T: Hash + Eq>(&self, sides: Sides, traits: impl Fn(&Seen<'a>) -> T) -> Vec<(Vec<usize>, Vec<usize>)> {
        let unknown = |list: &[Seen<'a>], found: &[Option<usize>], named: bool| -> Vec<usize> {
            (0..list.len()).filter(|at| found[*at].is_none() && list[*at].id.is_some() == named).collect()
        };
        let mut groups: HashMap<T, (Vec<usize>, Vec<usize>)> = HashMap::new();
        for at in unknown(self.new, &self.old_of, sides.new) {
            groups.entry(traits(&self.new[at])).or_default().1.push(at);
        }
        for at in unknown(self.old, &self.new_of, sides.old) {
            if let Some((old, _)) = groups.get_mut(&traits(&self.old[at])) {
                old.push(at);
            }
        }
        groups.into_values().filter(|(old, _)| !old.is_empty()).collect()
    }

    fn is(&mut self, old: usize, new: usize) {
        self.old_of[new] = Some(old);
        self.new_of[old] = Some(new);
    }
}
