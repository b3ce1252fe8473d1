//! Logs: to standard error, as lines for people or as JSON, each with the name of its service and, where there is one,
//! with the task and the trace it belongs to. Traces: to a collector, where one is named.

use std::{
    env, fmt,
    io::{self, IsTerminal},
    time::Duration,
};

use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{ParseError, filter_fn},
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
    util::{SubscriberInitExt, TryInitError},
};

use crate::{
    ServiceName,
    config::{LogConfig, LogFormat},
    trace,
};

/// Where traces go; without it, nowhere.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// How long the last spans may take to leave.
const LAST_SPANS_WITHIN: Duration = Duration::from_secs(2);

/// Logs or traces cannot be written as asked.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter makes no sense.
    #[error("{0} is not a filter: expected something like `info` or `info,coditect_queue=debug`")]
    Filter(&'static str, #[source] ParseError),
    /// The endpoint makes no sense.
    #[error("{ENDPOINT} names no collector of traces: expected a URL like http://127.0.0.1:4317")]
    Endpoint(#[from] ExporterBuildError),
    /// They are set up already.
    #[error("logging is set up already")]
    Twice(#[from] TryInitError),
}

/// What is logged and traced.
#[derive(Debug)]
pub struct Telemetry {
    level: reload::Handle<EnvFilter, Registry>,
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Logs as much as `log` says from now on, unless `RUST_LOG` does. Answers whether that is so.
    ///
    /// # Errors
    /// When `log.level` makes no sense; then all stays as it was.
    pub fn set_level(&self, log: &LogConfig) -> Result<bool, TelemetryError> {
        if from_environment().is_some() {
            return Ok(false);
        }
        // The handle fails only once its subscriber is gone, and then there is nothing to log.
        Ok(self.level.reload(filter(log)?).is_ok())
    }
}

impl Telemetry {
    /// Sends the last spans.
    pub fn finish(&self) {
        if let Some(traces) = &self.traces {
            let _ = traces.shutdown_with_timeout(LAST_SPANS_WITHIN);
        }
    }
}

/// Sends what `service` logs to standard error, and its spans to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names,
/// if it names one. `RUST_LOG` says how much is logged, else `log.level`. Call it within the runtime.
///
/// # Errors
/// When one of these makes no sense, or this is called twice.
pub fn init(service: ServiceName, log: &LogConfig) -> Result<Telemetry, TelemetryError> {
    let (filter, level) = reload::Layer::new(filter(log)?);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        // Said on standard error, it would end in a panic where that is what cannot be written to.
        .log_internal_errors(false)
        .with_ansi(log.format == LogFormat::Text && colours());
    let lines = match log.format {
        LogFormat::Text => {
            let inner = tracing_subscriber::fmt::format().with_target(false);
            lines.event_format(TextLines { service, inner }).boxed()
        }
        LogFormat::Json => {
            let inner = tracing_subscriber::fmt::format().json().flatten_event(true);
            lines.json().event_format(JsonLines { service, inner }).boxed()
        }
    };
    let traces = traces(service)?;
    let spans = traces.as_ref().map(|traces| {
        let ours = filter_fn(|metadata| metadata.is_span() && metadata.target() == trace::TARGET);
        tracing_opentelemetry::layer().with_tracer(traces.tracer("coditect")).with_location(false).with_filter(ours)
    });
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).try_init()?;
    Ok(Telemetry { level, traces })
}

fn from_environment() -> Option<String> {
    env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty())
}

fn filter(log: &LogConfig) -> Result<EnvFilter, TelemetryError> {
    match from_environment() {
        Some(filter) => EnvFilter::try_new(filter).map_err(|error| TelemetryError::Filter("RUST_LOG", error)),
        None => EnvFilter::try_new(&log.level).map_err(|error| TelemetryError::Filter("`log.level`", error)),
    }
}

/// Sends spans in batches, if there is somebody to send them to.
fn traces(service: ServiceName) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    if env::var_os(ENDPOINT).is_none_or(|endpoint| endpoint.is_empty()) {
        return Ok(None);
    }
    let exporter = SpanExporter::builder().with_tonic().build()?;
    let resource = Resource::builder()
        .with_service_name(service.as_str())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
}

/// Colours are for terminals whose user did not turn them off (no-color.org).
fn colours() -> bool {
    io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The standard lines with the service's name in front.
struct TextLines<F> {
    service: ServiceName,
    inner: F,
}

/// The standard JSON with the service's name as its first field.
struct JsonLines<F> {
    service: ServiceName,
    inner: F,
}

impl<S, N, F> FormatEvent<S, N> for TextLines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        write!(writer, "{:<19} ", self.service)?;
        self.inner.format_event(context, writer, event)
    }
}

impl<S, N, F> FormatEvent<S, N> for JsonLines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        match line.strip_prefix('{') {
            Some(rest) => write!(writer, r#"{{"service":"{}",{rest}"#, self.service),
            None => writer.write_str(&line),
        }
    }
}
