//! Merge requests, as GitLab has them.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::client::{Client, ForgeError};
use crate::{Delivered, Proposal, Request, Standing, since};

#[derive(Deserialize)]
struct Merge {
    iid: i64,
    web_url: String,
}

#[derive(Deserialize)]
struct Details {
    state: String,
    merge_commit_sha: Option<String>,
    squash_commit_sha: Option<String>,
    sha: Option<String>,
    head_pipeline: Option<Pipeline>,
    #[serde(default)]
    has_conflicts: bool,
}

#[derive(Deserialize)]
struct Pipeline {
    id: i64,
    status: String,
    sha: Option<String>,
    web_url: Option<String>,
}

#[derive(Deserialize)]
struct Job {
    name: String,
    status: String,
    #[serde(default)]
    allow_failure: bool,
    web_url: Option<String>,
}

#[derive(Deserialize)]
struct Discussion {
    notes: Vec<Note>,
}

#[derive(Deserialize)]
struct Note {
    body: String,
    created_at: Option<Timestamp>,
    #[serde(default)]
    resolvable: bool,
    #[serde(default)]
    resolved: bool,
    #[serde(default)]
    system: bool,
    position: Option<Position>,
}

#[derive(Deserialize)]
struct Position {
    new_path: Option<String>,
    new_line: Option<i64>,
}

impl Pipeline {
    fn fails(&self, commit: &str) -> bool {
        self.status == "failed" && self.sha.as_deref().is_none_or(|sha| sha == commit)
    }
}

fn requests(project: &str) -> String {
    format!("/projects/{}/merge_requests", project.replace('/', "%2F"))
}

pub(crate) async fn open(client: &Client, project: &str, proposal: &Proposal) -> Result<Request, ForgeError> {
    let Proposal { title, body, branch, target } = proposal;
    let path = requests(project);
    let query = [("source_branch", branch.as_str()), ("target_branch", target.as_str()), ("state", "opened")];
    let open: Vec<Merge> = client.get(&path, &query).await?;
    let merge = match open.into_iter().next() {
        Some(merge) => merge,
        None => {
            let asked = json!({ "source_branch": branch, "target_branch": target, "title": title, "description": body,
                "remove_source_branch": true });
            client.post(&path, &asked).await?
        }
    };
    Ok(Request { number: merge.iid, url: merge.web_url })
}

pub(crate) async fn look(
    client: &Client,
    project: &str,
    number: i64,
    delivered: &Delivered,
) -> Result<Standing, ForgeError> {
    let path = format!("{}/{number}", requests(project));
    let details: Details = client.get(&path, &[]).await?;
    match details.state.as_str() {
        "merged" => {
            let Details { merge_commit_sha, squash_commit_sha, sha, .. } = details;
            return Ok(Standing::Merged { commit: merge_commit_sha.or(squash_commit_sha).or(sha) });
        }
        "closed" => return Ok(Standing::Closed),
        _ => {}
    }
    let mut asks = discussions(client, &path, delivered.since_ms).await?;
    // What somebody else pushed since is theirs to mend.
    if details.sha.as_ref() == Some(&delivered.commit) {
        if details.has_conflicts {
            asks.push("it conflicts with the target branch".to_owned());
        }
        if let Some(pipeline) = details.head_pipeline.filter(|pipeline| pipeline.fails(&delivered.commit)) {
            asks.extend(failed_jobs(client, project, &pipeline).await?);
        }
    }
    Ok(Standing::Open { asks })
}

/// What is said of the request since then, and not resolved.
async fn discussions(client: &Client, path: &str, since_ms: i64) -> Result<Vec<String>, ForgeError> {
    let discussions: Vec<Discussion> = client.list(&format!("{path}/discussions")).await?;
    let asks = discussions.into_iter().filter_map(|discussion| {
        let open = |note: &Note| note.resolvable && !note.resolved && !note.system;
        let new = |note: &Note| since(note.created_at, since_ms);
        // A thread that was answered since is told whole.
        if !discussion.notes.iter().any(|note| open(note) && new(note)) {
            return None;
        }
        let notes: Vec<_> = discussion.notes.into_iter().filter(open).collect();
        let place = notes.first()?.position.as_ref().and_then(|position| {
            let path = position.new_path.clone()?;
            Some(position.new_line.map_or_else(|| format!("{path}: "), |line| format!("{path}:{line}: ")))
        });
        let said: Vec<_> = notes.iter().map(|note| note.body.trim()).collect();
        Some(format!("{}{}", place.unwrap_or_default(), said.join("\n")))
    });
    Ok(asks.collect())
}

async fn failed_jobs(client: &Client, project: &str, pipeline: &Pipeline) -> Result<Vec<String>, ForgeError> {
    let path = format!("/projects/{}/pipelines/{}/jobs", project.replace('/', "%2F"), pipeline.id);
    let jobs: Vec<Job> = client.list(&path).await?;
    let failed = jobs.into_iter().filter(|job| job.status == "failed" && !job.allow_failure);
    let mut asks: Vec<_> =
        failed.map(|job| format!("the check `{}` has failed: {}", job.name, job.web_url.unwrap_or_default())).collect();
    if asks.is_empty() {
        asks.push(format!("the pipeline has failed: {}", pipeline.web_url.clone().unwrap_or_default()));
    }
    Ok(asks)
}
