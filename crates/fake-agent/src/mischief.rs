//! How attempts go wrong, and by what chance: the seed, the task and the number of the attempt decide, nothing else.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::task::Step;

/// How often, of a thousand: a first attempt, and one that was told what went wrong before.
const FIRST: u64 = 220;
const LATER: u64 = 100;

/// A way to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mischief {
    /// Ends with an error.
    GivesUp,
    /// Says nothing more, for ever.
    Hangs,
    /// Claims success, and has changed nothing.
    DoesNothing,
    /// Claims success after half of the steps.
    StopsHalfway,
    /// Claims success, and what is in the files is wrong.
    WritesNonsense,
    /// Does the task, and spoils what others did.
    BreaksOther,
}

impl Mischief {
    const ALL: [Self; 6] =
        [Self::GivesUp, Self::Hangs, Self::DoesNothing, Self::StopsHalfway, Self::WritesNonsense, Self::BreaksOther];

    /// The name in the ledger.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::GivesUp => "gives-up",
            Self::Hangs => "hangs",
            Self::DoesNothing => "does-nothing",
            Self::StopsHalfway => "stops-halfway",
            Self::WritesNonsense => "writes-nonsense",
            Self::BreaksOther => "breaks-other",
        }
    }

    /// Whether, and how, this attempt goes wrong.
    pub(crate) fn choose(chance: &mut Chance, steps: usize) -> Option<Self> {
        let odds = if chance.first { FIRST } else { LATER };
        if chance.below(1_000) >= odds {
            return None;
        }
        let at = usize::try_from(chance.below(Self::ALL.len() as u64)).unwrap_or_default();
        match Self::ALL.get(at).copied() {
            // Half of one step is none.
            Some(Self::StopsHalfway) if steps < 2 => Some(Self::DoesNothing),
            chosen => chosen,
        }
    }
}

/// Numbers that look random and are the same each time (SplitMix64).
#[derive(Debug)]
pub(crate) struct Chance {
    state: u64,
    first: bool,
}

impl Chance {
    /// The numbers of one attempt.
    pub(crate) fn new(seed: u64, task: &str, attempt: &str) -> Self {
        // FNV-1a over what names the attempt.
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        let named = seed.to_le_bytes().into_iter().chain(task.bytes()).chain([0]).chain(attempt.bytes());
        for byte in named {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Self { state, first: matches!(attempt, "" | "1") }
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

/// Spoils a file that the task is not about: empties it, or leaves the marks of a merge in it.
pub(crate) fn break_something(root: &Path, chance: &mut Chance, steps: &[Step]) -> io::Result<()> {
    let mut files = Vec::new();
    for folder in ["docs", "migrations", "scripts"] {
        if let Ok(entries) = fs::read_dir(root.join(folder)) {
            let paths = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file());
            files.extend(paths.filter(|path| !steps.iter().any(|step| root.join(step.path()) == *path)));
        }
    }
    files.sort();
    let at = usize::try_from(chance.below(files.len() as u64)).unwrap_or_default();
    let Some(file) = files.get(at) else { return Ok(()) };
    if chance.below(2) == 0 {
        return fs::write(file, "");
    }
    let mut file = fs::OpenOptions::new().append(true).open(file)?;
    file.write_all(b"<<<<<<< mine\n=======\n>>>>>>> theirs\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seed: u64, task: u64, attempt: &str) -> Option<Mischief> {
        Mischief::choose(&mut Chance::new(seed, &format!("1.{task}"), attempt), 3)
    }

    #[test]
    fn an_attempt_goes_the_same_way_each_time() {
        for task in 0..100 {
            assert_eq!(of(7, task, "1"), of(7, task, "1"));
        }
        assert!((0..100).any(|task| of(7, task, "1") != of(8, task, "1")));
    }

    #[test]
    fn every_way_to_go_wrong_comes_up_about_as_often_as_it_should() {
        let wrong: Vec<_> = (0..10_000).filter_map(|task| of(1, task, "1")).collect();
        assert!((1_900..2_500).contains(&wrong.len()), "{}", wrong.len());
        for way in Mischief::ALL {
            assert!(wrong.iter().filter(|other| **other == way).count() > 250, "{way:?}");
        }
        assert!((700..1_300).contains(&(0..10_000).filter_map(|task| of(1, task, "2")).count()));
    }
}
