//! Tags, the search language of Jaeger: pairs of key and text, each looked up at every level, and a few keys with a
//! meaning of their own.
//!
//! | key | meaning |
//! |---|---|
//! | `error` | `true`: the status is error; `false`: it is not; any other text is an attribute |
//! | `span.kind` | the kind, in any case |
//! | `span.status`, `otel.status_code` | the status, in any case |
//! | `scope.name`, `otel.scope.name`; `scope.version`, `otel.scope.version` | the instrumentation scope |
//! | `resource.` and a key | an attribute of the resource only |

use super::{Filter, Level, TextField};
use crate::http::params::go_bool;

/// The condition that a tag stands for.
pub(crate) fn tag(key: &str, value: &str) -> Filter {
    let lower = || value.to_ascii_lowercase();
    match key {
        "error" => match go_bool(value) {
            Some(true) => is_error(),
            Some(false) => Filter::Not(Box::new(is_error())),
            None => attribute(Level::Any, key, value),
        },
        "span.kind" => Filter::Text(TextField::Kind, lower()),
        "span.status" | "otel.status_code" => Filter::Text(TextField::Status, lower()),
        "scope.name" | "otel.scope.name" => Filter::Text(TextField::ScopeName, value.to_owned()),
        "scope.version" | "otel.scope.version" => {
            Filter::Text(TextField::ScopeVersion, value.to_owned())
        }
        _ => match key.strip_prefix("resource.") {
            Some(key) => attribute(Level::Resource, key, value),
            None => attribute(Level::Any, key, value),
        },
    }
}

fn is_error() -> Filter {
    Filter::Text(TextField::Status, "error".to_owned())
}

fn attribute(level: Level, key: &str, value: &str) -> Filter {
    Filter::Attribute {
        level,
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

/// Reads a JSON object of tags. Numbers and truth values count as their text.
///
/// # Errors
/// Says what is wrong with the text.
pub(crate) fn from_json(text: &str) -> Result<Vec<Filter>, String> {
    let tags: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    tags.iter()
        .map(|(key, value)| match value {
            serde_json::Value::String(value) => Ok(tag(key, value)),
            serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
                Ok(tag(key, &value.to_string()))
            }
            _ => Err(format!("the value of `{key}` is not text")),
        })
        .collect()
}
