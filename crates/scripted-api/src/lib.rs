//! APIs of models (Anthropic's Messages, OpenAI's Responses, Gemini), answered from a script: real agent CLIs can be run against it without a model and without money.
//!
//! A [`Scenario`] has rules; the first that fits a request answers it, with a failure, with something that is no answer, or with the
//! next of its steps.
//! Which step is next is counted from the request itself, as every request carries its whole conversation, so the
//! server keeps nothing of a conversation and any number of agents can talk to it at once.
//!
//! ```json
//! {"rules": [
//!   {"name": "used up once", "contains": "Task: 1.2 ", "times": 1,
//!    "fail": {"status": 429, "type": "rate_limit_error", "message": "Slow down.", "headers": {"retry-after": "3600"}}},
//!   {"contains": "Task: ", "steps": [
//!      {"tool": "Write", "input": {"file_path": "{cwd}/{key}.txt", "content": "{title}\n"}},
//!      {"text": "Wrote {key}.txt."}]}
//! ]}
//! ```
//!
//! It is for tests: it looks at credentials only where a rule asks for one, and never tells them.

mod api;
mod request;
mod scenario;
mod server;

pub use scenario::{Fail, Fault, Rule, Scenario, ScenarioError, Step};
pub use server::{Seen, Server};
