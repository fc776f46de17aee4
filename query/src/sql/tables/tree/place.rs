//! The place of each span in its trace, and the rows of the table that follow from it.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, RecordBatch,
    RecordBatchOptions, StringViewArray, TimestampNanosecondArray, UInt32Array,
};
use arrow::compute::{is_not_null, take, take_record_batch};
use arrow::datatypes::{Int32Type, SchemaRef};
use arrow::row::{RowConverter, SortField};
use clew_storage::SpanId;
use clew_storage::schema::{self as stored, column};
use clew_storage::span::start_order;
use clew_storage::tree::{self, Node, Role};
use datafusion::common::Result;

use super::super::pass::failed;
use crate::rows::Columns;

/// Spans of whole traces, each trace's together and depth first.
pub(super) struct Placed {
    spans: RecordBatch,
    traces: Vec<Range<usize>>,
    /// Row of each span's parent.
    parents: Vec<Option<u32>>,
    /// Whether each span names a parent, where that was read instead of the parents' ids.
    named: Option<BooleanArray>,
    /// Where the spans stand in their trees, if they did not come with it.
    rebuilt: Option<Rebuilt>,
}

#[derive(Default)]
struct Rebuilt {
    depths: Vec<i32>,
    subtree_sizes: Vec<i32>,
}

impl Placed {
    /// Rows as a segment has them with the columns of [`Needed`], each trace in its range; none is the same span as another.
    pub(super) fn stored(
        spans: &RecordBatch,
        traces: &[Range<usize>],
        named: Option<BooleanArray>,
    ) -> Result<Self> {
        let columns = Columns(spans);
        let offsets = columns.i32("parent_offset").map_err(failed)?;
        let parent = |row: usize| {
            let offset = offsets.is_valid(row).then(|| offsets.value(row))?;
            let parent = row.checked_sub(usize::try_from(offset).ok()?)?;
            u32::try_from(parent).ok()
        };
        Ok(Self {
            parents: (0..spans.num_rows()).map(parent).collect(),
            named,
            rebuilt: None,
            spans: spans.clone(),
            traces: traces.to_vec(),
        })
    }

    /// Rows with all columns of `INPUT`, of any order within their trace's range, which are put into the order of the tree. Equal ones become one.
    pub(super) fn rebuilt(spans: &RecordBatch, traces: &[Range<usize>]) -> Result<Self> {
        let nodes = nodes(spans)?;
        let mut order: Vec<u32> = Vec::with_capacity(spans.num_rows());
        let mut parents = Vec::with_capacity(spans.num_rows());
        let mut rebuilt = Rebuilt::default();
        let mut ordered = Vec::with_capacity(traces.len());
        for trace in traces {
            let kept = distinct(spans, &nodes, trace.clone())?;
            let of_trace: Vec<Node> = kept.iter().map(|row| nodes[*row as usize]).collect();
            let first = order.len() as u32;
            for row in tree::build(&of_trace) {
                order.push(kept[row.node as usize]);
                parents.push(row.parent.map(|parent| first + parent));
                rebuilt.depths.push(row.depth as i32);
                rebuilt.subtree_sizes.push(row.subtree_size as i32);
            }
            ordered.push(first as usize..order.len());
        }
        Ok(Self {
            spans: take_record_batch(spans, &UInt32Array::from(order))?,
            traces: ordered,
            parents,
            named: None,
            rebuilt: Some(rebuilt),
        })
    }

    /// The rows with the columns `projection` of the table, whose schema is then `schema`.
    pub(super) fn rows(&self, projection: &[usize], schema: &SchemaRef) -> Result<RecordBatch> {
        let table = super::schema();
        let names = projection.iter().map(|place| table.field(*place).name());
        let root = names.clone().any(|name| name.starts_with(OF_ROOT));
        let roots = root.then(|| trace_roots(self)).transpose()?;
        let parent = names.clone().any(|name| name.starts_with(OF_PARENT));
        let parents = parent.then(|| UInt32Array::from(self.parents.clone()));
        let columns = names.map(|name| self.column(name, parents.as_ref(), roots.as_ref()));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.spans.num_rows()));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(schema),
            columns,
            &options,
        )?)
    }

    fn column(
        &self,
        name: &str,
        parents: Option<&UInt32Array>,
        roots: Option<&UInt32Array>,
    ) -> Result<ArrayRef> {
        let column = |name: &str| -> Result<ArrayRef> {
            let place = self.spans.schema().index_of(name)?;
            Ok(Arc::clone(self.spans.column(place)))
        };
        let number = |values: fn(&Rebuilt) -> &Vec<i32>| -> Result<ArrayRef> {
            match &self.rebuilt {
                Some(rebuilt) => Ok(Arc::new(Int32Array::from(values(rebuilt).clone()))),
                None => column(name).map(|column| not_null(&column)),
            }
        };
        match name {
            "depth" => number(|rebuilt| &rebuilt.depths),
            "subtree_size" => number(|rebuilt| &rebuilt.subtree_sizes),
            "child_count" => Ok(Arc::new(self.child_counts())),
            "is_root" => Ok(Arc::new(self.tops(|parent| !parent)?)),
            "is_orphan" => Ok(Arc::new(self.tops(|parent| parent)?)),
            "self_time_ns" => Ok(Arc::new(self.self_times()?)),
            "parent_span_id" => column(name),
            _ => {
                if let (Some(own), Some(parents)) = (name.strip_prefix(OF_PARENT), parents) {
                    Ok(take(&column(own)?, parents, None)?)
                } else if let (Some(own), Some(roots)) = (name.strip_prefix(OF_ROOT), roots) {
                    Ok(take(&column(own)?, roots, None)?)
                } else {
                    column(name)
                }
            }
        }
    }

    fn child_counts(&self) -> Int32Array {
        let mut counts = vec![0; self.parents.len()];
        for parent in self.parents.iter().flatten() {
            counts[*parent as usize] += 1;
        }
        counts.into()
    }

    /// For each span without a parent at hand, what `is` says of whether it names one; false for the others.
    fn tops(&self, is: impl Fn(bool) -> bool) -> Result<BooleanArray> {
        let named = self.named()?;
        let parents = self.parents.iter().enumerate();
        let tops = parents.map(|(row, parent)| parent.is_none() && is(named.value(row)));
        Ok(tops.collect::<Vec<bool>>().into())
    }

    /// Whether each span names a parent.
    fn named(&self) -> Result<BooleanArray> {
        if let Some(named) = &self.named {
            return Ok(named.clone());
        }
        let parents = Columns(&self.spans)
            .fixed("parent_span_id")
            .map_err(failed)?;
        Ok(is_not_null(&parents)?)
    }

    fn self_times(&self) -> Result<Int64Array> {
        let columns = Columns(&self.spans);
        let starts = columns.time("start_time").map_err(failed)?;
        let durations = columns.i64("duration_ns").map_err(failed)?;
        Ok(self_times(&starts, &durations, &self.parents).into())
    }
}

/// Before the name of a column of the span's parent.
const OF_PARENT: &str = "parent_";
/// Before the name of a column of the root of the span's trace.
const OF_ROOT: &str = "root_";

/// Numbers of a segment, whose column could have nulls.
fn not_null(column: &ArrayRef) -> ArrayRef {
    let numbers = column.as_primitive::<Int32Type>();
    Arc::new(Int32Array::new(numbers.values().clone(), None))
}

/// What to read of rows as a segment has them for some columns of the table.
pub(super) struct Needed {
    /// Columns of `spans`, in table order.
    pub(super) columns: Vec<usize>,
    /// Whether each span names a parent, which the columns do not tell.
    pub(super) named: bool,
}

impl Needed {
    /// For the columns `projection` of the table; `ids` asks for the spans' ids too.
    pub(super) fn of(projection: &[usize], ids: bool) -> Self {
        let (table, spans) = (super::schema(), stored::spans());
        let mut columns = vec![column::PARENT_OFFSET];
        columns.extend(ids.then_some(column::SPAN_ID));
        let mut named = false;
        for place in projection {
            let name = table.field(*place).name().as_str();
            match name {
                "child_count" => {}
                "is_root" | "is_orphan" => named = true,
                "self_time_ns" => columns.extend([column::START_TIME, column::DURATION_NS]),
                _ => {
                    if name.starts_with(OF_ROOT) {
                        named = true;
                        columns.push(column::START_TIME);
                    }
                    let own = name.strip_prefix(OF_PARENT).or(name.strip_prefix(OF_ROOT));
                    let own = own.and_then(|own| spans.index_of(own).ok());
                    columns.extend(spans.index_of(name).ok().or(own));
                }
            }
        }
        columns.sort_unstable();
        columns.dedup();
        named &= !columns.contains(&column::PARENT_SPAN_ID);
        Self { columns, named }
    }
}

/// Whether several spans of one of `traces` have the same id, so that they may be the same span.
pub(super) fn repeats_ids(spans: &RecordBatch, traces: &[Range<usize>]) -> Result<bool> {
    let ids = Columns(spans).fixed("span_id").map_err(failed)?;
    let (ids, _) = ids.value_data().as_chunks::<8>();
    let mut sorted: Vec<u64> = Vec::new();
    Ok(traces.iter().any(|trace| {
        sorted.clear();
        sorted.extend(trace.clone().map(|row| u64::from_ne_bytes(ids[row])));
        sorted.sort_unstable();
        sorted.windows(2).any(|pair| pair[0] == pair[1])
    }))
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
fn trace_roots(placed: &Placed) -> Result<UInt32Array> {
    let columns = Columns(&placed.spans);
    let starts = columns.time("start_time").map_err(failed)?;
    let named = placed.named()?;
    let mut roots = Vec::with_capacity(placed.parents.len());
    for trace in &placed.traces {
        let earliness = |row: &usize| {
            let nameless = placed.parents[*row].is_none() && !named.value(*row);
            (!nameless, start_order(starts.value(*row) as u64))
        };
        let root = trace.clone().min_by_key(earliness).unwrap_or(trace.start);
        roots.extend(std::iter::repeat_n(root as u32, trace.len()));
    }
    Ok(UInt32Array::from(roots))
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
