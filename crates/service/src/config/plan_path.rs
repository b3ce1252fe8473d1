//! An entry of `plan.paths`: a path, or a path with its format.

use std::fmt;
use std::sync::LazyLock;

use coditect_plan::Format;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where plans are: a file, a folder, or a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanPath {
    /// The path, relative to the repository.
    pub path: String,
    /// The format they are written in, where it is not what they look like.
    pub format: Option<Format>,
}

impl From<&str> for PlanPath {
    fn from(path: &str) -> Self {
        Self { path: path.to_owned(), format: None }
    }
}

impl Serialize for PlanPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(format) = self.format else { return serializer.serialize_str(&self.path) };
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("format", format.as_str())?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for PlanPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Entry)
    }
}

static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| Format::ALL.map(Format::as_str).to_vec());

struct Entry;

impl<'de> Visitor<'de> for Entry {
    type Value = PlanPath;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, or an object with `path` and `format`")
    }

    fn visit_str<E: de::Error>(self, path: &str) -> Result<PlanPath, E> {
        Ok(path.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PlanPath, A::Error> {
        let (mut path, mut format) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "path" => path = Some(map.next_value::<String>()?),
                "format" => {
                    let name = map.next_value::<String>()?;
                    format = Some(name.parse().map_err(|_| de::Error::unknown_variant(&name, &NAMES))?);
                }
                _ => return Err(de::Error::unknown_field(&key, &["path", "format"])),
            }
        }
        Ok(PlanPath { path: path.ok_or_else(|| de::Error::missing_field("path"))?, format })
    }
}

impl JsonSchema for PlanPath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PlanPath".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object"],
            "properties": {
                "path": { "type": "string" },
                "format": { "enum": Format::ALL.map(Format::as_str) },
            },
            "required": ["path"],
            "additionalProperties": false,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    #[test]
    fn an_entry_is_written_as_it_is_read() {
        for text in [r#"["PLAN.md"]"#, r#"[{"path":"specs","format":"kiro"}]"#] {
            let paths: Vec<PlanPath> = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&paths).unwrap(), text);
        }
        let refusal = serde_json::from_str::<PlanPath>(r#"{"path": "specs", "format": "markdown"}"#).unwrap_err();
        assert!(refusal.to_string().contains("task-master"), "{refusal}");
        assert!(serde_json::from_str::<PlanPath>(r#"{"format": "kiro"}"#).is_err());
        assert!(serde_json::from_str::<PlanPath>(r#"{"path": "a", "formt": "kiro"}"#).is_err());
    }
}
