//! Whether a change makes tests prove less: removes them, skips them, or takes from them what they assert. Pure.
//!
//! A test that is elsewhere in the change under the same name was moved; one whose lines are mostly those of a new test
//! was renamed. Neither is removed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use super::flags::{Flag, Kind};
use super::languages::language;
use super::tests_of::{Test, Tests, tests};

/// A file that the change touches, as it was and as it is; `None` where it is not, or is no text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct File<'a> {
    /// Its path within the repository.
    pub path: &'a str,
    /// What it was.
    pub base: Option<&'a str>,
    /// What it is.
    pub result: Option<&'a str>,
}

/// A file that people call a test by its name or its folder, whatever it is written in.
static TEST_FILE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        (^|/)(test_[^/]+|[^/]+[._-](test|tests|spec|specs|e2e))\.[A-Za-z]\w*$
        | [^/](Test|Tests|Spec|Specs|IT)\.(java|kt|kts|groovy|scala|cs|fs|vb|php|swift)$
        | (^|/)(test|tests|spec|specs)\.(sh|bash|py|[cm]?[jt]sx?|rb|go|rs|exs|php|pl|lua)$
        | \.(bats|feature|robot)$
        | (^|/)(tests?|specs?|__tests__|e2e)/([^/]+/)*[^/]+\.(sh|bash|zsh|pl|t|lua|tcl|fish|py|[cm]?[jt]sx?|rb|php)$",
    )
    .ok()
});

/// Below a folder of tests, what is no test.
static NO_TEST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(^|/)(fixtures?|testdata|data|snapshots?|__snapshots__|support|helpers?|mocks?|__mocks__|common|utils?|lib|examples?|node_modules)/|(^|/)(__init__|conftest|setup|mod|index|helpers?|utils?|common)\.\w+$",
    )
    .ok()
});

/// What makes the tests prove less.
pub(crate) fn weakened(files: &[File<'_>]) -> Vec<Flag> {
    let read: Vec<Read<'_>> = files.iter().map(Read::new).collect();
    let before = Census::take(read.iter().map(|file| &file.base));
    let after = Census::take(read.iter().map(|file| &file.result));
    let mut renamed = Renamed::new(&read, &before);
    let mut flags = Vec::new();
    for file in &read {
        let gone = file.removed(&before, &after, &mut renamed);
        let deleted = file.deleted(files, &gone);
        flags.extend(deleted.or_else(|| Flag::of(Kind::Removed, file.file.path, gone)));
        flags.extend(Flag::of(Kind::Skipped, file.file.path, file.skipped(&before, &after)));
        if file.result.only > file.base.only {
            flags.push(Flag { kind: Kind::Only, path: file.file.path.to_owned(), names: Vec::new() });
        }
        flags.extend(file.emptied());
    }
    flags
}

/// A file with its tests.
struct Read<'a> {
    file: File<'a>,
    base: Tests<'a>,
    result: Tests<'a>,
}

/// How many tests of each name there are in all files, and how many of them run.
struct Census<'a>(HashMap<&'a str, (usize, usize)>);

impl<'a> Census<'a> {
    fn take<'b>(of: impl Iterator<Item = &'b Tests<'a>>) -> Self
    where
        'a: 'b,
    {
        let mut counted: HashMap<&str, (usize, usize)> = HashMap::new();
        for test in of.flat_map(|tests| &tests.tests) {
            let (all, running) = counted.entry(test.name).or_default();
            *all += 1;
            *running += usize::from(!test.skipped);
        }
        Self(counted)
    }

    fn of(&self, name: &str) -> (usize, usize) {
        self.0.get(name).copied().unwrap_or_default()
    }
}

/// New tests that may be old ones under another name; each is so for one of them.
struct Renamed<'a, 'b>(Vec<&'b Test<'a>>);

impl<'a, 'b> Renamed<'a, 'b> {
    fn new(read: &'b [Read<'a>], before: &Census<'a>) -> Self {
        let new = |test: &&Test<'_>| before.of(test.name).0 == 0 && !test.skipped;
        Self(read.iter().flat_map(|file| &file.result.tests).filter(new).collect())
    }

    /// Whether the test is still there, under another name.
    fn has(&mut self, gone: &Test<'_>) -> bool {
        let found = self.0.iter().position(|new| is_mostly(gone, new));
        found.map(|at| self.0.swap_remove(at)).is_some()
    }
}

/// Whether at least half of the lines of a test, and half of what it asserts, are in another.
fn is_mostly(old: &Test<'_>, new: &Test<'_>) -> bool {
    let lines: HashSet<&str> = new.body.iter().copied().filter(|line| line.len() > 3).collect();
    let own: Vec<_> = old.body.iter().filter(|line| line.len() > 3).collect();
    let kept = own.iter().filter(|line| lines.contains(**line)).count();
    !own.is_empty() && kept * 2 >= own.len() && new.assertions * 2 >= old.assertions
}

impl<'a> Read<'a> {
    fn new(file: &File<'a>) -> Self {
        let language = language(file.path);
        let read = |text: Option<&'a str>| {
            language.zip(text).map(|(language, text)| tests(language, text)).unwrap_or_default()
        };
        Self { file: *file, base: read(file.base), result: read(file.result) }
    }

    /// The tests that were here, and are nowhere in the change.
    fn removed(&self, before: &Census<'a>, after: &Census<'a>, renamed: &mut Renamed<'a, '_>) -> Vec<String> {
        let mut left: BTreeMap<&str, usize> = BTreeMap::new();
        for test in &self.result.tests {
            *left.entry(test.name).or_default() += 1;
        }
        let mut gone = Vec::new();
        for test in &self.base.tests {
            if let Some(still) = left.get_mut(test.name).filter(|still| **still > 0) {
                *still -= 1;
                continue;
            }
            // A skipped test that goes proves no less.
            if !test.skipped && after.of(test.name).0 < before.of(test.name).0 && !renamed.has(test) {
                gone.push(test.name.to_owned());
            }
        }
        gone
    }

    /// The tests, and what encloses them, that ran and no longer do.
    fn skipped(&self, before: &Census<'a>, after: &Census<'a>) -> Vec<String> {
        let mut names = Vec::new();
        for test in self.result.tests.iter().filter(|test| test.skipped) {
            let ran = self.base.tests.iter().any(|old| old.name == test.name && !old.skipped);
            let (now, was) = (after.of(test.name), before.of(test.name));
            if ran && now.1 < was.1 && !names.iter().any(|name| name == test.name) {
                names.push(test.name.to_owned());
            }
        }
        let count = |tests: &Tests<'_>, name: &str| tests.skipped_suites.iter().filter(|it| **it == name).count();
        for suite in &self.result.skipped_suites {
            let new = count(&self.result, suite) > count(&self.base, suite);
            if new && !self.base.tests.is_empty() && !names.iter().any(|name| name == suite) {
                names.push((*suite).to_owned());
            }
        }
        names
    }

    /// A test file that is not there any more, nor under another path.
    fn deleted(&self, files: &[File<'_>], gone: &[String]) -> Option<Flag> {
        let base = self.file.base?;
        let is_gone = self.file.result.is_none_or(|text| text.trim().is_empty());
        if !is_gone || base.trim().is_empty() {
            return None;
        }
        let moved = || {
            let name = |path: &'_ str| path.rsplit('/').next().map(str::to_owned);
            files.iter().any(|other| {
                other.base.is_none()
                    && other.result.is_some_and(|text| text == base || name(other.path) == name(self.file.path))
            })
        };
        let a_test = if self.base.tests.is_empty() {
            // Whoever renames `tests/a.sh` has not removed it.
            is_test_file(self.file.path, &self.base) && !moved()
        } else {
            gone.len() == self.base.tests.len() && !gone.is_empty()
        };
        a_test.then(|| Flag { kind: Kind::Deleted, path: self.file.path.to_owned(), names: gone.to_vec() })
    }

    /// Tests that assert nothing any more, and did.
    fn emptied(&self) -> Option<Flag> {
        let result = self.file.result.filter(|text| !text.trim().is_empty())?;
        let mut names = Vec::new();
        for new in &self.result.tests {
            let old = self.base.tests.iter().find(|old| old.name == new.name);
            let asserted = old.is_some_and(|old| {
                old.assertions > 0 && !old.skipped && (new.body.len() * 2 <= old.body.len() || new.body.len() <= 2)
            });
            if asserted && new.assertions == 0 && !new.skipped {
                names.push(new.name.to_owned());
            }
        }
        let whole = if self.base.tests.is_empty() {
            is_test_file(self.file.path, &self.base) && self.base.loose > 0 && self.result.loose == 0
        } else {
            let kept = self.result.tests.iter().any(|test| !test.skipped);
            kept && self.base.assertions() > 0 && self.result.assertions() == 0
        };
        let whole = whole && self.result.tests.is_empty() == self.base.tests.is_empty() && !result.is_empty();
        (whole || !names.is_empty()).then(|| Flag { kind: Kind::Emptied, path: self.file.path.to_owned(), names })
    }
}

/// Whether a file without tests that can be read is a test all the same.
fn is_test_file(path: &str, base: &Tests<'_>) -> bool {
    let is = |pattern: &Option<Regex>| pattern.as_ref().is_some_and(|pattern| pattern.is_match(path));
    let asserts = language(path).is_none() || base.loose > 0;
    is(&TEST_FILE) && !is(&NO_TEST) && asserts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The path of a file, and its text before and after.
    type Case<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

    fn flags(files: &[Case<'_>]) -> Vec<String> {
        let files: Vec<_> =
            files.iter().map(|(path, base, result)| File { path, base: *base, result: *result }).collect();
        weakened(&files).iter().map(ToString::to_string).collect()
    }

    const RUST: &str = "#[test]\nfn adds() {\n    let sum = add(1, 2);\n    assert_eq!(sum, 3);\n}\n\n#[test]\nfn takes() {\n    let left = take(3, 2);\n    assert_eq!(left, 1);\n}\n";

    #[test]
    fn the_regular_expressions_of_paths_can_be_read() {
        assert!(TEST_FILE.is_some() && NO_TEST.is_some());
    }

    #[test]
    fn a_removed_test_is_named_with_its_file() {
        let without = RUST.split("\n#[test]\nfn takes").next().unwrap();
        assert_eq!(flags(&[("src/a.rs", Some(RUST), Some(without))]), ["tests are removed from `src/a.rs`: `takes`"]);
        let commented = RUST.replace("#[test]\nfn takes", "// #[test]\nfn takes");
        assert_eq!(flags(&[("src/a.rs", Some(RUST), Some(&commented))]).len(), 1, "and so is one made a comment");
        assert_eq!(flags(&[("src/a.rs", Some(RUST), None)]), ["the test file `src/a.rs` is deleted: `adds`, `takes`"]);
        assert_eq!(flags(&[("src/a.rs", Some(RUST), Some(""))]).len(), 1, "emptied is deleted");
    }

    #[test]
    fn a_test_that_was_moved_or_renamed_or_changed_is_not_removed() {
        let without = RUST.split("\n#[test]\nfn takes").next().unwrap();
        let moved = "#[test]\nfn takes() {\n    other();\n    assert!(x);\n}\n";
        let renamed = RUST.replace("fn takes", "fn leaves");
        let changed = RUST.replace("assert_eq!(sum, 3)", "assert_eq!(sum, 4)");
        let cases: [&[Case<'_>]; 6] = [
            &[("src/a.rs", Some(RUST), Some(without)), ("src/b.rs", None, Some(moved))],
            &[("src/a.rs", Some(RUST), None), ("tests/a.rs", None, Some(RUST))],
            &[("src/a.rs", Some(RUST), Some(&renamed))],
            &[("src/a.rs", Some(RUST), Some(&changed))],
            &[("tests/run.sh", Some("grep x y\n"), None), ("tests/all.sh", None, Some("grep x y\n"))],
            &[("tests/run.sh", Some("grep x y\n"), None), ("checks/run.sh", None, Some("grep x z\n"))],
        ];
        for case in cases {
            assert_eq!(flags(case), Vec::<String>::new(), "{case:?}");
        }
    }

    #[test]
    fn what_is_no_test_can_go() {
        for (path, text) in [
            ("src/lib.rs", "fn a() { assert!(x); }\n"),
            ("tests/fixtures/a.sh", "grep a b\n"),
            ("tests/common/mod.rs", "pub fn setup() {}\n"),
            ("tests/helpers.py", "def make():\n    assert x\n"),
            ("tests/data.json", "{}"),
            ("docs/testing.md", "# Tests\n"),
            ("src/contest.py", "def test_x():\n    assert 1\n"),
            ("src/latest.js", "test('x', f)\n"),
        ] {
            assert_eq!(flags(&[(path, Some(text), None)]), Vec::<String>::new(), "{path}");
        }
    }

    #[test]
    fn a_test_file_that_goes_is_named_whatever_it_is_written_in() {
        for (path, text) in [
            ("tests/check.sh", "set -e\ntest \"$(./add 1 2)\" = 3\n"),
            ("test.sh", "grep -q x y\n"),
            ("tests/check.py", "from a import add\nassert add(1, 2) == 3\n"),
            ("features/login.feature", "Scenario: login\n"),
            ("t/spec/a_spec.lua", "it()\n"),
            ("src/foo.test.coffee", "it 'x'\n"),
        ] {
            assert_eq!(flags(&[(path, Some(text), None)]), [format!("the test file `{path}` is deleted")], "{path}");
        }
    }

    #[test]
    fn a_test_that_is_newly_skipped_is_named_and_one_that_always_was_is_not() {
        let skipped = RUST.replace("#[test]\nfn takes", "#[test]\n#[ignore]\nfn takes");
        assert_eq!(flags(&[("a.rs", Some(RUST), Some(&skipped))]), ["tests are skipped in `a.rs`: `takes`"]);
        assert_eq!(flags(&[("a.rs", Some(&skipped), Some(&skipped))]), Vec::<String>::new());
        assert_eq!(flags(&[("a.rs", Some(&skipped), Some(RUST))]), Vec::<String>::new());
        assert_eq!(flags(&[("a.rs", None, Some(&skipped))]), Vec::<String>::new(), "a new one is not missed");
        let js = "describe('a', () => {\n  it('b', () => {\n    expect(1).toBe(x)\n  })\n})\n";
        let suite = js.replace("describe(", "describe.skip(");
        assert_eq!(flags(&[("a.test.js", Some(js), Some(&suite))]), ["tests are skipped in `a.test.js`: `a`"]);
        let only = js.replace("it(", "it.only(");
        assert_eq!(
            flags(&[("a.test.js", Some(js), Some(&only))]),
            ["only some tests of `a.test.js` run, the others are skipped"]
        );
    }

    #[test]
    fn tests_that_assert_nothing_any_more_are_named() {
        let hollow = RUST.replace("    let left = take(3, 2);\n    assert_eq!(left, 1);\n", "");
        assert_eq!(flags(&[("a.rs", Some(RUST), Some(&hollow))]), ["tests of `a.rs` assert nothing any more: `takes`"]);
        let trivial = RUST.replace("    let left = take(3, 2);\n    assert_eq!(left, 1);\n", "    assert!(true);\n");
        assert_eq!(flags(&[("a.rs", Some(RUST), Some(&trivial))]).len(), 1);
        let helper = RUST.replace("assert_eq!(left, 1);", "check(left, 1);\n    more(left);");
        assert_eq!(flags(&[("a.rs", Some(RUST), Some(&helper))]), Vec::<String>::new(), "a function may assert");
        let script = "set -e\ngrep -q hello out\n";
        assert_eq!(
            flags(&[("tests/check.sh", Some(script), Some("set -e\necho ok\n"))]),
            ["tests of `tests/check.sh` assert nothing any more"]
        );
    }

    #[test]
    fn one_of_two_tests_of_the_same_name_is_missed() {
        let twice = "describe('a', () => {\n it('works', () => {\n expect(a).toBe(1)\n })\n})\ndescribe('b', () => {\n it('works', () => {\n expect(b).toBe(2)\n })\n})\n";
        let once = "describe('a', () => {\n it('works', () => {\n expect(a).toBe(1)\n })\n})\n";
        assert_eq!(flags(&[("a.spec.js", Some(twice), Some(once))]), ["tests are removed from `a.spec.js`: `works`"]);
    }
}
