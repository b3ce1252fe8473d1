//! While another instance leads, this one touches no plan file, and says so to whoever asks.

use coditect_queue::Queue;
use coditect_service::Service;
use tokio::sync::{Mutex, mpsc};

use crate::daemon::{Ask, Refusal};

const STANDS_BY: &str = "this sync-daemon stands by; another instance leads: ask that one";

/// Runs until it is dropped.
pub(crate) async fn refuse(service: &Service, queue: &Queue, asked: &Mutex<mpsc::Receiver<Ask>>) {
    // The leader's to look after.
    service.readiness.pass("plan");
    let mut asked = asked.lock().await;
    loop {
        match queue.ping().await {
            Ok(()) => service.readiness.pass("redis"),
            Err(_) => service.readiness.fail("redis", "does not answer"),
        }
        tokio::select! {
            Some(ask) = asked.recv() => {
                // Whoever asked may have gone.
                let _ = ask.answer.send(Err(Refusal::Unavailable(STANDS_BY.to_owned())));
            }
            () = tokio::time::sleep(service.config.reconcile.interval()) => {}
        }
    }
}
