//! What a search of Zipkin asks for, and whether a trace meets it.
//!
//! Unlike everywhere else, the conditions need not meet in one span: each may be met by another span of the trace, as long as that
//! span is of the service that is asked for. The trace as a whole has to lie in the range of time: by the timestamp of its root,
//! else by its earliest one.

use std::collections::BTreeMap;

use super::span::ZipkinSpan;
use crate::filter::{AttributeTest, Filter, Level, Pattern, TextField};
use crate::trace::Trace;

/// How much clocks may differ: spans that start so long before their trace are still found by it.
const SKEW_NS: i64 = 3_600 * 1_000_000_000;
/// How long after its trace's start a span may start to be what the trace is found by.
const LENGTH_NS: i64 = 24 * 3_600 * 1_000_000_000;

/// A search.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Criteria {
    /// Service whose spans count, in lower case.
    pub(super) service: Option<String>,
    /// Service on the other side, in lower case.
    pub(super) remote_service: Option<String>,
    /// Span name, in lower case.
    pub(super) span_name: Option<String>,
    /// Tags and their values; without a value a tag or an annotation.
    pub(super) annotations: BTreeMap<String, Option<String>>,
    /// Shortest and longest duration of a span, µs, inclusive.
    pub(super) duration_us: Option<(u64, Option<u64>)>,
    /// The range that the trace lies in, µs since the epoch, inclusive.
    pub(super) range_us: (u64, u64),
    /// Traces to return.
    pub(super) limit: usize,
}

/// Conditions that no span has met yet.
#[expect(clippy::struct_excessive_bools, reason = "one switch per condition")]
struct Open<'c> {
    criteria: &'c Criteria,
    service: bool,
    remote_service: bool,
    span_name: bool,
    duration: bool,
    annotations: BTreeMap<&'c str, Option<&'c str>>,
}

impl Criteria {
    /// True when the spans of `traces`, which are one trace to Zipkin, meet every condition.
    pub(super) fn meets(&self, traces: &[Trace]) -> bool {
        let spans = || {
            let rows = traces.iter().flat_map(|trace| trace.rows.iter());
            rows.map(ZipkinSpan)
        };
        let (from, to) = self.range_us;
        if !timestamp_us(spans()).is_some_and(|us| (from..=to).contains(&us)) {
            return false;
        }
        let mut open = Open::new(self);
        for span in spans() {
            open.close(span);
            if open.is_empty() {
                return true;
            }
        }
        open.is_empty()
    }

    /// A filter that some span of every trace that meets this passes: the service, and the condition that few spans meet.
    ///
    /// `services` are the names, as they are stored, of the service that is asked for.
    pub(super) fn filter(&self, services: &[String]) -> Filter {
        let mut parts = vec![self.start()];
        if self.service.is_some() {
            let names = services.iter().cloned();
            let names = names.map(|name| Filter::Text(TextField::Service, name));
            parts.push(Filter::Any(names.collect()));
        }
        parts.extend(self.rarest());
        Filter::All(parts)
    }

    fn start(&self) -> Filter {
        let ns = |us: u64| i64::try_from(us).unwrap_or(i64::MAX).saturating_mul(1_000);
        let (from, to) = self.range_us;
        Filter::Start {
            min: Some(ns(from).saturating_sub(SKEW_NS)),
            max: Some(ns(to).saturating_add(LENGTH_NS)),
        }
    }

    fn rarest(&self) -> Option<Filter> {
        let tags = self.annotations.iter();
        let mut valued = tags.filter_map(|(key, value)| value.as_ref().map(|value| (key, value)));
        if let Some((key, value)) = valued.find(|(key, _)| is_attribute(key)) {
            return Some(at_levels(|level| Filter::Attribute {
                level,
                key: key.clone(),
                value: value.clone(),
            }));
        }
        if let Some(name) = &self.remote_service {
            let matches = |key: &&str| Filter::AttributeTest {
                level: Level::Span,
                key: (*key).to_owned(),
                test: AttributeTest::Matches(in_any_case(name)),
            };
            let names = super::span::REMOTE_NAMES.iter();
            return Some(Filter::Any(names.map(matches).collect()));
        }
        if let Some(name) = &self.span_name {
            return Some(Filter::TextMatches(TextField::Name, in_any_case(name)));
        }
        if let Some(key) = self.annotations.keys().find(|key| is_attribute(key)) {
            let exists = at_levels(|level| Filter::AttributeTest {
                level,
                key: key.clone(),
                test: AttributeTest::Exists,
            });
            return Some(Filter::Any(vec![
                exists,
                Filter::Event(Pattern::exactly(key)),
            ]));
        }
        let (min, max) = self.duration_us?;
        let ns = |us: u64| i64::try_from(us).unwrap_or(i64::MAX).saturating_mul(1_000);
        Some(Filter::Duration {
            // A µs stands for anything from a ns up.
            min_ns: Some(if min == 1 { 1 } else { ns(min) }),
            max_ns: max.map(|max| ns(max).saturating_add(999)),
        })
    }
}

/// False for tags that are made of other fields, and for annotations that may be events with attributes.
fn is_attribute(key: &str) -> bool {
    !(key == "error"
        || key == "w3c.tracestate"
        || key.starts_with("otel.")
        || key.starts_with(['"', '{']))
}

fn at_levels(filter: impl Fn(Level) -> Filter) -> Filter {
    Filter::Any([Level::Span, Level::Resource].map(filter).to_vec())
}

/// What matches `text`, which is in lower case, in any case.
fn in_any_case(text: &str) -> Pattern {
    Pattern::exactly_in_any_case(text)
}

impl<'c> Open<'c> {
    fn new(criteria: &'c Criteria) -> Self {
        let annotations = criteria.annotations.iter();
        Self {
            criteria,
            service: criteria.service.is_some(),
            remote_service: criteria.remote_service.is_some(),
            span_name: criteria.span_name.is_some(),
            duration: criteria.duration_us.is_some(),
            annotations: annotations
                .map(|(key, value)| (key.as_str(), value.as_deref()))
                .collect(),
        }
    }

    fn is_empty(&self) -> bool {
        !(self.service || self.remote_service || self.span_name || self.duration)
            && self.annotations.is_empty()
    }

    /// Takes note of what `span` meets.
    fn close(&mut self, span: ZipkinSpan<'_>) {
        let Criteria {
            service,
            remote_service,
            span_name,
            duration_us,
            ..
        } = self.criteria;
        if service.is_some() && span.local_service() != *service {
            return;
        }
        self.service = false;
        if self.remote_service {
            self.remote_service = span.remote_service() != *remote_service;
        }
        if self.span_name {
            self.span_name = Some(span.name()) != *span_name;
        }
        if let (true, Some((min, max))) = (self.duration, duration_us) {
            let us = span.duration_us().unwrap_or(0);
            self.duration = us < *min || max.is_some_and(|max| us > max);
        }
        if !self.annotations.is_empty() {
            self.close_annotations(span);
        }
    }

    fn close_annotations(&mut self, span: ZipkinSpan<'_>) {
        for annotation in span.annotations() {
            if self.annotations.get(&*annotation) == Some(&None) {
                self.annotations.remove(&*annotation);
            }
        }
        for (key, value) in span.tags(true) {
            let met = self
                .annotations
                .get(&*key)
                .is_some_and(|wanted| wanted.is_none_or(|wanted| wanted == value));
            if met {
                self.annotations.remove(&*key);
            }
        }
    }
}

/// The time of a trace: that of its first root with a timestamp, else the earliest.
fn timestamp_us<'a>(spans: impl Iterator<Item = ZipkinSpan<'a>>) -> Option<u64> {
    let mut earliest = None;
    for span in spans {
        let Some(us) = span.timestamp_us() else {
            continue;
        };
        if span.is_root() {
            return Some(us);
        }
        earliest = Some(earliest.map_or(us, |known: u64| known.min(us)));
    }
    earliest
}
