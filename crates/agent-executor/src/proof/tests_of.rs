//! The tests that a file has.

use super::languages::{Language, TRIVIAL};

/// A test of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Test<'a> {
    /// What it is called.
    pub name: &'a str,
    /// It does not run.
    pub skipped: bool,
    /// How many assertions it makes that mean something.
    pub assertions: usize,
    /// Its lines below the declaration, trimmed, without blank ones and comments.
    pub body: Vec<&'a str>,
}

/// What a file has of tests.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tests<'a> {
    /// The tests, in order.
    pub tests: Vec<Test<'a>>,
    /// What encloses tests and does not run, by name.
    pub skipped_suites: Vec<&'a str>,
    /// How many places have only one test run, and so skip the others.
    pub only: usize,
    /// How many assertions stand above the first test, or in a file without any.
    pub loose: usize,
}

impl Tests<'_> {
    /// How many assertions there are in all.
    pub(crate) fn assertions(&self) -> usize {
        self.tests.iter().map(|test| test.assertions).sum()
    }
}

/// Reads the tests of a file.
pub(crate) fn tests<'a>(language: &Language, text: &'a str) -> Tests<'a> {
    let mut found = Tests::default();
    let (mut marked, mut skipped, mut commented) = (false, false, false);
    for line in text.lines() {
        let trimmed = line.trim();
        if commented || trimmed.starts_with("/*") {
            commented = !trimmed.contains("*/");
            continue;
        }
        if trimmed.is_empty() || is_comment(trimmed) {
            continue;
        }
        let is = |pattern: &Option<regex::Regex>| pattern.as_ref().is_some_and(|pattern| pattern.is_match(line));
        found.only += usize::from(is(&language.only));
        let marks = is(&language.mark);
        marked |= marks;
        skipped |= is(&language.skip_above);
        let declared = language.test.captures(line).filter(|_| marked || language.mark.is_none());
        if let Some(captures) = declared {
            let name = ["name", "def", "fun"].into_iter().find_map(|group| captures.name(group));
            let name = name.map_or("", |name| name.as_str()).trim_matches('`');
            let skipped = std::mem::take(&mut skipped) || is(&language.skip_in_line);
            marked = false;
            let assertions = asserts(language, line);
            found.tests.push(Test { name, skipped, assertions, body: Vec::new() });
            continue;
        }
        if let Some(captures) = language.suite.as_ref().and_then(|suite| suite.captures(line)) {
            let name = ["name", "mark"].into_iter().find_map(|group| captures.name(group));
            if std::mem::take(&mut skipped) || is(&language.skip_in_line) {
                found.skipped_suites.push(name.map_or("", |name| name.as_str()));
            }
            marked = false;
            continue;
        }
        let has_attributes = language.mark.is_some() || language.skip_above.is_some();
        if marks || has_attributes && is_attribute(trimmed) {
            continue;
        }
        // Another declaration, or a statement: what stood above was of this.
        (marked, skipped) = (marked && is_continued(trimmed), false);
        let Some(test) = found.tests.last_mut() else {
            found.loose += asserts(language, line);
            continue;
        };
        test.skipped |= is(&language.skip_inside);
        test.assertions += asserts(language, line);
        test.body.push(trimmed);
    }
    found
}

fn asserts(language: &Language, line: &str) -> usize {
    usize::from(language.assertion.is_match(line) && !TRIVIAL.is_match(line))
}

fn is_comment(line: &str) -> bool {
    line.starts_with("//") || line.starts_with('*') || line.starts_with("--") || {
        line.starts_with('#')
            && !line.starts_with("#[")
            && !line.starts_with("#expect")
            && !line.starts_with("#require")
    }
}

/// Whether a line goes with the declaration below it.
fn is_attribute(line: &str) -> bool {
    line.starts_with('@') || line.starts_with("#[") || line.starts_with('[')
}

/// Whether a line is within the brackets of an attribute above: `)`, `]`, `"a", 1`.
fn is_continued(line: &str) -> bool {
    line.starts_with([')', ']', '"', '\'']) || line.ends_with(',')
}

#[cfg(test)]
mod tests {
    use super::super::languages::language;
    use super::*;

    /// Each test of a file: its name, and whether it runs.
    fn read(path: &str, text: &str) -> Vec<(String, bool)> {
        let language = language(path).unwrap_or_else(|| panic!("{path} has a language"));
        tests(language, text).tests.into_iter().map(|test| (test.name.to_owned(), !test.skipped)).collect()
    }

    /// The path and text of a file, and its tests with whether they run.
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, bool)]);

    #[test]
    fn the_tests_of_each_language_are_read_with_what_skips_them() {
        let cases: [Case<'_>; 22] = [
            (
                "src/a.rs",
                "fn helper() {}\n#[test]\nfn one() {\n assert!(x);\n}\n#[tokio::test(flavor = \"x\")]\n#[ignore = \"slow\"]\nasync fn two() {}\n\
                 // #[test]\nfn three() {}\n/* #[test]\nfn four() {} */\n#[test] #[should_panic] fn five() {}\n",
                &[("one", true), ("two", false), ("five", true)],
            ),
            (
                "tests/test_a.py",
                "import pytest\n\ndef helper(): pass\n\nclass TestX:\n    def test_one(self):\n        assert 1\n\n    @pytest.mark.skip(reason=\"no\")\n    \
                 def test_two(self): pass\n\n    # def test_three(self): pass\n\n@unittest.skipIf(True, \"\")\nasync def test_four(): pass\n\n\
                 def test_five():\n    pytest.skip(\"later\")\n",
                &[("test_one", true), ("test_two", false), ("test_four", false), ("test_five", false)],
            ),
            (
                "src/a.test.ts",
                "describe('x', () => {\n  it('adds', () => {\n    expect(1).toBe(2)\n  })\n  it.skip('b', f)\n  xit(\"c\", f)\n  test.each([1])('d %s', f)\n  \
                 // it('e', f)\n  it.todo('f')\n  test(`g`, async () => {})\n  test('h', { skip: true }, f)\n  split('i', ',')\n})\n",
                &[("adds", true), ("b", false), ("c", false), ("d %s", true), ("f", false), ("g", true), ("h", false)],
            ),
            (
                "a_test.go",
                "func TestOne(t *testing.T) {\n\tt.Errorf(\"x\")\n}\nfunc (s *Suite) TestTwo() {\n\ts.T().Skip()\n}\nfunc helper() {}\nfunc TestThree(t *testing.T) {\n\tt.Skip(\"x\")\n}\n",
                &[("TestOne", true), ("TestTwo", false), ("TestThree", false)],
            ),
            (
                "src/test/java/ATest.java",
                "class ATest {\n  @Test\n  void one() {\n    assertEquals(1, 2);\n  }\n  @Test @Disabled\n  public void two() throws Exception {}\n  \
                 @Disabled(\"x\")\n  @ParameterizedTest\n  @ValueSource(ints = {1})\n  void three(int x) {}\n  void helper() {}\n  @Test void four() {}\n}\n",
                &[("one", true), ("two", true), ("three", false), ("four", true)],
            ),
            (
                "src/ATest.kt",
                "class ATest {\n    @Test\n    fun `adds two numbers`() {\n    }\n    @Ignore\n    @Test\n    fun two() = runTest {}\n}\n",
                &[("adds two numbers", true), ("two", false)],
            ),
            (
                "ATests.cs",
                "public class ATests {\n  [Fact]\n  public void One() {\n    Assert.Equal(1, 2);\n  }\n  [Fact(Skip = \"x\")]\n  public async Task Two() {}\n  \
                 [Test]\n  [Ignore(\"x\")]\n  public void Three() {}\n  public void Helper() {}\n}\n",
                &[("One", true), ("Two", false), ("Three", false)],
            ),
            (
                "spec/a_spec.rb",
                "RSpec.describe A do\n  it \"adds\" do\n    expect(1).to eq 1\n  end\n  xit 'b' do\n  end\n  pending 'c' do\n  end\n  it 'd' do\n    skip 'x'\n  end\nend\n",
                &[("adds", true), ("b", false), ("c", false), ("d", false)],
            ),
            (
                "test/a_test.rb",
                "def test_one\n  assert true\nend\ndef test_two\n  skip\nend\n",
                &[("test_one", true), ("test_two", false)],
            ),
            (
                "tests/ATest.php",
                "public function testOne(): void\n{\n}\npublic function testTwo()\n{\n    $this->markTestSkipped('x');\n}\nit('adds', fn () => 1);\n",
                &[("testOne", true), ("testTwo", false), ("adds", true)],
            ),
            (
                "test/a_test.exs",
                "test \"one\" do\n  assert 1\nend\n@tag :skip\ntest \"two\", %{a: 1} do\nend\n",
                &[("one", true), ("two", false)],
            ),
            (
                "test/a.bats",
                "@test \"one\" {\n  [ 1 -eq 1 ]\n}\n@test 'two' {\n  skip \"x\"\n}\n",
                &[("one", true), ("two", false)],
            ),
            (
                "tests/run.sh",
                "test_one() {\n  [ 1 = 1 ]\n}\nfunction testTwo() {\n  startSkipping\n}\n",
                &[("test_one", true), ("testTwo", false)],
            ),
            (
                "Tests/ATests.swift",
                "func testOne() {\n XCTAssert(x)\n}\nfunc testTwo() throws {\n  throw XCTSkip(\"x\")\n}\n",
                &[("testOne", true), ("testTwo", false)],
            ),
            (
                "a_test.cc",
                "TEST(A, One) {\n  EXPECT_EQ(1, 2);\n}\nTEST_F(A, DISABLED_Two) {}\nTEST_CASE(\"three\") {}\n",
                &[("A, One", true), ("A, DISABLED_Two", false), ("three", true)],
            ),
            (
                "test/a_test.dart",
                "test('one', () {\n  expect(1, 1);\n});\ntest('two', () {}, skip: true);\n",
                &[("one", true), ("two", false)],
            ),
            ("src/ASpec.scala", "test(\"one\") {\n}\n", &[("one", true)]),
            ("src/lib.rs", "pub fn test() {}\nstruct Test;\n", &[]),
            ("pkg/a_test.go", "func TestMain(m *testing.M) {}\n", &[("TestMain", true)]),
            ("src/__tests__/a.js", "test.concurrent('a', f)\nconst it = 1\n", &[("a", true)]),
            ("src/Main.java", "class A {\n  void run() {}\n}\n", &[]),
            ("tests/helpers.py", "def make():\n    return 1\n", &[]),
        ];
        for (path, text, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|(name, runs)| ((*name).to_owned(), *runs)).collect();
            assert_eq!(read(path, text), expected, "{path}:\n{text}");
        }
    }

    #[test]
    fn what_encloses_tests_is_skipped_as_a_whole_and_one_alone_skips_the_others() {
        let cases = [
            ("a.test.js", "describe.skip('all', () => {\n it('a', f)\n})\n", vec!["all"], 0),
            ("a.spec.ts", "describe('x', f)\nfdescribe('y', f)\nit.only('b', f)\n", vec![], 2),
            ("test_a.py", "pytestmark = pytest.mark.skip\n\ndef test_a(): pass\n", vec!["pytestmark"], 0),
            ("test_b.py", "@unittest.skip(\"x\")\nclass TestB:\n    def test_a(self): pass\n", vec!["TestB"], 0),
            ("ATest.java", "@Disabled\nclass ATest {\n  @Test\n  void a() {}\n}\n", vec!["ATest"], 0),
            (
                "src/a.rs",
                "#[cfg(any())]\nmod tests {\n  #[test]\n  fn a() {}\n}\n#[cfg(test)]\nmod more {\n}\n",
                vec!["tests"],
                0,
            ),
        ];
        for (path, text, suites, only) in cases {
            let found = tests(language(path).unwrap(), text);
            assert_eq!((found.skipped_suites, found.only), (suites, only), "{path}");
        }
    }

    #[test]
    fn only_assertions_that_mean_something_count() {
        let text = "#[test]\nfn a() {\n  assert!(true);\n}\n#[test]\nfn b() {\n  assert_eq!(f(), 1);\n  assert!(f() > 0);\n}\n";
        let found = tests(language("a.rs").unwrap(), text);
        assert_eq!(found.tests.iter().map(|test| test.assertions).collect::<Vec<_>>(), [0, 2]);
    }
}
