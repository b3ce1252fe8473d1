//! What is used of a request: what the agent was told, where it works, how far the conversation is.

use serde_json::Value;

/// A request for a message.
#[derive(Debug)]
pub(crate) struct Request {
    body: Value,
    told: String,
}

impl Request {
    pub(crate) fn new(body: Value) -> Self {
        let mut told = String::new();
        for part in [body.get("system"), body.get("messages")].into_iter().flatten() {
            collect(part, &mut told);
        }
        Self { body, told }
    }

    /// Whether the answer is to be sent in pieces.
    pub(crate) fn streams(&self) -> bool {
        self.body.get("stream").and_then(Value::as_bool).unwrap_or_default()
    }

    pub(crate) fn model(&self) -> &str {
        self.body.get("model").and_then(Value::as_str).unwrap_or("scripted")
    }

    /// How many answers the conversation has so far.
    pub(crate) fn answers(&self) -> usize {
        let messages = self.body.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        messages.iter().filter(|message| message.get("role").and_then(Value::as_str) == Some("assistant")).count()
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.told.contains(text)
    }

    /// The text with what stands for this agent's folder and task put in.
    pub(crate) fn fill(&self, text: &str) -> String {
        let (key, title) = self.task();
        text.replace("{cwd}", self.cwd()).replace("{key}", key).replace("{title}", title)
    }

    /// The folder the agent was told it works in.
    fn cwd(&self) -> &str {
        let line = self.told.lines().find_map(|line| line.split_once("orking directory: "));
        line.map_or(".", |(_, folder)| folder.trim())
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
            for name in ["content", "text"] {
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
        let request = Request::new(json!({
            "system": [{"type": "text", "text": "You are an agent.\nWorking directory: /srv/a b\n"}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Task: 1.2 Add it\n\nMore"}]},
                {"role": "assistant", "content": []},
            ],
        }));
        assert_eq!(request.fill("{cwd}/{key}: {title}"), "/srv/a b/1.2: Add it");
        assert_eq!((request.answers(), request.streams()), (1, false));
        assert!(request.contains("Task: 1.2 "));
    }
}
