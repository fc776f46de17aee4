//! The one filter expression tree over spans. Search parameters, Jaeger's tags and Jaeger's structured queries are front
//! ends of it; it becomes a DataFusion expression ([`Filter::expr`]), from which segments and row groups are pruned
//! ([`Prune`]).
//!
//! All of a filter speaks of one span. Values compare by canonical text, so `123` meets the integer 123 and the text
//! "123" alike. Text compares byte for byte.

mod attribute_is;
mod expr;
pub(crate) mod prune;
pub(crate) mod tags;
#[cfg(test)]
mod tests;

pub(crate) use attribute_is::{NAME as ATTRIBUTE_IS, attribute_is};
pub(crate) use prune::Prune;

/// A condition on one span.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    /// Every one of these holds; true when empty.
    All(Vec<Filter>),
    /// This does not hold.
    Not(Box<Filter>),
    /// A column of text has this value.
    Text(TextField, String),
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
    /// On the resource.
    Resource,
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
            Self::All(filters) => filters.iter().map(Self::terms).sum(),
            Self::Not(filter) => filter.terms(),
            _ => 1,
        }
    }
}
