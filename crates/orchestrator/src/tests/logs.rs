//! What attempts print, on a real Redis.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};

use coditect_proto::v1::ReadLogRequest;
use coditect_proto::v1::orchestrator_server::Orchestrator as _;
use coditect_queue::message::LogLine;
use tempfile::TempDir;

use super::*;

/// Ends with the test.
struct Redis {
    server: Child,
    _folder: TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl World {
    /// With a Redis of its own.
    async fn with_redis() -> (Self, Redis) {
        let (mut world, folder) = (Self::new().await, tempfile::tempdir().unwrap());
        let socket = folder.path().join("redis");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--dir"]).arg(folder.path());
        command.arg("--unixsocket").arg(&socket).stdout(Stdio::null()).stderr(Stdio::null());
        let redis = Redis { server: command.spawn().unwrap(), _folder: folder };
        world.orchestrator.queue = Queue::connect(&format!("redis+unix://{}", socket.display()), "test").unwrap();
        while world.orchestrator.queue.ping().await.is_err() {
            tokio::task::yield_now().await;
        }
        (world, redis)
    }

    async fn prints(&self, fence: &Fence, numbers: std::ops::Range<i64>) {
        let line = |number: i64| LogLine { at_ms: 7, kind: "stdout".to_owned(), text: format!("line {number}") };
        let lines: Vec<_> = numbers.map(line).collect();
        self.orchestrator.queue.add_log(&fence.attempt.to_string(), &lines).await.unwrap();
    }
}

#[tokio::test]
async fn whoever_leads_next_goes_on_with_a_log_where_it_was_left_however_long_it_is() {
    let (world, _redis) = World::with_redis().await;
    let fence = world.claimed(1).await;
    let mut progress = HashMap::new();
    for thousand in 0..7 {
        world.prints(&fence, 1_000 * thousand..1_000 * (thousand + 1)).await;
        world.orchestrator.drain_once(&mut progress).await.unwrap();
    }
    for (more, leader) in [(7_000..7_010, "the next"), (7_010..7_020, "and the one after it")] {
        world.prints(&fence, more.clone()).await;
        world.orchestrator.drain_once(&mut HashMap::new()).await.unwrap();
        let stored = world.orchestrator.store.log(fence.attempt, 6_990, 100).await.unwrap();
        let wanted: Vec<_> = (6_990..more.end).map(|number| (number + 1, format!("line {number}"))).collect();
        assert_eq!(stored.into_iter().map(|row| (row.seq, row.text)).collect::<Vec<_>>(), wanted, "{leader}");
    }
}

#[tokio::test]
async fn one_pass_moves_the_whole_log_of_an_attempt_that_has_ended_and_drops_it() {
    let (world, _redis) = World::with_redis().await;
    let fence = world.claimed(1).await;
    world.prints(&fence, 0..2_345).await;
    world.land(&fence).await;
    let read = async |after| {
        let request = ReadLogRequest { task: "1.1".to_owned(), number: 0, after, limit: 10_000 };
        world.orchestrator.read_log(tonic::Request::new(request)).await.unwrap().into_inner()
    };
    assert!(!read(0).await.ended, "its lines are still to come");
    world.orchestrator.drain_once(&mut HashMap::new()).await.unwrap();
    assert_eq!((read(0).await.lines.len(), read(2_345).await.ended), (2_345, true));
    assert!(world.orchestrator.queue.log_attempts().await.unwrap().is_empty());
}
