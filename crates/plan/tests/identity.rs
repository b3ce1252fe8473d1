//! A task stays the same task whatever people do around it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::HashSet;

use coditect_plan::identity::{Origin, Seen, matched};
use coditect_plan::{Plan, parse};
use proptest::prelude::*;

/// Where each task of the second text comes from, by title; `-` is a new one.
fn origins(before: &str, after: &str) -> Vec<(String, String)> {
    let (before, after) = (parse("PLAN.md", before), parse("PLAN.md", after));
    let (old, new) = (seen(&before), seen(&after));
    let origin = |origin| match origin {
        Origin::Same(at) => before.tasks[at].title.clone(),
        Origin::Back(_) => panic!("nothing was gone"),
        Origin::New => "-".to_owned(),
    };
    let found = matched(&old, &[], &new).into_iter().map(origin);
    after.tasks.iter().map(|task| task.title.clone()).zip(found).collect()
}

fn view<'a>(key: &'a str, id: Option<&'a String>, title: &'a str, section: &'a [String]) -> Seen<'a> {
    Seen { key, id: id.map(String::as_str), title, section }
}

fn seen(plan: &Plan) -> Vec<Seen<'_>> {
    plan.tasks.iter().map(|t| view(&t.key, t.id.as_ref(), &t.title, &t.section)).collect()
}

fn expect(before: &str, after: &str, pairs: &[(&str, &str)]) {
    let pairs: Vec<_> = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    assert_eq!(origins(before, after), pairs);
}

#[test]
fn a_task_without_an_id_is_the_same_wherever_it_moves() {
    let before = "## One\n\n- [ ] Alpha\n- [ ] Beta\n\n## Two\n\n- [ ] Gamma\n";
    let after = "## One\n\n- [ ] New\n- [ ] Beta\n\n## Two\n\n- [ ] Gamma\n- [ ] Alpha\n";
    expect(before, after, &[("New", "-"), ("Beta", "Beta"), ("Gamma", "Gamma"), ("Alpha", "Alpha")]);
}

#[test]
fn a_reworded_title_is_found_between_its_neighbours() {
    let before = "## One\n\n- [ ] Alpha\n- [ ] Write the parser\n- [ ] Gamma\n";
    expect(
        before,
        "## One\n\n- [ ] Alpha\n- [ ] Something else\n- [ ] Gamma\n",
        &[("Alpha", "Alpha"), ("Something else", "Write the parser"), ("Gamma", "Gamma")],
    );
    expect(
        before,
        "## One\n\n- [ ] Alpha\n- [ ] Zebra\n- [ ] Write the new parser\n- [ ] Gamma\n",
        &[("Alpha", "Alpha"), ("Zebra", "-"), ("Write the new parser", "Write the parser"), ("Gamma", "Gamma")],
    );
}

#[test]
fn titles_of_a_megabyte_are_compared_at_once() {
    let (one, other) = ("a".repeat(1 << 20), "b".repeat(1 << 20));
    let texts = [&one, &other].map(|title| format!("- [ ] First\n- [ ] {title}\n"));
    let after = format!("{}- [ ] Third, which is new\n", texts[1]);
    let begun = std::time::Instant::now();
    assert_eq!(origins(&texts[0], &after).iter().filter(|(_, from)| from == "-").count(), 2);
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "the square of a megabyte takes many minutes");
}

#[test]
fn a_reworded_heading_keeps_repeated_titles_in_their_places() {
    let before = "## One\n\n- [ ] Plan it\n- [ ] Test\n\n## Two\n\n- [ ] Do it\n- [ ] Test\n";
    let after = before.replace("## Two", "## The second");
    let found = {
        let (before, after) = (parse("PLAN.md", before), parse("PLAN.md", &after));
        matched(&seen(&before), &[], &seen(&after))
    };
    assert_eq!(found, (0..4).map(Origin::Same).collect::<Vec<_>>());
}

#[test]
fn a_number_says_more_than_a_title() {
    let before = "- [ ] 1.1 Alpha\n- [ ] 1.2 Beta\n";
    let after = "- [ ] 1.1 Beta\n- [ ] 1.2 Alpha\n- [ ] 1.3 Gamma\n";
    expect(before, after, &[("Beta", "Alpha"), ("Alpha", "Beta"), ("Gamma", "-")]);
}

#[test]
fn a_task_may_gain_lose_or_change_its_number() {
    expect(
        "## T\n\n- [ ] Alpha\n- [ ] Beta\n",
        "## T\n\n- [ ] 1.1 Beta\n- [ ] 1.2 Alpha\n",
        &[("Beta", "Beta"), ("Alpha", "Alpha")],
    );
    expect(
        "## T\n\n- [ ] 1.1 Beta\n- [ ] 1.2 Alpha\n",
        "## T\n\n- [ ] Alpha\n- [ ] Beta\n",
        &[("Alpha", "Alpha"), ("Beta", "Beta")],
    );
    expect(
        "- [ ] 1.1 Beta\n- [ ] 1.2 Alpha\n",
        "- [ ] 1.1 Beta\n- [ ] 2.1 Alpha\n",
        &[("Beta", "Beta"), ("Alpha", "Alpha")],
    );
}

/// PLAN-FORMATS §5, trap 8.
#[test]
fn of_two_branches_that_each_add_a_task_with_the_same_id_each_keeps_its_own_after_the_merge() {
    let before = "## One\n\n- [ ] 1.1 Alpha\n- [ ] 1.2 Mine\n";
    let after = "## One\n\n- [ ] 1.1 Alpha\n- [ ] 1.2 Theirs\n- [ ] 1.2 Mine\n";
    expect(before, after, &[("Alpha", "Alpha"), ("Theirs", "-"), ("Mine", "Mine")]);
}

#[test]
fn what_was_gone_comes_back_by_its_id_or_its_title_and_section() {
    let one = ["One".to_owned()];
    let task = |key, id, title| Seen { key, id, title, section: &one };
    let gone = [task("~1.2", Some("1.2"), "Beta"), task("~one-3", None, "Gamma")];
    let new = [task("one-1", None, "Gamma"), task("1.2", Some("1.2"), "Beta again"), task("one-2", None, "Delta")];
    assert_eq!(matched(&[], &gone, &new), [Origin::Back(1), Origin::Back(0), Origin::New]);
    let elsewhere = ["Two".to_owned()];
    assert_eq!(matched(&[], &gone, &[Seen { section: &elsewhere, ..new[0] }]), [Origin::New]);
}

/// A task of a random plan: what it is in truth, its id, title and section.
#[derive(Debug, Clone)]
struct Task {
    truth: usize,
    id: Option<String>,
    title: String,
    section: Vec<String>,
}

fn task(truth: usize, id: bool, title: u8, section: u8) -> Task {
    Task {
        truth,
        id: id.then(|| format!("{}.{truth}", section % 3)),
        title: format!("Task {title}"),
        section: vec![format!("Section {}", section % 3)],
    }
}

fn views(tasks: &[Task]) -> Vec<Seen<'_>> {
    tasks.iter().map(|t| view("", t.id.as_ref(), &t.title, &t.section)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_two_tasks_are_taken_for_one_and_equal_ids_are_always_one_task(
        old in prop::collection::vec((any::<bool>(), 0u8..6, any::<u8>()), 0..12),
        new in prop::collection::vec((0usize..14, any::<bool>(), 0u8..6, any::<u8>()), 0..12),
        gone in prop::collection::vec((any::<bool>(), 0u8..6, any::<u8>()), 0..5),
    ) {
        let old: Vec<_> = old.into_iter().enumerate().map(|(n, (id, title, at))| task(n, id, title, at)).collect();
        let gone: Vec<_> = gone.into_iter().enumerate().map(|(n, (id, title, at))| task(20 + n, id, title, at)).collect();
        let new: Vec<_> = new.into_iter().map(|(n, id, title, at)| task(n, id, title, at)).collect();
        let found = matched(&views(&old), &views(&gone), &views(&new));
        prop_assert_eq!(found.len(), new.len());
        let taken: Vec<_> = found.iter().filter(|origin| **origin != Origin::New).collect();
        prop_assert_eq!(taken.iter().map(|o| format!("{o:?}")).collect::<HashSet<_>>().len(), taken.len());
        for (task, origin) in new.iter().zip(&found) {
            let Some(id) = &task.id else { continue };
            let namesakes = new.iter().filter(|other| other.id.as_ref() == Some(id)).count();
            if let Some(at) = old.iter().position(|other| other.id.as_ref() == Some(id)) {
                prop_assert!(namesakes > 1 || *origin == Origin::Same(at));
            }
        }
    }

    #[test]
    fn untouched_tasks_keep_their_identity_whatever_is_done_to_the_others(
        plan in prop::collection::vec((any::<bool>(), any::<u8>()), 1..20),
        edits in prop::collection::vec((0u8..4, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..8),
    ) {
        let task = |n: usize, id: bool, at: u8| Task { title: format!("Title of {n:03}"), ..task(n, id, 0, at) };
        let old: Vec<_> = plan.iter().enumerate().map(|(n, (id, at))| task(n, *id, *at)).collect();
        let (mut new, mut touched) = (old.clone(), HashSet::new());
        for (n, (edit, at, to)) in edits.into_iter().enumerate() {
            let at = at.index(new.len().max(1));
            match edit {
                0 => new.insert(at.min(new.len()), Task { title: format!("Other {n}"), ..task(100 + n, n % 2 == 0, 1) }),
                _ if new.is_empty() => {}
                1 => {
                    touched.insert(new.remove(at).truth);
                }
                2 => {
                    let moved = new.remove(at);
                    new.insert(to.index(new.len() + 1), moved);
                }
                _ => {
                    touched.insert(new[at].truth);
                    new[at].title = format!("Renamed {n}");
                }
            }
        }
        for (task, origin) in new.iter().zip(matched(&views(&old), &[], &views(&new))) {
            if task.truth < 100 && !touched.contains(&task.truth) {
                prop_assert_eq!(origin, Origin::Same(task.truth));
            }
        }
    }
}
