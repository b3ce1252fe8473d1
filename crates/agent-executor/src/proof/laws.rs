//! Laws of judging that hold for whatever an agent leaves: any bytes, any line ends, any path.
#![allow(clippy::unwrap_used, reason = "a test")]

use proptest::prelude::*;

use super::{Changed, ChangedFile, Demands, Judgement, judge};
use crate::proof::blobs;

/// Paths of every language of the tables, and some of none.
const PATHS: [&str; 20] = [
    "src/a.rs",
    "tests/test_a.py",
    "a.test.ts",
    "a_test.go",
    "ATest.java",
    "ATest.kt",
    "ATests.cs",
    "spec/a_spec.rb",
    "ATest.php",
    "a_test.exs",
    "tests/a.bats",
    "tests/test_a.sh",
    "Tests/ATests.swift",
    "a_test.cc",
    "a_test.dart",
    "ASpec.scala",
    "README.md",
    "tests/a",
    "tests/a\nb/test_a.sh",
    "",
];

/// What tests are made of, and what is like it.
const PIECES: [&str; 32] = [
    "#[test]\nfn a() {\n    assert_eq!(f(), 1);\n}\n",
    "#[ignore]\n",
    "#[test] fn ü() { assert!(true); }\n",
    "mod tests {\n",
    "def test_a(self):\n    assert f() == 1\n",
    "@pytest.mark.skip\n",
    "describe('a', () => {\n  it('b', () => {\n    expect(f()).toBe(1)\n  })\n})\n",
    "it.only('c', f)\n",
    "describe.skip('d', f)\n",
    "func TestA(t *testing.T) {\n\tt.Error(1)\n}\n",
    "\tt.Skip()\n",
    "@Test\nvoid a() {\n assertEquals(1, f());\n}\n",
    "@Disabled\n",
    "[Fact(Skip = \"x\")]\npublic void A() {}\n",
    "it 'a' do\n  expect(f).to eq 1\nend\n",
    "public function testA(): void\n{\n}\n",
    "@test \"a\" {\n  [ 1 = 1 ]\n}\n",
    "TEST(A, B) {\n  EXPECT_EQ(1, f());\n}\n",
    "/*\n",
    "*/\n",
    "// ",
    "# ",
    "<<<<<<< HEAD\n",
    "=======\n",
    ">>>>>>> theirs\n",
    "\r\n",
    "\n",
    "\0",
    "\u{feff}",
    "é'\"`(",
    "  ",
    "}\n",
];

fn content() -> impl Strategy<Value = Option<String>> {
    let built = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..12).prop_map(|pieces| pieces.concat());
    let any = prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    prop::option::of(prop_oneof![3 => built, 1 => any])
}

fn file() -> impl Strategy<Value = ChangedFile> {
    let path = prop_oneof![9 => prop::sample::select(&PATHS[..]).prop_map(str::to_owned), 1 => ".{0,30}"];
    (path, content(), content()).prop_map(|(path, base, result)| ChangedFile { path, base, result })
}

fn judged(files: &[ChangedFile], demands: &Demands) -> Result<Judgement, String> {
    judge(&Changed { files: files.to_vec(), unread: 0 }, demands).map_err(|failure| failure.message)
}

/// A file with the line ends of another system.
fn with_crlf(file: &ChangedFile) -> ChangedFile {
    let crlf = |text: &Option<String>| text.as_ref().map(|text| text.replace("\r\n", "\n").replace('\n', "\r\n"));
    ChangedFile { path: file.path.clone(), base: crlf(&file.base), result: crlf(&file.result) }
}

/// A file with the line ends of this one.
fn with_lf(file: &ChangedFile) -> ChangedFile {
    let lf = |text: &Option<String>| text.as_ref().map(|text| text.replace("\r\n", "\n"));
    ChangedFile { path: file.path.clone(), base: lf(&file.base), result: lf(&file.result) }
}

proptest! {
    #[test]
    fn anything_is_judged_and_every_flag_is_one_printable_line(files in prop::collection::vec(file(), 0..4)) {
        if let Ok(judged) = judged(&files, &Demands::default()) {
            for flag in judged.hold {
                let said = flag.to_string();
                prop_assert!(!said.is_empty() && !said.chars().any(char::is_control), "{said:?}");
            }
        }
    }

    #[test]
    fn what_stays_as_it_was_and_what_is_new_makes_no_test_prove_less(files in prop::collection::vec(file(), 0..4)) {
        let same: Vec<_> =
            files.iter().map(|file| ChangedFile { result: file.base.clone(), ..file.clone() }).collect();
        prop_assert_eq!(judged(&same, &Demands::default()), Ok(Judgement::default()));
        let new = files.iter().map(|file| ChangedFile { base: None, ..file.clone() }).collect::<Vec<_>>();
        if let Ok(judged) = judged(&new, &Demands::default()) {
            let said: Vec<_> = judged.hold.iter().map(ToString::to_string).collect();
            // A new file may have a test run alone, and nothing else to be asked about.
            prop_assert!(said.iter().all(|flag| flag.starts_with("only some tests")), "{said:?}");
        }
    }

    #[test]
    fn line_ends_change_nothing(files in prop::collection::vec(file(), 0..3)) {
        let lf: Vec<_> = files.iter().map(with_lf).collect();
        let crlf: Vec<_> = files.iter().map(with_crlf).collect();
        prop_assert_eq!(judged(&lf, &Demands::default()), judged(&crlf, &Demands::default()));
        let ends: Vec<_> = lf
            .iter()
            .zip(&crlf)
            .map(|(lf, crlf)| ChangedFile { path: lf.path.clone(), base: lf.base.clone(), result: crlf.base.clone() })
            .collect();
        prop_assert_eq!(judged(&ends, &Demands::default()), Ok(Judgement::default()), "only the line ends change");
    }

    #[test]
    fn a_file_that_is_moved_whole_within_its_language_loses_no_test(text in content()) {
        for (from, to) in [("src/a.rs", "src/b/c.rs"), ("tests/test_a.py", "tests/x/test_b.py"), ("a.test.ts", "b.test.ts")] {
            let files = [
                ChangedFile { path: from.to_owned(), base: text.clone(), result: None },
                ChangedFile { path: to.to_owned(), base: None, result: text.clone() },
            ];
            if let Ok(judged) = judged(&files, &Demands::default()) {
                let said: Vec<_> = judged.hold.iter().map(ToString::to_string).collect();
                let lost = |flag: &&String| flag.contains("removed") || flag.contains("deleted");
                prop_assert_eq!(said.iter().find(lost), None);
            }
        }
    }

    #[test]
    fn whatever_git_prints_is_read_or_left_out(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 0..400_usize) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        blobs::read_anything(&bytes, &text);
        let mut framed = format!("aa blob {size}\n").into_bytes();
        framed.extend(&bytes);
        blobs::read_anything(&framed, &String::from_utf8_lossy(&framed));
    }
}
