//! Folders of definitions, as people keep them.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::path::PathBuf;

use coditect_catalog::folder;

fn fixtures(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn a_folder_is_read_with_what_is_nested_in_it_and_without_the_files_about_it() {
    let found = folder::read(&fixtures("team")).unwrap();
    let names: Vec<_> = found.definitions.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["container-smith", "page-painter", "schema-keeper"]);
    let painter = &found.definitions[1];
    assert_eq!(painter.description, "Use for web pages: React components, styles and accessibility.");
    assert_eq!(found.definitions[0].keywords, ["kubernetes", "helm", "docker"]);
    assert_eq!(found.refused().count(), 0);
    let others = folder::read(&fixtures("others")).unwrap();
    assert!(others.definitions.iter().any(|one| one.name == "scribe" && one.path.ends_with("nested/scribe.md")));
}

#[test]
fn the_first_folder_holds_where_two_define_one_name() {
    let found = folder::read_all(&[fixtures("team"), fixtures("others")]).unwrap();
    let keepers: Vec<_> = found.definitions.iter().filter(|one| one.name == "schema-keeper").collect();
    assert!(keepers.len() == 1 && keepers[0].path.contains("team"), "{keepers:?}");
    assert!(
        found
            .warnings
            .iter()
            .any(|warning| warning.message.contains("is defined in") && warning.path.contains("others"))
    );
}

#[test]
fn a_file_that_is_no_text_is_refused_and_the_others_load() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.md"), [0xff, 0xfe, 0x00]).unwrap();
    std::fs::write(folder.path().join("b.md"), "---\nname: b\ndescription: d\n---\nYou are b.\n").unwrap();
    let found = folder::read(folder.path()).unwrap();
    assert_eq!(found.definitions.len(), 1);
    let refused: Vec<_> = found.refused().map(ToString::to_string).collect();
    assert!(refused.len() == 1 && refused[0].contains("a.md: the file is not UTF-8"), "{refused:?}");
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_names_it() {
    let error = folder::read(&fixtures("nowhere")).unwrap_err();
    assert!(error.to_string().contains("fixtures/nowhere"), "{error}");
}
