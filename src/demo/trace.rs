//! Spans while they are made: a tree that is walked in time, sorted by service at the end.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::dice::Dice;

/// A service: name, version, language of its SDK.
pub(super) type Service = (&'static str, &'static str, &'static str);

/// W3C's sampled and random bits; the third byte says that it is known whether the parent is remote.
const FLAGS_SAMPLED_RANDOM: u32 = 0x103;

/// Finished spans by service.
#[derive(Default)]
pub(super) struct Spans(BTreeMap<&'static str, (Service, Vec<Span>)>);

impl Spans {
    /// Adds a finished span.
    pub(super) fn push(&mut self, service: Service, span: Span) {
        self.0
            .entry(service.0)
            .or_insert_with(|| (service, Vec::new()))
            .1
            .push(span);
    }

    /// Everything so far, as the services would send it.
    pub(super) fn take(&mut self) -> Vec<ResourceSpans> {
        std::mem::take(&mut self.0)
            .into_values()
            .map(resource_spans)
            .collect()
    }
}

fn resource_spans(((name, version, language), spans): (Service, Vec<Span>)) -> ResourceSpans {
    let attributes = vec![
        text("service.name", name),
        text("service.namespace", "shop"),
        text("service.version", version),
        text("service.instance.id", &format!("{name}-7d9f8-0")),
        text("k8s.pod.name", &format!("{name}-7d9f8-0")),
        text("telemetry.sdk.language", language),
        text("telemetry.sdk.name", "opentelemetry"),
        text("deployment.environment.name", "demo"),
    ];
    let scope = InstrumentationScope {
        name: format!("{name}.http"),
        version: version.to_owned(),
        ..InstrumentationScope::default()
    };
    ResourceSpans {
        resource: Some(Resource {
            attributes,
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            scope: Some(scope),
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    }
}

/// A span that is open, and the time inside of it.
pub(super) struct Open {
    service: Service,
    span: Span,
    /// Now, ns since the epoch; moves on as things happen inside the span.
    pub(super) now: u64,
}

impl Open {
    /// The root of a new trace.
    pub(super) fn root(
        dice: &Dice,
        service: Service,
        kind: SpanKind,
        name: &str,
        start: u64,
    ) -> Self {
        let trace_id = [dice.bits().to_be_bytes(), dice.bits().to_be_bytes()].concat();
        Self::new(dice, service, kind, name, start, trace_id, Vec::new())
    }

    fn new(
        dice: &Dice,
        service: Service,
        kind: SpanKind,
        name: &str,
        start: u64,
        trace_id: Vec<u8>,
        parent_span_id: Vec<u8>,
    ) -> Self {
        let span = Span {
            trace_id,
            span_id: dice.bits().max(1).to_be_bytes().to_vec(),
            parent_span_id,
            flags: FLAGS_SAMPLED_RANDOM,
            name: name.to_owned(),
            kind: kind.into(),
            start_time_unix_nano: start,
            ..Span::default()
        };
        Self {
            service,
            span,
            now: start,
        }
    }

    /// A child that begins now.
    pub(super) fn child(&self, dice: &Dice, service: Service, kind: SpanKind, name: &str) -> Self {
        let (trace, parent) = (self.span.trace_id.clone(), self.span.span_id.clone());
        Self::new(dice, service, kind, name, self.now, trace, parent)
    }

    /// Time goes by.
    pub(super) fn spend(&mut self, ns: u64) {
        self.now += ns;
    }

    /// Adds an attribute.
    pub(super) fn with(&mut self, key: &str, value: impl Into<Any>) -> &mut Self {
        self.span.attributes.push(key_value(key, value.into()));
        self
    }

    /// Adds an event that happens now.
    pub(super) fn event(&mut self, name: &str, attributes: Vec<KeyValue>) {
        self.span.events.push(Event {
            time_unix_nano: self.now,
            name: name.to_owned(),
            attributes,
            ..Event::default()
        });
    }

    /// The span failed; with an exception if there is a type for it.
    pub(super) fn fail(&mut self, exception: Option<&str>, message: &str) {
        if let Some(exception) = exception {
            self.event(
                "exception",
                vec![
                    text("exception.type", exception),
                    text("exception.message", message),
                ],
            );
            self.with("error.type", string(exception));
        }
        self.span.status = Some(Status {
            code: StatusCode::Error.into(),
            message: message.to_owned(),
        });
    }

    /// A link to another span.
    pub(super) fn link(&mut self, (trace_id, span_id): (Vec<u8>, Vec<u8>)) {
        let attributes = vec![text("messaging.operation.type", "process")];
        self.span.links.push(Link {
            trace_id,
            span_id,
            attributes,
            ..Link::default()
        });
    }

    /// What a link to this span needs.
    pub(super) fn context(&self) -> (Vec<u8>, Vec<u8>) {
        (self.span.trace_id.clone(), self.span.span_id.clone())
    }

    /// Ends the span now. Returns the time, for the parent to go on at.
    pub(super) fn end(mut self, spans: &mut Spans) -> u64 {
        self.span.end_time_unix_nano = self.now;
        spans.push(self.service, self.span);
        self.now
    }
}

/// An attribute.
pub(super) fn key_value(key: &str, value: Any) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

/// A text attribute.
pub(super) fn text(key: &str, text: &str) -> KeyValue {
    key_value(key, Any::StringValue(text.to_owned()))
}

/// A text value.
pub(super) fn string(text: impl Into<String>) -> Any {
    Any::StringValue(text.into())
}
