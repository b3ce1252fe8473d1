//! How many tokens an answer used, in each API's own words.

use serde_json::Value;

use crate::api::Api;

/// Tokens, each counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Read, and not in a cache.
    pub input: u64,
    /// Written, thoughts among them.
    pub output: u64,
    /// Read and put into a cache for five minutes.
    pub cache_write: u64,
    /// Read and put into a cache for an hour.
    pub cache_write_hour: u64,
    /// Read from a cache.
    pub cache_read: u64,
}

impl Usage {
    /// Reads what an API says.
    pub(crate) fn parse(api: Api, value: &Value) -> Self {
        match api {
            Api::Anthropic => anthropic(value),
            Api::OpenAi => open_ai(value),
            Api::Gemini => gemini(value),
        }
    }

    /// What is said later goes for all of the answer until then. Anthropic may leave out what was said before; the others say
    /// everything each time.
    pub(crate) fn then(self, api: Api, later: Self) -> Self {
        if api != Api::Anthropic {
            return later;
        }
        Self {
            input: self.input.max(later.input),
            output: self.output.max(later.output),
            cache_write: self.cache_write.max(later.cache_write),
            cache_write_hour: self.cache_write_hour.max(later.cache_write_hour),
            cache_read: self.cache_read.max(later.cache_read),
        }
    }

    /// Of two answers together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            cache_write_hour: self.cache_write_hour.saturating_add(other.cache_write_hour),
            cache_read: self.cache_read.saturating_add(other.cache_read),
        }
    }

    /// Everything that was read.
    #[must_use]
    pub fn read(&self) -> u64 {
        let Self { input, output: _, cache_write, cache_write_hour, cache_read } = *self;
        [cache_write, cache_write_hour, cache_read].into_iter().fold(input, u64::saturating_add)
    }
}

fn at(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// `input_tokens` is without what went to or came from the cache.
fn anthropic(value: &Value) -> Usage {
    let written = at(value, "/cache_creation_input_tokens");
    let hour = at(value, "/cache_creation/ephemeral_1h_input_tokens").min(written);
    Usage {
        input: at(value, "/input_tokens"),
        output: at(value, "/output_tokens"),
        cache_write: written - hour,
        cache_write_hour: hour,
        cache_read: at(value, "/cache_read_input_tokens"),
    }
}

/// Responses say `input_tokens`, chat completions `prompt_tokens`; both with those from the cache.
fn open_ai(value: &Value) -> Usage {
    let read = at(value, "/input_tokens").max(at(value, "/prompt_tokens"));
    let cached =
        at(value, "/input_tokens_details/cached_tokens").max(at(value, "/prompt_tokens_details/cached_tokens"));
    Usage {
        input: read.saturating_sub(cached),
        output: at(value, "/output_tokens").max(at(value, "/completion_tokens")),
        cache_read: cached.min(read),
        ..Usage::default()
    }
}

/// The prompt's tokens are with those from the cache; thoughts are counted beside what is said.
fn gemini(value: &Value) -> Usage {
    let read = at(value, "/promptTokenCount").saturating_add(at(value, "/toolUsePromptTokenCount"));
    let cached = at(value, "/cachedContentTokenCount");
    Usage {
        input: read.saturating_sub(cached),
        output: at(value, "/candidatesTokenCount").saturating_add(at(value, "/thoughtsTokenCount")),
        cache_read: cached.min(read),
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_api_counts_in_its_own_way() {
        let said = json!({ "input_tokens": 5, "output_tokens": 7, "cache_creation_input_tokens": 30,
            "cache_read_input_tokens": 100, "cache_creation": { "ephemeral_1h_input_tokens": 10 } });
        let usage = Usage::parse(Api::Anthropic, &said);
        assert_eq!(usage, Usage { input: 5, output: 7, cache_write: 20, cache_write_hour: 10, cache_read: 100 });
        assert_eq!(usage.read(), 135);
        let said = json!({ "input_tokens": 100, "output_tokens": 7, "input_tokens_details": { "cached_tokens": 60 } });
        let expected = Usage { input: 40, output: 7, cache_read: 60, ..Usage::default() };
        assert_eq!(Usage::parse(Api::OpenAi, &said), expected);
        let said =
            json!({ "prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": { "cached_tokens": 60 } });
        assert_eq!(Usage::parse(Api::OpenAi, &said), expected);
        let said = json!({ "promptTokenCount": 100, "candidatesTokenCount": 3, "thoughtsTokenCount": 4,
            "cachedContentTokenCount": 60, "totalTokenCount": 107 });
        assert_eq!(Usage::parse(Api::Gemini, &said), expected);
    }

    #[test]
    fn nonsense_is_nothing() {
        for said in [json!(null), json!([1]), json!({ "input_tokens": "many", "output_tokens": -3 })] {
            assert_eq!(Usage::parse(Api::Anthropic, &said), Usage::default());
        }
    }
}
