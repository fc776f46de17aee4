//! A filter as a DataFusion expression over the columns of `spans`.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::utils::{conjunction, disjunction};
use datafusion::logical_expr::{Operator, binary_expr};
use datafusion::prelude::{Expr, col, lit, not};

use super::attribute::{
    attribute_compares, attribute_exists, attribute_is, attribute_matches, event_matches,
};
use super::{AttributeTest, Filter, IdField, Level, TextField};

/// Columns that hold attributes at some level.
const ATTRIBUTE_COLUMNS: [&str; 5] = [
    "attributes",
    "resource_attributes",
    "scope_attributes",
    "events",
    "links",
];

impl Filter {
    /// The condition as an expression over [`schema::spans`](clew_storage::schema::spans).
    pub(crate) fn expr(&self) -> Expr {
        match self {
            Self::All(filters) => {
                conjunction(filters.iter().map(Self::expr)).unwrap_or_else(|| lit(true))
            }
            Self::Not(filter) => not(filter.expr()),
            Self::Text(field, value) => col(field.column()).eq(text(value)),
            Self::Duration { min_ns, max_ns } => range(
                min_ns.map(|min| col("duration_ns").gt_eq(lit(min))),
                max_ns.map(|max| col("duration_ns").lt_eq(lit(max))),
            ),
            Self::Start { min, max } => range(
                min.map(|min| col("start_time").gt_eq(time(min))),
                max.map(|max| col("start_time").lt(time(max))),
            ),
            Self::Any(filters) => {
                disjunction(filters.iter().map(Self::expr)).unwrap_or_else(|| lit(false))
            }
            Self::TextMatches(field, pattern) => binary_expr(
                col(field.column()),
                Operator::RegexMatch,
                text(pattern.source()),
            ),
            Self::Id(field, id) => field.is(id),
            Self::Root => col("parent_span_id").is_null(),
            Self::Event(pattern) => {
                event_matches().call(vec![col("events"), lit(pattern.source())])
            }
            Self::Attribute { level, key, value } => {
                level.anywhere(|column| attribute_is().call(vec![column, lit(key), lit(value)]))
            }
            Self::AttributeTest { level, key, test } => level.anywhere(|column| match test {
                AttributeTest::Exists => attribute_exists().call(vec![column, lit(key)]),
                AttributeTest::Matches(pattern) => {
                    attribute_matches().call(vec![column, lit(key), lit(pattern.source())])
                }
                AttributeTest::Compares(order, number) => attribute_compares().call(vec![
                    column,
                    lit(key),
                    lit(order.sign()),
                    lit(number.to_string()),
                ]),
            }),
        }
    }
}

impl TextField {
    fn column(self) -> &'static str {
        match self {
            Self::Service => "service_name",
            Self::Name => "name",
            Self::Kind => "kind",
            Self::Status => "status_code",
            Self::StatusMessage => "status_message",
            Self::ScopeName => "scope_name",
            Self::ScopeVersion => "scope_version",
        }
    }
}

impl IdField {
    fn is(self, id: &[u8]) -> Expr {
        let column = match self {
            Self::Trace => "trace_id",
            Self::Span => "span_id",
            Self::Parent => "parent_span_id",
        };
        let id = ScalarValue::FixedSizeBinary(id.len() as i32, Some(id.to_vec()));
        let is = col(column).eq(lit(id));
        // Null would make a negation null.
        match self {
            Self::Parent => col(column).is_not_null().and(is),
            _ => is,
        }
    }
}

impl Level {
    /// True when `test` is for one of the columns of this level.
    fn anywhere(self, test: impl Fn(Expr) -> Expr) -> Expr {
        let columns = match self {
            Self::Any => &ATTRIBUTE_COLUMNS[..],
            Self::Span => &["attributes"],
            Self::Resource => &["resource_attributes"],
            Self::Scope => &["scope_attributes"],
            Self::Event => &["events"],
            Self::Link => &["links"],
        };
        disjunction(columns.iter().map(|column| test(col(*column)))).unwrap_or_else(|| lit(false))
    }
}

fn range(min: Option<Expr>, max: Option<Expr>) -> Expr {
    conjunction(min.into_iter().chain(max)).unwrap_or_else(|| lit(true))
}

fn text(value: &str) -> Expr {
    lit(ScalarValue::Utf8View(Some(value.to_owned())))
}

fn time(ns: i64) -> Expr {
    lit(ScalarValue::TimestampNanosecond(
        Some(ns),
        Some("UTC".into()),
    ))
}
