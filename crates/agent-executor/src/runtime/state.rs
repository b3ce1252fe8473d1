//! What a program finds in its attempt's home: a folder of its own that nobody has written to, and, where a conversation is to go on,
//! what the earlier attempt left of it.

use std::fs;
use std::io;
use std::path::{Component, Path};

use crate::job::Resume;
use crate::workspace::{real_folder, remove_tree};

/// The longest id of a conversation. Those in use are UUIDs or somewhat longer.
const ID: usize = 128;

/// How deep folders are copied.
const DEPTH: usize = 16;

/// Makes a folder below an attempt's home anew, for the program alone: what stands there comes from commands of the repository that ran
/// before, and so may links on the way.
///
/// # Errors
/// The folder cannot be made.
pub(super) fn fresh(home: &Path, folder: &str) -> io::Result<()> {
    let mut at = home.to_owned();
    for part in Path::new(folder).components() {
        at.push(part);
        real_folder(&at)?;
    }
    remove_tree(&at)?;
    fs::create_dir(&at)
}

/// Copies the paths of `state` from where they are kept to the home. Links are left out.
///
/// # Errors
/// The conversation cannot go on, and why.
pub(super) fn restore(resume: &Resume, paths: &[&str], home: &Path) -> Result<(), String> {
    let Resume { session_id, state } = resume;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    // It becomes an argument; it must not be taken for a flag.
    if session_id.is_empty() || session_id.len() > ID || session_id.starts_with('-') || !session_id.chars().all(plain) {
        return Err("its id is none".to_owned());
    }
    let mut found = false;
    for path in paths {
        let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        debug_assert!(plain, "{path} is no path below a home");
        let (from, to) = (state.join(path), home.join(path));
        found |= copy(&from, &to, DEPTH).map_err(|error| format!("{} could not be copied: {error}", from.display()))?;
    }
    if found { Ok(()) } else { Err(format!("nothing of it is left in {}", state.display())) }
}

/// Copies the paths from the home of an attempt that is over to where they are kept, and answers whether there was anything. Links are
/// left out, those on the way to a path as well: the agent may have put them there, and what they lead to is not its own.
pub(crate) fn copy_state(home: &Path, to: &Path, paths: &[&str]) -> io::Result<bool> {
    let mut found = false;
    for path in paths {
        let on_the_way = Path::new(path).ancestors().skip(1).map(|above| home.join(above));
        let mut on_the_way = on_the_way.filter_map(|folder| fs::symlink_metadata(folder).ok());
        if on_the_way.all(|folder| folder.is_dir()) {
            found |= copy(&home.join(path), &to.join(path), DEPTH)?;
        }
    }
    Ok(found)
}

/// Answers whether there was a file.
fn copy(from: &Path, to: &Path, depth: usize) -> io::Result<bool> {
    let kind = match fs::symlink_metadata(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found?.file_type(),
    };
    if kind.is_file() {
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from, to)?;
        return Ok(true);
    }
    let mut found = false;
    if kind.is_dir() && depth > 0 {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            found |= copy(&entry.path(), &to.join(entry.file_name()), depth - 1)?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_an_agent_leaves_in_its_home_lead_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let (outside, home, kept) = (dir.path().join("outside"), dir.path().join("home"), dir.path().join("kept"));
        fs::create_dir_all(outside.join("projects")).unwrap();
        fs::write(outside.join("projects/secret"), "secret").unwrap();
        fs::create_dir(&home).unwrap();
        std::os::unix::fs::symlink(&outside, home.join(".cli")).unwrap();
        assert!(!copy_state(&home, &kept, &[".cli/projects"]).unwrap());
        assert!(!kept.exists());
        fs::remove_file(home.join(".cli")).unwrap();
        fs::create_dir_all(home.join(".cli/projects")).unwrap();
        fs::write(home.join(".cli/projects/1.jsonl"), "said").unwrap();
        assert!(copy_state(&home, &kept, &[".cli/projects", ".cli/none"]).unwrap());
        assert_eq!(fs::read_to_string(kept.join(".cli/projects/1.jsonl")).unwrap(), "said");
    }

    #[test]
    fn a_folder_of_the_program_is_its_own_whatever_stood_there() {
        let dir = tempfile::tempdir().unwrap();
        let (outside, home) = (dir.path().join("outside"), dir.path().join("home"));
        fs::create_dir_all(outside.join("cli")).unwrap();
        fs::write(outside.join("cli/theirs"), "theirs").unwrap();
        fs::create_dir(&home).unwrap();
        std::os::unix::fs::symlink(&outside, home.join(".config")).unwrap();
        fresh(&home, ".config/cli").unwrap();
        assert!(fs::symlink_metadata(home.join(".config/cli")).unwrap().is_dir());
        assert_eq!(fs::read_to_string(outside.join("cli/theirs")).unwrap(), "theirs");
        fs::write(home.join(".config/cli/settings"), "run this").unwrap();
        fs::write(home.join(".config/other"), "kept").unwrap();
        fresh(&home, ".config/cli").unwrap();
        assert!(!home.join(".config/cli/settings").exists() && home.join(".config/other").exists());
        std::os::unix::fs::symlink(&outside, home.join(".cli")).unwrap();
        fresh(&home, ".cli").unwrap();
        assert!(fs::read_dir(home.join(".cli")).unwrap().next().is_none() && outside.join("cli/theirs").exists());
    }

    #[test]
    fn what_is_kept_of_a_conversation_is_copied_and_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (state, home) = (dir.path().join("state"), dir.path().join("home"));
        fs::create_dir_all(state.join(".cli/projects/a")).unwrap();
        fs::write(state.join(".cli/projects/a/1.jsonl"), "said").unwrap();
        fs::write(state.join(".cli/key"), "secret").unwrap();
        fs::write(dir.path().join("outside"), "secret").unwrap();
        std::os::unix::fs::symlink("../../../outside", state.join(".cli/projects/link")).unwrap();
        let mut resume = Resume { session_id: "5a0c-1_b".to_owned(), state };
        restore(&resume, &[".cli/projects", ".cli/more"], &home).unwrap();
        assert_eq!(fs::read_to_string(home.join(".cli/projects/a/1.jsonl")).unwrap(), "said");
        assert!(!home.join(".cli/key").exists() && !home.join(".cli/projects/link").exists());

        assert!(restore(&resume, &[".other"], &home).unwrap_err().contains("nothing of it is left"));
        for id in ["", "--dangerous", "a b", "a/b"] {
            resume.session_id = id.to_owned();
            assert!(restore(&resume, &[".cli/projects"], &home).is_err(), "{id}");
        }
    }
}
