//! Conditions on a trace as a whole.

use super::Order;
use super::quantity::Number;
use crate::filter::Pattern;
use crate::trace::summary::Summary;

/// A condition on the figures of a trace, over all its parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TraceFilter {
    /// All hold.
    All(Vec<TraceFilter>),
    /// One holds.
    Any(Vec<TraceFilter>),
    /// It does not hold.
    Not(Box<TraceFilter>),
    /// The duration, in ns.
    Duration(Order, i64),
    /// `min <= start < max`, ns since the epoch, as sent; not of the language, the time range stands beside a query.
    Start {
        /// Earliest.
        min: Option<u64>,
        /// First that is too late.
        max: Option<u64>,
    },
    /// A count.
    Count(Count, Order, Number),
    /// A count is this number.
    CountIs(Count, Number),
    /// A name, or one of the services.
    Name(Name, Pattern),
    /// There is a root and no orphan.
    Complete,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    Spans,
    Errors,
    Orphans,
}

/// What is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// Any service of the trace.
    Services,
    /// Service of the root.
    RootService,
    /// Name of the root.
    Root,
}

impl TraceFilter {
    /// Whether the trace meets the condition.
    pub(crate) fn matches(&self, trace: &Summary) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(trace)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(trace)),
            Self::Not(part) => !part.matches(trace),
            Self::Duration(order, bound) => order.meets(trace.duration_ns.cmp(bound)),
            Self::Start { min, max } => {
                min.is_none_or(|min| min <= trace.start_time)
                    && max.is_none_or(|max| trace.start_time < max)
            }
            Self::Count(count, order, bound) => order.meets(count.of(trace).compare(*bound)),
            Self::CountIs(count, number) => count.of(trace).compare(*number).is_eq(),
            Self::Name(Name::Services, pattern) => trace
                .services
                .iter()
                .any(|service| pattern.matches(&service.name)),
            Self::Name(Name::RootService, pattern) => pattern.matches(&trace.root_service_name),
            Self::Name(Name::Root, pattern) => pattern.matches(&trace.root_name),
            Self::Complete => trace.complete,
        }
    }
}

impl Count {
    fn of(self, trace: &Summary) -> Number {
        Number::Int(i64::from(match self {
            Self::Spans => trace.span_count,
            Self::Errors => trace.error_count,
            Self::Orphans => trace.orphan_count,
        }))
    }
}
