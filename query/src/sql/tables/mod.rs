//! The tables that are made of `spans` while a statement runs.
//!
//! ```text
//!  span_attributes               one row an attribute of a span, with all of the span                   ([`attributes`])
//!  events, links                 views: one row an event or link, with its span's ids and service      ([`views`])
//!  span_tree                     one row a span, with its place in its whole trace and its parent       ([`tree`])
//!  span_metrics, service_edges   views of the store's counts by minute ([`counts`]), one row a key        ([`derived`])
//! ```
//!
//! Those that are no views are scanned by threads that may block ([`pass`]). `spans` and `traces` themselves are those of [`crate::table`].

mod attributes;
mod counts;
mod derived;
mod pass;
mod tree;
mod views;

use std::sync::Arc;

use clew_storage::Snapshot;
use clew_storage::derived::DerivedTable;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};

use crate::table::{ScanCount, tables};

pub(super) use tree::traces_together;

/// Names of all tables and views.
pub(super) const NAMES: [&str; 8] = [
    "events",
    "links",
    "service_edges",
    "span_attributes",
    "span_metrics",
    "span_tree",
    "spans",
    "traces",
];

/// All tables of `snapshot` for a statement that begins at `now`, ns since the epoch.
///
/// # Errors
/// Never for the schemas of the store.
pub(super) async fn all(
    snapshot: &Snapshot,
    count: &Arc<ScanCount>,
    now: i64,
) -> Result<Arc<dyn SchemaProvider>> {
    let provider = tables(snapshot, count)?;
    let spans = provider.table("spans").await?;
    let spans = spans.ok_or_else(|| internal_datafusion_err!("there is no table of spans"))?;
    let tree = Arc::new(tree::SpanTree::new(snapshot.clone(), Arc::clone(count)));
    let scan = |name: &str, table: &Arc<dyn TableProvider>| {
        LogicalPlanBuilder::scan(name, provider_as_source(Arc::clone(table)), None)
    };
    let counts = |table| -> Arc<dyn TableProvider> {
        Arc::new(counts::CountsTable::new(snapshot.clone(), table, now))
    };
    for (name, plan) in [
        ("events", views::events(scan("spans", &spans)?)?),
        ("links", views::links(scan("spans", &spans)?)?),
        (
            "span_metrics",
            derived::span_metrics(scan("span_metrics", &counts(DerivedTable::SpanMetrics))?)?,
        ),
        (
            "service_edges",
            derived::service_edges(scan("service_edges", &counts(DerivedTable::ServiceEdges))?)?,
        ),
    ] {
        provider.register_table(name.to_owned(), view(plan))?;
    }
    provider.register_table("span_tree".to_owned(), tree)?;
    let attributes = attributes::SpanAttributes::new(snapshot.clone(), Arc::clone(count));
    provider.register_table("span_attributes".to_owned(), Arc::new(attributes))?;
    Ok(provider)
}

fn view(plan: LogicalPlan) -> Arc<dyn TableProvider> {
    Arc::new(ViewTable::new(plan, None))
}
