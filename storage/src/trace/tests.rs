use std::collections::HashSet;
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampNanosecondType, UInt32Type};
use proptest::prelude::*;

use super::*;
use crate::env::testing::SimEnv;
use crate::policy::KeepAll;
use crate::segment::{self, NewSegment, SegmentCache, SegmentTable};
use crate::testing::{TestSpan, batch, read, span};

/// A store's worth: some parts stored as segments, the rest hot.
struct World {
    sim: SimEnv,
    segments: Vec<Arc<Segment>>,
    hot: Vec<Arc<SpanBatch>>,
    cache: Arc<SegmentCache>,
}

impl World {
    fn new(stored: &[Vec<TestSpan>], hot: &[Vec<TestSpan>]) -> Self {
        let sim = SimEnv::new(1);
        let cache = Arc::new(SegmentCache::new(1 << 20));
        let mut segments = Vec::new();
        for (number, part) in stored.iter().enumerate() {
            let name = format!("s{number}");
            let new = NewSegment {
                data_dir: Path::new("/"),
                name: &name,
                tenant: "default",
                wal: (1, 1),
                merged: None,
                is_pinned: false,
            };
            let batches = [Arc::new(batch(part, 1))];
            let meta = segment::write(
                &sim.env(),
                &new,
                &batches,
                &crate::limits::SegmentShape::default(),
                &KeepAll,
            )
            .unwrap();
            segments.extend(
                meta.map(|meta| Arc::new(Segment::open(&sim.env(), Path::new("/"), meta, &cache))),
            );
        }
        let hot = hot.iter().map(|part| Arc::new(batch(part, 2))).collect();
        Self {
            sim,
            segments,
            hot,
            cache,
        }
    }

    fn trace(&self, id: u8, spans_max: usize) -> Result<Option<TraceRows>, StoreError> {
        assemble(TraceId([id; 16]), &self.hot, &self.segments, spans_max)
    }

    fn damage(&self, number: usize) {
        let path = &Segment::paths(Path::new("/"), &format!("s{number}"))[0];
        let mut bytes = self.sim.fs.contents(path).unwrap();
        for byte in &mut bytes {
            *byte ^= 1;
        }
        self.sim.fs.set_contents(path, &bytes);
    }
}

fn parts() -> impl Strategy<Value = Vec<Vec<TestSpan>>> {
    prop::collection::vec(prop::collection::vec(span(), 0..8), 0..3)
}

/// Contents without the weight, sorted.
fn contents<'a>(spans: impl IntoIterator<Item = &'a TestSpan>) -> Vec<String> {
    let content = |span: &TestSpan| {
        TestSpan {
            weight: 0.0,
            ..span.clone()
        }
        .content()
    };
    let mut contents: Vec<_> = spans.into_iter().map(content).collect();
    contents.sort();
    contents
}

fn structure_of(rows: &RecordBatch) -> Vec<(Option<i32>, Option<i32>, Option<i32>)> {
    let value = |place: usize, row: usize| {
        let column = rows.column(place).as_primitive::<Int32Type>();
        column.is_valid(row).then(|| column.value(row))
    };
    let row = |row| {
        (
            value(column::DEPTH, row),
            value(column::PARENT_OFFSET, row),
            value(column::SUBTREE_SIZE, row),
        )
    };
    (0..rows.num_rows()).map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_trace_is_the_same_wherever_its_parts_are(stored in parts(), hot in parts()) {
        let all: Vec<_> = stored.iter().chain(&hot).flatten().cloned().collect();
        let spread = World::new(&stored, &hot);
        let together = World::new(&[], std::slice::from_ref(&all));
        for id in 1..6 {
            let mut expected = contents(all.iter().filter(|span| span.trace_id == [id; 16]));
            expected.dedup();
            let found = spread.trace(id, usize::MAX).unwrap();
            prop_assert_eq!(found.is_some(), !expected.is_empty());
            let Some(found) = found else { continue };
            prop_assert_eq!(found.rows.schema(), schema::spans());
            prop_assert_eq!((found.truncated_span_count, found.unreadable.len()), (0, 0));
            prop_assert_eq!(contents(&read(&found.rows)), expected);
            let whole = together.trace(id, usize::MAX).unwrap().unwrap();
            prop_assert_eq!(structure_of(&found.rows), structure_of(&whole.rows));
            let order = |rows: &RecordBatch| read(rows).iter().map(|span| contents([span])).collect::<Vec<_>>();
            prop_assert_eq!(order(&found.rows), order(&whole.rows));
            for row in 0..=found.rows.num_rows() {
                let expected = (row < found.rows.num_rows()).then(|| order(&found.rows.slice(row, 1)));
                for world in [&spread, &together] {
                    let one = span_at(TraceId([id; 16]), row, &world.hot, &world.segments, usize::MAX).unwrap();
                    prop_assert_eq!(one.as_ref().map(&order), expected.clone());
                }
            }
        }
    }

    #[test]
    fn hot_traces_are_what_a_segment_would_say(spans in prop::collection::vec(span(), 0..16)) {
        let world = World::new(std::slice::from_ref(&spans), std::slice::from_ref(&spans));
        let hot = summaries(&world.hot);
        prop_assert_eq!(hot.schema(), schema::traces());
        let ids: HashSet<_> = spans.iter().map(|span| span.trace_id).collect();
        prop_assert_eq!(hot.num_rows(), ids.len());
        let Some(segment) = world.segments.first() else { return Ok(()) };
        let stored = segment.read_rows(SegmentTable::Traces, 0..hot.num_rows() as u32, None).unwrap();
        let rows = |table: &RecordBatch| {
            let table = table.project(&(0..12).collect::<Vec<_>>()).unwrap();
            let mut rows: Vec<_> = (0..table.num_rows()).map(|row| format!("{:?}", table.slice(row, 1).columns())).collect();
            rows.sort();
            rows
        };
        prop_assert_eq!(rows(&hot), rows(&stored));
    }
}

fn spans(ids: std::ops::Range<u8>) -> Vec<TestSpan> {
    ids.map(|id| TestSpan {
        trace_id: [1; 16],
        span_id: [id; 8],
        weight: 1.0,
        ..TestSpan::default()
    })
    .collect()
}

#[test]
fn as_many_spans_as_allowed_are_whole_and_one_more_is_reported() {
    let world = World::new(&[spans(1..6)], &[spans(6..9)]);
    for (spans_max, taken) in [(8, 8), (7, 7), (3, 3), (2, 2), (0, 0)] {
        let trace = world.trace(1, spans_max).unwrap().unwrap();
        assert_eq!(
            (trace.rows.num_rows(), trace.truncated_span_count),
            (taken, 8 - taken)
        );
    }
}

#[test]
fn a_row_beyond_what_a_look_up_returns_is_none() {
    for world in [
        World::new(&[spans(1..6)], &[]),
        World::new(&[], &[spans(1..6)]),
        World::new(&[spans(1..4)], &[spans(4..6)]),
    ] {
        let found = |row, spans_max| {
            let id = TraceId([1; 16]);
            let span = span_at(id, row, &world.hot, &world.segments, spans_max).unwrap();
            span.map(|span| span.num_rows())
        };
        assert_eq!(
            [found(4, 5), found(5, 5), found(5, 9)],
            [Some(1), None, None]
        );
        assert_eq!(
            [found(2, 3), found(3, 3), found(0, 0)],
            [Some(1), None, None]
        );
    }
}

#[test]
fn a_span_of_a_stored_trace_is_read_without_the_rest() {
    let spans: Vec<_> = (0..20_000_u32)
        .map(|number| {
            let mut span = spans(1..2).remove(0);
            span.span_id[..4].copy_from_slice(&(number + 1).to_be_bytes());
            span.name = format!(
                "{number} {:x}",
                u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            );
            span
        })
        .collect();
    let world = World::new(&[spans], &[]);
    let read = |work: &dyn Fn()| {
        let before = world.cache.bytes_read();
        work();
        world.cache.bytes_read() - before
    };
    let id = TraceId([1; 16]);
    let all = read(&|| {
        assert_eq!(
            world.trace(1, usize::MAX).unwrap().unwrap().rows.num_rows(),
            20_000
        );
    });
    let one = read(&|| {
        assert!(
            span_at(id, 10_000, &[], &world.segments, usize::MAX)
                .unwrap()
                .is_some()
        );
    });
    assert!(one < all / 2, "{one} bytes of {all}");
}

#[test]
fn a_trace_of_too_many_bytes_is_cut_and_reported() {
    let mut spans = spans(1..200);
    for span in &mut spans {
        let long = "x".repeat(4 << 20);
        span.group.resource = vec![(
            "note".to_owned(),
            crate::attributes::AttributeValue::String(long),
        )];
    }
    let world = World::new(&[], &[spans]);
    let trace = world.trace(1, usize::MAX).unwrap().unwrap();
    let taken = trace.rows.num_rows();
    assert!((64..90).contains(&taken), "{taken}");
    assert_eq!(trace.truncated_span_count, 199 - taken);
}

#[test]
fn a_damaged_part_is_named_and_the_rest_shown() {
    let world = World::new(&[spans(1..6), spans(6..9)], &[]);
    world.damage(0);
    let trace = world.trace(1, 100).unwrap().unwrap();
    assert_eq!(trace.rows.num_rows(), 3);
    assert!(
        trace.unreadable.len() == 1 && trace.unreadable[0].contains("s0.spans.parquet"),
        "{:?}",
        trace.unreadable
    );
    world.damage(1);
    let world = World {
        segments: world.segments.clone(),
        ..world
    };
    let fresh: Vec<_> = world
        .segments
        .iter()
        .map(|segment| {
            let cache = Arc::new(SegmentCache::new(0));
            Arc::new(Segment::open(
                &world.sim.env(),
                Path::new("/"),
                segment.meta().clone(),
                &cache,
            ))
        })
        .collect();
    assert!(matches!(
        assemble(TraceId([1; 16]), &[], &fresh, 100),
        Err(StoreError::Corrupt { .. })
    ));
}

#[test]
fn a_stored_copy_and_a_hot_one_are_one_span() {
    let world = World::new(&[spans(1..4)], &[spans(2..6)]);
    assert_eq!(world.trace(1, 100).unwrap().unwrap().rows.num_rows(), 5);
}

fn summary_of(spans: &[TestSpan]) -> RecordBatch {
    summaries(&[Arc::new(batch(spans, 1))])
}

#[test]
fn a_summary_names_the_true_root() {
    let mut spans = spans(1..5);
    let set = |span: &mut TestSpan, parent: Option<u8>, start: u64, end: u64, name: &str| {
        (span.parent, span.start, span.end, span.name) =
            (parent.map(|id| [id; 8]), start, end, name.to_owned());
    };
    set(&mut spans[0], Some(9), 5, 50, "orphan");
    set(&mut spans[1], None, 20, 90, "root");
    set(&mut spans[2], Some(2), 30, 20, "backwards");
    set(&mut spans[3], Some(3), 40, 60, "leaf");
    spans[3].status = 2;
    let table = summary_of(&spans);
    let count = |place: usize| table.column(place).as_primitive::<UInt32Type>().value(0);
    assert_eq!(table.column(2).as_string_view().value(0), "root");
    assert_eq!(
        table
            .column(3)
            .as_primitive::<TimestampNanosecondType>()
            .value(0),
        5
    );
    assert_eq!(table.column(4).as_primitive::<Int64Type>().value(0), 85);
    assert_eq!((count(5), count(6), count(7)), (4, 1, 1));
    assert_eq!(table.column(9).as_primitive::<Int32Type>().value(0), 3);
    assert!(!table.column(11).as_boolean().value(0));
    assert!(summary_of(&spans[1..]).column(11).as_boolean().value(0));
    assert_eq!(
        summary_of(&spans[2..]).column(2).as_string_view().value(0),
        "backwards"
    );
}

#[test]
fn durations_beyond_the_range_are_clamped() {
    let mut spans = spans(1..3);
    (spans[0].start, spans[0].end) = (1, 5);
    (spans[1].start, spans[1].end) = (u64::MAX, u64::MAX);
    assert_eq!(
        summary_of(&spans)
            .column(4)
            .as_primitive::<Int64Type>()
            .value(0),
        i64::MAX
    );
}
