//! What a segment's facts say about a filter before any row is read.
//!
//! A [`Prune`] is the part of an expression that the manifest and the key filters can judge. Each answer is "cannot match"
//! or "may match"; whatever is not understood may match, so pruning saves work and never changes an answer.

use std::ops::Range;

use clew_storage::segment::Held;
use clew_storage::{Segment, StoreError, TraceId};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{Between, BinaryExpr, Operator};
use datafusion::prelude::Expr;

use super::{ATTRIBUTE_IS, TEXT_COMPARES, tests_attribute_key};

/// Columns whose entries stand in the key filters under their own key.
const MAPS: [&str; 3] = ["attributes", "resource_attributes", "scope_attributes"];

/// The column of `span_attributes` that names an attribute.
const KEY: &str = "key";

/// Of a list of names so many are read ahead in the filters of row groups: the others are mostly not asked for.
const ASKED_AHEAD_MAX: usize = 4;

/// The prunable part of a condition on spans.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Prune {
    /// May match anywhere.
    Unknown,
    /// Matches nowhere.
    Never,
    /// All of these may match.
    All(Vec<Prune>),
    /// One of these may match.
    Any(Vec<Prune>),
    /// A start time in this range, both ends inclusive, is there.
    Start(i64, i64),
    /// One of these services is there.
    Service(Vec<String>),
    /// A span with one of these names is there.
    Name(Vec<String>),
    /// An attribute with this key is there.
    Key(String),
    /// An attribute with this key and text is there.
    Attribute(String, String),
    /// One of these traces is there.
    Trace(Vec<TraceId>),
}

impl Prune {
    /// What can be pruned of the conjunction of `filters`.
    pub(crate) fn new<'a>(filters: impl IntoIterator<Item = &'a Expr>) -> Self {
        Self::all(filters.into_iter().map(Self::from_expr).collect())
    }

    fn from_expr(expr: &Expr) -> Self {
        match expr {
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: Operator::And,
                right,
            }) => Self::all(vec![Self::from_expr(left), Self::from_expr(right)]),
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: Operator::Or,
                right,
            }) => Self::any(vec![Self::from_expr(left), Self::from_expr(right)]),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                match (left.as_ref(), right.as_ref()) {
                    (field, Expr::Literal(value, _)) => Self::comparison(field, *op, value),
                    (Expr::Literal(value, _), field) => op
                        .swap()
                        .map_or(Self::Unknown, |op| Self::comparison(field, op, value)),
                    _ => Self::Unknown,
                }
            }
            Expr::InList(list) if !list.negated => Self::in_list(list),
            Expr::Between(between) if !between.negated => Self::between(between),
            Expr::ScalarFunction(call) if call.name() == ATTRIBUTE_IS => Self::attribute_is(call),
            Expr::ScalarFunction(call) if tests_attribute_key(call.name()) => {
                Self::attribute_key(call)
            }
            Expr::ScalarFunction(call) if call.name() == TEXT_COMPARES => match call.args.first() {
                Some(Expr::ScalarFunction(call)) if call.name() == "get_field" => {
                    Self::has_key(call)
                }
                _ => Self::Unknown,
            },
            Expr::IsNotNull(inner) => match inner.as_ref() {
                Expr::ScalarFunction(call) if call.name() == "get_field" => Self::has_key(call),
                _ => Self::Unknown,
            },
            Expr::Like(like) if !like.negated => match like.expr.as_ref() {
                Expr::ScalarFunction(call) if call.name() == "get_field" => Self::has_key(call),
                _ => Self::Unknown,
            },
            Expr::Literal(ScalarValue::Boolean(Some(false)), _) => Self::Never,
            _ => Self::Unknown,
        }
    }

    fn all(parts: Vec<Self>) -> Self {
        let mut known: Vec<_> = parts
            .into_iter()
            .filter(|part| *part != Self::Unknown)
            .collect();
        match known.len() {
            0 => Self::Unknown,
            1 => known.remove(0),
            _ => Self::All(known),
        }
    }

    fn any(parts: Vec<Self>) -> Self {
        if parts.contains(&Self::Unknown) {
            Self::Unknown
        } else {
            Self::Any(parts)
        }
    }

    fn comparison(field: &Expr, op: Operator, value: &ScalarValue) -> Self {
        match (field, op) {
            (Expr::Column(column), _) if column.name == "start_time" => {
                timestamp(value).map_or(Self::Unknown, |ns| Self::start(op, ns))
            }
            (Expr::Column(column), Operator::Eq) if column.name == "service_name" => {
                text(value).map_or(Self::Unknown, |service| Self::Service(vec![service]))
            }
            (Expr::Column(column), Operator::Eq) if column.name == "name" => {
                text(value).map_or(Self::Unknown, |name| Self::Name(vec![name]))
            }
            (Expr::Column(column), Operator::Eq) if column.name == "trace_id" => {
                trace_id(value).map_or(Self::Unknown, |id| Self::Trace(vec![id]))
            }
            (Expr::Column(column), Operator::Eq) if column.name == KEY => {
                text(value).map_or(Self::Unknown, Self::Key)
            }
            (Expr::ScalarFunction(call), Operator::Eq) if call.name() == "get_field" => {
                Self::get_field(call, value)
            }
            // Any other comparison is null, and so false, where the key is not there.
            (
                Expr::ScalarFunction(call),
                Operator::NotEq
                | Operator::Lt
                | Operator::LtEq
                | Operator::Gt
                | Operator::GtEq
                | Operator::RegexMatch
                | Operator::RegexIMatch
                | Operator::RegexNotMatch
                | Operator::RegexNotIMatch,
            ) if call.name() == "get_field" => Self::has_key(call),
            _ => Self::Unknown,
        }
    }

    fn start(op: Operator, ns: i64) -> Self {
        match op {
            Operator::Eq => Self::Start(ns, ns),
            Operator::GtEq => Self::Start(ns, i64::MAX),
            Operator::Gt => ns
                .checked_add(1)
                .map_or(Self::Never, |ns| Self::Start(ns, i64::MAX)),
            Operator::LtEq => Self::Start(i64::MIN, ns),
            Operator::Lt => ns
                .checked_sub(1)
                .map_or(Self::Never, |ns| Self::Start(i64::MIN, ns)),
            _ => Self::Unknown,
        }
    }

    fn get_field(call: &ScalarFunction, value: &ScalarValue) -> Self {
        match (call.args.as_slice(), text(value)) {
            ([Expr::Column(column), Expr::Literal(key, _)], Some(value))
                if MAPS.contains(&column.name.as_str()) =>
            {
                text(key).map_or(Self::Unknown, |key| Self::Attribute(key, value))
            }
            _ => Self::Unknown,
        }
    }

    fn has_key(call: &ScalarFunction) -> Self {
        match call.args.as_slice() {
            [Expr::Column(column), Expr::Literal(key, _)]
                if MAPS.contains(&column.name.as_str()) =>
            {
                text(key).map_or(Self::Unknown, Self::Key)
            }
            _ => Self::Unknown,
        }
    }

    fn attribute_is(call: &ScalarFunction) -> Self {
        match call.args.as_slice() {
            [_, Expr::Literal(key, _), Expr::Literal(value, _)] => match (text(key), text(value)) {
                (Some(key), Some(value)) => Self::Attribute(key, value),
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    fn attribute_key(call: &ScalarFunction) -> Self {
        match call.args.as_slice() {
            [_, Expr::Literal(key, _), ..] => text(key).map_or(Self::Unknown, Self::Key),
            _ => Self::Unknown,
        }
    }

    fn in_list(list: &InList) -> Self {
        if let Expr::ScalarFunction(call) = list.expr.as_ref()
            && call.name() == "get_field"
        {
            let parts = list.list.iter().map(|item| match item {
                Expr::Literal(value, _) => Self::get_field(call, value),
                _ => Self::Unknown,
            });
            return Self::any(parts.collect());
        }
        let Expr::Column(column) = list.expr.as_ref() else {
            return Self::Unknown;
        };
        let literals = list.list.iter().map(|item| match item {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        });
        match column.name.as_str() {
            "service_name" => literals
                .map(|value| value.and_then(text))
                .collect::<Option<_>>()
                .map_or(Self::Unknown, Self::Service),
            "name" => literals
                .map(|value| value.and_then(text))
                .collect::<Option<_>>()
                .map_or(Self::Unknown, Self::Name),
            "trace_id" => literals
                .map(|value| value.and_then(trace_id))
                .collect::<Option<_>>()
                .map_or(Self::Unknown, Self::Trace),
            _ => Self::Unknown,
        }
    }

    fn between(between: &Between) -> Self {
        match (
            between.expr.as_ref(),
            between.low.as_ref(),
            between.high.as_ref(),
        ) {
            (Expr::Column(column), Expr::Literal(low, _), Expr::Literal(high, _))
                if column.name == "start_time" =>
            {
                match (timestamp(low), timestamp(high)) {
                    (Some(low), Some(high)) => Self::Start(low, high),
                    _ => Self::Unknown,
                }
            }
            _ => Self::Unknown,
        }
    }

    /// False when no span of `segment` can match, by its manifest entry and its filter of trace ids.
    pub(crate) fn segment(&self, segment: &Segment) -> bool {
        let meta = segment.meta();
        match self {
            Self::Unknown | Self::Attribute(..) | Self::Key(_) | Self::Name(_) => true,
            Self::Never => false,
            Self::All(parts) => parts.iter().all(|part| part.segment(segment)),
            Self::Any(parts) => parts.iter().any(|part| part.segment(segment)),
            Self::Start(min, max) => *min <= meta.start_time.1 && *max >= meta.start_time.0,
            Self::Service(names) => {
                meta.services.is_empty()
                    || names
                        .iter()
                        .any(|name| meta.services.binary_search(name).is_ok())
            }
            Self::Trace(ids) => ids
                .iter()
                .any(|id| !matches!(segment.trace_rows(*id), Ok(None))),
        }
    }

    /// False when no span of row group `row_group` of `segment` can match, by its filters and times.
    pub(crate) fn row_group(&self, segment: &Segment, row_group: usize) -> bool {
        // A filter that cannot be read excludes nothing; reading the rows will tell what is wrong.
        let held = match self {
            Self::Unknown | Self::Trace(_) => Ok(true),
            Self::Start(min, max) => segment.row_group_start_time(row_group).map(|start| {
                start.is_none_or(|(earliest, latest)| *min <= latest && *max >= earliest)
            }),
            Self::Never => Ok(false),
            Self::All(parts) => Ok(parts.iter().all(|part| part.row_group(segment, row_group))),
            Self::Any(parts) => Ok(parts.iter().any(|part| part.row_group(segment, row_group))),
            Self::Service(_) | Self::Name(_) | Self::Key(_) | Self::Attribute(..) => {
                let held = self.held().into_iter();
                any(held, |held| segment.row_group_may_hold(row_group, held))
            }
        };
        held.unwrap_or(true)
    }

    /// Begins to read what [`Prune::row_group`] reads of `row_groups`: all of them will be asked.
    pub(crate) fn will_ask(&self, segment: &Segment, row_groups: &Range<usize>) {
        if let Self::All(parts) | Self::Any(parts) = self {
            for part in parts {
                part.will_ask(segment, row_groups);
            }
        }
        for held in self.held().into_iter().take(ASKED_AHEAD_MAX) {
            // Whoever asks will be told what is wrong.
            let _ = segment.will_ask(row_groups.clone(), held);
        }
    }

    /// What filters of row groups are asked for, one of which must be there.
    fn held(&self) -> Vec<Held<'_>> {
        match self {
            Self::Service(names) => names.iter().map(|name| Held::Service(name)).collect(),
            Self::Name(names) => names.iter().map(|name| Held::Name(name)).collect(),
            Self::Key(key) => vec![Held::Key(key)],
            Self::Attribute(key, value) => vec![Held::Attribute(key, value)],
            _ => Vec::new(),
        }
    }

    /// The only rows of `segment` that can match, when the condition names traces; `None` when it does not.
    pub(crate) fn rows(&self, segment: &Segment) -> Option<Vec<Range<u32>>> {
        let parts = match self {
            Self::All(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        let ids = parts.iter().find_map(|part| match part {
            Self::Trace(ids) => Some(ids),
            _ => None,
        })?;
        let rows: Result<Vec<_>, _> = ids.iter().map(|id| segment.trace_rows(*id)).collect();
        let mut rows: Vec<_> = rows.ok()?.into_iter().flatten().collect();
        rows.sort_by_key(|range| range.start);
        rows.dedup();
        Some(rows)
    }
}

/// True when `holds` is for one of `items`.
fn any<T>(
    items: impl Iterator<Item = T>,
    holds: impl Fn(T) -> Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    for item in items {
        if holds(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn text(value: &ScalarValue) -> Option<String> {
    value.try_as_str().flatten().map(str::to_owned)
}

fn timestamp(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampNanosecond(ns, _) => *ns,
        _ => None,
    }
}

fn trace_id(value: &ScalarValue) -> Option<TraceId> {
    match value {
        ScalarValue::FixedSizeBinary(_, Some(bytes))
        | ScalarValue::Binary(Some(bytes))
        | ScalarValue::BinaryView(Some(bytes))
        | ScalarValue::LargeBinary(Some(bytes)) => TraceId::from_bytes(bytes),
        _ => None,
    }
}
