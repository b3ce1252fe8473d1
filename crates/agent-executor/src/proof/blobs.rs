//! What a result changes, read from git: each file as it was and as it is, as far as it is text.

use std::collections::HashMap;

use super::weakened::File;
use crate::git::GitError;
use crate::repository::Repository;
use crate::workspace::Folders;

/// A larger file is not looked through: people write no tests of that size.
const MAX_FILE: usize = 1024 * 1024;

/// So much is looked through of one result, in bytes. What is left out is counted.
const MAX_ALL: usize = 32 * 1024 * 1024;

/// What a result changes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The files, by path.
    pub files: Vec<ChangedFile>,
    /// How many contents were too large to be read.
    pub unread: usize,
}

/// A file that a result changes; `None` where it is not, or is no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its path within the repository.
    pub path: String,
    /// What it was.
    pub base: Option<String>,
    /// What it is.
    pub result: Option<String>,
}

impl ChangedFile {
    pub(super) fn view(&self) -> File<'_> {
        File { path: &self.path, base: self.base.as_deref(), result: self.result.as_deref() }
    }
}

/// The path and the two contents of a changed file, by the names of the objects.
type Named = (String, Option<String>, Option<String>);

/// Reads what differs between two commits.
///
/// # Errors
/// Git failed.
pub async fn changed(
    repository: &Repository,
    folders: &Folders,
    base: &str,
    result: &str,
) -> Result<Changed, GitError> {
    let git = repository.git();
    let ask = ["diff-tree", "-r", "--raw", "--no-renames", "--no-abbrev", "-z", base, result];
    let listed = folders.staging(repository, git.call(ask)).ok().await?;
    let named = named(&listed);
    let wanted: Vec<&String> = named.iter().flat_map(|(_, base, result)| [base, result]).flatten().collect();
    let (readable, unread) = {
        let asked: String = wanted.iter().map(|oid| format!("{oid}\n")).collect();
        let sizes = git.call(["cat-file", "--batch-check=%(objectname) %(objectsize)"]).stdin(asked);
        within_bounds(&folders.staging(repository, sizes).ok().await?)
    };
    let mut contents = HashMap::new();
    if !readable.is_empty() {
        let asked: String = readable.iter().map(|oid| format!("{oid}\n")).collect();
        let read = folders.staging(repository, git.call(["cat-file", "--batch"]).stdin(asked)).answer().await?;
        if read.code != 0 {
            let command = "cat-file --batch".to_owned();
            return Err(GitError::Failed { command, code: read.code, stderr: read.stderr });
        }
        contents = texts(&read.stdout);
    }
    let text = |oid: Option<String>| oid.and_then(|oid| contents.get(&oid).cloned());
    let files = named
        .into_iter()
        .map(|(path, base, result)| ChangedFile { path, base: text(base), result: text(result) })
        .collect();
    Ok(Changed { files, unread })
}

/// The files of `diff-tree --raw -z`; links and nested repositories have no contents of their own.
fn named(listed: &str) -> Vec<Named> {
    let mut named = Vec::new();
    let mut fields = listed.split('\0').filter(|field| !field.is_empty());
    while let (Some(raw), Some(path)) = (fields.next(), fields.next()) {
        let mut words = raw.trim_start_matches(':').split(' ');
        let (old_mode, new_mode) = (words.next(), words.next());
        let (old, new) = (words.next(), words.next());
        let file = |mode: Option<&str>, oid: Option<&str>| {
            oid.filter(|_| mode.is_some_and(|mode| mode.starts_with("100"))).map(str::to_owned)
        };
        named.push((path.to_owned(), file(old_mode, old), file(new_mode, new)));
    }
    named
}

/// Of objects with their sizes, those that are read, and how many are not.
fn within_bounds(listed: &str) -> (Vec<String>, usize) {
    let (mut readable, mut unread, mut all) = (Vec::new(), 0, 0_usize);
    for (oid, size) in listed.lines().filter_map(|line| line.split_once(' ')) {
        let size = size.parse().unwrap_or(usize::MAX);
        if size > MAX_FILE || all.saturating_add(size) > MAX_ALL {
            unread += 1;
        } else {
            all += size;
            readable.push(oid.to_owned());
        }
    }
    (readable, unread)
}

/// The contents of `cat-file --batch` that are text: `<oid> blob <size>`, a line break, the bytes, a line break.
fn texts(mut bytes: &[u8]) -> HashMap<String, String> {
    let mut texts = HashMap::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let (head, rest) = bytes.split_at(end);
        let rest = rest.get(1..).unwrap_or_default();
        let head = String::from_utf8_lossy(head).into_owned();
        let mut words = head.split(' ');
        let (oid, size) = (words.next().unwrap_or_default(), words.nth(1).and_then(|size| size.parse::<usize>().ok()));
        let Some(content) = size.and_then(|size| rest.get(..size)) else { break };
        // As git tells text from what is none.
        if !content.iter().take(8_000).any(|byte| *byte == 0) {
            texts.insert(oid.to_owned(), String::from_utf8_lossy(content).into_owned());
        }
        bytes = rest.get(content.len() + 1..).unwrap_or_default();
    }
    texts
}

/// Reads bytes as each of git's answers.
#[cfg(test)]
pub(super) fn read_anything(bytes: &[u8], text: &str) {
    let (_, _, _) = (named(text), within_bounds(text), texts(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contents_of_files_are_read_and_those_of_links_and_nested_repositories_are_not() {
        let listed = ":100644 100755 aa bb M\0a b.txt\0:000000 120000 00 cc A\0link\0:160000 000000 dd 00 D\0sub\0:000000 100644 00 ee A\0new\0";
        let some = |oid: &str| Some(oid.to_owned());
        assert_eq!(
            named(listed),
            [
                ("a b.txt".to_owned(), some("aa"), some("bb")),
                ("link".to_owned(), None, None),
                ("sub".to_owned(), None, None),
                ("new".to_owned(), None, some("ee")),
            ]
        );
    }

    #[test]
    fn what_is_too_large_is_counted_and_not_read() {
        assert_eq!(within_bounds("aa 10\nbb 2000000\ncc missing\n"), (vec!["aa".to_owned()], 2));
        let many: String = (0..40).map(|i| format!("{i} 1000000\n")).collect();
        assert_eq!(within_bounds(&many).1, 40 - MAX_ALL / 1_000_000);
    }

    #[test]
    fn contents_with_line_breaks_follow_each_other_and_binary_ones_are_no_text() {
        let texts = texts(b"aa blob 4\nx\ny\n\nbb blob 3\na\0b\ncc blob 0\n\n");
        assert_eq!(texts.get("aa").map(String::as_str), Some("x\ny\n"));
        assert_eq!((texts.get("bb"), texts.get("cc").map(String::as_str)), (None, Some("")));
    }
}
