//! The JSON that Jaeger's query API and UI write, as far as it is read. What is not named here is ignored.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Reads one document: an answer of the query API, one trace, or a list of traces.
pub(crate) fn read(document: &str) -> serde_json::Result<Vec<Trace>> {
    if document.trim_start().starts_with('[') {
        return serde_json::from_str(document);
    }
    let Document {
        data,
        spans,
        processes,
    } = serde_json::from_str(document)?;
    let alone = spans.map(|spans| Trace { spans, processes });
    Ok(data.unwrap_or_default().into_iter().chain(alone).collect())
}

/// `{"data": [trace, …]}`, or the fields of one trace.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    data: Option<Vec<Trace>>,
    #[serde(default)]
    spans: Option<Vec<Span>>,
    #[serde(default)]
    processes: BTreeMap<String, Process>,
}

/// One trace.
#[derive(Debug, Deserialize)]
pub(crate) struct Trace {
    /// Its spans.
    pub(crate) spans: Vec<Span>,
    /// What ran them, by the id that spans name.
    #[serde(default)]
    pub(crate) processes: BTreeMap<String, Process>,
}

/// One span.
#[expect(
    clippy::struct_field_names,
    reason = "the name of the field in Jaeger's JSON"
)]
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Span {
    /// Hex, up to 32 digits.
    #[serde(rename = "traceID")]
    pub(crate) trace_id: String,
    /// Hex, up to 16 digits.
    #[serde(rename = "spanID")]
    pub(crate) span_id: String,
    /// Parent in the form of old versions, beside or instead of references.
    #[serde(rename = "parentSpanID", default)]
    pub(crate) parent_span_id: Option<String>,
    /// Jaeger's flags: 1 sampled, 2 debug.
    #[serde(default)]
    pub(crate) flags: Option<u32>,
    /// Span name.
    #[serde(default)]
    pub(crate) operation_name: String,
    /// Spans that this one follows.
    #[serde(default)]
    pub(crate) references: Option<Vec<Reference>>,
    /// µs since the epoch.
    pub(crate) start_time: i64,
    /// µs.
    pub(crate) duration: i64,
    /// Attributes.
    #[serde(default)]
    pub(crate) tags: Option<Vec<Tag>>,
    /// Events.
    #[serde(default)]
    pub(crate) logs: Option<Vec<Log>>,
    /// Key of the trace's processes.
    #[serde(rename = "processID", default)]
    pub(crate) process_id: Option<String>,
    /// The process itself, where there are no ids.
    #[serde(default)]
    pub(crate) process: Option<Process>,
    /// What Jaeger found odd.
    #[serde(default)]
    pub(crate) warnings: Option<Vec<String>>,
}

/// A service instance.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Process {
    /// Its service.
    #[serde(default)]
    pub(crate) service_name: String,
    /// Its attributes.
    #[serde(default)]
    pub(crate) tags: Option<Vec<Tag>>,
}

/// One attribute.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Tag {
    /// Key.
    pub(crate) key: String,
    /// `string`, `bool`, `int64`, `float64` or `binary`; told from the value if absent.
    #[serde(rename = "type", default)]
    pub(crate) kind: Option<String>,
    /// Value.
    #[serde(default)]
    pub(crate) value: Value,
}

/// One event.
#[derive(Debug, Deserialize)]
pub(crate) struct Log {
    /// µs since the epoch.
    pub(crate) timestamp: i64,
    /// Its attributes.
    #[serde(default)]
    pub(crate) fields: Vec<Tag>,
}

/// A span that another one follows.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reference {
    /// `CHILD_OF` or `FOLLOWS_FROM`.
    pub(crate) ref_type: String,
    /// Trace, hex.
    #[serde(rename = "traceID")]
    pub(crate) trace_id: String,
    /// Span, hex.
    #[serde(rename = "spanID")]
    pub(crate) span_id: String,
}
