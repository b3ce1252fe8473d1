//! Logs: to standard error, as lines for people or as JSON, each with the name of its service.

use std::{
    env, fmt,
    io::{self, IsTerminal},
};

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    filter::ParseError,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
    util::{SubscriberInitExt, TryInitError},
};

use crate::{
    ServiceName,
    config::{LogConfig, LogFormat},
};

/// Logs cannot be written as asked.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `RUST_LOG` makes no sense.
    #[error("RUST_LOG is not a filter: expected something like `info` or `info,coditect_queue=debug`")]
    Filter(#[from] ParseError),
    /// Logs are set up already.
    #[error("logging is set up already")]
    Twice(#[from] TryInitError),
}

/// Sends what `service` logs to standard error. `RUST_LOG` says how much; `info` if it does not.
///
/// # Errors
/// When `RUST_LOG` makes no sense, or this is called twice.
pub fn init(service: ServiceName, log: &LogConfig) -> Result<(), TelemetryError> {
    let LogConfig { format } = log;
    let filter = env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(filter.as_deref().unwrap_or("info"))?)
        .with_writer(io::stderr)
        // Said on standard error, it would end in a panic where that is what cannot be written to.
        .log_internal_errors(false)
        .with_ansi(*format == LogFormat::Text && colours());
    match format {
        LogFormat::Text => {
            let inner = tracing_subscriber::fmt::format().with_target(false);
            builder.event_format(TextLines { service, inner }).finish().try_init()?;
        }
        LogFormat::Json => {
            let inner = tracing_subscriber::fmt::format().json().flatten_event(true);
            builder.json().event_format(JsonLines { service, inner }).finish().try_init()?;
        }
    }
    Ok(())
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
