//! Which tags stand for fields of OTLP.

use super::model::{Kind, Span, Tag};
use crate::otlp::fields::{span_kind, status_code};

/// Keys of resource attributes, by their first part. Looked at only beside `telemetry.sdk.name`.
const RESOURCE_PREFIXES: &[&str] = &[
    "cloud.",
    "container.",
    "deployment.",
    "device.",
    "host.",
    "k8s.",
    "os.",
    "process.",
    "service.",
    "telemetry.",
];
/// The one key of these prefixes that describes a span.
const PEER_PREFIX: &str = "service.peer.";

/// Where each tag of a span goes, and what the ones say that have become fields.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Sorted<'s> {
    /// OTLP kind.
    pub(super) kind: u64,
    pub(super) status_code: u64,
    pub(super) status_message: &'s str,
    pub(super) scope_name: &'s str,
    pub(super) scope_version: &'s str,
    pub(super) trace_state: &'s str,
    pub(super) dropped_attributes_count: u32,
    pub(super) dropped_events_count: u32,
    pub(super) dropped_links_count: u32,
    /// Tags that belong to the resource.
    pub(super) resource: Vec<&'s Tag<'s>>,
    /// Tags that are attributes of the span.
    pub(super) attributes: Vec<&'s Tag<'s>>,
}

impl<'s> Sorted<'s> {
    pub(super) fn new(span: &'s Span<'_>) -> Self {
        let text = |key: &str| {
            let tag = span.tags.iter().rev().find(|tag| tag.key == key)?;
            tag.value.text()
        };
        let mut sorted = Self::default();
        sorted.set_kind(span, text("span.kind"));
        sorted.set_status(
            text("otel.status_code"),
            text("otel.status_description"),
            text("error"),
        );
        let scope_name = text("otel.scope.name").or(text("otel.library.name"));
        let scope_version = text("otel.scope.version").or(text("otel.library.version"));
        sorted.scope_name = scope_name.unwrap_or_default();
        sorted.scope_version = scope_version.unwrap_or_default();
        sorted.trace_state = text("w3c.tracestate").unwrap_or_default();
        let count = |key: &str| text(key).and_then(|text| text.parse().ok()).unwrap_or(0);
        sorted.dropped_attributes_count = count("otel.dropped_attributes_count");
        sorted.dropped_events_count = count("otel.dropped_events_count");
        sorted.dropped_links_count = count("otel.dropped_links_count");
        let has_resource = text("telemetry.sdk.name").is_some();
        for tag in &span.tags {
            if sorted.is_field(span, tag) {
                continue;
            }
            if has_resource && is_resource(span, tag) {
                sorted.resource.push(tag);
            } else {
                sorted.attributes.push(tag);
            }
        }
        sorted
    }

    fn set_kind(&mut self, span: &Span<'_>, tag: Option<&str>) {
        let kind = span.kind.or_else(|| Kind::from_name(tag?));
        self.kind = kind.map_or(span_kind::INTERNAL, Kind::otlp);
    }

    fn set_status(
        &mut self,
        code: Option<&str>,
        description: Option<&'s str>,
        error: Option<&'s str>,
    ) {
        let error = error.filter(|text| !text.eq_ignore_ascii_case("false"));
        let code = code.and_then(status_from_name);
        self.status_code = match (code, error) {
            (Some(code), _) => code,
            (None, Some(_)) => status_code::ERROR,
            (None, None) => status_code::UNSET,
        };
        if self.status_code == status_code::ERROR {
            // `true` says no more than the code does.
            let error = error.filter(|text| *text != "true");
            self.status_message = description.or(error).unwrap_or_default();
        }
    }

    /// Whether a field says all that the tag says.
    fn is_field(&self, span: &Span<'_>, tag: &Tag<'_>) -> bool {
        let Some(text) = tag.value.text() else {
            return false;
        };
        let is_error = self.status_code == status_code::ERROR;
        match &*tag.key {
            "span.kind" => {
                span.kind.is_none()
                    && (Kind::from_name(text).is_some() || text.eq_ignore_ascii_case("internal"))
            }
            "otel.status_code" => status_from_name(text) == Some(self.status_code),
            "otel.status_description" => is_error && text == self.status_message,
            "error" => is_error && (text == self.status_message || matches!(text, "true" | "")),
            "otel.scope.name" | "otel.library.name" => text == self.scope_name,
            "otel.scope.version" | "otel.library.version" => text == self.scope_version,
            "w3c.tracestate" => text == self.trace_state,
            "otel.dropped_attributes_count" => text.parse() == Ok(self.dropped_attributes_count),
            "otel.dropped_events_count" => text.parse() == Ok(self.dropped_events_count),
            "otel.dropped_links_count" => text.parse() == Ok(self.dropped_links_count),
            _ => false,
        }
    }
}

/// The number of the status code of this name, as the specification, and older exporters, write it.
fn status_from_name(name: &str) -> Option<u64> {
    let name = name.strip_prefix("STATUS_CODE_").unwrap_or(name);
    [
        ("UNSET", status_code::UNSET),
        ("OK", status_code::OK),
        ("ERROR", status_code::ERROR),
    ]
    .into_iter()
    .find_map(|(known, code)| known.eq_ignore_ascii_case(name).then_some(code))
}

fn is_resource(span: &Span<'_>, tag: &Tag<'_>) -> bool {
    // Another service name than the endpoint's describes something else.
    let own_name = &span.local.service_name;
    let foreign_name =
        tag.key == "service.name" && !own_name.is_empty() && tag.value.text() != Some(own_name);
    let known = RESOURCE_PREFIXES
        .iter()
        .any(|prefix| tag.key.starts_with(prefix));
    known && !foreign_name && !tag.key.starts_with(PEER_PREFIX)
}
