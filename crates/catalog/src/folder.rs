//! Definitions on the disk: every markdown file below a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::definition::{Definition, Severity, Warning, parse};

/// How deep folders may be nested.
const DEEPEST: usize = 16;
/// A definition beyond this is none.
const LARGEST_BYTES: u64 = 1 << 20;
/// Files that stand beside definitions and without front matter are none.
const ABOUT: [&str; 8] =
    ["readme", "changelog", "contributing", "license", "code_of_conduct", "security", "claude", "agents"];

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The definitions, in the order of the folders and then of their paths; no two have one name.
    pub definitions: Vec<Definition>,
    /// What is odd, and which files were refused.
    pub warnings: Vec<Warning>,
}

impl Found {
    /// The files that no agent could be made of.
    pub fn refused(&self) -> impl Iterator<Item = &Warning> {
        self.warnings.iter().filter(|warning| warning.severity == Severity::Error)
    }
}

/// A folder that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the folder of agent definitions {}", folder.display())]
pub struct Unreadable {
    /// The folder.
    pub folder: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// The definitions below one folder.
///
/// # Errors
/// [`Unreadable`] if the folder is not there. What is wrong with a file, or with a folder within, is a warning.
pub fn read(folder: &Path) -> Result<Found, Unreadable> {
    read_all(&[folder])
}

/// The definitions below several folders. Of two with one name, the first holds.
///
/// # Errors
/// As [`read`].
pub fn read_all<P: AsRef<Path>>(folders: &[P]) -> Result<Found, Unreadable> {
    let mut found = Found::default();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for folder in folders {
        let folder = folder.as_ref();
        let mut files = Vec::new();
        let failed = |source| Unreadable { folder: folder.to_owned(), source };
        collect(folder, DEEPEST, &mut files, &mut found.warnings).map_err(failed)?;
        files.sort();
        for file in files {
            let (definition, mut warnings) = one(&file);
            if let Some(definition) = definition {
                match names.get(&definition.name) {
                    Some(first) => warnings.push(Warning {
                        path: definition.path,
                        line: None,
                        severity: Severity::Warning,
                        message: format!("`{}` is defined in {first} already, and that one holds", definition.name),
                    }),
                    None => {
                        names.insert(definition.name.clone(), definition.path.clone());
                        found.definitions.push(definition);
                    }
                }
            }
            found.warnings.append(&mut warnings);
        }
    }
    Ok(found)
}

/// The markdown files below a folder; hidden ones are left alone.
fn collect(folder: &Path, deep: usize, files: &mut Vec<PathBuf>, warnings: &mut Vec<Warning>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        // A link to a folder is not followed: it may lead around in a circle.
        let is_folder = fs::symlink_metadata(&path).is_ok_and(|data| data.is_dir());
        if is_folder && deep > 0 {
            if let Err(error) = collect(&path, deep - 1, files, warnings) {
                warnings.push(warning(&path, Severity::Warning, format!("the folder cannot be read: {error}")));
            }
        } else if !is_folder && path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("md")) {
            files.push(path);
        }
    }
    Ok(())
}

fn one(file: &Path) -> (Option<Definition>, Vec<Warning>) {
    let refused = |message: String| (None, vec![warning(file, Severity::Error, message)]);
    match fs::metadata(file) {
        Ok(data) if data.len() > LARGEST_BYTES => {
            return refused(format!("the file has {} bytes; expected at most {LARGEST_BYTES}", data.len()));
        }
        Ok(data) if !data.is_file() => return refused("this is no file".to_owned()),
        Ok(_) => {}
        Err(error) => return refused(format!("the file cannot be read: {error}")),
    }
    let text = match fs::read(file).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => return refused("the file is not UTF-8: save it as UTF-8".to_owned()),
        Err(error) => return refused(format!("the file cannot be read: {error}")),
    };
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    if ABOUT.contains(&stem.as_str()) && !text.trim_start_matches('\u{feff}').starts_with("---") {
        return (None, Vec::new());
    }
    parse(&file.display().to_string(), &text)
}

fn warning(path: &Path, severity: Severity, message: String) -> Warning {
    Warning { path: path.display().to_string(), line: None, severity, message }
}
