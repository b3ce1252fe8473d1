//! How much the harness adds to a task. Run with `--release -- --ignored --nocapture speed`.

use std::sync::Arc;
use std::time::Instant;

use coditect_service::config::SandboxMode;

use crate::fixture::{Fixture, landed};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn speed_of_a_small_task() {
    for mode in [SandboxMode::Off, SandboxMode::Required] {
        println!("executor.sandbox.mode: {mode:?}");
        measure(Fixture::new().with_sandbox(mode)).await;
    }
}

async fn measure(fixture: Fixture) {
    let fixture = Arc::new(fixture);
    let job = |n: usize| {
        let mut job = fixture.job(&format!("9.{n}"), &format!("echo {n} > file-{n}"));
        job.verify = vec![format!("test -f file-{n}")];
        job
    };
    landed(&fixture.run(&job(0)).await);
    let began = Instant::now();
    for n in 1..=20 {
        landed(&fixture.run(&job(n)).await);
    }
    println!("one after the other: {:?} a task", began.elapsed() / 20);
    let began = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for lane in 0..4 {
        let (fixture, jobs) = (Arc::clone(&fixture), (0..25).map(|n| job(100 + lane * 25 + n)).collect::<Vec<_>>());
        all.spawn(async move {
            for job in jobs {
                landed(&fixture.run(&job).await);
            }
        });
    }
    all.join_all().await;
    println!("four at a time: {:.1} tasks/s", 100.0 / began.elapsed().as_secs_f64());
}
