//! The way down: no new work, then what runs is finished, then everybody goes. A second wish to stop cuts it short.

use std::time::Duration;

use coditect_proto::v1;
use coditect_service::ServiceName;
use tokio::sync::mpsc;

use super::child::{Event, Order};
use super::fleet::{Fleet, REDIS};
use super::ports::Ports;
use super::screen::Screen;
use super::settings::Settings;
use super::{MARGIN, StopSignals, names};
use crate::{client, output};

/// How long the results of what has run may take to be applied.
const APPLIED_WITHIN: Duration = Duration::from_secs(3);

/// How long what was cut may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// Stops everything. Whether all of it finished what it was doing.
pub(super) async fn all(
    fleet: &mut Fleet,
    happens: &mut mpsc::UnboundedReceiver<Event>,
    stop: &mut StopSignals,
    screen: &Screen,
    settings: &Settings,
    ports: &Ports,
) -> bool {
    let limit = settings.drain_limit() + MARGIN;
    let working = [ServiceName::TaskDispatcher.as_str(), ServiceName::AgentExecutor.as_str()];
    let keeping = [
        ServiceName::DependencyResolver.as_str(),
        ServiceName::SyncDaemon.as_str(),
        ServiceName::Orchestrator.as_str(),
    ];
    if let Some(count) = running(ports).await.filter(|count| *count > 0) {
        let at_most = output::duration(i64::try_from(settings.drain_limit().as_millis()).unwrap_or(i64::MAX));
        screen
            .say(format_args!("waiting for {count} running attempt(s), at most {at_most}; Ctrl-C again stops at once"));
    }
    for (stage, group) in [&working[..], &keeping[..], &[REDIS][..]].into_iter().enumerate() {
        fleet.order(group, Order::Drain);
        tokio::select! {
            () = gone(fleet, happens, group) => {}
            () = tokio::time::sleep(limit) => {
                screen.say(format_args!("{} took too long to stop", group.join(", ")));
                return cut(fleet, happens).await;
            }
            () = stop.asked() => {
                screen.say("stopping at once; attempts that were cut off are tried again by the next `coditect up`");
                return cut(fleet, happens).await;
            }
        }
        if stage == 0 {
            let _ = tokio::time::timeout(APPLIED_WITHIN, applied(ports)).await;
        }
    }
    true
}

async fn cut(fleet: &mut Fleet, happens: &mut mpsc::UnboundedReceiver<Event>) -> bool {
    let everybody: Vec<_> = names().chain([REDIS]).collect();
    fleet.order(&everybody, Order::Cut);
    let _ = tokio::time::timeout(GONE_WITHIN, gone(fleet, happens, &everybody)).await;
    false
}

/// Returns when none of these runs any more.
async fn gone(fleet: &mut Fleet, happens: &mut mpsc::UnboundedReceiver<Event>, group: &[&str]) {
    while fleet.any_running(group) {
        let Some(event) = happens.recv().await else { return };
        // What else goes wrong on the way down changes nothing.
        let _ = fleet.note(event);
    }
}

/// Waits until the results of what has run are in the database and in the plan.
async fn applied(ports: &Ports) {
    while running(ports).await.is_some_and(|count| count > 0) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if let Ok(mut sync_daemon) = client::sync_daemon(&ports.endpoint(ServiceName::SyncDaemon)) {
        let _ = sync_daemon.sync_now(v1::SyncNowRequest {}).await;
    }
}

async fn running(ports: &Ports) -> Option<usize> {
    let mut orchestrator = client::orchestrator(&ports.endpoint(ServiceName::Orchestrator)).ok()?;
    let ask = orchestrator.get_status(v1::GetStatusRequest {});
    let status = tokio::time::timeout(Duration::from_secs(1), ask).await.ok()?.ok()?;
    Some(status.into_inner().running.len())
}
