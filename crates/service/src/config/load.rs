//! Layers, merged from weak to strong; each value remembers the layer it comes from.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Metadata, Profile, Provider,
    error::Kind,
    value::{Dict, Map},
};
use serde_json::{Map as Object, Value};

use super::{Config, ConfigError, Environment, Problem, rules};

/// The file that is read when none is named, if it exists.
pub const DEFAULT_FILE: &str = "config/orchestrator-config.json";

/// Settings from one place.
#[derive(Debug)]
pub(super) struct Layer {
    origin: String,
    file: Option<PathBuf>,
    settings: Object<String, Value>,
}

impl Layer {
    /// One setting, `path` being like `executor.slots`.
    pub(super) fn one(origin: &str, path: &str, value: Value) -> Self {
        let mut settings = Object::new();
        let (parents, key) = path.rsplit_once('.').unwrap_or(("", path));
        settings.insert(key.to_owned(), value);
        for parent in parents.rsplit('.').filter(|parent| !parent.is_empty()) {
            settings = Object::from_iter([(parent.to_owned(), Value::Object(settings))]);
        }
        Self { origin: origin.to_owned(), file: None, settings }
    }

    /// The settings in `file`; none if it is not named and does not exist.
    fn file(file: Option<&Path>) -> Result<Option<Self>, ConfigError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ConfigError::Unreadable { file: path.to_owned(), source }),
        };
        // Editors on some systems begin a file with a byte order mark, which JSON does not know.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut settings: Object<String, Value> =
            serde_json::from_str(text).map_err(|error| malformed(path.to_owned(), &error))?;
        settings.remove("$schema");
        Ok(Some(Self { origin: path.display().to_string(), file: Some(path.to_owned()), settings }))
    }
}

fn malformed(file: PathBuf, error: &serde_json::Error) -> ConfigError {
    let (line, column) = (error.line(), error.column());
    // What serde says of a wrong kind would echo the file, which may hold a secret.
    let reason = if error.is_data() { "expected an object, like {}".to_owned() } else { error.to_string() };
    let reason = reason.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&reason).to_owned();
    ConfigError::Malformed { file, line, column, reason }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        match &self.file {
            Some(file) => Metadata::from(self.origin.clone(), file.as_path()),
            None => Metadata::named(self.origin.clone()),
        }
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        figment::providers::Serialized::defaults(&self.settings).data()
    }
}

pub(super) fn load(file: Option<&Path>, environment: &Environment) -> Result<Config, ConfigError> {
    let figment = Layer::file(file)?
        .into_iter()
        .chain(environment.layers()?)
        .fold(Figment::new(), |figment, layer| figment.merge(layer));
    let config = figment
        .extract::<Config>()
        .map_err(|error| ConfigError::Refused(error.into_iter().map(|error| problem(&figment, error)).collect()))?;
    let problems: Vec<_> =
        rules::broken(&config, |path| figment.find_metadata(path).is_some_and(|layer| layer.source.is_some()))
            .into_iter()
            .map(|(path, value, expected)| {
                let origin = origin(&figment, &path).unwrap_or_else(|| "the defaults".into());
                Problem { path, value, expected, origin }
            })
            .collect();
    if problems.is_empty() { Ok(config) } else { Err(ConfigError::Refused(problems)) }
}

/// Where a setting comes from; of what is within a list, where the list does.
fn origin(figment: &Figment, path: &str) -> Option<String> {
    let is_place = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    let within = path.split('.').take_while(|part| !is_place(part)).map(|part| part.len() + 1).sum::<usize>();
    let path = path.get(..within.saturating_sub(1)).unwrap_or(path);
    figment.find_metadata(path).map(|metadata| metadata.name.to_string())
}

/// A refusal of figment's, with the value (unless it is secret) and its origin.
fn problem(figment: &Figment, error: figment::Error) -> Problem {
    let mut path = error.path.clone();
    if let Kind::UnknownField(field, _) = &error.kind
        && path.last() != Some(field)
    {
        path.push(field.clone());
    }
    let path = path.join(".");
    let expected = match &error.kind {
        Kind::UnknownField(_, known) => match known.is_empty() {
            true => "there is no such setting".to_owned(),
            false => format!("there is no such setting; there are: {}", known.join(", ")),
        },
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            format!("expected {}", plain(&expected.to_string()))
        }
        Kind::InvalidLength(_, expected) => format!("expected {expected}"),
        Kind::UnknownVariant(_, known) => format!("expected one of: {}", known.join(", ")),
        _ if path.starts_with("listen.") => "expected an IP address and a port, like 127.0.0.1:8080".to_owned(),
        _ if rules::is_secret(&path) => "expected text".to_owned(),
        other => other.to_string(),
    };
    let shown = !rules::is_secret(&path) && !matches!(error.kind, Kind::UnknownField(..));
    let value = figment
        .extract::<Value>()
        .ok()
        .filter(|_| shown)
        .and_then(|all| Some(all.pointer(&format!("/{}", path.replace('.', "/")))?.to_string()));
    let origin = origin(figment, &path)
        .or_else(|| error.metadata.as_ref().map(|metadata| metadata.name.to_string()))
        .unwrap_or_else(|| "the configuration".into());
    Problem { path, value, expected, origin }
}

/// What serde expects, for people who know JSON and not Rust.
fn plain(expected: &str) -> &str {
    match expected {
        "u32" => "a whole number from 0 to 4294967295",
        "u64" => "a whole number, not negative",
        "i64" => "a whole number",
        "f64" => "a number",
        "a string" => "text",
        "a sequence" => "a list",
        _ if expected == "a map" || expected.starts_with("struct ") => "an object",
        _ if expected.contains("SocketAddr") || expected.contains("socket address") => {
            "an IP address and a port, like 127.0.0.1:8080"
        }
        _ => expected,
    }
}
