//! Search as it is specified, done the slow way over spans in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use clew_storage::attributes::AttributeValue;
use serde_json::{Value, json};

use super::spans::{Attributes, TestSpan};

/// What to look for; all of it on one span.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) service: Option<String>,
    pub(crate) operation: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) min_duration: Option<u64>,
    pub(crate) max_duration: Option<u64>,
    pub(crate) start: Option<u64>,
    pub(crate) end: Option<u64>,
    pub(crate) terms: Vec<Term>,
}

/// A term of the query language about an attribute.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    /// `span`, `resource`, `scope`, `event`, `link`, or empty for any.
    pub(crate) level: &'static str,
    pub(crate) key: String,
    pub(crate) test: Test,
    pub(crate) negated: bool,
}

/// What a term asks of the values.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Has,
    Is(String),
    IsNot(String),
    In(Vec<String>),
    Contains(String),
    ContainsNot(String),
    /// A sign and a number.
    Order(&'static str, f64),
}

impl Term {
    /// As it is written.
    pub(crate) fn text(&self) -> String {
        let quoted = |text: &str| {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
            let escaped = escaped.replace('\n', "\\n").replace('\t', "\\t");
            format!("\"{}\"", escaped.replace('\r', "\\r"))
        };
        let dot = if self.level.is_empty() { "" } else { "." };
        let key = format!("{}{dot}{}", self.level, quoted(&self.key));
        let found = |text: &str| quoted(&regex_of(text));
        let term = match &self.test {
            Test::Has => format!("has:{key}"),
            Test::Is(value) => format!("{key}={}", quoted(value)),
            Test::IsNot(value) => format!("{key}!={}", quoted(value)),
            Test::In(values) => {
                let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
                format!("{key} in ({})", values.join(", "))
            }
            Test::Contains(part) => format!("{key}~{}", found(part)),
            Test::ContainsNot(part) => format!("{key}!~{}", found(part)),
            Test::Order(sign, number) => format!("{key}{sign}{number}"),
        };
        format!("{}{term}", if self.negated { "-" } else { "" })
    }

    fn holds(&self, span: &TestSpan) -> bool {
        let values: Vec<String> = attributes_at(span, self.level)
            .filter(|(key, _)| *key == self.key)
            .map(|(_, value)| text(value))
            .collect();
        let any = |meets: &dyn Fn(&String) -> bool| values.iter().any(meets);
        let holds = match &self.test {
            Test::Has => !values.is_empty(),
            Test::Is(wanted) => any(&|value| value == wanted),
            Test::IsNot(other) => !values.is_empty() && !any(&|value| value == other),
            Test::In(wanted) => any(&|value| wanted.contains(value)),
            Test::Contains(part) => any(&|value| value.contains(part)),
            Test::ContainsNot(part) => !values.is_empty() && !any(&|value| value.contains(part)),
            Test::Order(sign, bound) => any(&|value| {
                let number = value
                    .parse::<f64>()
                    .ok()
                    .filter(|number| number.is_finite());
                number.is_some_and(|number| match *sign {
                    "<" => number < *bound,
                    "<=" => number <= *bound,
                    ">" => number > *bound,
                    _ => number >= *bound,
                })
            }),
        };
        holds != self.negated
    }
}

/// A regular expression for `text` itself.
fn regex_of(text: &str) -> String {
    let escape = |sign: char| match sign {
        sign if sign.is_alphanumeric()
            || sign.is_whitespace()
            || "/_'\"<>=,;:@%!-&~#".contains(sign) =>
        {
            sign.to_string()
        }
        sign => format!("\\{sign}"),
    };
    text.chars().map(escape).collect()
}

fn attributes_at<'a>(
    span: &'a TestSpan,
    level: &str,
) -> impl Iterator<Item = &'a (String, AttributeValue)> {
    let at = |name: &str| level.is_empty() || level == name;
    let mut lists: Vec<&Attributes> = Vec::new();
    let own = [
        ("span", &span.attributes),
        ("resource", &span.resource),
        ("scope", &span.scope),
    ];
    lists.extend(
        own.into_iter()
            .filter(|(name, _)| at(name))
            .map(|(_, list)| list),
    );
    if at("event") {
        lists.extend(span.events.iter().map(|event| &event.attributes));
    }
    if at("link") {
        lists.extend(span.links.iter().map(|link| &link.attributes));
    }
    lists.into_iter().flatten()
}

/// Traces, each span in them once.
pub(crate) struct Traces {
    traces: BTreeMap<u128, Vec<TestSpan>>,
}

impl Traces {
    pub(crate) fn of(spans: &[TestSpan]) -> Self {
        let mut traces: BTreeMap<u128, Vec<TestSpan>> = BTreeMap::new();
        for span in spans {
            let trace = traces.entry(span.trace_id).or_default();
            if !trace.contains(span) {
                trace.push(span.clone());
            }
        }
        Self { traces }
    }

    /// The rows of all matching traces, newest first, ties by id.
    pub(crate) fn search(&self, query: &Query) -> Vec<Value> {
        let mut found: Vec<_> = self
            .traces
            .iter()
            .filter_map(|(id, spans)| {
                let matched = spans.iter().filter(|span| matches(query, span)).count();
                (matched > 0).then(|| (u64::MAX - start(spans), *id, row(*id, spans, matched)))
            })
            .collect();
        found.sort_by_key(|(newness, id, _)| (*newness, *id));
        found.into_iter().map(|(_, _, row)| row).collect()
    }
}

impl Traces {
    /// All matching spans.
    pub(crate) fn spans(&self, query: &Query) -> Vec<&TestSpan> {
        let spans = self.traces.values().flatten();
        spans.filter(|span| matches(query, span)).collect()
    }
}

fn matches(query: &Query, span: &TestSpan) -> bool {
    let length = duration(span);
    // A time beyond 2^63 is before 1970 in a range of times, as it is in SQL.
    let at = span.start as i64;
    query
        .service
        .as_deref()
        .is_none_or(|name| name == span.service())
        && query
            .operation
            .as_deref()
            .is_none_or(|name| name == span.name)
        && query.min_duration.is_none_or(|min| length >= min as i64)
        && query.max_duration.is_none_or(|max| length <= max as i64)
        && query.start.is_none_or(|start| at >= start as i64)
        && query.end.is_none_or(|end| at < end as i64)
        && query
            .tags
            .iter()
            .all(|(key, value)| has_tag(span, key, value))
        && query.terms.iter().all(|term| term.holds(span))
}

pub(crate) fn duration(span: &TestSpan) -> i64 {
    span.end.wrapping_sub(span.start) as i64
}

fn has_tag(span: &TestSpan, key: &str, value: &str) -> bool {
    match (key, value) {
        ("error", "true") => span.status == 2,
        ("error", "false") => span.status != 2,
        ("span.kind", _) => {
            const KINDS: [&str; 6] = [
                "unspecified",
                "internal",
                "server",
                "client",
                "producer",
                "consumer",
            ];
            KINDS[span.kind as usize] == value.to_lowercase()
        }
        ("otel.status_code", _) => {
            ["unset", "ok", "error"][span.status as usize] == value.to_lowercase()
        }
        ("otel.scope.name", _) => span.scope_name == value,
        _ => {
            if let Some(key) = key.strip_prefix("resource.") {
                return holds(&span.resource, key, value);
            }
            let events = span.events.iter().map(|event| &event.attributes);
            let links = span.links.iter().map(|link| &link.attributes);
            let own = [&span.attributes, &span.resource, &span.scope];
            let mut all = own.into_iter().chain(events).chain(links);
            all.any(|attributes| holds(attributes, key, value))
        }
    }
}

fn holds(attributes: &Attributes, key: &str, value: &str) -> bool {
    attributes
        .iter()
        .any(|(name, found)| name == key && text(found) == value)
}

/// A value as a person writes it into a search.
pub(crate) fn text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::String(text) => text.clone(),
        AttributeValue::Bool(value) => value.to_string(),
        AttributeValue::Int(value) => value.to_string(),
        // Whole numbers without a point.
        AttributeValue::Double(value) => format!("{value}"),
        AttributeValue::Empty => String::new(),
        other => panic!("no such value here: {other:?}"),
    }
}

/// The earliest start; a span without one says nothing.
fn start(spans: &[TestSpan]) -> u64 {
    let starts = spans
        .iter()
        .map(|span| span.start)
        .filter(|start| *start != 0);
    starts.min().unwrap_or(0)
}

fn row(id: u128, spans: &[TestSpan], matched: usize) -> Value {
    let ids: BTreeSet<u64> = spans.iter().map(|span| span.span_id).collect();
    let callers: BTreeSet<u64> = spans
        .iter()
        .filter(|span| [3, 4].contains(&span.kind))
        .map(|span| span.span_id)
        .collect();
    // The server's half of a call stands under the client's half, whatever parent it names.
    let is_half = |span: &TestSpan| [2, 5].contains(&span.kind) && callers.contains(&span.span_id);
    let is_orphan = |span: &&TestSpan| {
        !is_half(span) && span.parent.is_some_and(|parent| !ids.contains(&parent))
    };
    let orphans = spans.iter().filter(is_orphan).count();
    let start = start(spans);
    let ends = spans.iter().filter(|span| span.start >= start).map(|span| {
        span.start
            .saturating_add(u64::try_from(duration(span)).unwrap_or(0))
    });
    let mut services: HashMap<&str, (u32, u32)> = HashMap::new();
    for span in spans {
        let counts = services.entry(span.service()).or_default();
        counts.0 += 1;
        counts.1 += u32::from(span.status == 2);
    }
    let services: BTreeMap<_, _> = services.into_iter().collect();
    let has_root = spans
        .iter()
        .any(|span| span.parent.is_none() && !is_half(span));
    let duration = ends.max().unwrap_or(0).saturating_sub(start);
    json!({
        "trace_id": format!("{id:032x}"),
        "start_time_unix_nano": start.to_string(),
        "duration_ns": i64::try_from(duration).unwrap_or(i64::MAX).to_string(),
        "span_count": spans.len(),
        "error_count": spans.iter().filter(|span| span.status == 2).count(),
        "orphan_count": orphans,
        "matched_count": matched,
        "services": services.iter().map(|(name, (spans, errors))| json!({"name": name, "span_count": spans, "error_count": errors})).collect::<Vec<_>>(),
        "complete": has_root && orphans == 0,
        "root": root(spans, is_half),
    })
}

/// Service and name of the earliest root, if there is no doubt which that is; else null.
fn root(spans: &[TestSpan], is_half: impl Fn(&TestSpan) -> bool) -> Value {
    let roots: Vec<_> = spans
        .iter()
        .filter(|span| span.parent.is_none() && !is_half(span))
        .collect();
    let candidates = if roots.is_empty() {
        spans.iter().collect()
    } else {
        roots
    };
    let order = |span: &&TestSpan| span.start.wrapping_sub(1);
    let earliest = candidates.iter().map(order).min();
    let mut earliest = candidates
        .iter()
        .filter(|span| Some(order(span)) == earliest);
    match (earliest.next(), earliest.next()) {
        (Some(root), None) => json!([root.service(), root.name]),
        _ => Value::Null,
    }
}
