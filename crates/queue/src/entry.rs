//! One entry of a stream: its id and its fields, as Redis gives them.

use std::fmt;
use std::str::FromStr;

use redis::{RedisResult, Value, from_redis_value};

/// The id Redis gave an entry: the time it was added (epoch milliseconds) and a number within that millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EntryId {
    /// When the entry was added, by the clock of Redis, in milliseconds since the epoch.
    pub ms: u64,
    /// Which one of that millisecond.
    pub seq: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// The text is no entry id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no entry id: expected <milliseconds>-<number>")]
pub struct InvalidEntryId(pub String);

impl FromStr for EntryId {
    type Err = InvalidEntryId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (ms, seq) = text.split_once('-')?;
            Some(Self { ms: ms.parse().ok()?, seq: seq.parse().ok()? })
        };
        parse().ok_or_else(|| InvalidEntryId(text.to_owned()))
    }
}

/// Why an entry cannot be read as what its stream carries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedEntry {
    /// A field is not there.
    #[error("the field `{0}` is missing")]
    Missing(String),
    /// A field holds something else than what is expected.
    #[error("the field `{field}` is `{value}`, which is no {expected}")]
    Invalid {
        /// The name of the field.
        field: String,
        /// What it holds.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// A field is not text.
    #[error("the entry is not text")]
    NotText,
    /// The entry was written by a program that speaks another version.
    #[error("the entry has schema version `{0}`, and this program reads version 1")]
    Version(String),
}

/// The fields of an entry, in the order they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The fields in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a field, if the entry has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(n, value)| (n == name).then_some(value))
    }

    /// The value of a field that must be there.
    pub fn text(&self, name: &str) -> Result<String, MalformedEntry> {
        self.get(name).map(str::to_owned).ok_or_else(|| MalformedEntry::Missing(name.to_owned()))
    }

    /// The value of a field that may be missing or empty, which mean the same.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// The value of a field that must be there, read as `expected`.
    pub fn parse<T: FromStr>(&self, name: &str, expected: &'static str) -> Result<T, MalformedEntry> {
        let value = self.text(name)?;
        value.parse().map_err(|_| MalformedEntry::Invalid { field: name.to_owned(), value, expected })
    }

    /// The value of a field that may be missing or empty, read as `expected` otherwise.
    pub fn parse_optional<T: FromStr>(&self, name: &str, expected: &'static str) -> Result<Option<T>, MalformedEntry> {
        self.optional(name).map(|_| self.parse(name, expected)).transpose()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// An entry as it was read. `fields` is an error where a name or a value is not text.
#[derive(Debug)]
pub(crate) struct RawEntry {
    pub(crate) id: EntryId,
    pub(crate) fields: Result<Fields, MalformedEntry>,
}

/// The entries of an `XRANGE`, `XCLAIM` or of one stream of an `XREADGROUP`. Deleted ones (nil) are left out.
pub(crate) fn read_entries(reply: Value) -> RedisResult<Vec<RawEntry>> {
    let entries: Vec<Value> = from_redis_value(reply)?;
    let mut read = Vec::with_capacity(entries.len());
    for entry in entries {
        let Value::Array(parts) = entry else { continue };
        let mut parts = parts.into_iter();
        let (Some(id), Some(Value::Array(fields))) = (parts.next(), parts.next()) else { continue };
        read.push(RawEntry { id: read_id(id)?, fields: read_fields(&fields) });
    }
    Ok(read)
}

/// The entries of an `XREADGROUP` of one stream; nothing when it waited in vain.
pub(crate) fn read_group_reply(reply: Value) -> RedisResult<Vec<RawEntry>> {
    match reply {
        Value::Map(streams) => streams.into_iter().next().map_or(Ok(Vec::new()), |(_, entries)| read_entries(entries)),
        Value::Array(streams) => match streams.into_iter().next() {
            Some(Value::Array(mut stream)) => stream.pop().map_or(Ok(Vec::new()), read_entries),
            _ => Ok(Vec::new()),
        },
        _ => Ok(Vec::new()),
    }
}

/// An id within a reply.
pub(crate) fn read_id(value: Value) -> RedisResult<EntryId> {
    let text: String = from_redis_value(value)?;
    text.parse().map_err(|error: InvalidEntryId| {
        (redis::ErrorKind::UnexpectedReturnType, "an entry id was expected", error.to_string()).into()
    })
}

fn read_fields(values: &[Value]) -> Result<Fields, MalformedEntry> {
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).map_err(|_| MalformedEntry::NotText),
        Value::SimpleString(text) => Ok(text.clone()),
        Value::Int(number) => Ok(number.to_string()),
        _ => Err(MalformedEntry::NotText),
    };
    let pairs = values.chunks_exact(2);
    pairs.map(|pair| Ok((text(&pair[0])?, text(&pair[1])?))).collect::<Result<Vec<_>, _>>().map(Fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_written_and_ordered_by_time() {
        let id: EntryId = "1700000000000-3".parse().unwrap();
        assert_eq!(id, EntryId { ms: 1_700_000_000_000, seq: 3 });
        assert_eq!(id.to_string(), "1700000000000-3");
        assert!("9-9".parse::<EntryId>().unwrap() < "10-0".parse().unwrap());
        assert!("1700000000000".parse::<EntryId>().is_err());
    }

    #[test]
    fn an_empty_value_is_a_missing_one_where_it_may_be() {
        let fields: Fields = [("a", ""), ("b", "x")].into_iter().collect();
        assert_eq!(fields.optional("a"), None);
        assert_eq!(fields.text("a"), Ok(String::new()));
        assert_eq!(fields.text("c"), Err(MalformedEntry::Missing("c".into())));
        assert!(fields.parse::<i64>("b", "number").is_err());
        assert_eq!(fields.parse_optional::<i64>("a", "number"), Ok(None));
    }
}
