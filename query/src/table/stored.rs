//! The stored side of a table: an ordinary Parquet scan with one file a segment.
//!
//! Segments are pruned by [`Prune`], row groups by the key filters, rows by trace id; DataFusion prunes the rest by the
//! statistics of row groups and pages, and evaluates filters on plain columns in the decoder where that pays. Its planner does
//! not hand filters on maps to a scan, so the scan takes those on attributes itself: in files that have columns for the keys they
//! work alike. They are evaluated above the scan again.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use clew_storage::segment::SegmentTable;
use clew_storage::segment::attributes::AttributeOwner;
use clew_storage::{Segment, Snapshot};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{
    ColumnStatistics, DFSchema, Result, ScalarValue, Statistics, exec_datafusion_err,
};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, ParquetFileReaderFactory, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{TableProviderFilterPushDown, TableType};
use datafusion::physical_expr_adapter::PhysicalExprAdapterFactory;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::prelude::Expr;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use parquet::arrow::async_reader::AsyncFileReader;

use super::ScanCount;
use super::attributes::SpanFiles;
use super::file::SegmentFile;
use crate::filter::Prune;

/// The only place that a scan may name. Nothing is behind it: files are read through their segments.
pub(crate) const SEGMENTS_URL: &str = "clew://segments";

/// A table over the segments of a snapshot.
#[derive(Debug)]
pub(super) struct StoredTable {
    snapshot: Snapshot,
    table: SegmentTable,
    schema: SchemaRef,
    count: Arc<ScanCount>,
}

impl StoredTable {
    /// The rows of `table` that are in the segments of `snapshot`.
    pub(super) fn new(snapshot: Snapshot, table: SegmentTable, count: Arc<ScanCount>) -> Self {
        let schema = table.schema();
        Self {
            snapshot,
            table,
            schema,
            count,
        }
    }

    /// The segment's file as far as it may match; `None` when it cannot.
    fn file(&self, segment: &Arc<Segment>, prune: &Prune) -> Result<Option<PartitionedFile>> {
        if !prune.segment(segment) {
            return Ok(None);
        }
        let file = SegmentFile::new(Arc::clone(segment), self.table);
        let path = match self.table {
            SegmentTable::Spans => format!("{}.spans.parquet", segment.meta().name),
            SegmentTable::Traces => format!("{}.traces.parquet", segment.meta().name),
        };
        let mut partitioned = PartitionedFile::new(path, file.bytes());
        if self.table == SegmentTable::Spans && *prune != Prune::Unknown {
            let plan = access(segment, prune)?;
            if plan.row_group_indexes().is_empty() {
                return Ok(None);
            }
            partitioned = partitioned.with_extension(plan);
        }
        let statistics = Arc::new(self.statistics(segment));
        Ok(Some(
            partitioned.with_extension(file).with_statistics(statistics),
        ))
    }

    /// True where the decoder should leave out the rows that do not match, because that saves more than it costs: to select half of the rows,
    /// scattered over all pages, costs more than to decode a few narrow columns of the others.
    fn selects_rows(&self, filters: &[Expr], projection: Option<&Vec<usize>>) -> bool {
        let is_telling = |filter: &Expr| {
            let mut columns = filter.column_refs().into_iter();
            columns.any(|column| TELLING.contains(&column.name()))
        };
        let is_wide = |place: &usize| WIDE.contains(&self.schema.field(*place).name().as_str());
        let reads_wide = projection.is_none_or(|places| places.iter().any(is_wide));
        filters.iter().any(is_telling) || (reads_wide && !filters.is_empty())
    }

    fn statistics(&self, segment: &Segment) -> Statistics {
        let meta = segment.meta();
        let rows = match self.table {
            SegmentTable::Spans => meta.span_count,
            SegmentTable::Traces => meta.trace_count,
        };
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows = Precision::Exact(rows as usize);
        if let Ok(column) = self.schema.index_of("start_time") {
            let time = |ns| {
                Precision::Inexact(ScalarValue::TimestampNanosecond(
                    Some(ns),
                    Some("UTC".into()),
                ))
            };
            statistics.column_statistics[column] = ColumnStatistics {
                null_count: Precision::Exact(0),
                min_value: time(meta.start_time.0),
                max_value: time(meta.start_time.1),
                ..ColumnStatistics::new_unknown()
            };
        }
        statistics
    }
}

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let prune = Prune::new(filters);
        let mut files = Vec::new();
        for segment in self.snapshot.segments() {
            files.extend(self.file(segment, &prune)?);
        }
        self.count.note(files.len());
        let rows: usize = files
            .iter()
            .filter_map(|file| file.statistics.as_ref())
            .filter_map(|statistics| statistics.num_rows.get_value())
            .sum();
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows = if filters.is_empty() {
            Precision::Exact(rows)
        } else {
            Precision::Inexact(rows)
        };
        let mut source = ParquetSource::new(Arc::clone(&self.schema))
            .with_parquet_file_reader_factory(Arc::new(SegmentReaders))
            .with_pushdown_filters(self.selects_rows(filters, projection))
            .with_reorder_filters(true);
        let mut adapter: Option<Arc<dyn PhysicalExprAdapterFactory>> = None;
        if self.table == SegmentTable::Spans {
            adapter = Some(Arc::new(SpanFiles));
            if let Some(on_attributes) =
                conjunction(filters.iter().filter(|filter| on_maps(filter)).cloned())
            {
                let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
                let predicate = state.create_physical_expr(on_attributes, &schema)?;
                source = source.with_predicate(predicate);
            }
        }
        let config =
            FileScanConfigBuilder::new(ObjectStoreUrl::parse(SEGMENTS_URL)?, Arc::new(source))
                .with_expr_adapter(adapter)
                .with_file_groups(groups(files, state.config().target_partitions()))
                .with_projection_indices(projection.cloned())?
                .with_limit(limit)
                .with_statistics(statistics)
                .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// Columns whose conditions mostly leave few rows.
const TELLING: [&str; 10] = [
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "status_message",
    "attributes",
    "resource_attributes",
    "scope_attributes",
    "events",
    "links",
];
/// Columns that cost much to decode.
const WIDE: [&str; 3] = ["attributes", "events", "links"];

/// True for a condition on attributes of spans or resources.
fn on_maps(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    columns
        .iter()
        .any(|column| AttributeOwner::of_map(column.name()).is_some())
}

/// Deals the files out, the largest first, each to the group with the fewest bytes.
fn groups(mut files: Vec<PartitionedFile>, groups_max: usize) -> Vec<FileGroup> {
    files.sort_by_key(|file| std::cmp::Reverse(file.object_meta.size));
    let mut groups: Vec<(u64, Vec<PartitionedFile>)> =
        vec![(0, Vec::new()); groups_max.clamp(1, files.len().max(1))];
    for file in files {
        if let Some(group) = groups.iter_mut().min_by_key(|group| group.0) {
            group.0 += file.object_meta.size;
            group.1.push(file);
        }
    }
    groups
        .into_iter()
        .map(|(_, files)| FileGroup::new(files))
        .collect()
}

/// What of a segment's `spans` has to be read.
///
/// # Errors
/// When its footer cannot be read.
pub(crate) fn access(segment: &Segment, prune: &Prune) -> Result<ParquetAccessPlan> {
    let metadata = segment
        .metadata(SegmentTable::Spans)
        .map_err(|error| DataFusionError::External(Box::new(error)))?;
    let groups = metadata.metadata().row_groups();
    let wanted = prune.rows(segment);
    prune.will_ask(segment, &(0..groups.len()));
    let mut plan = ParquetAccessPlan::new_all(groups.len());
    let mut first = 0;
    for (place, group) in groups.iter().enumerate() {
        let end = first + group.num_rows() as usize;
        if !prune.row_group(segment, place) {
            plan.skip(place);
        } else if let Some(rows) = &wanted {
            let rows = rows
                .iter()
                .map(|range| range.start as usize..range.end as usize);
            plan.set(place, selection(first, end, rows));
        }
        first = end;
    }
    Ok(plan)
}

/// Those of the ascending ranges `rows` that lie in the row group from `first` to `end`.
fn selection(
    first: usize,
    end: usize,
    rows: impl Iterator<Item = std::ops::Range<usize>>,
) -> RowGroupAccess {
    let mut selectors = Vec::new();
    let mut next = first;
    for range in rows {
        let (from, to) = (range.start.max(next), range.end.min(end));
        if from < to {
            selectors.push(RowSelector::skip(from - next));
            selectors.push(RowSelector::select(to - from));
            next = to;
        }
    }
    if selectors.is_empty() {
        return RowGroupAccess::Skip;
    }
    selectors.push(RowSelector::skip(end - next));
    RowGroupAccess::Selection(RowSelection::from(selectors))
}

/// Gives a scan the reader that its file carries.
#[derive(Debug)]
struct SegmentReaders;

impl ParquetFileReaderFactory for SegmentReaders {
    fn create_reader(
        &self,
        _partition: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        _metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let segment = file.extension::<SegmentFile>();
        let segment = segment
            .ok_or_else(|| exec_datafusion_err!("{} is not a segment's file", file.path()))?;
        Ok(Box::new(segment.clone()))
    }
}
