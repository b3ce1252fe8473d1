//! The gRPC service: checks what it is asked, asks the rest of the orchestrator, maps errors in one place.

use coditect_core::{AttemptId, Clock, TaskId, TaskState};
use coditect_proto::v1::orchestrator_server::Orchestrator as Api;
use coditect_proto::v1::{self, claim_attempt_response::Answer};
use coditect_service::forecast;
use coditect_store::{ExecutorRow, StoreError, TaskBrief, TaskFilter, TaskRow};
use tonic::{Request, Response, Status};

use crate::attempts::{Fence, Heard};
use crate::interventions::{Action, Place, Word};
use crate::specification::proofs;
use crate::status::PAUSE_ALL;
use crate::{Orchestrator, answers};

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Api for Orchestrator {
    async fn heartbeat(&self, request: Request<v1::HeartbeatRequest>) -> Reply<v1::HeartbeatResponse> {
        let v1::HeartbeatRequest { executor, pool, slots, attempts, draining } = request.into_inner();
        let named = attempts.iter().map(|id| attempt_id(id)).collect::<Result<Vec<_>, _>>()?;
        let executor = ExecutorRow { id: executor, pool, slots, draining, seen_at_ms: self.clock.now_ms() };
        let Heard { stop, paused } = self.heard(&executor, &named).await.map_err(internal)?;
        let stop = stop.iter().map(ToString::to_string).collect();
        Ok(Response::new(v1::HeartbeatResponse { stop, paused_accounts: paused }))
    }

    async fn claim_attempt(&self, request: Request<v1::ClaimAttemptRequest>) -> Reply<v1::ClaimAttemptResponse> {
        let v1::ClaimAttemptRequest { task, attempt, token, executor } = request.into_inner();
        let fence = fence(&task, &attempt, token)?;
        let answer = match self.claim(&fence, &executor).await.map_err(internal)? {
            Some(specification) => Answer::Specification(specification),
            None => Answer::Refused("the attempt is not, or no longer, to be had".to_owned()),
        };
        Ok(Response::new(v1::ClaimAttemptResponse { answer: Some(answer) }))
    }

    async fn renew_lease(&self, request: Request<v1::RenewLeaseRequest>) -> Reply<v1::RenewLeaseResponse> {
        let v1::RenewLeaseRequest { task, attempt, token, phase } = request.into_inner();
        let phase = match phase.as_str() {
            "" => None,
            "verifying" => Some(TaskState::Verifying),
            "landing" => Some(TaskState::Landing),
            other => {
                return Err(Status::invalid_argument(format!("`{other}` is no phase: expected verifying or landing")));
            }
        };
        if self.renew(&fence(&task, &attempt, token)?, phase).await.map_err(internal)? {
            Ok(Response::new(v1::RenewLeaseResponse { lease_ms: self.lease_ms() }))
        } else {
            Err(Status::failed_precondition("the attempt is not the current one any more"))
        }
    }

    async fn upload_evidence(&self, request: Request<v1::UploadEvidenceRequest>) -> Reply<v1::UploadEvidenceResponse> {
        let v1::UploadEvidenceRequest { attempt, evidence } = request.into_inner();
        let id = attempt_id(&attempt)?;
        let mut tx = self.store.begin().await.map_err(internal)?;
        if !tx.keep_evidence(id, &evidence).await.map_err(internal)? {
            return Err(Status::not_found(format!("there is no attempt {attempt}")));
        }
        tx.commit().await.map_err(internal)?;
        Ok(Response::new(v1::UploadEvidenceResponse {}))
    }

    async fn get_attempt(&self, request: Request<v1::GetAttemptRequest>) -> Reply<v1::Attempt> {
        let name = request.into_inner().attempt;
        let row = self.store.attempt(attempt_id(&name)?).await.map_err(internal)?;
        let row = row.ok_or_else(|| Status::not_found(format!("there is no attempt {name}")))?;
        Ok(Response::new(answers::attempt(&row)))
    }

    async fn get_status(&self, _: Request<v1::GetStatusRequest>) -> Reply<v1::Status> {
        Ok(Response::new(self.status().await.map_err(internal)?))
    }

    async fn list_tasks(&self, request: Request<v1::ListTasksRequest>) -> Reply<v1::ListTasksResponse> {
        let v1::ListTasksRequest { states, text, epic, agent, limit, offset } = request.into_inner();
        let states = states.iter().map(|state| state.parse::<TaskState>()).collect::<Result<Vec<_>, _>>();
        let states = states.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let limit = if limit <= 0 { i64::MAX } else { limit };
        let filter = TaskFilter { states, text, epic, agent };
        let (rows, total) = self.store.find_tasks(&filter, limit, offset.max(0)).await.map_err(internal)?;
        Ok(Response::new(v1::ListTasksResponse { tasks: rows.iter().map(answers::task).collect(), total }))
    }

    async fn get_task(&self, request: Request<v1::GetTaskRequest>) -> Reply<v1::TaskDetail> {
        let row = self.named(&request.into_inner().task).await?;
        let id = &row.id;
        let brief = self.brief(id).await?;
        let held = self.store.held(id, row.life.generation).await.map_err(internal)?;
        let delivered = self.store.delivered(id, row.life.generation).await.map_err(internal)?;
        let place = Place::of(&row.life, row.human).with_held(held.as_ref(), &row.life);
        let (verify, verify_sources) = proofs(&row, &self.config().verify.commands).into_iter().unzip();
        let actions = Action::ALL.into_iter().filter(|action| action.applies(place));
        let dependencies = self.store.dependencies(id).await.map_err(internal)?;
        let dependents = self.store.dependents(id).await.map_err(internal)?;
        let attempts = self.store.attempts_of(id).await.map_err(internal)?;
        let notes = self.store.attempt_notes(Some(id)).await.map_err(internal)?;
        let events = self.store.events(id).await.map_err(internal)?;
        let said = self.store.answers_given(id).await.map_err(internal)?;
        Ok(Response::new(v1::TaskDetail {
            task: Some(answers::task(&brief)),
            dependencies: dependencies.iter().map(answers::dependency).collect(),
            dependents: dependents.iter().map(ToString::to_string).collect(),
            attempts: attempts.iter().map(|row| answers::attempt_with(row, notes.get(&row.id))).collect(),
            events: events.into_iter().map(answers::event).collect(),
            dangling: row.dangling,
            verify,
            verify_sources,
            changes: row.changes.as_str().to_owned(),
            held: held.map(|held| answers::held(held, &row.life)),
            delivered: delivered.map(|delivered| answers::delivered(delivered, &row.life)),
            description: row.description,
            steps: row.steps,
            acceptance: row.acceptance,
            answers: said.into_iter().map(answers::answer).collect(),
            actions: actions.map(|action| action.to_string()).collect(),
        }))
    }

    async fn explain_task(&self, request: Request<v1::GetTaskRequest>) -> Reply<v1::WhyResponse> {
        let row = self.named(&request.into_inner().task).await?;
        let why = self.why(&row.id).await.map_err(internal)?;
        Ok(Response::new(why.ok_or_else(|| Status::not_found(format!("there is no task {}", row.id)))?))
    }

    async fn intervene(&self, request: Request<v1::InterveneRequest>) -> Reply<v1::Task> {
        let v1::InterveneRequest { task, action, actor, reason, text, agent } = request.into_inner();
        let row = self.named(&task).await?;
        let action: Action = action.parse().map_err(Status::invalid_argument)?;
        let (text, agent) = (text.trim().to_owned(), agent.trim().to_owned());
        if action == Action::Answer && text.is_empty() {
            return Err(Status::invalid_argument("an answer says something: give its text"));
        }
        let word = Word {
            action,
            actor: person(&actor),
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            text,
            agent: Some(agent).filter(|agent| !agent.is_empty()),
        };
        if !self.act(&row.id, &word).await.map_err(internal)? {
            let row = self.store.task(&row.id).await.map_err(internal)?.unwrap_or(row);
            let (place, state) = (Place::of(&row.life, row.human), row.life.state);
            let can: Vec<_> = Action::ALL.iter().filter(|action| action.applies(place)).map(|a| a.as_str()).collect();
            let can = if can.is_empty() { String::new() } else { format!("; what does: {}", can.join(", ")) };
            let message = format!("{} is {state}: {action} does not apply to it{can}", row.id);
            return Err(Status::failed_precondition(message));
        }
        Ok(Response::new(answers::task(&self.brief(&row.id).await?)))
    }

    async fn list_runs(&self, _: Request<v1::ListRunsRequest>) -> Reply<v1::ListRunsResponse> {
        Ok(Response::new(v1::ListRunsResponse { runs: self.runs().await.map_err(internal)? }))
    }

    async fn read_log(&self, request: Request<v1::ReadLogRequest>) -> Reply<v1::ReadLogResponse> {
        let v1::ReadLogRequest { task, number, after, limit } = request.into_inner();
        let row = self.named(&task).await?;
        let attempts = self.store.attempts_of(&row.id).await.map_err(internal)?;
        let found = match number {
            0 => attempts.last(),
            number => attempts.iter().rfind(|attempt| attempt.number == number),
        };
        let Some(attempt) = found else {
            let message = match number {
                0 => format!("{} has not been tried yet", row.id),
                number => format!("{} has no attempt {number}", row.id),
            };
            return Err(Status::not_found(message));
        };
        let limit = if limit <= 0 { 1_000 } else { limit.min(10_000) };
        let lines = self.store.log(attempt.id, after, limit).await.map_err(internal)?;
        // Only where it matters: Redis may take its time to say nothing.
        let ended = attempt.ended_at_ms.is_some() && lines.is_empty() && self.is_drained(attempt.id).await;
        Ok(Response::new(v1::ReadLogResponse {
            ended,
            lines: lines.into_iter().map(answers::log_line).collect(),
            attempt: attempt.id.to_string(),
            number: attempt.number,
        }))
    }

    async fn pause(&self, request: Request<v1::PauseRequest>) -> Reply<v1::PauseResponse> {
        let v1::PauseRequest { agent, account, actor } = request.into_inner();
        let key = match (agent.as_str(), account.as_str()) {
            ("", "") => PAUSE_ALL.to_owned(),
            (agent, "") => format!("pause:agent:{agent}"),
            ("", account) => format!("pause:account:{account}"),
            _ => return Err(Status::invalid_argument("pause an agent or an account, not both at once")),
        };
        let mut tx = self.store.begin().await.map_err(internal)?;
        tx.set_fact(&key, &person(&actor), self.clock.now_ms()).await.map_err(internal)?;
        tx.commit().await.map_err(internal)?;
        self.paused().await
    }

    async fn resume(&self, _: Request<v1::ResumeRequest>) -> Reply<v1::PauseResponse> {
        let paused = self.store.facts("pause:").await.map_err(internal)?;
        let mut tx = self.store.begin().await.map_err(internal)?;
        for (key, _) in paused {
            tx.set_fact(&key, "", self.clock.now_ms()).await.map_err(internal)?;
        }
        tx.commit().await.map_err(internal)?;
        self.resume_accounts(self.clock.now_ms()).await.map_err(internal)?;
        self.paused().await
    }

    async fn get_graph(&self, _: Request<v1::GetGraphRequest>) -> Reply<v1::GraphResponse> {
        Ok(Response::new(self.whole_graph().await.map_err(internal)?))
    }

    async fn forecast(&self, request: Request<v1::ForecastRequest>) -> Reply<v1::ForecastResponse> {
        let slots = forecast::slots(request.into_inner().slots, self.config().dispatch.max_concurrent)
            .ok_or_else(|| Status::invalid_argument(forecast::NO_SLOTS))?;
        Ok(Response::new(self.foreseen(slots).await.map_err(internal)?))
    }

    async fn get_history(&self, request: Request<v1::GetHistoryRequest>) -> Reply<v1::HistoryResponse> {
        Ok(Response::new(self.history(request.into_inner().since_ms).await.map_err(internal)?))
    }

    async fn list_accounts(&self, _: Request<v1::ListAccountsRequest>) -> Reply<v1::ListAccountsResponse> {
        Ok(Response::new(v1::ListAccountsResponse { accounts: self.accounts().await.map_err(internal)? }))
    }

    async fn list_agents(&self, _: Request<v1::ListAgentsRequest>) -> Reply<v1::ListAgentsResponse> {
        Ok(Response::new(v1::ListAgentsResponse { agents: self.agents().await.map_err(internal)? }))
    }

    async fn list_queues(&self, _: Request<v1::ListQueuesRequest>) -> Reply<v1::ListQueuesResponse> {
        let queues = self.queues().await.map_err(|error| Status::unavailable(format!("Redis: {error}")))?;
        Ok(Response::new(v1::ListQueuesResponse { queues }))
    }

    async fn list_backups(&self, _: Request<v1::ListBackupsRequest>) -> Reply<v1::ListBackupsResponse> {
        let backups = self.backups().await.map_err(|error| Status::internal(format!("{error:#}")))?;
        Ok(Response::new(v1::ListBackupsResponse { backups }))
    }
}

impl Orchestrator {
    /// The task in short, which was there a moment ago.
    async fn brief(&self, id: &TaskId) -> Result<TaskBrief, Status> {
        let brief = self.store.brief(id).await.map_err(internal)?;
        brief.ok_or_else(|| Status::not_found(format!("there is no task {id}")))
    }

    async fn paused(&self) -> Reply<v1::PauseResponse> {
        let paused = self.store.facts("pause:").await.map_err(internal)?;
        Ok(Response::new(v1::PauseResponse {
            paused: paused.into_iter().filter_map(|(key, _)| key.strip_prefix("pause:").map(str::to_owned)).collect(),
        }))
    }

    /// The task that a person means by `name`.
    async fn named(&self, name: &str) -> Result<TaskRow, Status> {
        let ids = self.store.tasks_named(name).await.map_err(internal)?;
        let id: &TaskId = match ids.as_slice() {
            [] => return Err(Status::not_found(format!("there is no task {name}; `coditect task list` shows them"))),
            [id] => id,
            several => {
                let names: Vec<_> = several.iter().map(TaskId::as_str).collect();
                let message = format!("{name} may be any of {}: name one of these", names.join(", "));
                return Err(Status::invalid_argument(message));
            }
        };
        let row = self.store.task(id).await.map_err(internal)?;
        row.ok_or_else(|| Status::not_found(format!("there is no task {name}")))
    }
}

/// Who it is, as the history has it.
fn person(actor: &str) -> String {
    let name = actor.strip_prefix("person:").unwrap_or(actor);
    format!("person:{}", if name.is_empty() { "unknown" } else { name })
}

fn fence(task: &str, attempt: &str, token: i64) -> Result<Fence, Status> {
    let task = task.parse::<TaskId>().map_err(|error| Status::invalid_argument(error.to_string()))?;
    Ok(Fence { task, attempt: attempt_id(attempt)?, token })
}

fn attempt_id(text: &str) -> Result<AttemptId, Status> {
    text.parse().map_err(|error: coditect_core::InvalidAttemptId| Status::invalid_argument(error.to_string()))
}

/// The database's errors: the caller may try again.
#[expect(clippy::needless_pass_by_value, reason = "used as a function of map_err")]
fn internal(error: StoreError) -> Status {
    tracing::warn!(%error, cause = std::error::Error::source(&error).map(ToString::to_string), "a request failed");
    Status::unavailable(error.to_string())
}
