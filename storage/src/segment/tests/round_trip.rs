use std::collections::{BTreeMap, HashSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::is_not_null;
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt32Type};

use super::*;
use crate::env::testing::{Fault, Loss};
use crate::schema::{self, column};
use crate::trace::Table;
use crate::trace::columns::SpanColumns;
use crate::trace::content::arrange;

/// What must come back of `parts`: each different span once, as it came first.
fn expected(parts: &[Vec<TestSpan>]) -> Vec<String> {
    let mut seen = HashSet::new();
    let first = |span: &&TestSpan| {
        seen.insert(
            TestSpan {
                weight: 0.0,
                ..(*span).clone()
            }
            .content(),
        )
    };
    let mut contents: Vec<_> = parts
        .iter()
        .flatten()
        .filter(first)
        .map(TestSpan::content)
        .collect();
    contents.sort();
    contents
}

fn contents(table: &RecordBatch) -> Vec<String> {
    let mut contents: Vec<_> = read(table).iter().map(TestSpan::content).collect();
    contents.sort();
    contents
}

fn int(table: &RecordBatch, place: usize, row: usize) -> Option<i32> {
    let column = table.column(place).as_primitive::<Int32Type>();
    column.is_valid(row).then(|| column.value(row))
}

/// Each trace is one run of rows, in the order and with the structure of its tree.
fn check_structure(table: &RecordBatch) {
    let columns = SpanColumns::of_table(table);
    let rows: Vec<usize> = (0..table.num_rows()).collect();
    let mut seen = HashSet::new();
    for trace in rows.chunk_by(|left, right| columns.trace_id(*left) == columns.trace_id(*right)) {
        assert!(
            seen.insert(columns.trace_id(trace[0])),
            "a trace stands in two places"
        );
        let (first, last) = (trace[0] as u32, trace[trace.len() - 1] as u32);
        let (nodes, tree) = arrange(&Table::new(table), first..=last);
        assert_eq!(tree.len(), trace.len(), "a copy is left");
        for (place, row) in tree.iter().enumerate() {
            let at = trace[place];
            assert_eq!(nodes[row.node as usize] as usize, at);
            assert_eq!(int(table, column::DEPTH, at), Some(row.depth as i32));
            assert_eq!(
                int(table, column::SUBTREE_SIZE, at),
                Some(row.subtree_size as i32)
            );
            assert_eq!(
                int(table, column::PARENT_OFFSET, at),
                row.parent.map(|parent| place as i32 - parent as i32)
            );
        }
    }
}

/// `traces` says of `spans` what is there.
fn check_traces(spans: &RecordBatch, traces: &RecordBatch) {
    let columns = SpanColumns::of_table(spans);
    let number = |place: usize, row: usize| {
        traces.column(place).as_primitive::<UInt32Type>().value(row) as usize
    };
    let mut next = 0;
    for trace in 0..traces.num_rows() {
        let (first, count) = (number(12, trace), number(5, trace));
        assert_eq!(first, next);
        next = first + count;
        let rows = first..next;
        assert!(
            rows.clone().all(|row| columns.trace_id(row).0
                == traces.column(0).as_fixed_size_binary().value(trace))
        );
        let errors = rows.clone().filter(|row| columns.is_error(*row)).count();
        assert_eq!(number(6, trace), errors);
        let start = traces
            .column(3)
            .as_primitive::<TimestampNanosecondType>()
            .value(trace) as u64;
        assert_eq!(
            Some(start),
            rows.clone()
                .map(|row| columns.node(row).start_unix_nano)
                .min()
        );
        let mut services = BTreeMap::new();
        for row in rows.clone() {
            let service: &mut (u32, u32) = services.entry(columns.service(row)).or_default();
            *service = (service.0 + 1, service.1 + u32::from(columns.is_error(row)));
        }
        let listed = traces.column(8).as_list::<i32>().value(trace);
        let listed = listed.as_struct();
        let counts = |place: usize| listed.column(place).as_primitive::<UInt32Type>().values();
        let listed = listed
            .column(0)
            .as_string::<i32>()
            .iter()
            .flatten()
            .zip(counts(1).iter().copied().zip(counts(2).iter().copied()));
        assert_eq!(listed.collect::<BTreeMap<_, _>>(), services);
        assert!(
            rows.map(|row| columns.name(row))
                .any(|name| name == traces.column(2).as_string_view().value(trace))
        );
        assert!(traces.column(4).as_primitive::<Int64Type>().value(trace) >= 0);
    }
    assert_eq!(next, spans.num_rows());
}

fn check_meta(meta: &SegmentMeta, spans: &RecordBatch) {
    let columns = SpanColumns::of_table(spans);
    let range = |value: &dyn Fn(usize) -> i64| {
        let values = || (0..spans.num_rows()).map(value);
        (values().min().unwrap(), values().max().unwrap())
    };
    assert_eq!(meta.span_count as usize, spans.num_rows());
    assert_eq!(
        meta.start_time,
        range(&|row| columns.node(row).start_unix_nano as i64)
    );
    assert_eq!(meta.ingested_at, range(&|row| columns.ingested_at(row)));
    let services: std::collections::BTreeSet<_> = (0..spans.num_rows())
        .map(|row| columns.service(row))
        .collect();
    assert_eq!(
        meta.services.iter().map(String::as_str).collect::<Vec<_>>(),
        services.into_iter().collect::<Vec<_>>()
    );
    assert_eq!(
        (meta.format, meta.wal, meta.tenant.as_str()),
        (FORMAT, (3, 9), "default")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(parts in parts()) {
        let (_sim, segment) = stored(&parts);
        segment.check().unwrap();
        segment.verify().unwrap();
        let spans = segment.read_rows(SegmentTable::Spans, 0..segment.meta().span_count as u32, None).unwrap();
        prop_assert_eq!(spans.schema(), schema::spans());
        prop_assert_eq!(contents(&spans), expected(&parts));
        check_structure(&spans);
        let traces = segment.read_rows(SegmentTable::Traces, 0..segment.meta().trace_count as u32, None).unwrap();
        prop_assert_eq!(traces.schema(), schema::traces());
        check_traces(&spans, &traces);
        check_meta(segment.meta(), &spans);
        prop_assert_eq!(segment.repeats_span_ids().unwrap(), repeats_ids(&spans));
    }

    #[test]
    fn any_range_and_projection_are_those_of_the_whole(
        parts in parts(),
        from in any::<prop::sample::Index>(),
        count in any::<prop::sample::Index>(),
        projection in prop::collection::vec(0..column::COUNT, 0..6),
    ) {
        let (_sim, segment) = stored(&parts);
        let all = segment.meta().span_count as usize;
        let whole = segment.read_rows(SegmentTable::Spans, 0..all as u32, None).unwrap();
        let start = from.index(all);
        let count = count.index(all - start + 1);
        let rows = start as u32..(start + count) as u32;
        let part = whole.slice(start, count);
        let read = segment.read_rows(SegmentTable::Spans, rows.clone(), Some(&projection)).unwrap();
        prop_assert_eq!(read, part.project(&projection).unwrap());
        let parents = part.column(column::PARENT_SPAN_ID);
        prop_assert_eq!(segment.has_parents(rows).unwrap(), is_not_null(parents).unwrap());
    }
}

#[test]
fn rows_that_are_not_there_are_refused() {
    let (_sim, segment) = stored(&[plain(3, 2)]);
    assert_eq!(
        segment
            .read_rows(SegmentTable::Spans, 6..6, None)
            .unwrap()
            .num_rows(),
        0
    );
    assert!(matches!(
        segment.read_rows(SegmentTable::Spans, 0..7, None),
        Err(crate::StoreError::Corrupt { .. })
    ));
    assert!(segment.has_parents(0..7).is_err());
    assert!(segment.read_rows(SegmentTable::Traces, 0..4, None).is_err());
}

#[test]
fn the_policy_drops_traces_and_sets_weights() {
    let sim = SimEnv::new(1);
    let mut spans = plain(20, 2);
    spans.extend(plain(30, 3).split_off(60));
    let batches = batches(&[spans]);
    let meta = write(&sim.env(), &new_segment("a"), &batches, &SHAPE, &EvenTwice)
        .unwrap()
        .unwrap();
    assert_eq!((meta.span_count, meta.trace_count), (40, 20));
    let table = open(&sim.env(), &meta)
        .read_rows(SegmentTable::Spans, 0..40, Some(&[column::SAMPLE_WEIGHT]))
        .unwrap();
    assert!(
        table
            .column(0)
            .as_primitive::<Float64Type>()
            .values()
            .iter()
            .all(|weight| weight.to_bits() == 2f64.to_bits())
    );
    let traces = open(&sim.env(), &meta)
        .read_rows(SegmentTable::Traces, 0..20, None)
        .unwrap();
    assert!(
        traces
            .column(10)
            .as_primitive::<Float64Type>()
            .values()
            .iter()
            .all(|weight| weight.to_bits() == 2f64.to_bits())
    );
}

#[test]
fn nothing_kept_is_no_file() {
    let sim = SimEnv::new(1);
    let batches = batches(&[plain(5, 3)]);
    assert_eq!(
        write(&sim.env(), &new_segment("a"), &batches, &SHAPE, &EvenTwice).unwrap(),
        None
    );
    assert_eq!(
        write(&sim.env(), &new_segment("a"), &[], &SHAPE, &KeepAll).unwrap(),
        None
    );
    assert_eq!(sim.fs.files(), [""; 0].map(std::path::PathBuf::from));
}

#[test]
fn a_written_segment_survives_a_power_cut() {
    let sim = SimEnv::new(1);
    let meta = write_all(&sim.env(), &[plain(50, 4)]);
    sim.fs.power_cut(Loss::All);
    open(&sim.env(), &meta).verify().unwrap();
}

#[test]
fn a_failed_write_leaves_no_file_and_says_why() {
    let count = {
        let sim = SimEnv::new(1);
        write_all(&sim.env(), &[plain(50, 4)]);
        sim.fs.operations()
    };
    for nth in 1..=count {
        let sim = SimEnv::new(1);
        sim.fs.fail_nth(nth as u64, Fault::DiskFull);
        let batches = batches(&[plain(50, 4)]);
        let error = write(
            &sim.env(),
            &new_segment("default/a"),
            &batches,
            &SHAPE,
            &KeepAll,
        )
        .unwrap_err();
        assert!(
            matches!(error, crate::StoreError::Io { .. }),
            "operation {nth}: {error:?}"
        );
        assert!(
            sim.fs.files().is_empty(),
            "operation {nth}: {:?}",
            sim.fs.files()
        );
    }
}

#[test]
fn a_file_gets_its_name_when_the_segment_is_whole() {
    let mut named = Vec::new();
    for nth in 1.. {
        let sim = SimEnv::new(1);
        sim.fs.fail_nth(nth, Fault::Stop);
        let written = write(
            &sim.env(),
            &new_segment("default/a"),
            &batches(&[plain(50, 4)]),
            &SHAPE,
            &KeepAll,
        );
        let files = sim.fs.files();
        let is_parquet = |path: &&std::path::PathBuf| path.extension() == Some("parquet".as_ref());
        for path in files.iter().filter(is_parquet) {
            let bytes = sim.fs.contents(path).unwrap();
            assert!(bytes.ends_with(b"PAR1"), "operation {nth}: {path:?}");
        }
        named.push(files.iter().filter(is_parquet).count());
        if written.is_ok() {
            break;
        }
    }
    assert!(named.starts_with(&[0; 10]), "{named:?}");
    assert_eq!(named.last(), Some(&2));
}

#[test]
fn a_name_that_is_taken_is_refused_and_the_old_segment_stays() {
    let sim = SimEnv::new(1);
    let meta = write_all(&sim.env(), &[plain(5, 4)]);
    let again = write(
        &sim.env(),
        &new_segment("default/a"),
        &batches(&[plain(6, 4)]),
        &SHAPE,
        &KeepAll,
    );
    assert!(again.is_err());
    open(&sim.env(), &meta).verify().unwrap();
}

#[test]
fn large_segments_have_row_groups_that_end_behind_traces() {
    let (_sim, segment) = stored(&[plain(23_000, 7)]);
    let metadata = segment.metadata(SegmentTable::Spans).unwrap();
    let groups: Vec<_> = metadata
        .metadata()
        .row_groups()
        .iter()
        .map(parquet::file::metadata::RowGroupMetaData::num_rows)
        .collect();
    assert_eq!(groups.iter().sum::<i64>(), 161_000);
    // One for a slice of 53,774 spans, two for one of 107,226.
    assert!(
        groups.len() == 3 && groups.iter().all(|rows| rows % 7 == 0),
        "{groups:?}"
    );
    let id = TestSpan {
        trace_id: plain(15_000, 1)[14_999].trace_id,
        ..TestSpan::default()
    }
    .trace_id;
    let rows = segment.trace_rows(crate::TraceId(id)).unwrap().unwrap();
    assert_eq!(rows.len(), 7);
    let table = segment.read_rows(SegmentTable::Spans, rows, None).unwrap();
    assert!(read(&table).iter().all(|span| span.trace_id == id));
    check_structure(&table);
}
