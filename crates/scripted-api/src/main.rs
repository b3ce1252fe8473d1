//! `scripted-api --scenario FILE`: serves a scenario until it is stopped.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use scripted_api::{Scenario, Server};

/// APIs of models, answered from a script
#[derive(Debug, Parser)]
#[command(after_help = "Example: scripted-api --scenario plan.json --port 8099\n\
                        Then, for example: ANTHROPIC_BASE_URL=http://127.0.0.1:8099, and any ANTHROPIC_API_KEY")]
struct Cli {
    /// The rules, as JSON
    #[arg(long, value_name = "FILE")]
    scenario: PathBuf,
    /// The port on this machine; 0 is any free one, and is printed
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Cli { scenario, port } = Cli::parse();
    let scenario = Scenario::read(&scenario)?;
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let server = Server::start(address, scenario).await.with_context(|| format!("cannot listen on {address}"))?;
    println!("{}", server.url());
    server.wait().await.context("cannot go on")
}
