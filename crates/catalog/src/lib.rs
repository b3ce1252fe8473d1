//! Agents, and which of them a task is for. Pure, but for [`folder`], which reads definitions from the disk.
//!
//! A [`Definition`] is a markdown file: front matter that says what the agent is called and good for, and a body that
//! tells the agent what it is. A [`Matcher`] knows the definitions, the rules of the configuration and the tasks whose
//! agent is declared; [`Matcher::choose`] answers with an agent, how sure it is, and why.

mod definition;
mod evidence;
pub mod folder;
mod front;
mod index;
mod matcher;
mod names;
mod neighbours;
mod profile;
mod rules;
mod words;

pub use definition::{Definition, Severity, Warning, parse};
pub use matcher::{DeclaredTask, Match, Matcher, Query};
pub use rules::{Rule, Rules, Trouble};
