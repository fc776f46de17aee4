//! Zipkin v2 JSON, read and compared by the rules of OpenTelemetry's mapping, without the server's code.
//!
//! The mapping leaves open whether a tag that names a resource attribute becomes one. So a tag may come back at span, resource
//! or scope level, but none may be lost, changed or made up.

use std::collections::BTreeMap;

use super::json::Json;
use super::span::{Attributes, Event, Span, Value};

/// Attributes that a receiver may add, from endpoints and flags.
const ADDED: [&str; 16] = [
    "service.name",
    "peer.service",
    "service.peer.name",
    "network.peer.address",
    "network.peer.port",
    "network.local.address",
    "network.local.port",
    "net.peer.ip",
    "net.peer.port",
    "net.host.ip",
    "net.host.port",
    "server.address",
    "zipkin.shared",
    "zipkin.debug",
    "otel.zipkin.absentField.startTime",
    "host.ip",
];

/// Spans of a JSON list: tags as span attributes, annotations as events, the local service as the resource.
pub(crate) fn spans(list: &Json) -> Vec<Span> {
    list.items().iter().map(span).collect()
}

/// Member `name`, unless it is absent or null.
fn member<'a>(json: &'a Json, name: &str) -> Option<&'a Json> {
    json.get(name).filter(|value| **value != Json::Null)
}

fn span(json: &Json) -> Span {
    let text = |name| member(json, name).map(Json::text).unwrap_or_default();
    let micros = |name| member(json, name).map_or(0, Json::count);
    let start = micros("timestamp") * 1_000;
    let service =
        member(json, "localEndpoint").and_then(|endpoint| member(endpoint, "serviceName"));
    let mut span = Span {
        trace_id: id(text("traceId"), 16),
        span_id: id(text("id"), 8),
        parent_span_id: member(json, "parentId")
            .map(|parent| id(parent.text(), 8))
            .unwrap_or_default(),
        name: text("name").to_owned(),
        kind: kind(text("kind")),
        start,
        end: start + micros("duration") * 1_000,
        events: member(json, "annotations")
            .map(Json::items)
            .unwrap_or_default()
            .iter()
            .map(event)
            .collect(),
        ..Span::default()
    };
    if let Some(service) = service {
        span.resource
            .attributes
            .push(("service.name".into(), Value::string(service.text())));
    }
    if let Some(Json::Object(tags)) = member(json, "tags") {
        span.attributes = tags
            .iter()
            .map(|(key, value)| (key.clone(), Value::string(value.text())))
            .collect();
    }
    span
}

fn id(hex: &str, bytes: usize) -> Vec<u8> {
    hex::decode(format!("{hex:0>width$}", width = 2 * bytes)).expect("hex")
}

fn kind(name: &str) -> i32 {
    match name {
        "SERVER" => 2,
        "CLIENT" => 3,
        "PRODUCER" => 4,
        "CONSUMER" => 5,
        _ => 0,
    }
}

fn event(json: &Json) -> Event {
    Event {
        time: json.at("timestamp").count() * 1_000,
        name: json.at("value").text().to_owned(),
        ..Event::default()
    }
}

/// What differs between Zipkin spans sent and the spans that came back; `None` when nothing does.
pub(crate) fn difference(sent: &[Span], got: &[Span]) -> Option<String> {
    let core = |span: &Span| {
        let place = (
            span.trace_id.clone(),
            span.span_id.clone(),
            span.parent_span_id.clone(),
        );
        // Zipkin has no word for an internal span: absent kind may come back as internal or as unspecified.
        let kind = if span.kind == 1 { 0 } else { span.kind };
        let times: Vec<u64> = span.events.iter().map(|event| event.time).collect();
        (place, span.name.clone(), kind, span.start, span.end, times)
    };
    let mut sent: Vec<&Span> = sent.iter().collect();
    let mut got: Vec<&Span> = got.iter().collect();
    sent.sort_by_key(|span| core(span));
    got.sort_by_key(|span| core(span));
    if sent.len() != got.len() {
        return Some(format!(
            "{} spans sent, {} came back",
            sent.len(),
            got.len()
        ));
    }
    sent.iter().zip(&got).find_map(|(sent, got)| {
        if core(sent) != core(got) {
            return Some(format!("sent: {sent:#?}\ncame back: {got:#?}"));
        }
        let why = annotation_difference(sent, got).or_else(|| tag_difference(sent, got))?;
        Some(format!("{why}\nsent: {sent:#?}\ncame back: {got:#?}"))
    })
}

/// An annotation comes back as an event of that name, or, where it is an event as OpenTelemetry's exporters write it,
/// `{"name": {attributes}}` with or without the outer braces, as that event.
fn annotation_difference(sent: &Span, got: &Span) -> Option<String> {
    let is_same = |annotation: &Event, event: &Event| {
        let as_text = annotation.name == event.name && event.attributes.is_empty();
        as_text
            || written_event(&annotation.name).is_some_and(|(name, attributes)| {
                let mut came = event.attributes.clone();
                came.sort();
                name == event.name && attributes == came
            })
    };
    let differs = |pair: &(&Event, &Event)| !is_same(pair.0, pair.1);
    let (annotation, event) = sent.events.iter().zip(&got.events).find(differs)?;
    Some(format!(
        "annotation {annotation:#?} came back as {event:#?}"
    ))
}

/// Name and sorted attributes of an event that was written as an annotation.
fn written_event(text: &str) -> Option<(String, Attributes)> {
    let json = Json::parse(text)
        .or_else(|_| Json::parse(&format!("{{{text}}}")))
        .ok()?;
    let Json::Object(members) = json else {
        return None;
    };
    let [(name, Json::Object(attributes))] = members.as_slice() else {
        return None;
    };
    let value = |value: &Json| match value {
        Json::String(text) => Some(Value::string(text)),
        Json::Bool(truth) => Some(Value::Bool(*truth)),
        Json::Number(text) => match text.parse() {
            Ok(number) => Some(Value::Int(number)),
            Err(_) => text.parse().ok().map(Value::double),
        },
        _ => None,
    };
    let attributes = attributes
        .iter()
        .map(|(key, json)| Some((key.clone(), value(json)?)));
    let mut attributes = attributes.collect::<Option<Attributes>>()?;
    attributes.sort();
    Some((name.clone(), attributes))
}

fn tag_difference(sent: &Span, got: &Span) -> Option<String> {
    let mut tags: BTreeMap<&str, &Value> = sent
        .attributes
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .collect();
    let mut error = tags.remove("error").cloned();
    let code = tags.remove("otel.status_code").cloned();
    let wanted = match (&code, &error) {
        (Some(code), _) if *code == Value::string("OK") => 1,
        (Some(code), _) if *code == Value::string("ERROR") => 2,
        (_, Some(_)) => 2,
        _ => 0,
    };
    if got.status_code != wanted {
        return Some(format!("status {} instead of {wanted}", got.status_code));
    }
    // `error=true` says no more than the status itself.
    if error == Some(Value::string("true")) || error == Some(Value::string("")) {
        error = None;
    }
    if error.is_some_and(|error| error != Value::string(&got.status_message)) {
        return Some("the text of `error` is not the status message".into());
    }
    for (alias, field) in [("name", &got.scope.name), ("version", &got.scope.version)] {
        for prefix in ["otel.scope", "otel.library"] {
            let value = tags.remove(format!("{prefix}.{alias}").as_str());
            if value.is_some_and(|value| *value != Value::string(field)) {
                return Some(format!("{prefix}.{alias} is not in the scope"));
            }
        }
    }
    if sent
        .resource
        .attributes
        .iter()
        .any(|entry| !got.resource.attributes.contains(entry))
    {
        return Some("the local service is not in the resource".into());
    }
    let came: Vec<&(String, Value)> = got
        .attributes
        .iter()
        .chain(&got.resource.attributes)
        .chain(&got.scope.attributes)
        .collect();
    let lost = tags
        .iter()
        .find(|(key, value)| !came.iter().any(|(k, v)| k == *key && v == **value));
    if let Some((key, _)) = lost {
        return Some(format!("tag `{key}` is lost or changed"));
    }
    let known =
        |key: &str| sent.attributes.iter().any(|(sent, _)| sent == key) || ADDED.contains(&key);
    came.iter()
        .find(|(key, _)| !known(key))
        .map(|(key, _)| format!("`{key}` was never sent"))
}
