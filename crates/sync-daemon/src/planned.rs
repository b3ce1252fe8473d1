//! From a plan as it was read to what the database takes over.

use coditect_plan::{Plan, PlanTask};
use coditect_store::{PlannedDocument, PlannedTask};

use crate::document::Document;
use crate::file::Content;

/// What the database is to know of `document`, whose content reads as `plan`.
#[must_use]
pub fn planned(document: &Document, content: &Content, plan: &Plan) -> PlannedDocument {
    let format = serde_json::to_value(plan.format).ok();
    PlannedDocument {
        id: document.id.clone(),
        path: document.path.clone(),
        format: format.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned(),
        hash: content.hash.clone(),
        text: Some(content.text.clone()),
        diagnostics: serde_json::to_string(&plan.diagnostics).unwrap_or_else(|_| "[]".to_owned()),
        tasks: plan.tasks.iter().map(|task| planned_task(task, &plan.verify)).collect(),
    }
}

/// A task; the commands of the plan prove it beside its own.
fn planned_task(task: &PlanTask, verify: &[String]) -> PlannedTask {
    PlannedTask {
        key: task.key.clone(),
        plan_id: task.id.clone(),
        title: task.title.clone(),
        section: task.section.clone(),
        description: task.description.clone(),
        line: i64::try_from(task.line).unwrap_or(i64::MAX),
        priority: task.priority.unwrap_or_default(),
        agent: task.agent.clone(),
        estimate_minutes: task.estimate_minutes,
        steps: task.steps.iter().map(|step| step.text.clone()).collect(),
        acceptance: task.acceptance.clone(),
        verify: task.verify.clone(),
        verify_plan: verify.to_vec(),
        changes: task.changes,
        touches: task.touches.clone(),
        script: task.script.clone(),
        depends_on: task.dependencies.iter().map(|dependency| dependency.key.clone()).collect(),
        dangling: task.unresolved.iter().map(|reference| reference.text.clone()).collect(),
        human: task.human,
        optional: task.optional,
        marker: task.status.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_the_plan_prove_every_task_beside_its_own() {
        let text = "## Tasks\n\n- [ ] 1.1 One\n  - **Verify:** `make one`\n- [x] 1.2 Two\n  - **Depends on:** 1.1, 9.9\n\n\
                    ## Validation Commands\n\n- `make all`\n";
        let document = Document::named("/r".as_ref(), "PLAN.md", None);
        let planned = planned(&document, &Content::new(text.to_owned()), &coditect_plan::parse("PLAN.md", text));
        let [one, two] = planned.tasks.as_slice() else { panic!("{planned:?}") };
        assert_eq!((one.verify.as_slice(), one.marker.as_str()), (["make one".to_owned()].as_slice(), "pending"));
        assert!(two.verify.is_empty() && two.marker == "completed");
        assert!([one, two].iter().all(|task| task.verify_plan == ["make all"]));
        assert_eq!(
            (two.depends_on.as_slice(), two.dangling.as_slice()),
            (["1.1".to_owned()].as_slice(), ["9.9".to_owned()].as_slice())
        );
        assert_eq!(planned.format, "coditect");
        assert!(!one.human && !one.optional);
        assert!(planned.diagnostics.contains("unknown-dependency"));
    }
}
