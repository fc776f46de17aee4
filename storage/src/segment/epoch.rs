//! Writing an epoch as a segment: all of its spans are in memory, are planned, and are written in one go.

use std::sync::Arc;

use super::SegmentMeta;
use super::attributes::{AttributeOwner, Source};
use super::layouts::Layouts;
use super::plan::{Plan, Planner};
use super::writer::{NewSegment, Part, SegmentWriter};
use crate::batch::SpanBatch;
use crate::env::Env;
use crate::error::StoreError;
use crate::limits::SegmentShape;
use crate::policy::FlushPolicy;
use crate::trace::content::arrange;
use crate::trace::gather::Gathered;

/// Writes the spans of `batches` that `policy` keeps as a new segment of the shape `shape`; `None`, and no file, when it keeps none.
///
/// Everything is durable, names included, when this returns `Ok`. On an error the files are removed as far as possible.
/// Blocks; takes memory for some 80 bytes a span, one row group, and a bounded number of attribute keys.
///
/// # Errors
/// When a file cannot be written.
pub fn write(
    env: &Env,
    new: &NewSegment<'_>,
    batches: &[Arc<SpanBatch>],
    shape: &SegmentShape,
    policy: &dyn FlushPolicy,
) -> Result<Option<SegmentMeta>, StoreError> {
    let gathered = Gathered::of(batches);
    let mut planner = Planner::new(&gathered);
    for trace in gathered.traces() {
        let (rows, tree) = arrange(&gathered, trace);
        planner.add(&rows, &tree, policy);
    }
    let plan = planner.finish(shape);
    write_planned(env, new, batches, shape, &plan)
}

/// The same for what is planned already for spans of `batches`.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write_planned(
    env: &Env,
    new: &NewSegment<'_>,
    batches: &[Arc<SpanBatch>],
    shape: &SegmentShape,
    plan: &Plan<'_>,
) -> Result<Option<SegmentMeta>, StoreError> {
    if plan.rows.is_empty() {
        return Ok(None);
    }
    let sources = AttributeOwner::ALL.map(|owner| Source::of(batches, owner));
    let layouts = Layouts::of_sources(&sources, &shape.attribute_columns);
    let ends: Vec<usize> = plan.traces.iter().map(|t| t.rows.end as usize).collect();
    let mut writer = SegmentWriter::new(env, new, shape, layouts)?;
    writer.write_part(Part {
        batches,
        sources,
        rows: &plan.rows,
        ends: &ends,
        slices: &plan.slices,
        operations: &plan.operations,
    })?;
    for trace in &plan.traces {
        writer.add_trace(&trace.summary, trace.weighing)?;
    }
    writer.finish().map(Some)
}
