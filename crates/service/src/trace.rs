//! One trace an attempt, through all services: its id is the attempt's, so that whoever knows an attempt can add to its
//! trace and find it.
//!
//! Spans are few: a stage each. Whatever is logged within one carries the ids of its task and its trace. They leave the
//! process only where `OTEL_EXPORTER_OTLP_ENDPOINT` says where to ([`crate::telemetry`]).

use coditect_core::AttemptId;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tonic::metadata::{MetadataKey, MetadataMap};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The target of spans that belong to a trace.
pub(crate) const TARGET: &str = "coditect::trace";

const HEADER: &str = "traceparent";

macro_rules! stages {
    ($($variant:ident $name:literal $text:literal),+ $(,)?) => {
        /// What is done for an attempt.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Stage {
            $(#[doc = $text] $variant),+
        }

        impl Stage {
            /// Fields that the span above has already are left out.
            fn span(self, task: Option<&str>, trace: Option<&str>) -> Span {
                match self {
                    $(Self::$variant => tracing::info_span!(target: TARGET, $name, task, trace),)+
                }
            }
        }
    };
}

stages! {
    Assign "assign" "The dispatcher opens it.",
    Attempt "attempt" "An executor works on it, from the entry to the report.",
    Prepare "prepare" "A worktree is made.",
    Agent "agent" "The agent runs.",
    Verify "verify" "The result is verified.",
    Land "land" "The result is landed.",
    Result "result" "The orchestrator applies what came of it.",
    Unblock "unblock" "The resolver looks at what waited for its task.",
    Tick "tick" "The sync-daemon ticks its task in the plan.",
}

/// A span of an attempt's trace.
#[must_use]
pub fn attempt(stage: Stage, task: &str, attempt: AttemptId) -> Span {
    follow(stage, task, &attempt.traceparent())
}

/// A span of the trace that a stream's entry belongs to; no span at all where it names none.
#[must_use]
pub fn follow(stage: Stage, task: &str, traceparent: &str) -> Span {
    let Some(trace) = trace_id(traceparent) else { return Span::none() };
    let span = stage.span(Some(task).filter(|task| !task.is_empty()), Some(trace));
    // Without an exporter there is nothing that a parent could be told to.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&Parent(traceparent)));
    span
}

/// A span below the current one, of which it is a stage.
#[must_use]
pub fn stage(stage: Stage) -> Span {
    match Span::current().is_disabled() {
        true => Span::none(),
        false => stage.span(None, None),
    }
}

/// A request that takes the current span's trace along.
#[must_use]
pub fn request<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut Metadata(request.metadata_mut()));
    request
}

/// The span in which a request is answered, if it brings a trace along.
pub(crate) fn of_call(traceparent: Option<&str>, path: &str) -> Span {
    let Some(traceparent) = traceparent else { return Span::none() };
    let Some(trace) = trace_id(traceparent) else { return Span::none() };
    let span = tracing::info_span!(target: TARGET, "answer", call = path, trace);
    let _ = span.set_parent(TraceContextPropagator::new().extract(&Parent(traceparent)));
    span
}

/// The trace's id in a `traceparent`.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (_, trace) = (parts.next()?, parts.next()?);
    (trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(trace)
}

struct Parent<'a>(&'a str);

impl Extractor for Parent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == HEADER).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![HEADER]
    }
}

struct Metadata<'a>(&'a mut MetadataMap);

impl Injector for Metadata<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(key), Ok(value)) = (MetadataKey::from_bytes(key.as_bytes()), value.parse()) {
            self.0.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_is_read_from_a_traceparent_and_from_nothing_else() {
        let attempt = AttemptId::from_parts(1, &[7; 10]);
        let id = attempt.to_string().replace('-', "");
        assert_eq!(trace_id(&attempt.traceparent()), Some(id.as_str()));
        assert_eq!((trace_id(""), trace_id("00-xyz-1-01"), trace_id("nothing")), (None, None, None));
    }
}
