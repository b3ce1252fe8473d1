//! Requests at both kinds of forges, as they are opened and understood.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use coditect_forge::testing::{PROJECT, Scripted, TOKEN};
use coditect_forge::{Delivered, Forge, ForgeError, Kind, Proposal, Standing};

const HEAD: &str = "c0ffee";

const BOTH: [Kind; 2] = [Kind::Github, Kind::Gitlab];

async fn start(kind: Kind) -> (Scripted, Forge) {
    let scripted = Scripted::start(kind, |_| HEAD.to_owned()).await;
    let forge = Forge::new(kind, Some(&scripted.url), PROJECT, TOKEN).unwrap();
    (scripted, forge)
}

fn proposal() -> Proposal {
    Proposal {
        title: "1.1: Do it".to_owned(),
        body: "What it is.".to_owned(),
        branch: "coditect/task/plan/1.1".to_owned(),
        target: "main".to_owned(),
    }
}

fn delivered() -> Delivered {
    Delivered { commit: HEAD.to_owned(), since_ms: 0 }
}

fn later() -> Delivered {
    Delivered { since_ms: jiff::Timestamp::now().as_millisecond() + 60_000, ..delivered() }
}

async fn asks(forge: &Forge, delivered: &Delivered) -> Vec<String> {
    match forge.look(1, delivered).await.unwrap() {
        Standing::Open { asks } => asks,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_is_opened_once_with_its_text_however_often_it_is_asked_for() {
    for kind in BOTH {
        let (scripted, forge) = start(kind).await;
        let first = forge.open(&proposal()).await.unwrap();
        assert_eq!(forge.open(&proposal()).await.unwrap(), first);
        assert!(first.number == 1 && first.url.ends_with("/1"), "{first:?}");
        let requests = scripted.requests();
        assert_eq!(requests.len(), 1);
        let Proposal { title, body, branch, target } = proposal();
        let opened = &requests[0];
        assert_eq!((&opened.title, &opened.body, &opened.branch, &opened.target), (&title, &body, &branch, &target));
        scripted.close(1);
        assert_eq!(forge.open(&proposal()).await.unwrap().number, 2, "one that is closed is no request");
    }
}

#[tokio::test]
async fn a_request_is_open_merged_however_or_closed() {
    for kind in BOTH {
        let (scripted, forge) = start(kind).await;
        forge.open(&proposal()).await.unwrap();
        assert_eq!(asks(&forge, &delivered()).await, Vec::<String>::new());
        scripted.close(1);
        assert_eq!(forge.look(1, &delivered()).await.unwrap(), Standing::Closed);
        forge.open(&proposal()).await.unwrap();
        scripted.merge(2, "5q1f");
        let merged = Standing::Merged { commit: Some("5q1f".to_owned()) };
        assert_eq!(forge.look(2, &delivered()).await.unwrap(), merged);
    }
}

#[tokio::test]
async fn what_people_ask_for_is_told_with_its_place_until_it_is_settled_or_known_already() {
    for kind in BOTH {
        let (scripted, forge) = start(kind).await;
        forge.open(&proposal()).await.unwrap();
        scripted.ask(1, "ann", "Name it better.");
        scripted.ask_at(1, "bob", "Off by one.", "src/a.rs", 7);
        scripted.note_at(1, "cid", "Why twice?", "src/a.rs", 9);
        scripted.note(1, "cid", "The docs are old.");
        let said = asks(&forge, &delivered()).await.join("\n");
        for part in ["Name it better.", "src/a.rs:7: Off by one.", "src/a.rs:9: Why twice?", "The docs are old."] {
            assert!(said.contains(part), "{kind:?}: {said}");
        }
        assert_eq!(asks(&forge, &later()).await, Vec::<String>::new(), "{kind:?}");
        scripted.approve(1, "ann");
        scripted.approve(1, "bob");
        let said = asks(&forge, &delivered()).await.join("\n");
        assert!(said.contains("Why twice?") && said.contains("The docs") && !said.contains("Off by one"), "{said}");
        scripted.approve(1, "cid");
        assert_eq!(asks(&forge, &delivered()).await, Vec::<String>::new(), "{kind:?}");
    }
}

#[tokio::test]
async fn checks_that_fail_and_conflicts_are_asked_for_only_of_our_own_commit() {
    for kind in BOTH {
        let (scripted, forge) = start(kind).await;
        forge.open(&proposal()).await.unwrap();
        scripted.check(1, "build", HEAD, false);
        scripted.check(1, "unit tests", HEAD, true);
        scripted.conflict(1, true);
        let said = asks(&forge, &delivered()).await;
        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(said[0], "it conflicts with the target branch");
        assert!(said[1].starts_with("the check `unit tests` has failed") && said[1].contains("https://"), "{said:?}");
        let pushed = Delivered { commit: "0ther".to_owned(), since_ms: 0 };
        assert_eq!(asks(&forge, &pushed).await, Vec::<String>::new(), "somebody else has pushed since");
    }
}

#[tokio::test]
async fn long_lists_are_read_page_by_page() {
    // The scripted forge gives every page whole, so that a list as long as a page is asked for again.
    let (scripted, forge) = start(Kind::Github).await;
    forge.open(&proposal()).await.unwrap();
    (0..100).for_each(|n| scripted.approve(1, &format!("reviewer-{n}")));
    asks(&forge, &delivered()).await;
    let reviews = scripted.asked().iter().filter(|asked| asked.ends_with("/reviews")).count();
    assert_eq!(reviews, 10, "no more than ten pages are read");
}

#[tokio::test]
async fn what_a_forge_refuses_is_told_without_the_token() {
    for kind in BOTH {
        let (scripted, forge) = start(kind).await;
        scripted.refuse(Some(422));
        let refused = forge.open(&proposal()).await.unwrap_err();
        let said = format!("{refused} {refused:?} {forge:?}");
        assert!(said.contains("status 422") && said.contains("not now"), "{said}");
        assert!(!said.contains(TOKEN), "{said}");
        let stranger = Forge::new(kind, Some(&scripted.url), PROJECT, "wrong-token").unwrap();
        let refused = stranger.open(&proposal()).await.unwrap_err().to_string();
        assert!(!refused.contains("wrong-token"), "{refused}");
    }
    let away = Forge::new(Kind::Github, Some("http://127.0.0.1:9/api"), PROJECT, TOKEN).unwrap();
    let error = away.open(&proposal()).await.unwrap_err();
    assert!(matches!(error, ForgeError::Unreachable { .. }), "{error}");
    assert!(Forge::new(Kind::Github, Some("no url"), PROJECT, TOKEN).is_err());
    assert!(Forge::new(Kind::Github, None, PROJECT, "a\nb").is_err());
}
