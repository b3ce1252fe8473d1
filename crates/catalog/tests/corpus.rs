//! Real definitions and a real plan, where they are at hand; without them these tests have nothing to say.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::path::PathBuf;

use coditect_catalog::folder::{self, Found};
use coditect_catalog::{DeclaredTask, Matcher, Query, Rules};
use coditect_plan::PlanTask;

fn corpus(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus").join(name)
}

fn agents() -> Option<Found> {
    corpus("agents/voltagent").is_dir().then(|| folder::read(&corpus("agents/voltagent")).unwrap())
}

fn tasks() -> Option<Vec<PlanTask>> {
    let text = std::fs::read_to_string(corpus("plans/coditect-citus/TASKLIST-WITH-CHECKBOXES.md")).ok()?;
    Some(coditect_plan::parse("PLAN.md", &text).tasks)
}

fn query(task: &PlanTask) -> Query {
    Query {
        key: task.key.clone(),
        title: task.title.clone(),
        description: task.description.clone(),
        section: task.section.clone(),
        steps: task.steps.iter().map(|step| step.text.clone()).collect(),
        declared: None,
    }
}

fn declared(task: &PlanTask) -> Option<DeclaredTask> {
    let Query { key, title, description, section, steps, .. } = query(task);
    Some(DeclaredTask { key, title, description, section, steps, agent: task.agent.clone()? })
}

#[test]
fn every_real_definition_loads() {
    let Some(found) = agents() else { return };
    assert_eq!(found.definitions.len(), 158);
    assert_eq!(found.refused().collect::<Vec<_>>(), Vec::<&coditect_catalog::Warning>::new());
    let broken = found.warnings.iter().filter(|warning| warning.message.contains("not valid YAML")).count();
    assert_eq!(broken, 8);
    assert!(found.definitions.iter().all(|one| !one.description.is_empty() && !one.tools.is_empty()));
    let hipaa = found.definitions.iter().find(|one| one.name == "hipaa-compliance").unwrap();
    assert!(hipaa.description.contains("Triggers on: 'HIPAA'"), "{}", hipaa.description);
}

/// Measured on 174 tasks and 158 definitions: 123 and 157. `docs/agents.md` says how to repeat it.
#[test]
fn content_alone_leads_to_the_declared_agent_of_most_tasks() {
    let (Some(found), Some(tasks)) = (agents(), tasks()) else { return };
    let all = tasks.iter().filter_map(declared).collect();
    let matcher = Matcher::new(found.definitions, Rules { default: "any".into(), ..Rules::default() }, all);
    let (mut first, mut among_three) = (0, 0);
    for task in &tasks {
        let (found, wanted) = (matcher.choose(&query(task)), task.agent.as_deref().unwrap());
        first += usize::from(found.chosen == wanted);
        among_three += usize::from(found.ranking.iter().take(3).any(|(agent, _)| agent == wanted));
    }
    println!("of {} tasks, {first} by content, {among_three} among the first three", tasks.len());
    assert!(first >= 118 && among_three >= 150, "{first} and {among_three} of {}", tasks.len());
}
