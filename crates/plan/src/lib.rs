//! Markdown plans: read into a model that knows where everything stands, and changed one marker at a time.
//!
//! Pure: text in, model or text out. [`parse`] never fails: whatever is odd about a plan is a
//! [`Diagnostic`] with its place. [`Plan::set_status`] changes the status of a task and leaves every other
//! byte of the document as it was.
//!
//! Structure comes from a CommonMark parser ([`blocks`]). Before it sees a document, fenced code, comments and front
//! matter are taken out, for one reason: a fence that somebody forgot to close must not turn the rest of a plan into code.

mod adopt;
mod blocks;
mod body;
mod decode;
mod dependencies;
mod diagnostic;
mod edit;
mod estimate;
mod fences;
mod fields;
mod formats;
mod headings;
pub mod identity;
mod keys;
mod label;
mod lines;
pub mod links;
mod marker;
mod mentions;
mod model;
mod note;
mod scopes;
mod select;
mod text;
mod urgency;
mod values;

pub use adopt::{Place, Row, Tie, TiedBy, Tying, tie};
pub use decode::{NotUtf8, decode};
pub use diagnostic::{Code, Diagnostic, Severity};
pub use edit::{Edit, EditError, Mark, Splice};
pub use estimate::parse_minutes;
pub use formats::{Format, UnknownFormat};
pub use marker::{MarkerStatus, UnknownStatus};
pub use mentions::paths_in;
pub use model::{Changes, Dependency, Plan, PlanTask, Step, UnresolvedDependency};
pub use note::Note;
pub use urgency::parse_priority;

/// Reads a plan in the dialect that its path and text tell. Nothing is opened.
///
/// Never fails and never panics: text that is no plan is a plan without tasks.
#[must_use]
pub fn parse(path: &str, text: &str) -> Plan {
    parse_as(Format::detect(path, text), path, text)
}

/// Reads a plan that is known to be written in `format`; otherwise as [`parse`].
#[must_use]
pub fn parse_as(format: Format, path: &str, text: &str) -> Plan {
    format.read(path, text)
}
