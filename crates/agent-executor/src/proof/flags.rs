//! What a person is asked about before a result lands.

use std::fmt;

/// How many names a flag tells; the diff has all of them.
const NAMES: usize = 20;

/// The longest name that is told whole, in characters.
const NAME: usize = 120;

/// Something about a result that a person is to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// What it is.
    pub kind: Kind,
    /// The file.
    pub path: String,
    /// The tests it is about, where it is about some.
    pub names: Vec<String>,
}

/// What a flag is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A test file is gone.
    Deleted,
    /// Tests are gone.
    Removed,
    /// Tests no longer run.
    Skipped,
    /// Only some tests run.
    Only,
    /// Tests assert nothing any more.
    Emptied,
    /// A path is changed that the configuration guards.
    Guarded,
}

impl Flag {
    /// A flag about tests, if there are any.
    pub(crate) fn of(kind: Kind, path: &str, names: Vec<String>) -> Option<Self> {
        (!names.is_empty()).then(|| Self { kind, path: path.to_owned(), names })
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = shown(&self.path);
        match self.kind {
            Kind::Deleted => write!(f, "the test file `{path}` is deleted")?,
            Kind::Removed => write!(f, "tests are removed from `{path}`")?,
            Kind::Skipped => write!(f, "tests are skipped in `{path}`")?,
            Kind::Only => write!(f, "only some tests of `{path}` run, the others are skipped")?,
            Kind::Emptied => write!(f, "tests of `{path}` assert nothing any more")?,
            Kind::Guarded => write!(f, "`{path}` is changed, which `repository.protected` guards")?,
        }
        for (at, name) in self.names.iter().take(NAMES).enumerate() {
            let name: String = shown(name).chars().take(NAME).collect();
            write!(f, "{}`{name}`", if at == 0 { ": " } else { ", " })?;
        }
        match self.names.len().saturating_sub(NAMES) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// What an agent chose to call something, as one line that does nothing to a terminal: a flag is a line.
fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_an_agent_chose_stays_within_its_line() {
        let names = vec!["a\x1b[2Jb".to_owned()];
        let flag = Flag { kind: Kind::Removed, path: "x\n`y".to_owned(), names };
        assert_eq!(flag.to_string(), "tests are removed from `x\u{fffd}`y`: `a\u{fffd}[2Jb`");
    }
}
