//! The DataFusion session of one statement: our tables, no way out, bounded memory.

use std::sync::Arc;

use clew_storage::Snapshot;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList};
use datafusion::common::{Result, not_impl_datafusion_err};
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::context::SessionState;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::optimizer::Analyzer;
use datafusion::prelude::SessionConfig;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use url::Url;

use super::interrupt::{Deadline, InterruptJoins};
use super::read_order::ReadWantedFirst;
use super::whole_traces::GroupWholeTraces;
use super::{functions, meter, tables};
use crate::limits::SqlLimits;
use crate::table::ids::{IdPlanner, IdRule};
use crate::table::numbers::AttributeNumbers;
use crate::table::{SEGMENTS_URL, ScanCount};

/// Name of the one catalog.
pub(crate) const CATALOG: &str = "clew";
/// Name of the one schema.
pub(crate) const SCHEMA: &str = "public";
/// Rows of a batch at most and at least, whatever they are like.
const BATCH_ROWS: (usize, usize) = (1_024, 8_192);
/// Bytes of a batch in the files of the segment whose rows are the largest, about. In memory it may be ten times as large.
const BATCH_FILE_BYTES: u64 = 1 << 20;

/// A session over `snapshot`, for a statement that ends at `deadline`.
///
/// # Errors
/// Never for the tables and settings of this crate.
pub(crate) async fn session(
    snapshot: &Snapshot,
    limits: &SqlLimits,
    count: &Arc<ScanCount>,
    deadline: &Deadline,
) -> Result<SessionState> {
    let catalog = MemoryCatalogProvider::new();
    let now = deadline.now_unix_nano() as i64;
    catalog.register_schema(SCHEMA, tables::all(snapshot, count, now).await?)?;
    let catalogs = MemoryCatalogProviderList::new();
    datafusion::catalog::CatalogProviderList::register_catalog(
        &catalogs,
        CATALOG.to_owned(),
        Arc::new(catalog),
    );
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(limits.memory_bytes)))
        .with_disk_manager_builder(
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
        )
        .with_object_store_registry(Arc::new(NoStores))
        .build_arc()?;
    let mut analyzer = Analyzer::new();
    analyzer.rules.insert(0, Arc::new(IdRule));
    analyzer.rules.insert(0, Arc::new(AttributeNumbers));
    let mut planners = SessionStateDefaults::default_expr_planners();
    planners.insert(0, Arc::new(IdPlanner));
    planners.insert(
        0,
        Arc::new(functions::ConcatPlanner {
            bytes_max: limits.function_bytes_max,
        }),
    );
    Ok(SessionStateBuilder::new()
        .with_config(config(limits, batch_rows(snapshot)))
        .with_runtime_env(runtime)
        .with_catalog_list(Arc::new(catalogs))
        .with_analyzer_rules(analyzer.rules)
        .with_expr_planners(planners)
        .with_scalar_functions(functions::scalar(limits.function_bytes_max))
        .with_higher_order_functions(SessionStateDefaults::default_higher_order_functions())
        .with_aggregate_functions(functions::aggregate())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .with_table_function_list(SessionStateDefaults::default_table_functions())
        .with_physical_optimizer_rule(Arc::new(ReadWantedFirst))
        .with_physical_optimizer_rule(Arc::new(GroupWholeTraces))
        .with_physical_optimizer_rule(Arc::new(meter::MeterWindows))
        .with_physical_optimizer_rule(Arc::new(InterruptJoins(deadline.clone())))
        .build())
}

/// Rows that operators pass on together: many, because each batch costs them something; fewer where rows are large.
fn batch_rows(snapshot: &Snapshot) -> usize {
    let segments = snapshot.segments().iter().map(|segment| segment.meta());
    let row_bytes = segments.map(|meta| meta.file_bytes[0] / meta.span_count.max(1));
    rows_of(row_bytes.max().unwrap_or(0))
}

/// Rows of a batch whose rows take so many bytes each in their file.
fn rows_of(row_bytes: u64) -> usize {
    let rows = BATCH_FILE_BYTES / row_bytes.max(1);
    let (least, most) = BATCH_ROWS;
    usize::try_from(rows).map_or(most, |rows| rows.clamp(least, most))
}

fn config(limits: &SqlLimits, batch_rows: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true)
        .with_target_partitions(limits.threads)
        .with_batch_size(batch_rows);
    let options = config.options_mut();
    options.sql_parser.collect_spans = true;
    options.execution.enable_recursive_ctes = false;
    options.execution.parquet.reorder_filters = true;
    config
}

/// Knows the name that scans of segments bear, and nothing behind it.
#[derive(Debug)]
struct NoStores;

impl ObjectStoreRegistry for NoStores {
    fn register_store(
        &self,
        _url: &Url,
        _store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        if url.as_str().trim_end_matches('/') == SEGMENTS_URL {
            return Ok(Arc::new(InMemory::new()));
        }
        Err(not_impl_datafusion_err!(
            "nothing outside the tables can be read"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_of_large_rows_have_fewer() {
        for (row_bytes, rows) in [
            (0, 8_192),
            (128, 8_192),
            (129, 8_128),
            (1_023, 1_025),
            (1_024, 1_024),
            (u64::MAX, 1_024),
        ] {
            assert_eq!(rows_of(row_bytes), rows, "{row_bytes}");
        }
    }
}
