use std::collections::HashSet;

use arrow::array::{AsArray, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::TimestampNanosecondType;

use super::*;
use crate::attributes::AttributeValue;
use crate::ids::TraceId;
use crate::schema::column;
use crate::testing::Attributes;

fn row_groups(segment: &Segment) -> std::ops::Range<usize> {
    0..segment
        .metadata(SegmentTable::Spans)
        .unwrap()
        .metadata()
        .num_row_groups()
}

fn attributes(span: &TestSpan) -> impl Iterator<Item = &(String, AttributeValue)> {
    let lists: Vec<&Attributes> = [&span.attributes, &span.group.resource, &span.group.scope]
        .into_iter()
        .chain(span.events.iter().map(|event| &event.2))
        .chain(span.links.iter().map(|link| &link.attributes))
        .collect();
    lists.into_iter().flatten()
}

/// How many row groups may hold `held`.
fn holding(segment: &Segment, held: Held<'_>) -> usize {
    row_groups(segment)
        .filter(|group| segment.row_group_may_hold(*group, held).unwrap())
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn filters_and_index_miss_nothing(parts in parts()) {
        let (_sim, segment) = stored(&parts);
        let operations = segment.operations().unwrap();
        let operations: HashSet<_> = operations.as_ref().as_ref().unwrap().iter().collect();
        let holds = |held: Held<'_>| holding(&segment, held) > 0;
        for span in parts.iter().flatten() {
            prop_assert!(segment.trace_rows(TraceId(span.trace_id)).unwrap().is_some());
            prop_assert!(holds(Held::Name(&span.name)));
            for (key, value) in attributes(span) {
                prop_assert!(holds(Held::Attribute(key, &value.to_text())));
                prop_assert!(holds(Held::Key(key)));
            }
        }
        for service in &segment.meta().services {
            prop_assert!(holds(Held::Service(service)));
            prop_assert!(operations.iter().any(|operation| operation.service_name == *service));
        }
        let expected: HashSet<_> = parts.iter().flatten().map(|span| (span.name.clone(), crate::span::kind_text(span.kind).into_owned())).collect();
        let listed: HashSet<_> = operations.iter().map(|operation| (operation.name.clone(), operation.kind.clone())).collect();
        prop_assert_eq!(listed, expected);
    }
}

#[test]
fn filters_tell_row_groups_apart() {
    let mut spans = plain(20_000, 7);
    spans[3].attributes = vec![(
        "order.id".to_owned(),
        AttributeValue::String("needle".to_owned()),
    )];
    let (_sim, segment) = stored(&[spans]);
    let needle = Held::Attribute("order.id", "needle");
    for (held, groups) in [
        (needle, 1),
        (Held::Key("order.id"), 1),
        (Held::Service("nobody"), 0),
    ] {
        assert_eq!(holding(&segment, held), groups, "{held:?}");
        // What is read ahead changes nothing.
        segment.will_ask(row_groups(&segment), held).unwrap();
        assert_eq!(holding(&segment, held), groups, "{held:?}");
    }
}

#[test]
fn strangers_are_not_found() {
    let (_sim, segment) = stored(&[plain(1000, 2)]);
    let found = (0..10_000u32).filter(|n| {
        segment
            .trace_rows(TraceId([
                *n as u8,
                1,
                (*n >> 8) as u8,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                1,
            ]))
            .unwrap()
            .is_some()
    });
    assert_eq!(found.count(), 0);
}

#[test]
fn looking_up_a_trace_reads_little() {
    let sim = SimEnv::new(1);
    let spans = plain(20_000, 5);
    let id = TraceId(spans[77_777].trace_id);
    let meta = write_all(&sim.env(), &[spans]);
    let cache = Arc::new(SegmentCache::new(1 << 20));
    let segment = Segment::open(&sim.env(), Path::new(DIR), meta, &cache);
    assert_eq!(cache.bytes_read(), 0);
    assert_eq!(segment.trace_rows(TraceId([9; 16])).unwrap(), None);
    let opening = cache.bytes_read();
    assert!(opening < 64 << 10, "opening read {opening} bytes");
    segment.read_rows(SegmentTable::Spans, 0..1, None).unwrap();
    let before = cache.bytes_read();
    let rows = segment.trace_rows(id).unwrap().unwrap();
    assert_eq!(
        segment
            .read_rows(SegmentTable::Spans, rows, None)
            .unwrap()
            .num_rows(),
        5
    );
    let reading = cache.bytes_read() - before;
    assert!(reading < 512 << 10, "a trace read {reading} bytes");
}

#[test]
fn a_trace_is_found_at_its_place_in_traces() {
    let (_sim, segment) = stored(&[plain(3_000, 3)]);
    let rows = 0..segment.meta().trace_count as u32;
    let traces = segment
        .read_rows(SegmentTable::Traces, rows, Some(&[0, 3]))
        .unwrap();
    let ids = traces.column(0).as_fixed_size_binary();
    let starts = traces.column(1).as_primitive::<TimestampNanosecondType>();
    for row in (0..traces.num_rows()).step_by(97) {
        let id = TraceId::from_bytes(ids.value(row)).unwrap();
        let place = segment.trace_place(id).unwrap().unwrap();
        assert_eq!(place.row as usize, row);
        assert_eq!(place.start_unix_nano, starts.value(row) as u64);
    }
    assert_eq!(segment.trace_place(TraceId([9; 16])).unwrap(), None);
}

#[test]
fn rows_that_lie_apart_are_read_together() {
    let (_sim, segment) = stored(&[plain(20_000, 7)]);
    let all = segment.meta().span_count as u32;
    let columns = [column::SPAN_ID, column::DURATION_NS];
    let whole = segment
        .read_rows(SegmentTable::Spans, 0..all, Some(&columns))
        .unwrap();
    assert!(row_groups(&segment).len() > 1);
    let spread: Vec<u32> = (0..all).filter(|row| row % 1_009 < 3).collect();
    for picked in [
        spread,
        vec![0],
        vec![all - 1],
        (5..90_000).collect(),
        vec![],
    ] {
        let rows = segment
            .pick_rows(SegmentTable::Spans, &picked, Some(&columns))
            .unwrap();
        let expected = take_record_batch(&whole, &UInt32Array::from(picked)).unwrap();
        assert_eq!(rows, expected);
    }
    for wrong in [vec![3, 2], vec![2, 2], vec![all]] {
        let read = segment.pick_rows(SegmentTable::Spans, &wrong, Some(&columns));
        assert!(matches!(read, Err(crate::StoreError::Corrupt { .. })));
    }
}
