//! What the streams carry. Flat fields that a person can read with `redis-cli XRANGE`.
//!
//! A message names things and lets the reader look up the truth; it carries no state that only it knows. Every entry
//! has a schema version `v` beside the fields of its message, so that a program never guesses at what it cannot read.

mod event;
mod log_line;
mod plan;
mod result;
mod work;

pub use event::Event;
pub use log_line::LogLine;
pub use plan::{PlanChanged, Ready};
pub use result::{ResultEntry, ResultKind, UnknownResultKind, evidence_reference, is_evidence_reference};
pub use work::Work;

use crate::entry::{Fields, MalformedEntry};

/// The schema version of every entry this program writes.
pub const VERSION: &str = "1";

/// Something that travels as one entry of a stream.
pub trait Message: Sized + Send + 'static {
    /// The fields of the entry, without `v`. Every value is text.
    fn to_fields(&self) -> Vec<(&'static str, String)>;

    /// The message that these fields are. A field this program does not know is none of its business.
    fn from_fields(fields: &Fields) -> Result<Self, MalformedEntry>;
}

/// The fields of the whole entry.
pub(crate) fn encode<M: Message>(message: &M) -> Vec<(&'static str, String)> {
    let mut fields = vec![("v", VERSION.to_owned())];
    fields.extend(message.to_fields());
    fields
}

/// The message of an entry, if it is of a version we read.
pub(crate) fn decode<M: Message>(fields: &Fields) -> Result<M, MalformedEntry> {
    match fields.text("v")? {
        version if version == VERSION => M::from_fields(fields),
        version => Err(MalformedEntry::Version(version)),
    }
}

/// The value of a field that may be missing.
fn or_empty<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}
