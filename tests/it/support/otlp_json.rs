//! OTLP/JSON as comparable [`Span`]s: a strict reader that takes only what the specification lets a sender write.
//!
//! Ids are hex (lower case in answers), enums numbers, 64-bit integers decimal strings, bytes base64; an unknown or repeated
//! member is an error. A member that has its default value may be absent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::json::Json;
use super::span::{Attributes, Event, Link, Resource, Scope, Span, Value};

/// What is wrong, and where.
type Result<T> = std::result::Result<T, String>;

/// Spans of a `TracesData` or `ExportTraceServiceRequest` object.
pub(crate) fn spans(data: &Json) -> Result<Vec<Span>> {
    let mut all = Vec::new();
    for group in list(&Members::of(data, &["resourceSpans"])?, "resourceSpans") {
        let group = Members::of(group, &["resource", "scopeSpans", "schemaUrl"])?;
        let resource = resource(&group)?;
        for part in list(&group, "scopeSpans") {
            let part = Members::of(part, &["scope", "spans", "schemaUrl"])?;
            let scope = scope(&part)?;
            for one in list(&part, "spans") {
                all.push(Span {
                    resource: resource.clone(),
                    scope: scope.clone(),
                    ..span(one)?
                });
            }
        }
    }
    Ok(all)
}

fn resource(group: &Members<'_>) -> Result<Resource> {
    let inner = group.object("resource", &["attributes", "droppedAttributesCount"])?;
    Ok(Resource {
        attributes: attributes(&inner, "attributes")?,
        dropped_attributes: inner.number("droppedAttributesCount")?,
        schema_url: group.text("schemaUrl")?,
    })
}

fn scope(part: &Members<'_>) -> Result<Scope> {
    let names = ["name", "version", "attributes", "droppedAttributesCount"];
    let inner = part.object("scope", &names)?;
    Ok(Scope {
        name: inner.text("name")?,
        version: inner.text("version")?,
        attributes: attributes(&inner, "attributes")?,
        dropped_attributes: inner.number("droppedAttributesCount")?,
        schema_url: part.text("schemaUrl")?,
    })
}

const SPAN: [&str; 16] = [
    "traceId",
    "spanId",
    "parentSpanId",
    "traceState",
    "flags",
    "name",
    "kind",
    "startTimeUnixNano",
    "endTimeUnixNano",
    "attributes",
    "droppedAttributesCount",
    "events",
    "droppedEventsCount",
    "links",
    "droppedLinksCount",
    "status",
];

fn span(json: &Json) -> Result<Span> {
    let span = Members::of(json, &SPAN)?;
    let status = span.object("status", &["code", "message"])?;
    Ok(Span {
        trace_id: span.id("traceId")?,
        span_id: span.id("spanId")?,
        parent_span_id: span.id("parentSpanId")?,
        trace_state: span.text("traceState")?,
        flags: span.number("flags")?,
        name: span.text("name")?,
        kind: span.number("kind")?,
        start: span.long("startTimeUnixNano")?,
        end: span.long("endTimeUnixNano")?,
        attributes: attributes(&span, "attributes")?,
        dropped_attributes: span.number("droppedAttributesCount")?,
        events: list(&span, "events")
            .iter()
            .map(event)
            .collect::<Result<_>>()?,
        dropped_events: span.number("droppedEventsCount")?,
        links: list(&span, "links")
            .iter()
            .map(link)
            .collect::<Result<_>>()?,
        dropped_links: span.number("droppedLinksCount")?,
        status_code: status.number("code")?,
        status_message: status.text("message")?,
        resource: Resource::default(),
        scope: Scope::default(),
    })
}

fn event(json: &Json) -> Result<Event> {
    let event = Members::of(
        json,
        &[
            "timeUnixNano",
            "name",
            "attributes",
            "droppedAttributesCount",
        ],
    )?;
    Ok(Event {
        time: event.long("timeUnixNano")?,
        name: event.text("name")?,
        attributes: attributes(&event, "attributes")?,
        dropped_attributes: event.number("droppedAttributesCount")?,
    })
}

fn link(json: &Json) -> Result<Link> {
    let names = [
        "traceId",
        "spanId",
        "traceState",
        "attributes",
        "droppedAttributesCount",
        "flags",
    ];
    let link = Members::of(json, &names)?;
    Ok(Link {
        trace_id: link.id("traceId")?,
        span_id: link.id("spanId")?,
        trace_state: link.text("traceState")?,
        attributes: attributes(&link, "attributes")?,
        dropped_attributes: link.number("droppedAttributesCount")?,
        flags: link.number("flags")?,
    })
}

fn attributes(of: &Members<'_>, name: &str) -> Result<Attributes> {
    list(of, name)
        .iter()
        .map(|json| {
            let entry = Members::of(json, &["key", "value"])?;
            Ok((
                entry.text("key")?,
                entry.get("value").map_or(Ok(Value::Empty), value)?,
            ))
        })
        .collect()
}

fn value(json: &Json) -> Result<Value> {
    let Json::Object(arms) = json else {
        return Err(format!("not a value: {json}"));
    };
    let [(arm, content)] = arms.as_slice() else {
        return if arms.is_empty() {
            Ok(Value::Empty)
        } else {
            Err(format!("two arms: {json}"))
        };
    };
    let wrong = || format!("{arm} of {content}");
    match (arm.as_str(), content) {
        ("stringValue", Json::String(text)) => Ok(Value::string(text)),
        ("boolValue", Json::Bool(truth)) => Ok(Value::Bool(*truth)),
        // The JSON exporter of Node writes small integers as numbers; that is allowed.
        ("intValue", Json::String(text) | Json::Number(text)) => {
            text.parse().map(Value::Int).map_err(|_| wrong())
        }
        ("doubleValue", Json::Number(text)) => text.parse().map(Value::double).map_err(|_| wrong()),
        ("doubleValue", Json::String(text)) => match text.as_str() {
            "NaN" => Ok(Value::double(f64::NAN)),
            "Infinity" => Ok(Value::double(f64::INFINITY)),
            "-Infinity" => Ok(Value::double(f64::NEG_INFINITY)),
            _ => Err(wrong()),
        },
        ("bytesValue", Json::String(text)) => {
            STANDARD.decode(text).map(Value::Bytes).map_err(|_| wrong())
        }
        ("arrayValue", _) => {
            let inner = Members::of(content, &["values"])?;
            list(&inner, "values")
                .iter()
                .map(value)
                .collect::<Result<_>>()
                .map(Value::Array)
        }
        ("kvlistValue", _) => {
            attributes(&Members::of(content, &["values"])?, "values").map(Value::Map)
        }
        _ => Err(wrong()),
    }
}

fn list<'a>(of: &Members<'a>, name: &str) -> &'a [Json] {
    of.get(name).map_or(&[], Json::items)
}

/// Members of an object, none of them unknown.
struct Members<'a>(&'a [(String, Json)]);

impl<'a> Members<'a> {
    fn of(json: &'a Json, known: &[&str]) -> Result<Self> {
        let Json::Object(members) = json else {
            return Err(format!("not an object: {json}"));
        };
        match members
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        {
            Some((name, _)) => Err(format!("unknown member `{name}` beside {known:?}")),
            None => Ok(Self(members)),
        }
    }

    fn get(&self, name: &str) -> Option<&'a Json> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    fn object(&self, name: &str, known: &[&str]) -> Result<Members<'a>> {
        self.get(name)
            .map_or(Ok(Members(&[])), |json| Members::of(json, known))
    }

    fn text(&self, name: &str) -> Result<String> {
        match self.get(name) {
            None => Ok(String::new()),
            Some(Json::String(text)) => Ok(text.clone()),
            Some(other) => Err(format!("`{name}` is {other}")),
        }
    }

    fn id(&self, name: &str) -> Result<Vec<u8>> {
        let text = self.text(name)?;
        hex::decode(&text).map_err(|e| format!("`{name}` is `{text}`: {e}"))
    }

    fn number<T: std::str::FromStr + Default>(&self, name: &str) -> Result<T> {
        match self.get(name) {
            None => Ok(T::default()),
            Some(Json::Number(text)) => text.parse().map_err(|_| format!("`{name}` is {text}")),
            Some(other) => Err(format!("`{name}` is {other}")),
        }
    }

    fn long(&self, name: &str) -> Result<u64> {
        match self.get(name) {
            None => Ok(0),
            Some(Json::String(text)) => text.parse().map_err(|_| format!("`{name}` is {text}")),
            Some(other) => Err(format!("`{name}` is {other}, not a decimal string")),
        }
    }
}
