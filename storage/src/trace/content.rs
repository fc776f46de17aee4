//! A trace's spans in order, each content once.
//!
//! Content is every field of a span, but for when it was received, the weight that sampling gave it and its place in the trace.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampNanosecondType, UInt32Type};

use super::columns::SpanColumns;
use crate::batch::SpanBatch;
use crate::schema::column;
use crate::tree::{self, Node, TreeRow};

/// Something that has spans in rows.
pub(crate) trait Spans {
    /// The columns that `row` is a row of, and the row there.
    fn columns(&self, row: usize) -> (&SpanColumns<'_>, usize);
    /// Writes the content of a row; equal bytes for equal spans only.
    fn write_content(&self, row: usize, out: &mut Vec<u8>);
}

/// The spans of one trace without those whose content is that of an earlier row, and their tree: node `n` is row `rows[n]`.
///
/// The tree is the same in whatever order the rows come: spans of one id and start are ordered by their content.
pub(crate) fn arrange(
    spans: &impl Spans,
    rows: impl Iterator<Item = u32>,
) -> (Vec<u32>, Vec<TreeRow>) {
    let (rows, nodes) = distinct_nodes(spans, rows);
    let tree = tree::build(&nodes);
    (rows, tree)
}

/// The spans of one trace without those whose content is that of an earlier row, by id and start.
pub(crate) fn distinct_rows(spans: &impl Spans, rows: impl Iterator<Item = u32>) -> Vec<u32> {
    distinct_nodes(spans, rows).0
}

fn distinct_nodes(spans: &impl Spans, rows: impl Iterator<Item = u32>) -> (Vec<u32>, Vec<Node>) {
    let node = |row: u32| {
        let (columns, row) = spans.columns(row as usize);
        columns.node(row)
    };
    let mut by_id: Vec<(Node, u32)> = rows.map(|row| (node(row), row)).collect();
    by_id.sort_unstable_by_key(|(node, row)| (node.id, node.start_unix_nano, *row));
    let (mut rows, mut nodes) = (
        Vec::with_capacity(by_id.len()),
        Vec::with_capacity(by_id.len()),
    );
    let like = |left: &Node, right: &Node| {
        left.id == right.id && left.start_unix_nano == right.start_unix_nano
    };
    for run in by_id.chunk_by_mut(|left, right| like(&left.0, &right.0)) {
        for (node, row) in distinct(spans, run) {
            nodes.push(*node);
            rows.push(*row);
        }
    }
    (rows, nodes)
}

/// The first row of each different content, by content. A run of one is left as it is.
fn distinct<'a>(spans: &impl Spans, run: &'a mut [(Node, u32)]) -> &'a [(Node, u32)] {
    if run.len() == 1 {
        return run;
    }
    let mut contents: Vec<(Vec<u8>, (Node, u32))> = Vec::with_capacity(run.len());
    for span in run.iter() {
        let mut content = Vec::new();
        spans.write_content(span.1 as usize, &mut content);
        contents.push((content, *span));
    }
    contents.sort_unstable_by(|left, right| (&left.0, left.1.1).cmp(&(&right.0, right.1.1)));
    contents.dedup_by(|later, earlier| later.0 == earlier.0);
    for (place, (_, span)) in contents.iter().enumerate() {
        run[place] = *span;
    }
    &run[..contents.len()]
}

/// Writes the content of row `row` of a table with all columns of `spans`.
pub(super) fn write_table_row(table: &RecordBatch, row: usize, out: &mut Vec<u8>) {
    write_own(table, row, out);
    for place in column::SERVICE_NAME..column::DEPTH {
        write_value(table.column(place), row, out);
    }
}

/// Writes the content of a span of a batch: the same bytes as for the same span in a table, so that a trace has one order wherever
/// it lies.
pub(crate) fn write_batch_row(batch: &SpanBatch, row: usize, out: &mut Vec<u8>) {
    write_own(batch.own(), row, out);
    let group = batch.group_of().value(row) as usize;
    for column in batch.groups().columns() {
        write_value(column, group, out);
    }
}

fn write_own(own: &RecordBatch, row: usize, out: &mut Vec<u8>) {
    for place in 0..column::SERVICE_NAME {
        if place != column::SAMPLE_WEIGHT && place != column::INGESTED_AT {
            write_value(own.column(place), row, out);
        }
    }
}

/// Writes a value so that different values of one type have different bytes, none of them the beginning of another's.
pub(crate) fn write_value(array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    out.push(u8::from(array.is_valid(row)));
    if array.is_null(row) {
        return;
    }
    match array.data_type() {
        DataType::FixedSizeBinary(_) => {
            out.extend_from_slice(array.as_fixed_size_binary().value(row));
        }
        DataType::Utf8View => write_bytes(array.as_string_view().value(row).as_bytes(), out),
        DataType::Utf8 => write_bytes(array.as_string::<i32>().value(row).as_bytes(), out),
        DataType::Binary => write_bytes(array.as_binary::<i32>().value(row), out),
        DataType::UInt32 => out.extend(array.as_primitive::<UInt32Type>().value(row).to_le_bytes()),
        DataType::Int64 => out.extend(array.as_primitive::<Int64Type>().value(row).to_le_bytes()),
        DataType::Float64 => out.extend(
            array
                .as_primitive::<Float64Type>()
                .value(row)
                .to_bits()
                .to_le_bytes(),
        ),
        DataType::Timestamp(..) => {
            out.extend(
                array
                    .as_primitive::<TimestampNanosecondType>()
                    .value(row)
                    .to_le_bytes(),
            );
        }
        DataType::Map(..) => write_list(
            array.as_map().value_offsets(),
            array.as_map().entries(),
            row,
            out,
        ),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            write_list(list.value_offsets(), list.values(), row, out);
        }
        DataType::Struct(_) => {
            array
                .as_struct()
                .columns()
                .iter()
                .for_each(|column| write_value(column, row, out));
        }
        other => unreachable!("no column of `spans` is of type {other}"),
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend((bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn write_list(offsets: &[i32], items: &dyn Array, row: usize, out: &mut Vec<u8>) {
    let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
    out.extend(((end - start) as u64).to_le_bytes());
    (start..end).for_each(|item| write_value(items, item, out));
}
