//! What an agent is told: the facts of an attempt ([`Brief`]), what was found where it works ([`Found`]), and the [`Template`] that
//! puts them into words. Pure.
//!
//! The first line is always ours, `Task: <key> <title>`, whatever a template says: agent CLIs take a prompt that begins with `/`
//! for a command of their own. What they would take for a reference to a file (`@/etc/hosts`) is put between backticks. Every
//! text has its bound, so a prompt has one too.

mod brief;
mod neutral;
mod template;

pub use brief::{Brief, Check, Found, Page, Predecessor, Task};
pub use template::{InvalidTemplate, Template};
