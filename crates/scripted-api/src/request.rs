//! What is used of a request: what the agent was told, where it works, how far the conversation is.

use serde_json::Value;

use crate::api::Api;

/// A request that a model is to answer.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) api: Api,
    model: String,
    /// Whether the answer is to be sent in pieces.
    pub(crate) streams: bool,
    /// How many answers the conversation has so far.
    pub(crate) answers: usize,
    told: String,
}

impl Request {
    /// `call` is what follows `models/` in Gemini's path: the model and the method. The others say both in the body.
    pub(crate) fn new(api: Api, call: &str, body: &Value) -> Self {
        let mut told = String::new();
        for part in api.told().iter().filter_map(|name| body.get(name)) {
            collect(part, &mut told);
        }
        let (named, method) = call.split_once(':').unwrap_or((call, ""));
        let model = body.get("model").and_then(Value::as_str).unwrap_or(named).to_owned();
        let streams = body.get("stream").and_then(Value::as_bool).unwrap_or_default() || method.starts_with("stream");
        Self { api, model, streams, answers: api.answers(body), told }
    }

    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.told.contains(text)
    }

    /// The text with what stands for this agent's folder and task put in.
    pub(crate) fn fill(&self, text: &str) -> String {
        let (key, title) = self.task();
        text.replace("{cwd}", self.cwd()).replace("{key}", key).replace("{title}", title)
    }

    /// The folder the agent was told last that it works in.
    fn cwd(&self) -> &str {
        let line = self.told.lines().rev().find_map(|line| line.split_once("orking directory: "));
        // Claude Code says of a conversation that goes on elsewhere: `/new (was /old)`.
        line.map_or(".", |(_, folder)| folder.split(" (was ").next().unwrap_or(folder).trim())
    }

    /// Key and title of the task: the prompt's line `Task: <key> <title>`.
    fn task(&self) -> (&str, &str) {
        let task = self.told.lines().find_map(|line| line.strip_prefix("Task: ")).unwrap_or_default();
        task.split_once(' ').unwrap_or((task, ""))
    }
}

/// Every text in it, each on lines of its own.
fn collect(value: &Value, into: &mut String) {
    match value {
        Value::String(text) => {
            into.push_str(text);
            into.push('\n');
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, into)),
        Value::Object(fields) => {
            for name in ["content", "text", "parts", "output"] {
                if let Some(value) = fields.get(name) {
                    collect(value, into);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn folder_and_task_are_found_in_what_the_agent_was_told() {
        let request = Request::new(
            Api::Messages,
            "",
            &json!({
                "system": [{"type": "text", "text": "You are an agent.\nWorking directory: /srv/a b\n"}],
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "Task: 1.2 Add it\n\nMore"}]},
                    {"role": "assistant", "content": []},
                ],
            }),
        );
        assert_eq!(request.fill("{cwd}/{key}: {title}"), "/srv/a b/1.2: Add it");
        assert_eq!((request.answers, request.streams), (1, false));
        assert!(request.contains("Task: 1.2 "));
    }
}
