//! Segments of another shape than the default.

use arrow::array::RecordBatch;
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::RowGroupMetaData;

use super::*;
use crate::ids::TraceId;
use crate::limits::{NumberEncoding, TraceOrder};
use crate::schema::column;
use crate::trace::columns::SpanColumns;

fn write_as(shape: &SegmentShape, spans: Vec<TestSpan>) -> (SimEnv, Segment) {
    let sim = SimEnv::new(1);
    let new = new_segment("default/a");
    let meta = write(&sim.env(), &new, &batches(&[spans]), shape, &KeepAll);
    let segment = open(&sim.env(), &meta.unwrap().unwrap());
    (sim, segment)
}

fn rows(segment: &Segment) -> RecordBatch {
    let rows = 0..segment.meta().span_count as u32;
    segment.read_rows(SegmentTable::Spans, rows, None).unwrap()
}

fn contents(segment: &Segment) -> Vec<String> {
    let mut contents: Vec<_> = read(&rows(segment)).iter().map(TestSpan::content).collect();
    contents.sort_unstable();
    contents
}

fn group_rows(segment: &Segment) -> Vec<i64> {
    let metadata = segment.metadata(SegmentTable::Spans).unwrap();
    let groups = metadata.metadata().row_groups().iter();
    groups.map(RowGroupMetaData::num_rows).collect()
}

#[test]
fn the_same_spans_come_back_whatever_the_shape() {
    use NumberEncoding::{DeltaBinaryPacked, Plain};
    let spans = plain(300, 3);
    let (_sim, default) = write_as(&SHAPE, spans.clone());
    for start_time_encoding in [DeltaBinaryPacked, Plain] {
        let shape = SegmentShape {
            row_group_rows: 100,
            page_rows: 16,
            page_bytes: 1 << 10,
            dictionary_bytes: 64,
            zstd_level: 3,
            leaves_columns_plain: false,
            start_time_encoding,
            duration_encoding: start_time_encoding,
            trace_order: TraceOrder::TraceId,
            ..SHAPE
        };
        let (_sim, segment) = write_as(&shape, spans.clone());
        assert_eq!(contents(&segment), contents(&default));
        segment.verify().unwrap();
    }
}

#[test]
fn pages_and_columns_are_written_as_the_shape_says() {
    let shape = SegmentShape {
        page_rows: 16,
        leaves_columns_plain: false,
        start_time_encoding: NumberEncoding::DeltaBinaryPacked,
        ..SHAPE
    };
    let (_sim, segment) = write_as(&shape, plain(20, 2));
    let metadata = segment.metadata(SegmentTable::Spans).unwrap();
    let metadata = metadata.metadata();
    let pages = &metadata.offset_index().unwrap()[0][column::START_TIME];
    let firsts = pages.page_locations().iter();
    let firsts: Vec<_> = firsts.map(|page| page.first_row_index).collect();
    assert_eq!(firsts, [0, 16, 32]);
    let columns = metadata.row_group(0).columns();
    assert!(
        columns
            .iter()
            .all(|column| column.compression() != Compression::UNCOMPRESSED)
    );
    let encoded = |place: usize, encoding| columns[place].encodings().any(|one| one == encoding);
    assert!(encoded(column::START_TIME, Encoding::DELTA_BINARY_PACKED));
    assert!(encoded(column::DURATION_NS, Encoding::BYTE_STREAM_SPLIT));
}

#[test]
fn row_groups_are_alike_and_end_behind_traces_or_at_twice_their_rows() {
    let groups = |each, count| {
        let shape = SegmentShape {
            row_group_rows: 10,
            ..SHAPE
        };
        group_rows(&write_as(&shape, plain(count, each)).1)
    };
    assert_eq!(groups(5, 4), [10, 10]);
    assert_eq!(groups(3, 9), [9, 9, 9]);
    assert_eq!(groups(2, 5), [10]);
    assert_eq!(groups(2, 7), [14]);
    assert_eq!(groups(3, 5), [9, 6]);
    assert_eq!(groups(7, 5), [14, 14, 7]);
    assert_eq!(groups(20, 1), [20]);
    assert_eq!(groups(21, 1), [20, 1]);
}

#[test]
fn traces_stand_in_the_order_that_is_asked_for() {
    let first_of_each = |trace_order| {
        let shape = SegmentShape {
            trace_order,
            ..SHAPE
        };
        let (_sim, segment) = write_as(&shape, plain(40, 2));
        let rows = rows(&segment);
        let columns = SpanColumns::of_table(&rows);
        let traces = (0..rows.num_rows()).step_by(2);
        traces
            .map(|row| (columns.trace_id(row), columns.start(row)))
            .collect::<Vec<(TraceId, i64)>>()
    };
    let (by_id, by_start) = (
        first_of_each(TraceOrder::TraceId),
        first_of_each(TraceOrder::StartTime),
    );
    assert!(by_id.is_sorted_by_key(|(id, _)| *id));
    assert!(by_start.is_sorted_by_key(|(_, start)| *start));
    assert_ne!(by_id, by_start);
}
