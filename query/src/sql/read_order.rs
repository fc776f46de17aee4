//! Lets scans read first what a statement wants first.
//!
//! `ORDER BY start_time DESC LIMIT 50` keeps the best rows so far, and DataFusion tells scans, while they run, what is too late to be among
//! them. That spares the more the sooner good rows come:
//!
//! ```text
//!  planned     files and row groups as they lie: the newest come last, everything has been read by then
//!  rewritten   those of the latest times first: after a few row groups the statistics of all others rule them out
//! ```
//!
//! DataFusion hands a wanted order down to a scan, but not through filters and unions, which every statement on our tables has. Only the
//! order of reading changes; the sort stays where it is. Times alone are worth it: by them segments and row groups differ, while
//! every row group has short and long spans.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, SortOrderPushdownResult};

type Plan = Arc<dyn ExecutionPlan>;

/// Has the scans under a sort with a limit read in its order, as far as statistics tell.
#[derive(Debug)]
pub(super) struct ReadWantedFirst;

impl PhysicalOptimizerRule for ReadWantedFirst {
    fn optimize(&self, plan: Plan, _config: &ConfigOptions) -> Result<Plan> {
        let ordered = plan.transform_up(|plan| {
            let Some(sort) = plan.downcast_ref::<SortExec>() else {
                return Ok(Transformed::no(plan));
            };
            if sort.fetch().is_none() {
                return Ok(Transformed::no(plan));
            }
            Ok(match reading(sort.input(), sort.expr().first())? {
                Some(input) => Transformed::yes(replace_children_if_necessary(plan, vec![input])?),
                None => Transformed::no(plan),
            })
        });
        ordered.data()
    }

    fn name(&self) -> &'static str {
        "read_wanted_first"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// `plan` with its scans reading in the order `wanted` of its rows; `None` where none can.
fn reading(plan: &Plan, wanted: &PhysicalSortExpr) -> Result<Option<Plan>> {
    let Some(column) = wanted.expr.downcast_ref::<Column>() else {
        return Ok(None);
    };
    if let Some(source) = plan.downcast_ref::<DataSourceExec>() {
        return scan(source, wanted, column);
    }
    let Some(place) = place_below(plan, column.index()) else {
        return Ok(None);
    };
    let mut is_changed = false;
    let mut children = Vec::new();
    for child in plan.children() {
        let schema = child.schema();
        let below = PhysicalSortExpr {
            expr: Arc::new(Column::new(schema.field(place).name(), place)),
            options: wanted.options,
        };
        let changed = reading(child, &below)?;
        is_changed |= changed.is_some();
        children.push(changed.unwrap_or_else(|| Arc::clone(child)));
    }
    if !is_changed {
        return Ok(None);
    }
    // A filter that gathers rows to full batches would keep from the sort what it has found.
    let plan = match plan.downcast_ref::<FilterExec>() {
        Some(filter) => Arc::new(filter.with_batch_size(1)?),
        None => Arc::clone(plan),
    };
    replace_children_if_necessary(plan, children).map(Some)
}

/// Where column `place` of what `plan` gives stands in its inputs; `None` where it is made here, or where rows are.
fn place_below(plan: &Plan, place: usize) -> Option<usize> {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let column = &projection.expr().get(place)?.expr;
        return column.downcast_ref::<Column>().map(Column::index);
    }
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        return match filter.projection() {
            Some(places) => places.get(place).copied(),
            None => Some(place),
        };
    }
    let passes_on = plan.is::<UnionExec>()
        || plan.is::<RepartitionExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<CooperativeExec>();
    passes_on.then_some(place)
}

/// The scan `scan`, reading its files and their row groups in the order `wanted` of its column `column`; `None` where its files
/// do not tell their extremes.
fn scan(scan: &DataSourceExec, wanted: &PhysicalSortExpr, column: &Column) -> Result<Option<Plan>> {
    let ordered = scan.try_pushdown_sort(std::slice::from_ref(wanted))?;
    let SortOrderPushdownResult::Inexact { inner } = ordered else {
        return Ok(None);
    };
    let config = inner.downcast_ref::<DataSourceExec>();
    let config = config.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
    let Some(config) = config else {
        return Ok(None);
    };
    let Some(source) = config.file_source().downcast_ref::<ParquetSource>() else {
        return Ok(None);
    };
    let Some(place) = place_in_table(source, column) else {
        return Ok(None);
    };
    let is_descending = wanted.options.descending;
    let ordered = |group: &FileGroup| best_first(group.files(), place, is_descending);
    let Some(groups) = config.file_groups.iter().map(ordered).collect() else {
        return Ok(None);
    };
    // DataFusion reads a file of which it leaves out pages from front to back.
    let source = source.clone().with_enable_page_index(false);
    let config = FileScanConfigBuilder::from(config.clone())
        .with_file_groups(groups)
        .with_source(Arc::new(source))
        .build();
    Ok(Some(DataSourceExec::from_data_source(config)))
}

/// Where the table has what `source` gives as `column`.
fn place_in_table(source: &ParquetSource, column: &Column) -> Option<usize> {
    let Some(projection) = source.projection() else {
        return Some(column.index());
    };
    let of_table = projection.iter().nth(column.index())?;
    of_table.expr.downcast_ref::<Column>().map(Column::index)
}

/// `files`, first the one that can have the best row by the extremes of column `place`; `None` where a file does not tell them.
fn best_first(files: &[PartitionedFile], place: usize, is_descending: bool) -> Option<FileGroup> {
    let best = |file: &PartitionedFile| {
        let column = file.statistics.as_ref()?.column_statistics.get(place)?;
        let best = if is_descending {
            &column.max_value
        } else {
            &column.min_value
        };
        best.get_value().cloned()
    };
    let files = files.iter().map(|file| Some((best(file)?, file.clone())));
    let mut files: Vec<_> = files.collect::<Option<_>>()?;
    files.sort_by(|one, other| {
        let order = one.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal);
        if is_descending {
            order.reverse()
        } else {
            order
        }
    });
    Some(files.into_iter().map(|(_, file)| file).collect())
}
