//! The one filter expression tree over spans. Search parameters, Jaeger's tags and Jaeger's structured queries are front
//! ends of it; it becomes a DataFusion expression ([`Filter::expr`]), from which segments and row groups are pruned
//! ([`Prune`]).
//!
//! All of a filter speaks of one span. Values compare by canonical text, so `123` meets the integer 123 and the text
//! "123" alike. Text compares byte for byte.

mod attribute;
mod expr;
mod number;
mod pattern;
pub(crate) mod prune;
pub(crate) mod tags;
#[cfg(test)]
mod tests;

pub(crate) use attribute::{ATTRIBUTE_IS, functions, reads_attributes, tests_attribute_key};
pub(crate) use number::{TEXT_COMPARES, attribute_number, number_bound, text_compares};
pub(crate) use pattern::Pattern;
pub(crate) use prune::Prune;

use arrow::array::{Array, BooleanArray};
use arrow::buffer::BooleanBuffer;

use crate::language::Order;
use crate::language::quantity::Number;

/// Where a condition is met that gave `mask`: null is no match.
pub(crate) fn is_true(mask: &BooleanArray) -> BooleanBuffer {
    match mask.nulls() {
        Some(known) => mask.values() & known.inner(),
        None => mask.values().clone(),
    }
}

/// A condition on one span.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    /// Every one of these holds; true when empty.
    All(Vec<Filter>),
    /// One of these holds; false when empty.
    Any(Vec<Filter>),
    /// This does not hold.
    Not(Box<Filter>),
    /// A column of text has this value.
    Text(TextField, String),
    /// A column of text matches.
    TextMatches(TextField, Pattern),
    /// An id is this one, of 16 bytes for a trace and 8 for a span.
    Id(IdField, Vec<u8>),
    /// The span has no parent.
    Root,
    /// The name of one of its events matches.
    Event(Pattern),
    /// `min <= duration <= max`, ns.
    Duration {
        /// Shortest.
        min_ns: Option<i64>,
        /// Longest.
        max_ns: Option<i64>,
    },
    /// `min <= start < max`, ns since the epoch.
    Start {
        /// Earliest.
        min: Option<i64>,
        /// First that is too late.
        max: Option<i64>,
    },
    /// An attribute at this level has this canonical text.
    Attribute {
        /// Where to look.
        level: Level,
        /// Key.
        key: String,
        /// Canonical text.
        value: String,
    },
    /// An attribute at this level meets a test.
    AttributeTest {
        /// Where to look.
        level: Level,
        /// Key.
        key: String,
        /// What its value has to be.
        test: AttributeTest,
    },
}

/// What the value of an attribute has to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AttributeTest {
    /// Anything.
    Exists,
    /// Its canonical text matches.
    Matches(Pattern),
    /// It reads as a number that compares so.
    Compares(Order, Number),
}

/// Columns of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdField {
    /// `trace_id`
    Trace,
    /// `span_id`
    Span,
    /// `parent_span_id`
    Parent,
}

/// Columns of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextField {
    /// `service_name`
    Service,
    /// `name`
    Name,
    /// `kind`
    Kind,
    /// `status_code`
    Status,
    /// `status_message`
    StatusMessage,
    /// `scope_name`
    ScopeName,
    /// `scope_version`
    ScopeVersion,
}

/// Where an attribute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// On the span, its resource, its scope, one of its events or one of its links.
    Any,
    /// On the span itself.
    Span,
    /// On the resource.
    Resource,
    /// On the instrumentation scope.
    Scope,
    /// On one of the span's events.
    Event,
    /// On one of the span's links.
    Link,
}

impl Filter {
    /// The conditions that must all hold, unnested.
    pub(crate) fn conjuncts(&self) -> Vec<&Filter> {
        match self {
            Self::All(filters) => filters.iter().flat_map(Self::conjuncts).collect(),
            other => vec![other],
        }
    }

    /// True when every start within `range`, both ends inclusive, meets all conditions on the start.
    pub(crate) fn covers(&self, range: (i64, i64)) -> bool {
        self.conjuncts().into_iter().all(|part| match part {
            Self::Start { min, max } => {
                min.is_none_or(|min| min <= range.0) && max.is_none_or(|max| range.1 < max)
            }
            _ => true,
        })
    }

    /// How many conditions the tree has at its leaves.
    pub(crate) fn terms(&self) -> usize {
        match self {
            Self::All(filters) | Self::Any(filters) => filters.iter().map(Self::terms).sum(),
            Self::Not(filter) => filter.terms(),
            _ => 1,
        }
    }
}
