//! Judging a result before it is proved by commands: what it changes, and whether a person has to look at that.
//!
//! Commands prove a result only as far as the tests they run. So a result that removes or skips tests, or takes from
//! them what they assert, waits for a person, and so does one that changes a path which the configuration guards.
//! Marks of a conflict are no result at all. [`judge`] is pure; [`changed`] reads what it judges from git.

mod blobs;
mod conflicts;
pub(crate) mod evidence;
mod flags;
pub(crate) mod held;
mod languages;
#[cfg(test)]
mod laws;
mod tests_of;
mod weakened;

use coditect_core::FailureClass;
use coditect_service::config::RemovedTests;
use coditect_service::guarded::Guarded;

use crate::job::Failure;

pub use blobs::{Changed, ChangedFile, changed};
pub use flags::{Flag, Kind};

use weakened::File;

/// What is asked of a result beside the commands that prove it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demands {
    /// Whether it changes anything.
    pub changes: Changes,
    /// Globs of paths that it does not change without a person's word.
    pub guarded: Vec<String>,
    /// What becomes of it where it makes tests prove less.
    pub removed_tests: RemovedTests,
    /// Where each of the verify commands comes from: `task`, `plan`, `project`.
    pub sources: Vec<String>,
    /// A result that a person has approved: no agent runs, this is verified and landed.
    pub approved: Option<Approved>,
}

/// Whether the result of a task changes anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Changes {
    /// A result without a change is none.
    #[default]
    Required,
    /// It may, or may not.
    Optional,
    /// It does not: what is changed is left behind.
    None,
}

/// A result that was held, and that a person has approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// The commit.
    pub commit: String,
    /// The branch of the repository it is on.
    pub branch: String,
    /// Who approved it: `person:<name>`.
    pub by: String,
    /// What was flagged.
    pub flags: Vec<String>,
}

/// What there is to say of a result.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What a person is to look at before it lands.
    pub hold: Vec<Flag>,
    /// What is to be known of it.
    pub notes: Vec<String>,
}

/// Judges what a result changes.
///
/// # Errors
/// It cannot land as it is: it has marks of a conflict that it brings in.
pub fn judge(changed: &Changed, demands: &Demands) -> Result<Judgement, Failure> {
    let files: Vec<File<'_>> = changed.files.iter().map(ChangedFile::view).collect();
    let conflicts = conflicts::conflicts(&files);
    if !conflicts.is_empty() {
        let files: Vec<_> = conflicts.iter().map(|path| format!("`{path}`")).collect();
        let message = format!(
            "the result has marks of an unsettled conflict (lines that begin with `<<<<<<< ` or `>>>>>>> `) in {}; \
             settle the conflict and take them out",
            files.join(", ")
        );
        return Err(Failure::new(FailureClass::AgentError, message));
    }
    let mut judgement = Judgement::default();
    match demands.removed_tests {
        RemovedTests::Hold => judgement.hold = weakened::weakened(&files),
        RemovedTests::Note => judgement.notes.extend(weakened::weakened(&files).iter().map(Flag::to_string)),
        RemovedTests::Ignore => {}
    }
    let guarded = Guarded::new(demands.guarded.iter().map(String::as_str))
        .map_err(|error| Failure::config(format!("`repository.protected` cannot be understood: {error}")))?;
    let paths = changed.files.iter().map(|file| &file.path).filter(|path| guarded.has(path));
    judgement.hold.extend(paths.map(|path| Flag { kind: Kind::Guarded, path: path.clone(), names: Vec::new() }));
    if changed.unread > 0 {
        let (count, verb) = (changed.unread, if changed.unread == 1 { "file was" } else { "files were" });
        judgement.notes.push(format!("{count} changed {verb} too large to be looked through for tests and conflicts"));
    }
    Ok(judgement)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(files: &[(&str, Option<&str>, Option<&str>)]) -> Changed {
        let file = |(path, base, result): &(&str, Option<&str>, Option<&str>)| ChangedFile {
            path: (*path).to_owned(),
            base: base.map(str::to_owned),
            result: result.map(str::to_owned),
        };
        Changed { files: files.iter().map(file).collect(), unread: 0 }
    }

    const TEST: &str = "#[test]\nfn adds() {\n    assert_eq!(add(1, 2), 3);\n}\n";

    #[test]
    fn a_removed_test_is_held_noted_or_ignored_as_configured() {
        let changed = changed(&[("tests/a.rs", Some(TEST), None)]);
        let with = |removed_tests| judge(&changed, &Demands { removed_tests, ..Demands::default() }).unwrap();
        assert_eq!(with(RemovedTests::Hold).hold.len(), 1);
        assert_eq!(with(RemovedTests::Note).notes, ["the test file `tests/a.rs` is deleted: `adds`"]);
        assert_eq!(with(RemovedTests::Ignore), Judgement::default());
    }

    #[test]
    fn a_guarded_path_is_held_and_marks_of_a_conflict_are_no_result() {
        let demands = Demands { guarded: vec!["ci/**".to_owned()], ..Demands::default() };
        let judged = judge(&changed(&[("ci/run.yml", None, Some("x")), ("a", None, Some("x"))]), &demands).unwrap();
        let held: Vec<_> = judged.hold.iter().map(ToString::to_string).collect();
        assert_eq!(held, ["`ci/run.yml` is changed, which `repository.protected` guards"]);
        let marks = changed(&[("a", None, Some("<<<<<<< HEAD\n")), ("b", None, Some("x"))]);
        let failure = judge(&marks, &demands).unwrap_err();
        assert_eq!(failure.class, FailureClass::AgentError);
        assert!(failure.message.contains("in `a`;"), "{failure}");
    }
}
