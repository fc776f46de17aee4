//! A filter as a DataFusion expression over the columns of `spans`.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::utils::{conjunction, disjunction};
use datafusion::prelude::{Expr, col, lit, not};

use super::{Filter, Level, TextField, attribute_is};

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
            Self::Attribute { level, key, value } => {
                let columns = match level {
                    Level::Any => &ATTRIBUTE_COLUMNS[..],
                    Level::Resource => &["resource_attributes"],
                };
                let calls = columns
                    .iter()
                    .map(|column| attribute_is().call(vec![col(*column), lit(key), lit(value)]));
                disjunction(calls).unwrap_or_else(|| lit(false))
            }
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
            Self::ScopeName => "scope_name",
            Self::ScopeVersion => "scope_version",
        }
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
