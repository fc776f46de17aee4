//! The place of each span in its trace, and the rows of the table that follow from it.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, Int32Array, Int64Array, RecordBatch,
    RecordBatchOptions, StringViewArray, TimestampNanosecondArray, UInt32Array,
};
use arrow::compute::{take, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use clew_storage::SpanId;
use clew_storage::span::start_order;
use clew_storage::tree::{self, Node, Role};
use datafusion::common::Result;

use super::scan::failed;
use crate::rows::Columns;

/// Spans of whole traces, each trace's together and depth first.
pub(super) struct Placed {
    spans: RecordBatch,
    traces: Vec<Range<usize>>,
    /// Row of each span's parent.
    parents: Vec<Option<u32>>,
    depths: Vec<i32>,
    subtree_sizes: Vec<i32>,
}

impl Placed {
    /// Rows as a segment has them, each trace in its range; `None` when some may be the same span twice.
    pub(super) fn stored(spans: &RecordBatch, traces: &[Range<usize>]) -> Result<Option<Self>> {
        let columns = Columns(spans);
        let ids = columns.fixed("span_id").map_err(failed)?;
        let mut sorted: Vec<&[u8]> = Vec::new();
        for trace in traces {
            sorted.clear();
            sorted.extend(trace.clone().map(|row| ids.value(row)));
            sorted.sort_unstable();
            if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
                return Ok(None);
            }
        }
        let offsets = columns.i32("parent_offset").map_err(failed)?;
        let parent = |row: usize| {
            let offset = offsets.is_valid(row).then(|| offsets.value(row))?;
            let parent = row.checked_sub(usize::try_from(offset).ok()?)?;
            u32::try_from(parent).ok()
        };
        let numbers =
            |name| -> Result<Vec<i32>> { Ok(columns.i32(name).map_err(failed)?.values().to_vec()) };
        Ok(Some(Self {
            parents: (0..spans.num_rows()).map(parent).collect(),
            depths: numbers("depth")?,
            subtree_sizes: numbers("subtree_size")?,
            spans: spans.clone(),
            traces: traces.to_vec(),
        }))
    }

    /// Rows of any order within their trace's range, which are put into the order of the tree. Equal ones become one.
    pub(super) fn rebuilt(spans: &RecordBatch, traces: &[Range<usize>]) -> Result<Self> {
        let nodes = nodes(spans)?;
        let mut placed = Self {
            spans: spans.clone(),
            traces: Vec::with_capacity(traces.len()),
            parents: Vec::with_capacity(spans.num_rows()),
            depths: Vec::with_capacity(spans.num_rows()),
            subtree_sizes: Vec::with_capacity(spans.num_rows()),
        };
        let mut order: Vec<u32> = Vec::with_capacity(spans.num_rows());
        for trace in traces {
            let kept = distinct(spans, &nodes, trace.clone())?;
            let of_trace: Vec<Node> = kept.iter().map(|row| nodes[*row as usize]).collect();
            let first = order.len() as u32;
            for row in tree::build(&of_trace) {
                order.push(kept[row.node as usize]);
                placed.parents.push(row.parent.map(|parent| first + parent));
                placed.depths.push(row.depth as i32);
                placed.subtree_sizes.push(row.subtree_size as i32);
            }
            placed.traces.push(first as usize..order.len());
        }
        placed.spans = take_record_batch(spans, &UInt32Array::from(order))?;
        Ok(placed)
    }

    /// The rows with the columns `projection` of the table, whose schema is then `schema`.
    pub(super) fn rows(&self, projection: &[usize], schema: &SchemaRef) -> Result<RecordBatch> {
        let table = super::schema();
        let facts = Facts::of(self)?;
        let parents = UInt32Array::from(self.parents.clone());
        let columns = projection.iter().map(|place| {
            let name = table.field(*place).name().as_str();
            self.column(name, &facts, &parents)
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.spans.num_rows()));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(schema),
            columns,
            &options,
        )?)
    }

    fn column(&self, name: &str, facts: &Facts, parents: &UInt32Array) -> Result<ArrayRef> {
        let numbers = |values: &[i32]| -> ArrayRef { Arc::new(Int32Array::from(values.to_vec())) };
        let truths =
            |values: &[bool]| -> ArrayRef { Arc::new(BooleanArray::from(values.to_vec())) };
        Ok(match name {
            "depth" => numbers(&self.depths),
            "subtree_size" => numbers(&self.subtree_sizes),
            "child_count" => numbers(&facts.child_counts),
            "is_root" => truths(&facts.roots),
            "is_orphan" => truths(&facts.orphans),
            "self_time_ns" => Arc::new(Int64Array::from(facts.self_times.clone())),
            "parent_span_id" => Arc::clone(self.spans.column(self.spans.schema().index_of(name)?)),
            _ => {
                let (own, rows) = if let Some(own) = name.strip_prefix("parent_") {
                    (own, Some(parents))
                } else if let Some(own) = name.strip_prefix("root_") {
                    (own, Some(&facts.trace_roots))
                } else {
                    (name, None)
                };
                let column = self.spans.column(self.spans.schema().index_of(own)?);
                match rows {
                    Some(rows) => take(column, rows, None)?,
                    None => Arc::clone(column),
                }
            }
        })
    }
}

/// What follows from the places of spans.
struct Facts {
    child_counts: Vec<i32>,
    roots: Vec<bool>,
    orphans: Vec<bool>,
    self_times: Vec<i64>,
    /// Row of the root of each span's trace.
    trace_roots: UInt32Array,
}

impl Facts {
    fn of(placed: &Placed) -> Result<Self> {
        let columns = Columns(&placed.spans);
        let starts = columns.time("start_time").map_err(failed)?;
        let durations = columns.i64("duration_ns").map_err(failed)?;
        let named = columns.fixed("parent_span_id").map_err(failed)?;
        let mut child_counts = vec![0; placed.parents.len()];
        for parent in placed.parents.iter().flatten() {
            child_counts[*parent as usize] += 1;
        }
        let top = |row: usize| placed.parents[row].is_none();
        let rows = 0..placed.parents.len();
        Ok(Self {
            child_counts,
            roots: rows
                .clone()
                .map(|row| top(row) && named.is_null(row))
                .collect(),
            orphans: rows.map(|row| top(row) && named.is_valid(row)).collect(),
            self_times: self_times(&starts, &durations, &placed.parents),
            trace_roots: trace_roots(placed, &starts, &named),
        })
    }
}

/// Time in which a span ran and none of its children did. Siblings stand in order of their start.
fn self_times(
    starts: &TimestampNanosecondArray,
    durations: &Int64Array,
    parents: &[Option<u32>],
) -> Vec<i64> {
    let start = |row: usize| starts.value(row) as u64;
    let length = |row: usize| u64::try_from(durations.value(row)).unwrap_or(0);
    let end = |row: usize| start(row).saturating_add(length(row));
    let mut self_times: Vec<u64> = (0..parents.len())
        .map(|row| end(row) - start(row))
        .collect();
    // Up to where the children so far have filled each span.
    let mut filled: Vec<u64> = (0..parents.len()).map(start).collect();
    for (row, parent) in parents.iter().enumerate() {
        let Some(parent) = parent.map(|parent| parent as usize) else {
            continue;
        };
        let from = start(row).max(filled[parent]);
        let to = end(row).min(end(parent));
        if to > from {
            self_times[parent] -= to - from;
            filled[parent] = to;
        }
    }
    let signed = |time| i64::try_from(time).unwrap_or(i64::MAX);
    self_times.into_iter().map(signed).collect()
}

/// The root of each span's trace as `traces` has it: the earliest span without a parent, else the earliest span.
fn trace_roots(
    placed: &Placed,
    starts: &TimestampNanosecondArray,
    named: &FixedSizeBinaryArray,
) -> UInt32Array {
    let mut roots = Vec::with_capacity(placed.parents.len());
    for trace in &placed.traces {
        let earliness = |row: &usize| {
            let nameless = placed.parents[*row].is_none() && named.is_null(*row);
            (!nameless, start_order(starts.value(*row) as u64))
        };
        let root = trace.clone().min_by_key(earliness).unwrap_or(trace.start);
        roots.extend(std::iter::repeat_n(root as u32, trace.len()));
    }
    UInt32Array::from(roots)
}

fn nodes(spans: &RecordBatch) -> Result<Vec<Node>> {
    let columns = Columns(spans);
    let ids = columns.fixed("span_id").map_err(failed)?;
    let parents = columns.fixed("parent_span_id").map_err(failed)?;
    let starts = columns.time("start_time").map_err(failed)?;
    let kinds: StringViewArray = columns.text("kind").map_err(failed)?;
    let id = |bytes| SpanId::from_bytes(bytes).unwrap_or_default();
    let node = |row: usize| Node {
        id: id(ids.value(row)),
        parent: parents.is_valid(row).then(|| id(parents.value(row))),
        start_unix_nano: starts.value(row) as u64,
        role: Role::of_kind(kinds.value(row)),
    };
    Ok((0..spans.num_rows()).map(node).collect())
}

/// The rows of a trace without those that equal an earlier one.
fn distinct(spans: &RecordBatch, nodes: &[Node], trace: Range<usize>) -> Result<Vec<u32>> {
    let rows: Vec<u32> = trace.map(|row| row as u32).collect();
    let mut ids = HashSet::with_capacity(rows.len());
    if rows.iter().all(|row| ids.insert(nodes[*row as usize].id)) {
        return Ok(rows);
    }
    // The columns of structure say where a part of the trace had the span, not what the span is.
    let columns: Vec<ArrayRef> = spans
        .schema()
        .fields()
        .iter()
        .zip(spans.columns())
        .filter(|(field, _)| {
            !["depth", "parent_offset", "subtree_size"].contains(&field.name().as_str())
        })
        .map(|(_, column)| take(column, &UInt32Array::from(rows.clone()), None))
        .collect::<Result<_, _>>()?;
    let fields = columns
        .iter()
        .map(|column| SortField::new(column.data_type().clone()));
    let converted = RowConverter::new(fields.collect())?.convert_columns(&columns)?;
    let mut seen = HashSet::with_capacity(rows.len());
    let kept = rows
        .into_iter()
        .zip(converted.iter())
        .filter(|(_, row)| seen.insert(row.owned()));
    Ok(kept.map(|(row, _)| row).collect())
}
