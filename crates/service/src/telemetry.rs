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
        .with_ansi(*format == LogFormat::Text && colours());
    match format {
        LogFormat::Text => {
            let inner = tracing_subscriber::fmt::format().with_target(false);
            builder.event_format(Named { service, inner, join: text }).finish().try_init()?;
        }
        LogFormat::Json => {
            let inner = tracing_subscriber::fmt::format().json().flatten_event(true);
            builder.json().event_format(Named { service, inner, join: json }).finish().try_init()?;
        }
    }
    Ok(())
}

/// Colours are for terminals whose user did not turn them off (no-color.org).
fn colours() -> bool {
    io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A format with the service's name joined to each line.
struct Named<F> {
    service: ServiceName,
    inner: F,
    join: fn(&mut Writer<'_>, ServiceName, &str) -> fmt::Result,
}

impl<S, N, F> FormatEvent<S, N> for Named<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        let inner = Writer::new(&mut line);
        let inner = if writer.has_ansi_escapes() { with_ansi(inner) } else { inner };
        self.inner.format_event(context, inner, event)?;
        (self.join)(&mut writer, self.service, &line)
    }
}

fn text(writer: &mut Writer<'_>, service: ServiceName, line: &str) -> fmt::Result {
    write!(writer, "{service} {line}")
}

fn json(writer: &mut Writer<'_>, service: ServiceName, line: &str) -> fmt::Result {
    match line.strip_prefix('{') {
        Some(rest) => write!(writer, r#"{{"service":"{service}",{rest}"#),
        None => writer.write_str(line),
    }
}
