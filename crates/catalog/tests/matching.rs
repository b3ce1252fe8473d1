//! Which agent a task gets, and the sentences that say why.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use coditect_catalog::{DeclaredTask, Definition, Match, Matcher, Query, Rule, Rules, folder};

fn definitions() -> Vec<Definition> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/team");
    folder::read(&folder).unwrap().definitions
}

fn rules() -> Rules {
    Rules {
        mappings: BTreeMap::from([("DBA".to_owned(), "schema-keeper".to_owned())]),
        rules: vec![
            Rule {
                agent: "page-painter".into(),
                words: vec!["landing page".into(), "migration".into()],
                section: Some("Web".into()),
            },
            Rule { agent: "container-smith".into(), words: vec!["roll out".into()], section: None },
            Rule { agent: "nobody".into(), words: Vec::new(), section: Some("Elsewhere".into()) },
        ],
        default: "any".into(),
    }
}

fn matcher() -> Matcher {
    Matcher::new(definitions(), rules(), Vec::new())
}

fn task(title: &str) -> Query {
    Query { title: title.into(), ..Query::default() }
}

fn asking(declared: &str) -> Match {
    matcher().choose(&Query { declared: Some(declared.into()), ..task("Something") })
}

fn declared(key: &str, title: &str, agent: &str) -> DeclaredTask {
    DeclaredTask { key: key.into(), title: title.into(), agent: agent.into(), ..DeclaredTask::default() }
}

#[test]
fn a_declared_agent_is_chosen_by_its_name_by_mapping_and_in_another_spelling() {
    for (asked, chosen, confidence, because) in [
        ("schema-keeper", "schema-keeper", 1.0, "the task asks for it"),
        ("DBA", "schema-keeper", 1.0, "the task asks for `DBA`, which is mapped to it"),
        (
            "@Schema Keeper",
            "schema-keeper",
            0.95,
            "the task asks for `@Schema Keeper`, which is another spelling of its name",
        ),
        ("@dba", "schema-keeper", 0.95, "the task asks for `@dba`, which up to its spelling is mapped to it"),
    ] {
        let found = asking(asked);
        assert_eq!((found.chosen.as_str(), found.because), (chosen, vec![because.to_owned()]));
        assert!((found.confidence - confidence).abs() < f64::EPSILON && found.ranking[0].0 == chosen);
    }
}

#[test]
fn a_declared_agent_without_a_definition_is_chosen_with_a_warning() {
    let found = asking("astronaut");
    assert_eq!(found.chosen, "astronaut");
    assert!(found.because[1].starts_with("warning: there is no definition of `astronaut`"), "{found:?}");
    // Where nothing is defined, names are all there is, and none is odd.
    let bare = Matcher::new(Vec::new(), Rules::default(), Vec::new());
    assert_eq!(bare.choose(&Query { declared: Some("astronaut".into()), ..task("x") }).because.len(), 1);
}

#[test]
fn a_rule_goes_before_what_definitions_say() {
    let found = matcher().choose(&task("Rolling out the database schema and the SQL migration"));
    assert_eq!((found.chosen.as_str(), found.confidence), ("container-smith", 0.9));
    assert_eq!(found.because[0], "`agents.rules.1` gives it tasks that say `roll out`");
    assert_eq!(found.ranking[1].0, "schema-keeper");
}

#[test]
fn a_rule_with_a_section_holds_only_there() {
    let query = Query { section: vec!["Phase 2: Web".into()], ..task("Write the migrations") };
    let found = matcher().choose(&query);
    assert_eq!(found.chosen, "page-painter");
    assert_eq!(
        found.because[0],
        "`agents.rules.0` gives it tasks that say `migration`, and only tasks of the section `Web`"
    );
    assert_eq!(matcher().choose(&task("Write the migrations")).chosen, "schema-keeper");
}

#[test]
fn the_words_of_a_definition_lead_to_its_agent_and_are_named() {
    let found = matcher().choose(&task("Write the Helm chart for Kubernetes"));
    assert_eq!(found.chosen, "container-smith");
    assert!(
        found.because[0].contains("`helm`") && found.because[0].contains("in its description"),
        "{:?}",
        found.because
    );
    assert!(found.confidence >= 0.2 && found.confidence < 0.9);
}

#[test]
fn tasks_like_it_lead_to_the_agent_they_ask_for_and_are_named() {
    let tasks = vec![
        declared("1.1", "Hydra login flow", "gatekeeper"),
        declared("1.2", "Hydra consent flow", "Gatekeeper"),
        declared("1.3", "Invoice totals", "accountant"),
        declared("1.4", "Invoice export", "accountant"),
    ];
    let matcher = Matcher::new(Vec::new(), Rules { default: "any".into(), ..Rules::default() }, tasks);
    let found = matcher.choose(&task("Hydra logout flow"));
    assert_eq!(found.chosen, "gatekeeper");
    assert!(found.because[0].contains("`1.1`"), "{found:?}");
    assert_eq!(matcher.choose(&task("Invoice import")).chosen, "accountant");
}

#[test]
fn a_task_does_not_speak_for_itself() {
    let tasks = vec![declared("1", "Polish the lens", "optician"), declared("2", "Grind the beans", "barista")];
    let matcher = Matcher::new(Vec::new(), Rules { default: "any".into(), ..Rules::default() }, tasks);
    let itself = Query { key: "1".into(), ..task("Polish the lens") };
    assert_eq!(matcher.choose(&itself).chosen, "any");
    assert_eq!(matcher.choose(&Query { key: "3".into(), ..itself }).chosen, "optician");
}

#[test]
fn what_every_task_has_in_common_says_nothing() {
    let mut tasks = vec![DeclaredTask { steps: vec!["step".into()], ..declared("1", "First", "smith") }];
    let other = Query { key: "2".into(), steps: vec!["step".into()], ..task("Second") };
    let matcher = |tasks: &[DeclaredTask]| {
        Matcher::new(Vec::new(), Rules { default: "any".into(), ..Rules::default() }, tasks.to_vec())
    };
    assert_eq!(matcher(&tasks).choose(&other).chosen, "any");
    tasks.push(DeclaredTask { steps: vec!["step".into()], ..declared("3", "Third", "scribe") });
    assert_eq!(matcher(&tasks).choose(&other).chosen, "any");
}

#[test]
fn a_task_that_fits_nobody_gets_the_default_agent_with_no_confidence() {
    for title in ["Buy milk", "", "the of and"] {
        let found = matcher().choose(&task(title));
        assert_eq!((found.chosen.as_str(), found.confidence), ("any", 0.0), "{title}");
        assert_eq!(found.because, ["no other agent fits well enough; it is the default one"]);
    }
}

#[test]
fn mappings_and_rules_that_name_nobody_are_told_by_their_setting() {
    let troubles: Vec<_> = matcher().troubles().iter().map(ToString::to_string).collect();
    assert_eq!(troubles, ["`agents.rules.2.agent` names the agent `nobody`, of which there is no definition"]);
}

#[test]
fn ten_thousand_tasks_are_matched_quickly_and_always_the_same() {
    let words = ["parser", "login", "invoice", "chart", "index", "cache", "queue", "page", "token", "report", "image"];
    let word = |n: usize| format!("{}{}", words[n % words.len()], n / 7 % 40);
    // Without optimisation, a tenth of them says as much.
    let many = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
    let tasks: Vec<_> = (0..many)
        .map(|n| DeclaredTask {
            steps: (0..4)
                .map(|step| format!("Change {} and check {}", word(n * 3 + step), word(n + step * 5)))
                .collect(),
            ..declared(
                &n.to_string(),
                &format!("Build {} for {}", word(n), word(n * 13)),
                &format!("agent-{}", n % 158),
            )
        })
        .collect();
    let definitions = (0..158)
        .map(|n| Definition {
            name: format!("agent-{n}"),
            description: format!("For {} and {}", word(n), word(n * 3)),
            prompt: (0..300).map(|at| word(n * at)).collect::<Vec<_>>().join(" "),
            ..Definition::default()
        })
        .collect();
    let queries: Vec<_> = tasks
        .iter()
        .map(|t| Query { key: t.key.clone(), title: t.title.clone(), steps: t.steps.clone(), ..Query::default() })
        .collect();
    let begun = Instant::now();
    let matcher = Matcher::new(definitions, Rules::default(), tasks);
    let all: Vec<_> = queries.iter().map(|query| matcher.choose(query)).collect();
    let took = begun.elapsed();
    println!("{many} tasks and 158 agents: {took:?}");
    if !cfg!(debug_assertions) {
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
    assert!(queries.iter().zip(&all).step_by(97).all(|(query, found)| matcher.choose(query) == *found));
}
