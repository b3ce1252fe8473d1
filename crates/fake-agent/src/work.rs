//! Doing a step in a folder. A step that is done already changes nothing.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::task::Step;

/// Does it.
pub(crate) fn carry_out(root: &Path, step: &Step) -> io::Result<()> {
    let path = root.join(step.path());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let before = read(&path)?;
    let after = match step {
        Step::Page { heading, .. } => page(&before, heading),
        Step::Section { title, text, .. } => section(&before, title, text),
        Step::Line { line, .. } => insert(&before, line, |other| other == line),
        Step::Setting { key, value, .. } => {
            insert(&before, &format!("{key}={value}"), |other| other.split('=').next() == Some(key))
        }
        Step::File { text, .. } => text.clone(),
        Step::Index { folder, .. } => index(&before, &root.join(folder), &path)?,
        Step::Output { command, .. } => output(root, command)?,
    };
    fs::write(path, after)
}

fn read(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read,
    }
}

fn page(before: &str, heading: &str) -> String {
    let first = format!("# {heading}\n");
    if before.starts_with(&first) {
        return before.to_owned();
    }
    format!("{first}\nThis page is part of the handbook.\n{before}")
}

fn section(before: &str, title: &str, text: &str) -> String {
    let heading = format!("## {title}");
    if before.lines().any(|line| line == heading) {
        return before.to_owned();
    }
    let gap = if before.is_empty() { "" } else { "\n" };
    format!("{before}{gap}{heading}\n\n{text}\n")
}

/// Puts a line where it belongs in the order of the others, in place of the ones that are the same thing. Text above a
/// list stays above it.
fn insert(before: &str, line: &str, same: impl Fn(&str) -> bool) -> String {
    let mut lines: Vec<&str> = before.lines().filter(|other| !same(other)).collect();
    let head = if line.starts_with("- ") {
        lines.iter().position(|other| other.starts_with("- ")).unwrap_or(lines.len())
    } else {
        0
    };
    let first_of_list = head == lines.len() && head > 0;
    let at = lines.iter().skip(head).position(|other| *other > line).map_or(lines.len(), |at| head + at);
    lines.insert(at, line);
    if first_of_list {
        lines.insert(at, "");
    }
    lines.join("\n") + "\n"
}

/// The page with a link to every other page of the folder, by its heading.
fn index(before: &str, folder: &Path, path: &Path) -> io::Result<String> {
    let mut links = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".md") && file != path {
            let text = fs::read_to_string(&file)?;
            let heading = text.lines().next().unwrap_or_default().trim_start_matches("# ");
            links.push(format!("- [{heading}]({name})"));
        }
    }
    links.sort();
    let head: Vec<&str> = before.lines().filter(|line| !line.starts_with("- [")).collect();
    Ok(format!("{}\n\n{}\n", head.join("\n").trim_end(), links.join("\n")))
}

fn output(root: &Path, command: &str) -> io::Result<String> {
    let mut shell = Command::new("sh");
    let ran = shell.args(["-ec", command]).current_dir(root).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !ran.status.success() {
        return Err(io::Error::other(format!("`{command}` failed: {}", ran.status)));
    }
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn step(text: &str) -> Step {
        crate::task::steps(text).pop().unwrap()
    }

    #[test]
    fn a_step_that_is_done_twice_is_done_once() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        for _ in 0..2 {
            for text in [
                "Create `docs/a.md` with the heading `A`.",
                "Add the section `S` to `docs/a.md`: It is so.",
                "Set `b` to `1` in `x.conf`.",
                "Set `a` to `2` in `x.conf`.",
                "Create `docs/README.md` with the heading `All`.",
                "List every page of `docs` in `docs/README.md`.",
                "Run `echo hello` and keep what it prints in `out/hello`.",
            ] {
                carry_out(folder.path(), &step(text)).unwrap();
            }
        }
        assert_eq!(read("docs/a.md"), "# A\n\nThis page is part of the handbook.\n\n## S\n\nIt is so.\n");
        assert_eq!(read("x.conf"), "a=2\nb=1\n");
        assert_eq!(read("docs/README.md"), "# All\n\nThis page is part of the handbook.\n\n- [A](a.md)\n");
        assert_eq!(read("out/hello"), "hello\n");
    }
}
