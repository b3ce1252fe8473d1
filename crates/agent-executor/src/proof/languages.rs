//! How the tests of each language look, as data: what declares one, what skips it, what asserts.
//!
//! A line of a table is a regular expression that is tried on each line of a file. They are made for what people and
//! agents really write, not for all that a language allows: a test that is not seen cannot be missed either.

use std::sync::LazyLock;

use regex::Regex;

/// How the tests of a language look.
#[derive(Debug)]
pub(crate) struct Language {
    /// Whether the file may have tests, by its path.
    path: Regex,
    /// Declares a test; the group `name` is what it is called.
    pub test: Regex,
    /// What stands above the declaration of every test, where a declaration alone makes none.
    pub mark: Option<Regex>,
    /// Declares what encloses tests, and can be skipped as a whole.
    pub suite: Option<Regex>,
    /// Stands above the declaration of a test, or of what encloses it, and skips it.
    pub skip_above: Option<Regex>,
    /// Is part of a declaration that is skipped.
    pub skip_in_line: Option<Regex>,
    /// Stands inside a test, and skips it.
    pub skip_inside: Option<Regex>,
    /// Has only this test run, and so skips all others.
    pub only: Option<Regex>,
    /// Asserts something.
    pub assertion: Regex,
}

/// An assertion that holds whatever the code does.
pub(crate) static TRIVIAL: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)assert(_eq|equal|equals|true|that)?[!(. ]*\(?\s*(true|1\s*(,|==)\s*1)\s*(==\s*true)?\s*\)?\s*;?\s*$|expect\(\s*(true|1)\s*\)\.(to|toBe|toEqual)\(?\.?\s*(be_truthy|true|1)?",
    )
});

/// The languages there are.
static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| ROWS.iter().map(Row::compile).collect());

/// The language of a path that may have tests.
pub(crate) fn language(path: &str) -> Option<&'static Language> {
    LANGUAGES.iter().find(|language| language.path.is_match(path))
}

/// A row of the table. Empty: there is no such thing in the language.
struct Row {
    path: &'static str,
    test: &'static str,
    mark: &'static str,
    suite: &'static str,
    skip_above: &'static str,
    skip_in_line: &'static str,
    skip_inside: &'static str,
    only: &'static str,
    assertion: &'static str,
}

const NONE: Row = Row {
    path: "",
    test: "",
    mark: "",
    suite: "",
    skip_above: "",
    skip_in_line: "",
    skip_inside: "",
    only: "",
    assertion: r"\bassert|\bexpect\b|\bshould\b|\bverify\b",
};

const ROWS: [Row; 15] = [
    // Rust: the attribute makes the test, wherever it is.
    Row {
        path: r"\.rs$",
        mark: r"^\s*#\[((\w+::)*test|rstest|test_case|quickcheck|wasm_bindgen_test|test_log::test)\b",
        test: r"^\s*(#\[[^\]]*\]\s*)*(pub(\(\w+\))?\s+)?(async\s+|const\s+|unsafe\s+)*fn\s+(?P<name>\w+)",
        skip_above: r"^\s*#\[(ignore\b|cfg_attr\(.*\bignore\b|cfg\((any\(\)|FALSE|false)\))",
        suite: r"^\s*(pub(\(\w+\))?\s+)?mod\s+(?P<name>\w+)\s*\{",
        assertion: r"\b\w*assert\w*!|\.unwrap_err\(|\bexpect_err\(|\bpanic!|#\[should_panic|\?;",
        ..NONE
    },
    // Python: pytest and unittest collect by the names of files and functions.
    Row {
        path: r"(^|/)(test_[^/]*|[^/]*_tests?|tests?|conftest)\.py$|(^|/)tests?/[^/]*\.py$",
        test: r"^\s*(async\s+)?def\s+(?P<name>test\w*)\s*\(",
        suite: r"^\s*class\s+(?P<name>\w+)|^\s*(?P<mark>pytestmark)\s*=",
        skip_above: r"^\s*@(pytest\.mark\.|unittest\.|mark\.)?(skip|skipif|skipIf|skipUnless|xfail|expectedFailure)\b",
        skip_in_line: r"^\s*pytestmark\s*=.*\b(skip|skipif|xfail)\b",
        skip_inside: r"^\s*(pytest\.(skip|xfail)|self\.skipTest)\s*\(|^\s*raise\s+(unittest\.)?SkipTest\b",
        assertion: r"^\s*assert\b|\.assert\w+\(|\braises\(|\.fail\(|\bexpect\(",
        ..NONE
    },
    // JavaScript and TypeScript: Jest, Vitest, Mocha, Jasmine, Playwright, node:test.
    Row {
        path: r"([._-](test|tests|spec|e2e|cy)|(^|/)(test|tests|spec))\.[cm]?[jt]sx?$|(^|/)(__tests__|tests?|spec|specs|e2e|cypress)/.*\.[cm]?[jt]sx?$",
        test: r#"^\s*(await\s+)?(x?it|x?test|xspecify|specify|fit|Deno\.test)(\.(skip|only|todo|fixme|fails|failing|concurrent|each|skipIf|runIf|serial|slow)\b)*(\([^'"`]*\)|`[^`]*`)?\s*\(\s*(?P<quote>['"`])(?P<name>.+?)['"`]\s*(,|\)|$)"#,
        suite: r#"^\s*([xf]?describe|[xf]?context|suite|test\.describe)(\.(skip|only|todo|fixme|concurrent|each|serial|parallel)\b)*\s*\(\s*['"`](?P<name>.+?)['"`]"#,
        skip_in_line: r"^\s*(await\s+)?(xit|xtest|xspecify|xdescribe|xcontext)\b|^\s*(await\s+)?[\w.]+?\.(skip|todo|fixme|fails|failing|skipIf)\b|,\s*\{\s*(skip|todo)\s*:",
        skip_inside: r"^\s*(this|t|ctx|context|test)\.(skip|todo|fixme)\s*\(",
        only: r"^\s*(await\s+)?(fit|fdescribe|fcontext)\s*\(|^\s*(await\s+)?(it|test|describe|context|suite|specify)(\.\w+)*\.only\b",
        assertion: r"\bexpect\s*\(|\bassert\b|\.should\b|\bt\.(is|deepEqual|true|ok|equal|throws|truthy)\b",
        ..NONE
    },
    // Go.
    Row {
        path: r"_test\.go$",
        test: r"^func\s+(\(\s*\w+\s+\*?\w+\s*\)\s*)?(?P<name>(Test|Fuzz|Example)\w*)\s*\(",
        skip_inside: r"^\s*\w+(\.\w+\(\))?\.(Skip|Skipf|SkipNow)\(",
        assertion: r"\.(Error|Errorf|Fatal|Fatalf|Fail|FailNow)\(|\b(assert|require|qt|is|gomega|Expect)\b",
        ..NONE
    },
    // Java, Kotlin, Groovy and Scala with JUnit or TestNG: the annotation makes the test.
    Row {
        path: r"\.(java|kt|kts|groovy)$",
        mark: r"^\s*@(org\.junit\.(jupiter\.api\.)?|kotlin\.test\.|org\.testng\.annotations\.)?(Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate|Property)\b",
        test: r"^\s*(@\w+(\([^)]*\))?\s+)*((public|private|protected|internal|static|final|suspend|open|override|default)\s+)*(fun\s+(<[^>]+>\s*)?(?P<fun>`[^`]+`|\w+)|(<[^>]+>\s*)?[\w.<>\[\], ?]+\s+(?P<name>\w+))\s*\(",
        suite: r"^\s*((public|internal|private|abstract|final|open|static)\s+)*(class|object)\s+(?P<name>\w+)",
        skip_above: r"^\s*@(org\.junit\.(jupiter\.api\.)?|kotlin\.test\.)?(Disabled\w*|Ignore|Ignored)\b|^\s*@Test\b.*\benabled\s*=\s*false",
        skip_inside: r"^\s*(Assumptions\.|Assume\.)?assum(e|ing)(True|That)\(\s*false\b|^\s*throw\s+new\s+(SkipException|TestAbortedException)",
        assertion: r"\bassert\w*\b|\bverify\b|\bfail\(|\bshould\w*\b|\bexpect\w*\b|\bthen\(",
        ..NONE
    },
    // C#, F# and Visual Basic: xUnit, NUnit, MSTest.
    Row {
        path: r"\.(cs|vb)$",
        mark: r"^\s*\[(\w+\s*,\s*)*(Fact|Theory|Test|TestCase|TestCaseSource|TestMethod|DataTestMethod|SkippableFact)\b",
        test: r"^\s*(\[[^\]]*\]\s*)*((public|private|internal|protected|static|async|virtual|override)\s+)+[\w.<>\[\]?, ]+\s+(?P<name>\w+)\s*(<[^>]+>)?\s*\(",
        suite: r"^\s*((public|internal|private|abstract|sealed|static|partial)\s+)*class\s+(?P<name>\w+)",
        skip_above: r"^\s*\[(\w+\s*,\s*)*(Ignore|Explicit)\b|^\s*\[(Fact|Theory|SkippableFact)\s*\(.*\bSkip\s*=|^\s*\[(Test|TestCase)\s*\(.*\bIgnore\s*=",
        skip_inside: r"^\s*(Assert\.(Ignore|Inconclusive|Skip)|Skip\.(If|IfNot))\s*\(",
        assertion: r"\bAssert\b|\.Should\w*\b|\bVerify\w*\(|\bExpect\b",
        ..NONE
    },
    // Ruby: RSpec, Minitest, ActiveSupport.
    Row {
        path: r"_(spec|test)\.rb$|(^|/)test_[^/]*\.rb$|(^|/)(spec|test)/.*\.rb$",
        test: r#"^\s*(x?it|fit|x?specify|x?example|scenario|test)\s*\(?\s*['"](?P<name>.+?)['"]\s*(,|\)|do\b|\{|$)|^\s*(pending|skip)\s*\(?\s*['"](?P<fun>.+?)['"].*(do\b|\{)|^\s*def\s+(?P<def>test_\w+[?!]?)"#,
        suite: r#"^\s*([xf]?(RSpec\.)?describe|[xf]?context|feature)\s*\(?\s*['"]?(?P<name>[\w:. #-]+)"#,
        skip_in_line: r"^\s*(xit|xspecify|xexample|xdescribe|xcontext|xscenario|pending|skip)\b.*\b(do|\{)|,\s*(skip|pending):\s*[^f]|,\s*:(skip|pending)\b",
        skip_inside: r#"^\s*(skip|pending)(\s*$|\s*\(?\s*['"])"#,
        only: r"^\s*(fit|fdescribe|fcontext)\b|,\s*:focus\b|,\s*focus:\s*true",
        assertion: r"\bexpect\b|\bassert\w*\b|\brefute\w*\b|\bmust_\w+|\bshould\b|\bis_expected\b|\bflunk\b",
        ..NONE
    },
    // PHP: PHPUnit and Pest.
    Row {
        path: r"(Test|test)s?\.php$|(^|/)tests?/.*\.php$",
        test: r#"^\s*((public|final|protected)\s+)*function\s+(?P<name>test\w*)\s*\(|^\s*(it|test)\(\s*['"](?P<def>.+?)['"]"#,
        skip_in_line: r"->\s*(skip|todo)\s*\(",
        skip_inside: r"^\s*(\$this->|self::|static::)(markTestSkipped|markTestIncomplete)\s*\(",
        only: r"->\s*only\s*\(",
        assertion: r"assert\w*\(|expect\w*\(|->should\w*|->fail\(",
        ..NONE
    },
    // Elixir: ExUnit.
    Row {
        path: r"_test\.exs$",
        test: r#"^\s*(test|property|feature)\s+"(?P<name>.+?)"\s*(,|do\b|$)"#,
        suite: r#"^\s*(describe\s+"(?P<name>.+?)"|(?P<mark>@moduletag)\b)"#,
        skip_above: r"^\s*@(tag|describetag)\s+(:skip\b|skip:)",
        skip_in_line: r"^\s*@moduletag\s+(:skip\b|skip:)",
        assertion: r"\bassert\w*\b|\brefute\w*\b|\bflunk\b|\bcheck all\b",
        ..NONE
    },
    // Shell: bats.
    Row {
        path: r"\.bats$",
        test: r#"^\s*@test\s+['"](?P<name>.+?)['"]"#,
        skip_inside: r"^\s*skip\b",
        assertion: r"\[\[?\s|\btest\s|\bassert\w*\b|\brun\b|\brefute\w*\b|\bgrep\b",
        ..NONE
    },
    // Shell: shunit2 and functions that a runner of one's own calls.
    Row {
        path: r"(^|/)(test[^/]*|[^/]*[._-]tests?)\.(sh|bash|zsh)$|(^|/)tests?/[^/]*\.(sh|bash|zsh)$",
        test: r"^\s*(function\s+)?(?P<name>test\w*)\s*\(\s*\)",
        skip_inside: r"^\s*(startSkipping|skip)\b",
        assertion: r"\[\[?\s|\btest\s|\bassert\w*\b|\bgrep\b|\bdiff\b|\bcmp\b|\bexit\s+1",
        ..NONE
    },
    // Swift: XCTest and Testing.
    Row {
        path: r"Tests?\.swift$|(^|/)Tests/.*\.swift$",
        test: r"^\s*(@Test(\([^)]*\))?\s+)?((public|private|override|final)\s+)*func\s+(?P<name>test\w*)\s*\(",
        skip_inside: r"^\s*(throw\s+XCTSkip|try\s+XCTSkip(If|Unless))",
        assertion: r"\bXCT\w+\(|#expect\b|#require\b",
        ..NONE
    },
    // C and C++: GoogleTest, Catch2, doctest.
    Row {
        path: r"\.(c|cc|cpp|cxx|h|hh|hpp)$",
        test: r#"^\s*(TEST|TEST_F|TEST_P|TYPED_TEST)\s*\(\s*(?P<name>\w+\s*,\s*\w+)\s*\)|^\s*(TEST_CASE|SCENARIO)\s*\(\s*"(?P<def>.+?)""#,
        skip_in_line: r#"^\s*TEST\w*\s*\(\s*\w+\s*,\s*DISABLED_|"\s*,\s*".*\[(\.|!hide|!mayfail|!shouldfail)"#,
        skip_inside: r"^\s*(GTEST_SKIP|SKIP)\s*\(",
        assertion: r"\b(EXPECT|ASSERT|REQUIRE|CHECK)\w*\s*\(|\bassert\s*\(",
        ..NONE
    },
    // Dart and Flutter.
    Row {
        path: r"_test\.dart$",
        test: r#"^\s*(test|testWidgets)\(\s*['"](?P<name>.+?)['"]\s*(,|$)"#,
        suite: r#"^\s*group\(\s*['"](?P<name>.+?)['"]"#,
        skip_in_line: r"\bskip:\s*[^f]",
        assertion: r"\bexpect\w*\(|\bfail\(|\bverify\w*\(",
        ..NONE
    },
    // Scala: ScalaTest and munit.
    Row {
        path: r"(Test|Tests|Spec|Suite)\.scala$",
        test: r#"^\s*(test|it|property)\(\s*"(?P<name>.+?)"|^\s*"(?P<def>.+?)"\s+(should|in|must|can)\b"#,
        skip_in_line: r"^\s*ignore\(|\.ignore\b|\bignore\s*\{",
        assertion: r"\bassert\w*\b|\bshould\b|\bmust\b|\bexpect\w*\b|\bfail\(",
        ..NONE
    },
];

impl Row {
    fn compile(&self) -> Language {
        let maybe = |text: &str| (!text.is_empty()).then(|| regex(text));
        Language {
            path: regex(self.path),
            test: regex(self.test),
            mark: maybe(self.mark),
            suite: maybe(self.suite),
            skip_above: maybe(self.skip_above),
            skip_in_line: maybe(self.skip_in_line),
            skip_inside: maybe(self.skip_inside),
            only: maybe(self.only),
            assertion: regex(self.assertion),
        }
    }
}

#[expect(clippy::expect_used, reason = "the tables above are compiled by a test")]
fn regex(text: &str) -> Regex {
    Regex::new(text).expect("a regular expression of the table")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_regular_expression_of_the_table_can_be_read() {
        assert_eq!(LANGUAGES.len(), ROWS.len());
        assert!(TRIVIAL.is_match("    assert!(true);"));
    }

    #[test]
    fn a_line_that_proves_nothing_is_told_from_one_that_does() {
        for line in
            ["assert!(true);", "assert True", "    assert 1 == 1", "assertTrue(true);", "expect(true).toBe(true)"]
        {
            assert!(TRIVIAL.is_match(line), "{line}");
        }
        for line in ["assert_eq!(add(1, 1), 2);", "assert add(1, 1) == 2", "assertTrue(ok);", "expect(x).toBe(true)"] {
            assert!(!TRIVIAL.is_match(line), "{line}");
        }
    }
}
