//! A port of a closed network that leads to the executor.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use agent_executor::egress::Outlet;
use agent_executor::run::{self, End, Start};
use agent_executor::sandbox::{Confinement, Network};
use coditect_gateway::Activity;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Fixture, SHIM, control};

const PORT: u16 = 4_111;

/// Says something to the port and prints what comes back.
const CLIENT: &str = "exec 3<>/dev/tcp/127.0.0.1/4111; echo ping >&3; read answer <&3; echo $answer";

fn start<'a>(home: &'a Path, confine: &'a Confinement, front: oneshot::Sender<TcpListener>) -> Start<'a> {
    Start {
        shim: SHIM.as_ref(),
        argv: ["bash", "-ec", CLIENT].map(str::to_owned).to_vec(),
        stdin: None,
        cwd: home,
        home,
        env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        wall: Duration::from_secs(30),
        silence: Duration::from_secs(30),
        grace: Duration::from_millis(100),
        log_bytes: 10_000,
        secrets: &[],
        confine,
        outlet: Some(Outlet { front: Some(front), activity: Activity::default(), settle: CancellationToken::new() }),
        reader: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_of_a_closed_network_is_accepted_on_by_the_executor() {
    let fixture = Fixture::new();
    let confine = fixture.host.sandbox().confinement().reaching(Network::Loopback { port: PORT });
    assert!(confine.layers.network);
    let home = fixture.path("home");
    std::fs::create_dir(&home).unwrap();
    let (front, listener) = oneshot::channel::<TcpListener>();
    let served = tokio::spawn(async move {
        let listener = listener.await.unwrap();
        let serve = move || {
            let (mut client, from) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(client.try_clone().unwrap()).read_line(&mut line).unwrap();
            client.write_all(b"pong\n").unwrap();
            (line, from.ip())
        };
        tokio::task::spawn_blocking(serve).await.unwrap()
    });
    let ended = run::run(start(&home, &confine, front), &control(), &CancellationToken::new()).await.unwrap();
    assert_eq!((ended.end, ended.code, ended.stdout_tail.trim()), (End::Exited, Some(0), "pong"), "{ended:?}");
    let (line, from) = served.await.unwrap();
    assert!(line == "ping\n" && from.is_loopback());
    // On the machine's own loopback there is no such port.
    assert!(std::net::TcpStream::connect(("127.0.0.1", PORT)).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_be_started_is_told_after_its_front_was_handed_over() {
    let fixture = Fixture::new();
    let confine = fixture.host.sandbox().confinement().reaching(Network::Loopback { port: PORT });
    let home = fixture.path("home");
    std::fs::create_dir(&home).unwrap();
    let (front, listener) = oneshot::channel();
    let mut start = start(&home, &confine, front);
    start.argv = vec!["no-such-program".to_owned()];
    let failure = run::run(start, &control(), &CancellationToken::new()).await.unwrap_err();
    assert!(failure.message.contains("no-such-program"), "{failure:?}");
    assert!(listener.await.is_ok());
}
