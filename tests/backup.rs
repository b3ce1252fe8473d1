//! The database is lost and comes back as it was earlier: the plan completes, and nothing lands twice.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;

use coditect_tests::{Project, plan, wait_until};

#[test]
fn what_landed_after_the_backup_that_was_restored_does_not_land_again() {
    let project = Project::new(&plan(12, "sleep 0.2"));
    let up = project.up(&[]);
    wait_until("some tasks have landed", || project.landed().len() >= 2);
    let made = project.coditect(&["backup", "create", "--json"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let file = made["file"].as_str().unwrap().to_owned();
    assert_eq!(made["tasks"], 12);
    let refused = project.coditect(&["backup", "restore", &file]);
    assert_eq!(refused.status.code(), Some(1), "while the system runs");
    let before = project.landed().len();
    wait_until("more tasks have landed", || project.landed().len() >= before + 3);
    // Everything is cut off, and the database is gone; the plan is back as it was, too.
    drop(up);
    let database = project.path().join(".coditect/coditect.db");
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", database.display()));
    }
    assert!(project.coditect(&["backup", "verify", &file]).status.success());
    fs::write(project.plan(), &project.original).unwrap();
    let landed = project.landed().len();
    let restored = project.coditect(&["backup", "restore", &file]);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert_eq!(project.up(&["--until-done"]).wait(), 0);
    assert!(landed >= before + 3);
    project.check_all_landed();
}
