//! Whatever is killed, at whatever moment: the plan completes, and each task lands exactly once.

use coditect_tests::{Project, plan, wait_until};

const SLOW: &str = "sleep 0.2";

/// Kills `victim` once, at a random moment in mid-run.
fn survives_the_death_of(victim: &str) {
    let project = Project::new(&plan(16, SLOW));
    let up = project.up(&["--until-done"]);
    let moment = rand::random_range(1..12);
    wait_until("some tasks have landed", || project.landed().len() >= moment);
    up.kill(victim);
    let code = up.wait();
    assert_eq!(code, 0, "{victim} killed after {moment} landed");
    project.check_all_landed();
}

#[test]
fn the_plan_completes_when_the_sync_daemon_is_killed() {
    survives_the_death_of("sync-daemon");
}

#[test]
fn the_plan_completes_when_the_dependency_resolver_is_killed() {
    survives_the_death_of("dependency-resolver");
}

#[test]
fn the_plan_completes_when_the_task_dispatcher_is_killed() {
    survives_the_death_of("task-dispatcher");
}

#[test]
fn the_plan_completes_when_the_agent_executor_is_killed() {
    survives_the_death_of("agent-executor");
}

#[test]
fn the_plan_completes_when_the_orchestrator_is_killed() {
    survives_the_death_of("orchestrator");
}

#[test]
fn the_plan_completes_when_redis_is_killed_and_comes_back_empty() {
    survives_the_death_of("redis-server");
}

#[test]
fn a_task_that_landed_and_was_not_reported_does_not_land_again() {
    let project = Project::new(&plan(12, SLOW));
    let up = project.up(&["--until-done"]);
    for _ in 0..3 {
        let before = project.landed().len();
        if before >= 10 {
            break;
        }
        wait_until("another task has landed", || project.landed().len() > before);
        // The executor dies with the report unsent, or sent and unread.
        up.kill("agent-executor");
    }
    assert_eq!(up.wait(), 0);
    project.check_all_landed();
}
