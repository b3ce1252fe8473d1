//! The streams, and how every key is called.

use std::fmt;
use std::str::FromStr;

/// A stream that carries work from one service to the next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// A plan document changed: sync-daemon to dependency-resolver.
    Plan,
    /// A task became ready: dependency-resolver to task-dispatcher.
    Ready,
    /// An attempt is to be run by an executor of this pool: task-dispatcher to agent-executor.
    Work(String),
    /// What an attempt reports: agent-executor to orchestrator.
    Results,
    /// A task changed its state: whoever changed it to everyone.
    Events,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan => f.write_str("plan"),
            Self::Ready => f.write_str("ready"),
            Self::Work(pool) => write!(f, "work:{pool}"),
            Self::Results => f.write_str("results"),
            Self::Events => f.write_str("events"),
        }
    }
}

/// The text names no stream.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no stream: expected plan, ready, work:<pool>, results or events")]
pub struct UnknownStream(pub String);

impl FromStr for Stream {
    type Err = UnknownStream;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "plan" => Ok(Self::Plan),
            "ready" => Ok(Self::Ready),
            "results" => Ok(Self::Results),
            "events" => Ok(Self::Events),
            _ => match text.strip_prefix("work:") {
                Some(pool) if !pool.is_empty() => Ok(Self::Work(pool.to_owned())),
                _ => Err(UnknownStream(text.to_owned())),
            },
        }
    }
}

/// The keys of one project. The braces are the cluster hash tag: all keys of a project live in one slot.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    /// The keys of `project`, or nothing if it could not be told apart from the rest of a key.
    pub(crate) fn new(project: &str) -> Option<Self> {
        let fine = !project.is_empty() && project.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        fine.then(|| Self { prefix: format!("coditect:{{{project}}}:") })
    }

    pub(crate) fn stream(&self, stream: &Stream) -> String {
        self.key(&stream.to_string())
    }

    pub(crate) fn dead(&self, stream: &Stream) -> String {
        format!("{}dead:{stream}", self.prefix)
    }

    pub(crate) fn log(&self, attempt: &str) -> String {
        format!("{}log:{attempt}", self.prefix)
    }

    pub(crate) fn lease(&self, attempt: &str) -> String {
        format!("{}lease:{attempt}", self.prefix)
    }

    /// The key of the stream with this name, whatever it is.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The glob that matches every key whose name begins with `start`.
    pub(crate) fn glob(&self, start: &str) -> String {
        format!("{}{start}*", self.prefix)
    }

    /// The name of a key without what all keys of the project begin with.
    pub(crate) fn name<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.strip_prefix(&self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_is_found_by_its_name() {
        for stream in [Stream::Plan, Stream::Ready, Stream::Work("default".into()), Stream::Results, Stream::Events] {
            assert_eq!(stream.to_string().parse(), Ok(stream));
        }
        assert!("work:".parse::<Stream>().is_err() && "dead:plan".parse::<Stream>().is_err());
    }

    #[test]
    fn keys_carry_the_project_as_hash_tag() {
        let keys = Keys::new("shop").unwrap();
        assert_eq!(keys.stream(&Stream::Work("gpu".into())), "coditect:{shop}:work:gpu");
        assert_eq!(keys.dead(&Stream::Results), "coditect:{shop}:dead:results");
        assert_eq!(keys.name("coditect:{shop}:log:1"), Some("log:1"));
    }

    #[test]
    fn a_project_that_would_break_a_key_is_refused() {
        for bad in ["", "a b", "a}", "a*", "a:b"] {
            assert!(Keys::new(bad).is_none(), "{bad}");
        }
    }
}
