//! Merges of real segments: the same spans, put together; and nothing left when they fail.

mod copied;

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampNanosecondType;
use proptest::prelude::*;

use super::*;
use crate::env::Env;
use crate::env::testing::{Fault, SimEnv};
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::limits::{CompactionLimits, SegmentShape};
use crate::policy::KeepAll;
use crate::segment::tests::{DIR, SHAPE, batches, new_segment, parts, plain, repeats_ids};
use crate::segment::{Held, Segment, SegmentCache, SegmentMeta, SegmentTable, TimeWindow, write};
use crate::testing::{TestSpan, read};
use crate::trace::assemble;
use crate::verify::verify_segment;

const HOUR: Duration = Duration::from_hours(1);

fn limits() -> CompactionLimits {
    CompactionLimits {
        window: HOUR,
        ..CompactionLimits::default()
    }
}

struct Numbered(Cell<u32>);

impl Names for Numbered {
    fn next(&self, tenant: &str, _wal: (u64, u64)) -> String {
        self.0.set(self.0.get() + 1);
        format!("{tenant}/merged-{}", self.0.get())
    }
}

/// Segments of one store.
struct World {
    sim: SimEnv,
    cache: Arc<SegmentCache>,
    names: Numbered,
    shape: SegmentShape,
    /// Spans that merges took over as they were.
    copied_spans: Cell<u64>,
    pace: Pace,
}

impl World {
    fn new() -> Self {
        Self::slicing(SHAPE.slice_spans)
    }

    /// Segments are cut into slices of so many spans, and these into two row groups.
    fn slicing(slice_spans: u64) -> Self {
        let half = (slice_spans / 2).max(1) as usize;
        let shape = SegmentShape {
            slice_spans,
            row_group_rows: half.min(SHAPE.row_group_rows),
            ..SHAPE
        };
        Self {
            sim: SimEnv::new(1),
            cache: Arc::new(SegmentCache::new(1 << 20)),
            names: Numbered(Cell::new(0)),
            shape,
            copied_spans: Cell::new(0),
            pace: Pace::default(),
        }
    }

    fn open(&self, meta: &SegmentMeta) -> Arc<Segment> {
        let env = self.sim.env();
        let segment = Segment::open(&env, Path::new(DIR), meta.clone(), &self.cache);
        Arc::new(segment)
    }

    /// A segment of each list of spans.
    fn flush(&self, lists: &[Vec<TestSpan>]) -> Vec<Arc<Segment>> {
        let mut segments = Vec::new();
        for spans in lists {
            let name = format!("default/flushed-{}-{}", self.names.0.get(), segments.len());
            let batches = batches(std::slice::from_ref(spans));
            let env = self.sim.env();
            let meta = write(&env, &new_segment(&name), &batches, &self.shape, &KeepAll).unwrap();
            segments.extend(meta.map(|meta| self.open(&meta)));
        }
        segments
    }

    /// A merge that keeps everything.
    fn plan<'a>(
        &'a self,
        env: &'a Env,
        inputs: &'a [Arc<Segment>],
        limits: &'a CompactionLimits,
    ) -> Merge<'a> {
        Merge {
            env,
            data_dir: Path::new(DIR),
            limits,
            shape: &self.shape,
            inputs,
            window: None,
            is_pinned: false,
            is_sampled: false,
            id: 7,
            policy: &KeepAll,
            names: &self.names,
            pace: &self.pace,
        }
    }

    fn try_merge(
        &self,
        inputs: &[Arc<Segment>],
        limits: &CompactionLimits,
        window: Option<TimeWindow>,
        pace: &Pace,
    ) -> Result<Vec<Arc<Segment>>, StoreError> {
        let env = self.sim.env();
        let merge = Merge {
            window,
            pace,
            ..self.plan(&env, inputs, limits)
        };
        let mut merged = merge.run()?;
        merged.keep();
        self.copied_spans
            .set(self.copied_spans.get() + merged.copied_spans);
        Ok(merged.segments.iter().map(|meta| self.open(meta)).collect())
    }

    fn merge(&self, inputs: &[Arc<Segment>], limits: &CompactionLimits) -> Vec<Arc<Segment>> {
        let merged = self.try_merge(inputs, limits, None, &Pace::default());
        merged.unwrap()
    }
}

fn table(segment: &Segment, table: SegmentTable) -> RecordBatch {
    let rows = match table {
        SegmentTable::Spans => segment.meta().span_count,
        SegmentTable::Traces => segment.meta().trace_count,
    };
    segment.read_rows(table, 0..rows as u32, None).unwrap()
}

/// Every trace of the segments as a reader gets it.
fn traces(segments: &[Arc<Segment>]) -> BTreeMap<[u8; 16], Vec<String>> {
    let mut ids = HashSet::new();
    for segment in segments {
        let spans = read(&table(segment, SegmentTable::Spans));
        ids.extend(spans.iter().map(|span| span.trace_id));
    }
    let trace = |id: [u8; 16]| {
        let trace = assemble(TraceId(id), &[], segments, usize::MAX);
        let rows = trace.unwrap().unwrap().rows;
        let spans = read(&rows);
        // Of copies that differ in their weight alone either may stay.
        let content = |span: &TestSpan| {
            let unweighted = TestSpan {
                weight: 1.0,
                ..span.clone()
            };
            unweighted.content()
        };
        (id, spans.iter().map(content).collect())
    };
    ids.into_iter().map(trace).collect()
}

/// What must hold of every output.
fn check_outputs(segments: &[Arc<Segment>]) {
    for segment in segments {
        verify_segment(segment).unwrap();
        let merged = segment.meta().merged.unwrap();
        let of_traces = table(segment, SegmentTable::Traces);
        for row in 0..of_traces.num_rows() {
            let summary = crate::trace::summary::Summary::of_row(&of_traces, row, true);
            let start = i128::from(summary.start_unix_nano as i64);
            assert!(merged.window.start_ns() <= start && start < merged.window.end_ns());
        }
        check_filters(segment);
        let repeats = repeats_ids(&table(segment, SegmentTable::Spans));
        assert!(segment.repeats_span_ids().unwrap() || !repeats);
    }
}

/// The filters know of every attribute, service and name.
fn check_filters(segment: &Segment) {
    let groups = segment.metadata(SegmentTable::Spans).unwrap();
    let groups = groups.metadata().num_row_groups();
    let any = |may: &dyn Fn(usize) -> bool| (0..groups).any(may);
    for span in read(&table(segment, SegmentTable::Spans)) {
        let events = span.events.iter().flat_map(|event| &event.2);
        let links = span.links.iter().flat_map(|link| &link.attributes);
        let group = span.group.resource.iter().chain(&span.group.scope);
        for (key, value) in span
            .attributes
            .iter()
            .chain(group)
            .chain(events)
            .chain(links)
        {
            let text = value.to_text();
            let held = Held::Attribute(key, &text);
            assert!(any(&|group| segment
                .row_group_may_hold(group, held)
                .unwrap()));
        }
        assert!(any(&|group| segment
            .row_group_may_hold(group, Held::Name(&span.name))
            .unwrap()));
    }
}

/// The spans of `parts`, dealt to several segments so that traces lie in several.
fn dealt(parts: Vec<Vec<TestSpan>>, segments: usize) -> Vec<Vec<TestSpan>> {
    let mut dealt = vec![Vec::new(); segments];
    for (place, span) in parts.into_iter().flatten().enumerate() {
        dealt[place * 7 % segments].push(span);
    }
    dealt
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn a_merge_changes_no_trace(
        parts in parts(), segments in 1..5usize, held in prop_oneof![Just(0), Just(3000), Just(1 << 20)],
        trace_spans_max in prop_oneof![Just(2), Just(6), Just(1000)],
        segment_bytes in prop_oneof![Just(1), Just(1 << 30)], slice_spans in prop_oneof![Just(1), Just(9), Just(1 << 20)],
    ) {
        let world = World::slicing(slice_spans);
        let inputs = world.flush(&dealt(parts, segments));
        let limits = CompactionLimits { held_bytes: held, trace_spans_max, segment_bytes, ..limits() };
        let outputs = world.merge(&inputs, &limits);
        check_outputs(&outputs);
        prop_assert_eq!(traces(&outputs), traces(&inputs));
        if trace_spans_max == 1000 {
            // Each trace is in one place.
            let rows: u64 = outputs.iter().map(|segment| segment.meta().trace_count).sum();
            prop_assert_eq!(rows as usize, traces(&outputs).len());
            let spans: u64 = outputs.iter().map(|segment| segment.meta().span_count).sum();
            prop_assert_eq!(spans as usize, traces(&outputs).values().map(Vec::len).sum::<usize>());
        }
        // Merged once more, into one window.
        let window = TimeWindow { number: 0, length_ns: 1 << 62 };
        let again = world.try_merge(&outputs, &limits, Some(window), &Pace::default()).unwrap();
        prop_assert_eq!(traces(&again), traces(&inputs));
    }
}

/// Plain traces of several services with attributes of all sorts.
fn shop(first: u32, count: u32) -> Vec<TestSpan> {
    let mut spans = plain(first + count, 4);
    spans.drain(..first as usize * 4);
    for (place, span) in spans.iter_mut().enumerate() {
        let number = first as usize * 4 + place;
        let service = format!("service {}", number / 4 % 3);
        let text = |text: &str| crate::attributes::AttributeValue::String(text.to_owned());
        span.group.resource = vec![("service.name".to_owned(), text(&service))];
        span.attributes = vec![("route".to_owned(), text("/cart"))];
        if number.is_multiple_of(3) {
            let value = crate::attributes::AttributeValue::Int(number as i64);
            span.attributes.push(("number".to_owned(), value));
        }
        if number.is_multiple_of(50) {
            span.attributes
                .push((format!("rare {number}"), text("needle")));
        }
    }
    spans
}

#[test]
fn a_segment_goes_through_time_slice_by_slice() {
    let starts = |segment: &Segment| {
        let traces = table(segment, SegmentTable::Traces);
        let starts = traces.column_by_name("start_time").unwrap();
        let starts = starts.as_primitive::<TimestampNanosecondType>();
        starts.values().to_vec()
    };
    let flushed_and_merged = |slice_spans| {
        let world = World::slicing(slice_spans);
        let flushed = world.flush(&[shop(0, 800), shop(0, 300), shop(300, 500)]);
        let merged = world.merge(&flushed[1..], &limits());
        assert_eq!((flushed.len(), merged.len()), (3, 1));
        [starts(&flushed[0]), starts(&merged[0])]
    };
    let mut sorted = flushed_and_merged(1 << 20)[0].clone();
    sorted.sort_unstable();
    // How far a trace is from where it would stand if all stood in the order of their starts.
    let furthest = |starts: &[i64]| {
        let place = |start: &i64| sorted.partition_point(|other| other < start);
        let places = starts.iter().map(place).enumerate();
        let far = places.map(|(row, place)| row.abs_diff(place));
        far.max().unwrap()
    };
    // Four spans a trace.
    for starts in flushed_and_merged(400) {
        assert!(!starts.is_sorted(), "within a slice, by kind");
        assert!(furthest(&starts) <= 400 / 4, "{}", furthest(&starts));
    }
    for starts in flushed_and_merged(1 << 20) {
        assert!(furthest(&starts) > 400 / 4);
    }
}

#[test]
fn whole_traces_merge_into_the_segment_that_one_flush_would_have_written() {
    for slice_spans in [SHAPE.slice_spans, 500] {
        merges_into_what_one_flush_would_have_written(&World::slicing(slice_spans));
    }
}

fn merges_into_what_one_flush_would_have_written(world: &World) {
    let inputs = world.flush(&[shop(0, 70), shop(70, 200), shop(270, 5), shop(275, 900)]);
    let merged = world.merge(&inputs, &limits());
    let at_once = world.flush(&[shop(0, 1175)]);
    assert_eq!((merged.len(), at_once.len()), (1, 1));
    for which in [SegmentTable::Spans, SegmentTable::Traces] {
        let without_arrival = |segment: &Segment| {
            let mut table = table(segment, which);
            if let Ok(place) = table.schema().index_of("ingested_at") {
                table.remove_column(place);
            }
            table
        };
        assert_eq!(without_arrival(&merged[0]), without_arrival(&at_once[0]));
    }
    let fields = |segment: &Segment| {
        let metadata = segment.metadata(SegmentTable::Spans).unwrap();
        let fields = metadata.schema().fields().iter();
        fields.map(|field| field.name().clone()).collect::<Vec<_>>()
    };
    assert_eq!(fields(&merged[0]), fields(&at_once[0]));
    assert!(fields(&merged[0]).contains(&"attributes.number".to_owned()));
    assert!(!merged[0].repeats_span_ids().unwrap());
    let (merged, at_once) = (merged[0].meta(), at_once[0].meta());
    assert_eq!(merged.start_time, at_once.start_time);
    assert_eq!(merged.services, at_once.services);
    assert_eq!(merged.ingested_at, (100, 100));
}

#[test]
fn copies_of_a_span_in_several_segments_become_one() {
    let world = World::new();
    let inputs = world.flush(&[shop(0, 10), shop(5, 10), shop(0, 3)]);
    let merged = world.merge(&inputs, &limits());
    assert_eq!(merged.len(), 1);
    assert_eq!(merged[0].meta().span_count, 15 * 4);
    assert_eq!(traces(&merged), traces(&world.flush(&[shop(0, 15)])));
    assert!(!merged[0].repeats_span_ids().unwrap());
}

#[test]
fn an_id_that_several_segments_have_is_told_of_the_merged_one() {
    let world = World::new();
    let mut other = shop(3, 1);
    other[1].name = "another span".to_owned();
    let inputs = world.flush(&[shop(0, 10), other]);
    let tells = |segment: &Arc<Segment>| segment.repeats_span_ids().unwrap();
    assert!(!inputs.iter().any(tells));
    let merged = world.merge(&inputs, &limits());
    check_outputs(&merged);
    assert!(merged.iter().all(tells));
    // It stays so when the trace is not put together again.
    assert!(world.merge(&merged, &limits()).iter().all(tells));
}

#[test]
fn late_spans_come_into_their_own_window() {
    let world = World::new();
    let mut late = shop(0, 4);
    for span in &mut late {
        span.start -= 30 * HOUR.as_nanos() as u64;
        span.end -= 30 * HOUR.as_nanos() as u64;
        span.trace_id[0] = 9;
    }
    let list = [late, shop(0, 40)].concat();
    let merged = world.merge(&world.flush(&[list]), &limits());
    check_outputs(&merged);
    let spans = merged.iter().map(|segment| segment.meta().span_count);
    assert_eq!(spans.collect::<Vec<_>>(), [16, 160]);
    let hours = |place: usize| merged[place].meta().merged.unwrap().window.number;
    assert_eq!(hours(1) - hours(0), 30);
}

#[test]
fn a_merge_that_fails_anywhere_leaves_nothing_and_can_be_made_again() {
    let mut nth = 1;
    loop {
        let world = World::new();
        let inputs = world.flush(&[shop(0, 20), shop(10, 30)]);
        let before = world.sim.fs.files();
        let limits = CompactionLimits {
            segment_bytes: 2000,
            ..limits()
        };
        world.sim.fs.fail_nth(nth, Fault::DiskFull);
        let failed = world.try_merge(&inputs, &limits, None, &Pace::default());
        if world.sim.fs.faults_left() > 0 {
            break;
        }
        assert!(failed.is_err(), "operation {nth}");
        assert_eq!(world.sim.fs.files(), before, "operation {nth}");
        assert_eq!(traces(&world.merge(&inputs, &limits)), traces(&inputs));
        nth += 1;
    }
    assert!(nth > 10, "a merge makes more than {nth} operations");
}

#[test]
fn a_stopped_merge_leaves_nothing() {
    let world = World::new();
    let inputs = world.flush(&[shop(0, 20), shop(20, 30)]);
    let before = world.sim.fs.files();
    let pace = Pace::default();
    pace.stop();
    let stopped = world.try_merge(&inputs, &limits(), None, &pace);
    assert!(matches!(stopped, Err(StoreError::Closed)));
    assert_eq!(world.sim.fs.files(), before);
}

#[test]
fn a_damaged_input_is_told_and_nothing_is_left() {
    let world = World::new();
    let inputs = world.flush(&[shop(0, 200), shop(100, 300)]);
    for path in Segment::paths(Path::new(DIR), &inputs[1].meta().name) {
        let bytes = world.sim.fs.contents(&path).unwrap();
        for at in (0..bytes.len()).step_by(bytes.len() / 23 + 1) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            world.sim.fs.set_contents(&path, &damaged);
            let fresh = [&inputs[0], &inputs[1]].map(|segment| {
                let cache = Arc::new(SegmentCache::new(1 << 20));
                let env = world.sim.env();
                Arc::new(Segment::open(
                    &env,
                    Path::new(DIR),
                    segment.meta().clone(),
                    &cache,
                ))
            });
            let before = world.sim.fs.files();
            match world.try_merge(&fresh, &limits(), None, &Pace::default()) {
                Err(StoreError::Corrupt { path: found, .. }) => {
                    assert_eq!(found, path);
                    assert_eq!(world.sim.fs.files(), before);
                }
                Err(other) => panic!("{other}"),
                // Filters and the like are not read for a merge.
                Ok(merged) => assert_eq!(merged[0].meta().span_count, 400 * 4),
            }
        }
        world.sim.fs.set_contents(&path, &bytes);
    }
}
