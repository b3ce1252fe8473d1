//! The hosts that commands may reach: through the gateway, wherever they run.

use std::io::{Read, Write};
use std::net::TcpListener;

use agent_executor::egress::Policy;
use coditect_service::config::SandboxConfig;

use crate::fixture::{Fixture, landed, sandbox};

/// A repository with one branch, as a plain web server has it; answers the server's port.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut asked = [0; 4096];
            let _ = connection.read(&mut asked);
            let refs = format!("{}\trefs/heads/main\n", "0123456789".repeat(4));
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n";
            let _ = write!(connection, "{head}content-length: {}\r\n\r\n{refs}", refs.len());
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_allowed_is_reached_by_every_command_with_and_without_namespaces_and_no_other_is() {
    let (allowed, other) = (server(), server());
    for namespaces in [true, false] {
        let Fixture { dir, host } = Fixture::new();
        let sandbox = sandbox(&SandboxConfig::default());
        let sandbox = if namespaces { sandbox } else { sandbox.without_namespaces() };
        let mut policy = Policy::new().unwrap();
        policy.hosts = vec![format!("127.0.0.1:{allowed}").parse().unwrap()];
        let fixture = Fixture { dir, host: host.with_sandbox(sandbox).with_egress(policy) };
        let ask = |port: u16| format!("git ls-remote http://127.0.0.1:{port}/a.git");
        let check = format!("{} | grep -q refs/heads/main && ! {} 2> /dev/null", ask(allowed), ask(other));
        let mut job = fixture.job("1.1", &format!("{check}\n{} > refs", ask(allowed)));
        job.setup = vec![check.clone()];
        job.verify = vec![check];
        landed(&fixture.run(&job).await);
        assert!(fixture.show("refs").ends_with("refs/heads/main"), "namespaces: {namespaces}");
    }
}
