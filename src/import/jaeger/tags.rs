//! Tags to attributes, and the tags that are fields of an OTLP span.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Status;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::Value;

use super::model::Tag;

/// Key under which Jaeger keeps warnings in OTLP.
const WARNINGS: &str = "@jaeger@warnings";

/// Tags of one span while fields of the span are taken out of them.
pub(super) struct Tags(Vec<Tag>);

impl Tags {
    /// The tags in the order sent.
    pub(super) fn new(tags: Option<Vec<Tag>>) -> Self {
        Self(tags.unwrap_or_default())
    }

    /// Takes the first tag `key` whose value is a text that `read` understands.
    fn take<T>(&mut self, key: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let (index, value) = self.0.iter().enumerate().find_map(|(index, tag)| {
            (tag.key == key)
                .then(|| read(&tag.value))
                .flatten()
                .map(|value| (index, value))
        })?;
        self.0.remove(index);
        Some(value)
    }

    /// Takes a text.
    pub(super) fn take_text(&mut self, key: &str) -> Option<String> {
        self.take(key, |value| value.as_str().map(str::to_owned))
    }

    /// Takes the kind.
    pub(super) fn take_kind(&mut self) -> SpanKind {
        let read = |value: &Value| match value.as_str()? {
            "client" => Some(SpanKind::Client),
            "server" => Some(SpanKind::Server),
            "producer" => Some(SpanKind::Producer),
            "consumer" => Some(SpanKind::Consumer),
            "internal" => Some(SpanKind::Internal),
            _ => None,
        };
        self.take("span.kind", read)
            .unwrap_or(SpanKind::Unspecified)
    }

    /// Takes the status. `error` = true wins over `otel.status_code`, as in Jaeger.
    pub(super) fn take_status(&mut self) -> Option<Status> {
        let read_error = |value: &Value| {
            (value.as_bool() == Some(true) || value.as_str() == Some("true"))
                .then_some(StatusCode::Error)
        };
        let read_code = |value: &Value| match value.as_str()?.to_ascii_uppercase().as_str() {
            "OK" => Some(StatusCode::Ok),
            "ERROR" => Some(StatusCode::Error),
            "UNSET" => Some(StatusCode::Unset),
            _ => None,
        };
        let error = self.take("error", read_error);
        let code = self.take("otel.status_code", read_code);
        let code = error.or(code)?;
        let message = self
            .take_text("otel.status_description")
            .unwrap_or_default();
        Some(Status {
            code: code.into(),
            message,
        })
    }

    /// Takes the name and version of the instrumentation scope.
    pub(super) fn take_scope(&mut self) -> (String, String) {
        let mut take = |key: &str, old_key: &str| {
            self.take_text(key)
                .or_else(|| self.take_text(old_key))
                .unwrap_or_default()
        };
        let name = take("otel.scope.name", "otel.library.name");
        (name, take("otel.scope.version", "otel.library.version"))
    }

    /// What is left, as attributes.
    pub(super) fn into_attributes(self) -> Vec<KeyValue> {
        attributes(self.0)
    }
}

/// Tags as attributes.
pub(super) fn attributes(tags: Vec<Tag>) -> Vec<KeyValue> {
    tags.into_iter()
        .map(|tag| key_value(tag.key.clone(), value(tag)))
        .collect()
}

/// Warnings as the attribute that Jaeger itself writes.
pub(super) fn warnings(warnings: Vec<String>) -> KeyValue {
    let values = warnings.into_iter().map(|text| AnyValue {
        value: Some(Any::StringValue(text)),
    });
    key_value(
        WARNINGS.to_owned(),
        Some(Any::ArrayValue(ArrayValue {
            values: values.collect(),
        })),
    )
}

/// A text attribute.
pub(super) fn text(key: &str, text: &str) -> KeyValue {
    key_value(key.to_owned(), Some(Any::StringValue(text.to_owned())))
}

fn key_value(key: String, value: Option<Any>) -> KeyValue {
    KeyValue {
        key,
        value: Some(AnyValue { value }),
        ..KeyValue::default()
    }
}

/// The typed value of a tag. A value that does not fit the stated type is kept as what it is in JSON.
fn value(tag: Tag) -> Option<Any> {
    let stated = tag.kind.as_deref().unwrap_or_default();
    typed(stated, &tag.value).or_else(|| untyped(tag.value))
}

fn typed(kind: &str, value: &Value) -> Option<Any> {
    match (kind, value) {
        ("string", Value::String(text)) => Some(Any::StringValue(text.clone())),
        ("bool", Value::Bool(truth)) => Some(Any::BoolValue(*truth)),
        ("bool", Value::String(text)) => text.parse().ok().map(Any::BoolValue),
        ("int64", Value::Number(number)) => number.as_i64().map(Any::IntValue),
        ("int64", Value::String(text)) => text.parse().ok().map(Any::IntValue),
        ("float64", Value::Number(number)) => number.as_f64().map(Any::DoubleValue),
        ("float64", Value::String(text)) => text.parse().ok().map(Any::DoubleValue),
        ("binary", Value::String(text)) => STANDARD.decode(text).ok().map(Any::BytesValue),
        _ => None,
    }
}

fn untyped(value: Value) -> Option<Any> {
    match value {
        Value::Null => None,
        Value::Bool(truth) => Some(Any::BoolValue(truth)),
        Value::Number(number) => number
            .as_i64()
            .map(Any::IntValue)
            .or_else(|| number.as_f64().map(Any::DoubleValue)),
        Value::String(text) => Some(Any::StringValue(text)),
        nested @ (Value::Array(_) | Value::Object(_)) => Some(Any::StringValue(nested.to_string())),
    }
}
