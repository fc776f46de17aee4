//! A Jaeger trace to OTLP resource spans.

use std::collections::BTreeMap;

use clew_storage::{SpanId, TraceId};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

use super::model::{self, Log, Process, Reference, Trace};
use super::tags::{self, Tags};

/// W3C's sampled bit, which is Jaeger's as well.
const SAMPLED: u32 = 1;

/// The value of Jaeger's `serviceName` for an OTLP resource that had none.
const NO_SERVICE_NAME: &str = "OTLPResourceNoServiceName";

/// A converted document.
#[derive(Debug, Default)]
pub(crate) struct Converted {
    /// One entry per process and trace.
    pub(crate) resource_spans: Vec<ResourceSpans>,
    /// Spans in them.
    pub(crate) spans: u64,
    /// Why spans were left out; one text each.
    pub(crate) rejected: Vec<String>,
}

/// Converts the traces of a document.
pub(crate) fn convert(traces: Vec<Trace>) -> Converted {
    let mut converted = Converted::default();
    for trace in traces {
        convert_trace(trace, &mut converted);
    }
    converted
}

/// Name and version of an instrumentation scope.
type Scope = (String, String);

/// A process, and its spans by scope.
type Group = (Option<Process>, BTreeMap<Scope, Vec<Span>>);

fn convert_trace(trace: Trace, converted: &mut Converted) {
    let Trace { spans, processes } = trace;
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (index, mut span) in spans.into_iter().enumerate() {
        let own = span.process.take();
        // A process of the span's own is told apart from the others by the span's place.
        let id = match &own {
            Some(_) => format!("span {index}"),
            None => span.process_id.clone().unwrap_or_default(),
        };
        match convert_span(span) {
            Ok((scope, span)) => {
                let process = || own.or_else(|| processes.get(&id).cloned());
                let group = groups
                    .entry(id.clone())
                    .or_insert_with(|| (process(), BTreeMap::new()));
                group.1.entry(scope).or_default().push(span);
                converted.spans += 1;
            }
            Err(why) => converted.rejected.push(why),
        }
    }
    let groups = groups
        .into_values()
        .map(|(process, scopes)| resource_spans(process, scopes));
    converted.resource_spans.extend(groups);
}

fn resource_spans(process: Option<Process>, scopes: BTreeMap<Scope, Vec<Span>>) -> ResourceSpans {
    let mut attributes = Vec::new();
    if let Some(process) = process {
        if process.service_name != NO_SERVICE_NAME && !process.service_name.is_empty() {
            attributes.push(tags::text("service.name", &process.service_name));
        }
        attributes.extend(tags::attributes(process.tags.unwrap_or_default()));
    }
    let scope_spans = scopes
        .into_iter()
        .map(|((name, version), spans)| ScopeSpans {
            scope: Some(InstrumentationScope {
                name,
                version,
                ..InstrumentationScope::default()
            }),
            spans,
            ..ScopeSpans::default()
        });
    ResourceSpans {
        resource: Some(Resource {
            attributes,
            ..Resource::default()
        }),
        scope_spans: scope_spans.collect(),
        ..ResourceSpans::default()
    }
}

fn convert_span(span: model::Span) -> Result<(Scope, Span), String> {
    let trace_id = span
        .trace_id
        .parse::<TraceId>()
        .map_err(|error| error.to_string())?;
    let span_id = span
        .span_id
        .parse::<SpanId>()
        .map_err(|error| error.to_string())?;
    let references = span.references.unwrap_or_default();
    let (parent, links) =
        convert_references(trace_id, span.parent_span_id.as_deref(), &references)?;
    let mut tags = Tags::new(span.tags);
    let scope = tags.take_scope();
    let (kind, status) = (tags.take_kind(), tags.take_status());
    let trace_state = tags.take_text("w3c.tracestate").unwrap_or_default();
    let mut attributes = tags.into_attributes();
    if let Some(warnings) = span.warnings.filter(|warnings| !warnings.is_empty()) {
        attributes.push(tags::warnings(warnings));
    }
    let span = Span {
        trace_id: trace_id.0.to_vec(),
        span_id: span_id.0.to_vec(),
        parent_span_id: parent.map_or_else(Vec::new, |id| id.0.to_vec()),
        trace_state,
        flags: span.flags.unwrap_or(0) & SAMPLED,
        name: span.operation_name,
        kind: kind.into(),
        start_time_unix_nano: nanoseconds(span.start_time),
        end_time_unix_nano: nanoseconds(span.start_time.wrapping_add(span.duration)),
        attributes,
        events: span
            .logs
            .unwrap_or_default()
            .into_iter()
            .map(convert_log)
            .collect(),
        links,
        status,
        ..Span::default()
    };
    Ok((scope, span))
}

/// The parent, and links for all references that did not become the parent by being `CHILD_OF`.
fn convert_references(
    trace_id: TraceId,
    old_parent: Option<&str>,
    references: &[Reference],
) -> Result<(Option<SpanId>, Vec<Link>), String> {
    let read = |reference: &Reference| -> Result<_, String> {
        let trace = reference
            .trace_id
            .parse::<TraceId>()
            .map_err(|error| error.to_string())?;
        let span = reference
            .span_id
            .parse::<SpanId>()
            .map_err(|error| error.to_string())?;
        Ok((trace, span, reference.ref_type == "CHILD_OF"))
    };
    // All zeros are how some clients write that there is none.
    let set = references
        .iter()
        .filter(|reference| !reference.span_id.bytes().all(|digit| digit == b'0'));
    let references = set.map(read).collect::<Result<Vec<_>, _>>()?;
    let inside = |child: bool| {
        references
            .iter()
            .position(move |(trace, _, is_child)| *trace == trace_id && *is_child == child)
    };
    let parent_at = inside(true).or_else(|| inside(false));
    let parent = match (parent_at, old_parent) {
        (Some(at), _) => Some(references[at].1),
        (None, Some(text)) => text.parse().ok(),
        (None, None) => None,
    };
    let links = references
        .iter()
        .enumerate()
        .filter(|(index, (.., is_child))| !(*is_child && Some(*index) == parent_at));
    let links = links.map(|(_, (trace, span, is_child))| Link {
        trace_id: trace.0.to_vec(),
        span_id: span.0.to_vec(),
        attributes: vec![tags::text(
            "opentracing.ref_type",
            if *is_child {
                "child_of"
            } else {
                "follows_from"
            },
        )],
        ..Link::default()
    });
    Ok((parent, links.collect()))
}

fn convert_log(log: Log) -> Event {
    let mut tags = Tags::new(Some(log.fields));
    Event {
        time_unix_nano: nanoseconds(log.timestamp),
        name: tags.take_text("event").unwrap_or_default(),
        attributes: tags.into_attributes(),
        ..Event::default()
    }
}

/// µs to ns; a time beyond the range of ns wraps, as every time is kept bit for bit.
fn nanoseconds(microseconds: i64) -> u64 {
    microseconds.wrapping_mul(1_000) as u64
}
