//! What people look at, what they say, and backups.

use coditect_core::{AttemptId, Change, FailureClass, TaskState, Trigger};
use coditect_store::backup::{self, BackupError, TABLES};
use coditect_store::testing::Database;
use coditect_store::{AnswerRow, AttemptEnd, Engine, TaskFilter};

use crate::plan::{assign, assigned, attempt, change, claim, id, intervene, life, pull, settle, sync, task};

async fn landed(database: &Database, commit: &str) {
    let end = AttemptEnd { commit: Some(commit.to_owned()), ..AttemptEnd::default() };
    change(database, "a", Change::Plain(Trigger::Land), end).await;
}

pub(crate) async fn tasks_are_found_in_pages_by_state_text_section_and_agent(database: &Database) {
    let mut tasks: Vec<_> = ["a", "b", "c_1"].iter().map(|key| task(key, &[])).collect();
    tasks[1].agent = Some("smith".to_owned());
    sync(database, "1", &tasks).await;
    settle(database, "a").await;
    let find = async |filter: TaskFilter, limit, offset| {
        let (rows, total) = database.store.find_tasks(&filter, limit, offset).await.unwrap();
        (rows.into_iter().map(|row| row.key).collect::<Vec<_>>(), total)
    };
    let all = TaskFilter::default;
    assert_eq!(find(all(), 2, 1).await, (vec!["b".to_owned(), "c_1".to_owned()], 3));
    let states = vec![TaskState::Ready, TaskState::Failed];
    assert_eq!(find(TaskFilter { states, ..all() }, 9, 0).await, (vec!["a".to_owned()], 1));
    assert_eq!(find(TaskFilter { text: "TASK C_".to_owned(), ..all() }, 9, 0).await.1, 1);
    assert_eq!(find(TaskFilter { text: "%".to_owned(), ..all() }, 9, 0).await.1, 0);
    assert_eq!(find(TaskFilter { agent: "smith".to_owned(), ..all() }, 9, 0).await.0, ["b"]);
    let epic = database.store.epics().await.unwrap().remove(0);
    assert_eq!((epic.title.as_str(), epic.total, epic.completed, epic.active), ("Phase 1", 3, 0, 0));
    assert_eq!(find(TaskFilter { epic: epic.id, ..all() }, 9, 0).await.1, 3);
    assert!(database.store.any_unblocked().await.unwrap());
    intervene(database, "b", Trigger::Cancel).await;
    intervene(database, "c_1", Trigger::Skip).await;
    assert!(!database.store.any_unblocked().await.unwrap());
    let epic = database.store.epics().await.unwrap().remove(0);
    assert_eq!((epic.total, epic.completed), (2, 1));
}

pub(crate) async fn what_is_measured_is_what_the_history_says(database: &Database) {
    let token = assigned(database).await;
    assert!(claim(database, 1, token).await);
    let before = database.store.revision().await.unwrap();
    landed(database, "c0ffee").await;
    assert_ne!(database.store.revision().await.unwrap(), before);
    let measures = database.store.measures().await.unwrap();
    assert_eq!((measures.planned, measures.completed, measures.landed, measures.landed_alone), (1, 1, 1, 1));
    assert_eq!((measures.stopped, measures.settled, measures.landings), (0, 1, 1));
    // Ready at 20, assigned at 30; open until 50.
    assert_eq!((measures.dispatches, measures.attempts), (vec![(20, 30)], vec![(30, Some(50))]));
    let history = database.store.history(0, 60_000).await.unwrap();
    assert_eq!((history.len(), history[0].completed, history[0].failed), (1, 1, 0));

    // Done again, and a person had a hand in it; what was before does not count.
    intervene(database, "a", Trigger::Reopen).await;
    assert_eq!(database.store.measures().await.unwrap().landed, 0);
    settle(database, "a").await;
    assign(&database.store, "a", &life(database, "a").await, attempt(2)).await.unwrap();
    pull(database, "a", &[Trigger::Claim]).await;
    let failed = Change::Fail {
        trigger: Trigger::AskPerson,
        class: FailureClass::Config,
        reason: "no".to_owned(),
        due_at_ms: None,
    };
    change(database, "a", failed, AttemptEnd::default()).await;
    let measures = database.store.measures().await.unwrap();
    assert_eq!((measures.landed, measures.stopped, measures.settled, measures.landings), (0, 1, 1, 1));
    let mut tx = database.store.begin().await.unwrap();
    let seen = tx.lifecycle(&id("a")).await.unwrap().unwrap();
    let retry = Change::Intervene { trigger: Trigger::Retry, reason: None };
    tx.change(&id("a"), &seen, retry, AttemptEnd::default(), "person:ada", 60).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    settle(database, "a").await;
    assign(&database.store, "a", &life(database, "a").await, attempt(3)).await.unwrap();
    pull(database, "a", &[Trigger::Claim]).await;
    landed(database, "c0ffee2").await;
    let measures = database.store.measures().await.unwrap();
    assert_eq!((measures.landed, measures.landed_alone, measures.landings), (1, 0, 2));
    let tally = database.store.tally_by_agent(0).await.unwrap();
    assert_eq!((tally[0].name.as_str(), tally[0].landed, tally[0].failed, tally[0].active), ("coder", 2, 1, 0));
    assert_eq!(database.store.tally_by_account(0).await.unwrap()[0].name, "default");
}

pub(crate) async fn what_people_say_is_kept_and_an_assignment_is_in_the_history(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    let mut tx = database.store.begin().await.unwrap();
    let seen = tx.lifecycle(&id("a")).await.unwrap().unwrap();
    assert!(tx.override_agent(&id("a"), &seen, Some("smith"), "person:ada", 9).await.unwrap());
    assert!(!tx.override_agent(&id("a"), &seen, Some("jones"), "person:bob", 9).await.unwrap(), "seen before");
    let seen = tx.lifecycle(&id("a")).await.unwrap().unwrap();
    let said = AnswerRow {
        actor: "person:ada".to_owned(),
        question: "why?".to_owned(),
        answer: "because".to_owned(),
        at_ms: 9,
    };
    tx.keep_answer(&id("a"), &seen, &said).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(database.store.answers_given(&id("a")).await.unwrap(), [said]);
    assert_eq!(database.store.brief(&id("a")).await.unwrap().unwrap().agent.as_deref(), Some("smith"));
    let told = database.store.transitions(9, 10).await.unwrap();
    assert_eq!((told.len(), told[0].actor.as_str(), told[0].from.as_str()), (1, "person:ada", "pending"));
    assert!(settle(database, "a").await, "it goes on from there");
}

pub(crate) async fn notes_of_attempts_have_the_last_line(database: &Database) {
    assigned(database).await;
    let one: AttemptId = attempt(1);
    assert_eq!(database.store.attempt_notes(None).await.unwrap()[&one].last_line, None);
    let line = |seq, text: &str| coditect_store::LogRow { seq, at_ms: 7, kind: "stdout".into(), text: text.into() };
    let mut tx = database.store.begin().await.unwrap();
    tx.append_log(one, &[line(1, "x"), line(2, "y")]).await.unwrap();
    tx.commit().await.unwrap();
    for task in [None, Some(&id("a"))] {
        let notes = &database.store.attempt_notes(task).await.unwrap()[&one];
        assert_eq!((notes.title.as_str(), notes.last_line.clone()), ("Task a", Some(("y".to_owned(), 7))));
    }
}

pub(crate) async fn every_table_is_backed_up(database: &Database) {
    let statement = match database.store.engine() {
        Engine::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        Engine::Postgres => {
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = current_schema()"
        }
    };
    let rows: Vec<(String,)> = {
        sqlx::any::install_default_drivers();
        let pool = sqlx::AnyPool::connect(&database.url).await.unwrap();
        sqlx::query_as(statement).fetch_all(&pool).await.unwrap()
    };
    let mut there: Vec<_> = rows.into_iter().map(|(name,)| name).filter(|name| name != "_sqlx_migrations").collect();
    let mut known: Vec<_> = TABLES.map(str::to_owned).into();
    there.sort_unstable();
    known.sort_unstable();
    assert_eq!(there, known);
}

pub(crate) async fn a_backup_restores_everything_on_either_engine(database: &Database) {
    let token = assigned(database).await;
    assert!(claim(database, 1, token).await);
    let folder = tempfile::tempdir().unwrap();
    let file = database.store.back_up(folder.path(), 1_000).await.unwrap();
    landed(database, "c0ffee").await;
    assert_eq!(backup::list(folder.path()).unwrap(), std::slice::from_ref(&file));
    assert_eq!((file.manifest.rows("tasks"), file.manifest.rows("attempts")), (1, 1));

    let before = database.store.events(&id("a")).await.unwrap();
    assert_eq!(life(database, "a").await.state, TaskState::Completed);
    database.store.restore(&file.path).await.unwrap();
    assert_eq!(life(database, "a").await.state, TaskState::Running);
    assert_eq!(database.store.events(&id("a")).await.unwrap(), before[..before.len() - 1]);
    // And into a new one, of the other engine where this is PostgreSQL.
    let other = Database::sqlite().await;
    other.store.restore(&file.path).await.unwrap();
    assert_eq!(other.store.tasks().await.unwrap(), database.store.tasks().await.unwrap());
    assert_eq!(other.store.open_attempts().await.unwrap(), database.store.open_attempts().await.unwrap());
    if let (Engine::Sqlite, Some(postgres)) = (database.store.engine(), Database::postgres().await) {
        postgres.store.restore(&file.path).await.unwrap();
        assert_eq!(postgres.store.tasks().await.unwrap(), database.store.tasks().await.unwrap());
    }
}

pub(crate) async fn a_broken_backup_is_refused_and_changes_nothing(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = database.store.back_up(folder.path(), 1_000).await.unwrap();
    let whole = std::fs::read(&file.path).unwrap();
    intervene(database, "a", Trigger::Skip).await;
    for broken in [&whole[..whole.len() / 2], &whole[..whole.len() - 1], b"not a backup"] {
        std::fs::write(&file.path, broken).unwrap();
        assert!(matches!(database.store.restore(&file.path).await, Err(BackupError::Broken { .. })));
        std::fs::rename(file.path.with_extension("gz.sha256"), folder.path().join("sum")).unwrap();
        assert!(matches!(database.store.restore(&file.path).await, Err(BackupError::Broken { .. })), "without a sum");
        std::fs::rename(folder.path().join("sum"), file.path.with_extension("gz.sha256")).unwrap();
    }
    assert_eq!(life(database, "a").await.state, TaskState::Skipped);
    std::fs::write(&file.path, &whole).unwrap();
    assert_eq!(backup::verify(&file.path).unwrap(), file.manifest);
    file.remove().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
