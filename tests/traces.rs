//! One trace an attempt, with spans of all five services, seen by a collector that they send it to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use coditect_tests::{Project, plan};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tokio::net::TcpListener;
use tonic::transport::{Server, server::TcpIncoming};
use tonic::{Request, Response, Status};

/// A span, as it was received.
#[derive(Debug, Clone)]
struct Seen {
    service: String,
    name: String,
    id: Vec<u8>,
    parent: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
struct Collector {
    /// By trace.
    spans: Arc<Mutex<HashMap<String, Vec<Seen>>>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut spans = self.spans.lock().unwrap();
        for of_service in request.into_inner().resource_spans {
            let attributes = of_service.resource.unwrap().attributes;
            let name = attributes.into_iter().find(|attribute| attribute.key == "service.name").unwrap();
            let Some(Value::StringValue(service)) = name.value.unwrap().value else { panic!("no name") };
            for span in of_service.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let trace: String = span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
                let seen =
                    Seen { service: service.clone(), name: span.name, id: span.span_id, parent: span.parent_span_id };
                spans.entry(trace).or_default().push(seen);
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempts_trace_has_spans_of_all_five_services() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = Collector::default();
    let serving = Server::builder().add_service(TraceServiceServer::new(collector.clone()));
    tokio::spawn(serving.serve_with_incoming(TcpIncoming::from(listener)));

    let project = Project::new(&plan(6, "true"));
    let code = tokio::task::block_in_place(|| {
        project.up_with(&["--until-done"], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).wait()
    });
    assert_eq!(code, 0);
    project.check_all_landed();

    let spans = collector.spans.lock().unwrap().clone();
    assert_eq!(spans.len(), 6, "a trace an attempt: {spans:#?}");
    for (trace, spans) in &spans {
        let mut by_service: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for span in spans {
            by_service.entry(&span.service).or_default().insert(&span.name);
        }
        let has = |service: &str, names: &[&str]| {
            let seen = by_service.get(service);
            assert!(seen.is_some_and(|seen| names.iter().all(|name| seen.contains(name))), "{trace}: {by_service:?}");
        };
        has("task-dispatcher", &["assign"]);
        has("agent-executor", &["attempt", "prepare", "agent", "verify", "land"]);
        has("orchestrator", &["answer", "result"]);
        has("dependency-resolver", &["unblock"]);
        has("sync-daemon", &["tick"]);

        let attempt = spans.iter().find(|span| span.name == "attempt").unwrap();
        for span in spans.iter().filter(|span| ["answer", "agent", "land"].contains(&span.name.as_str())) {
            assert_eq!(span.parent, attempt.id, "{} is part of the attempt", span.name);
        }
    }
}
