//! Pull requests, as GitHub has them.

use std::sync::Once;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::client::{Client, ForgeError};
use crate::{Delivered, Proposal, Request, Standing, since};

#[derive(Deserialize)]
struct Pull {
    number: i64,
    html_url: String,
}

#[derive(Deserialize)]
struct Details {
    state: String,
    #[serde(default)]
    merged: bool,
    merge_commit_sha: Option<String>,
    head: Head,
    /// Not known while GitHub is still trying.
    mergeable: Option<bool>,
}

#[derive(Deserialize)]
struct Head {
    sha: String,
}

#[derive(Deserialize)]
struct Review {
    state: String,
    body: Option<String>,
    submitted_at: Option<Timestamp>,
    user: Option<User>,
}

#[derive(Deserialize, PartialEq, Eq)]
struct User {
    login: String,
}

#[derive(Deserialize)]
struct Comment {
    path: String,
    line: Option<i64>,
    body: String,
    created_at: Option<Timestamp>,
    user: Option<User>,
}

#[derive(Deserialize)]
struct Checks {
    check_runs: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    name: String,
    conclusion: Option<String>,
    html_url: Option<String>,
    #[serde(default)]
    output: Output,
}

#[derive(Default, Deserialize)]
struct Output {
    title: Option<String>,
    summary: Option<String>,
}

#[derive(Deserialize)]
struct Statuses {
    statuses: Vec<Status>,
}

#[derive(Deserialize)]
struct Status {
    state: String,
    context: String,
    description: Option<String>,
    target_url: Option<String>,
}

pub(crate) async fn open(client: &Client, project: &str, proposal: &Proposal) -> Result<Request, ForgeError> {
    let Proposal { title, body, branch, target } = proposal;
    let path = format!("/repos/{project}/pulls");
    let owner = project.split('/').next().unwrap_or_default();
    let head = format!("{owner}:{branch}");
    let query = [("head", head.as_str()), ("base", target.as_str()), ("state", "open")];
    let open: Vec<Pull> = client.get(&path, &query).await?;
    let pull = match open.into_iter().next() {
        Some(pull) => pull,
        None => client.post(&path, &json!({ "title": title, "body": body, "head": branch, "base": target })).await?,
    };
    Ok(Request { number: pull.number, url: pull.html_url })
}

pub(crate) async fn look(
    client: &Client,
    project: &str,
    number: i64,
    delivered: &Delivered,
) -> Result<Standing, ForgeError> {
    let path = format!("/repos/{project}/pulls/{number}");
    let details: Details = client.get(&path, &[]).await?;
    if details.merged {
        return Ok(Standing::Merged { commit: details.merge_commit_sha });
    }
    if details.state == "closed" {
        return Ok(Standing::Closed);
    }
    let mut asks = reviews(client, &path, delivered.since_ms).await?;
    // What somebody else pushed since is theirs to mend.
    if details.head.sha == delivered.commit {
        if details.mergeable == Some(false) {
            asks.push("it conflicts with the target branch".to_owned());
        }
        asks.extend(checks(client, project, &delivered.commit).await?);
    }
    Ok(Standing::Open { asks })
}

/// What was said since then: reviews that ask for changes, and comments on lines, without what those said who have approved since or
/// whose review was dismissed.
async fn reviews(client: &Client, path: &str, since_ms: i64) -> Result<Vec<String>, ForgeError> {
    let reviews: Vec<Review> = client.list(&format!("{path}/reviews")).await?;
    let mut last: Vec<&Review> = Vec::new();
    for review in reviews.iter().filter(|review| review.state != "COMMENTED" && review.state != "PENDING") {
        last.retain(|other| other.user != review.user);
        last.push(review);
    }
    let remarks = reviews.iter().filter(|review| review.state == "COMMENTED" && since(review.submitted_at, since_ms));
    let (last, settled): (Vec<_>, Vec<_>) = last.into_iter().partition(|review| review.state == "CHANGES_REQUESTED");
    let mut asks = Vec::new();
    for review in last.into_iter().filter(|review| since(review.submitted_at, since_ms)) {
        let who = review.user.as_ref().map_or("a reviewer", |user| user.login.as_str());
        asks.push(match review.body.as_deref().map(str::trim).unwrap_or_default() {
            "" => format!("{who} asks for changes"),
            body => format!("{who} asks for changes: {body}"),
        });
    }
    for remark in remarks.filter(|remark| settled.iter().all(|review| review.user != remark.user)) {
        asks.extend(remark.body.as_deref().map(str::trim).filter(|body| !body.is_empty()).map(str::to_owned));
    }
    let comments: Vec<Comment> = client.list(&format!("{path}/comments")).await?;
    let open = |comment: &Comment| {
        since(comment.created_at, since_ms) && settled.iter().all(|review| review.user != comment.user)
    };
    for Comment { path, line, body, .. } in comments.into_iter().filter(open) {
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        asks.push(format!("{path}{line}: {}", body.trim()));
    }
    Ok(asks)
}

/// The checks of this commit that have failed. A token that may not see them sees none.
async fn checks(client: &Client, project: &str, commit: &str) -> Result<Vec<String>, ForgeError> {
    let path = format!("/repos/{project}/commits/{commit}");
    let page = [("per_page", "100")];
    let mut asks = Vec::new();
    let checks = client.get(&format!("{path}/check-runs"), &page).await;
    let Checks { check_runs } = or(checks, Checks { check_runs: Vec::new() })?;
    let failed = |check: &Check| matches!(check.conclusion.as_deref(), Some("failure" | "timed_out"));
    for Check { name, html_url, output: Output { title, summary }, .. } in check_runs.into_iter().filter(failed) {
        asks.push(failure(&name, [title, summary, html_url]));
    }
    let statuses = client.get(&format!("{path}/status"), &page).await;
    let Statuses { statuses } = or(statuses, Statuses { statuses: Vec::new() })?;
    for Status { context, description, target_url, .. } in
        statuses.into_iter().filter(|status| matches!(status.state.as_str(), "failure" | "error"))
    {
        asks.push(failure(&context, [description, target_url, None]));
    }
    Ok(asks)
}

fn failure(name: &str, said: [Option<String>; 3]) -> String {
    let said: Vec<_> = said.into_iter().flatten().filter(|text| !text.trim().is_empty()).collect();
    let colon = if said.is_empty() { "" } else { ": " };
    format!("the check `{name}` has failed{colon}{}", said.join("\n"))
}

/// What was answered; where it is not for us, this.
fn or<T>(answer: Result<T, ForgeError>, otherwise: T) -> Result<T, ForgeError> {
    match answer {
        Err(error) if error.is_not_for_us() => {
            // Every look would say it again.
            static TOLD: Once = Once::new();
            TOLD.call_once(|| {
                tracing::warn!(%error, "the token may not see the checks of commits: failed ones do not go back to an agent");
            });
            Ok(otherwise)
        }
        answer => answer,
    }
}
