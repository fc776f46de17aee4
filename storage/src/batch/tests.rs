use arrow::array::{Array, AsArray, UInt32Array};
use proptest::prelude::*;

use super::*;
use crate::attributes::AttributeValue;
use crate::testing::{TestSpan, batch, read, span};

fn contents(spans: &[TestSpan]) -> Vec<String> {
    spans.iter().map(TestSpan::content).collect()
}

fn spans(count: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<TestSpan>> {
    prop::collection::vec(span(), count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_field_comes_back(spans in spans(0..20)) {
        let table = batch(&spans, 7).to_table(None);
        prop_assert_eq!(table.schema(), schema::spans());
        prop_assert_eq!(contents(&read(&table)), contents(&spans));
    }

    #[test]
    fn a_projection_is_the_table_without_the_rest(
        spans in spans(0..10),
        projection in prop::collection::vec(0..column::COUNT, 0..6),
    ) {
        let batch = batch(&spans, 7);
        let expected = batch.to_table(None).project(&projection).unwrap();
        prop_assert_eq!(batch.to_table(Some(&projection)), expected);
    }

    #[test]
    fn chosen_rows_are_those_of_the_table(spans in spans(1..10), rows in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let rows: Vec<u32> = rows.iter().map(|row| row.index(spans.len()) as u32).collect();
        let expected: Vec<_> = rows.iter().map(|row| spans[*row as usize].content()).collect();
        let table = batch(&spans, 7).rows_to_table(&UInt32Array::from(rows), None);
        prop_assert_eq!(contents(&read(&table)), expected);
    }

    #[test]
    fn parts_make_up_the_table(spans in spans(0..20), rows_max in 0..7usize) {
        let batch = batch(&spans, 7);
        let parts: Vec<_> = batch.tables(None, rows_max).collect();
        prop_assert!(parts.iter().all(|part| part.num_rows() <= rows_max.max(1)));
        let parts: Vec<_> = parts.iter().flat_map(read).collect();
        prop_assert_eq!(contents(&parts), contents(&spans));
    }

    #[test]
    fn concat_keeps_spans_and_merges_groups(parts in prop::collection::vec(spans(0..8), 0..6)) {
        let all = parts.concat();
        let batches: Vec<_> = parts.iter().map(|part| batch(part, 7)).collect();
        let merged = SpanBatch::concat(&batches.iter().collect::<Vec<_>>());
        prop_assert_eq!(contents(&read(&merged.to_table(None))), contents(&all));
        prop_assert_eq!(merged.to_table(None), batch(&all, 7).to_table(None));
        prop_assert_eq!(merged.groups().num_rows(), batch(&all, 7).groups().num_rows());
    }
}

fn of_service(name: AttributeValue) -> TestSpan {
    let mut span = TestSpan {
        trace_id: [1; 16],
        span_id: [2; 8],
        ..TestSpan::default()
    };
    span.group.resource = vec![("service.name".to_owned(), name)];
    span
}

#[test]
fn the_service_is_the_first_name_that_is_text() {
    let text = |name: &str| AttributeValue::String(name.to_owned());
    let mut twice = of_service(AttributeValue::Int(1));
    twice
        .group
        .resource
        .push(("service.name".to_owned(), text("b")));
    let spans = [
        of_service(text("a")),
        of_service(text("")),
        of_service(AttributeValue::Empty),
        twice,
    ];
    let batch = batch(&spans, 0);
    let services: Vec<_> = (0..4).map(|row| batch.service_name(row)).collect();
    assert_eq!(services, ["a", "unknown_service", "unknown_service", "b"]);
}

#[test]
fn a_group_that_comes_again_costs_nothing() {
    let span = of_service(AttributeValue::String("a".to_owned()));
    let once = batch(&vec![span.clone(); 1], 0);
    let often = batch(&vec![span; 1000], 0);
    assert_eq!(often.groups(), once.groups());
    assert!(often.group_of().values().iter().all(|group| *group == 0));
}

#[test]
fn groups_of_one_content_but_other_types_stay_apart() {
    let spans = [
        of_service(AttributeValue::Int(1)),
        of_service(AttributeValue::String("1".to_owned())),
    ];
    assert_eq!(batch(&spans, 0).groups().num_rows(), 2);
}

#[test]
fn a_small_batch_is_small() {
    let one = batch(&[of_service(AttributeValue::String("a".to_owned()))], 0);
    assert!(one.memory_bytes() < 8192, "{}", one.memory_bytes());
}

#[test]
fn table_bytes_count_a_group_for_each_of_its_spans() {
    let span = of_service(AttributeValue::String("x".repeat(10_000)));
    let mut builder = SpanBatchBuilder::new(0);
    for _ in 0..50 {
        span.push(&mut builder);
    }
    assert!(
        (500_000..700_000).contains(&builder.table_bytes()),
        "{}",
        builder.table_bytes()
    );
}

#[test]
fn rows_of_a_trace_are_found() {
    let mut spans = vec![of_service(AttributeValue::Empty); 5];
    spans[1].trace_id = [9; 16];
    spans[4].trace_id = [9; 16];
    let batch = batch(&spans, 0);
    assert_eq!(batch.rows_of_trace(TraceId([9; 16])), [1, 4]);
    assert_eq!(batch.slice(1..3).rows_of_trace(TraceId([9; 16])), [0]);
    assert_eq!(batch.rows_of_trace(TraceId([8; 16])), [0u32; 0]);
}

#[test]
fn times_are_kept_bit_for_bit() {
    let mut span = of_service(AttributeValue::Empty);
    (span.start, span.end) = (11_651_379_494_838_206_464, 5);
    let batch = batch(&[span], u64::MAX);
    assert_eq!(
        batch.start_times().value(0),
        11_651_379_494_838_206_464_u64 as i64
    );
    assert_eq!(
        batch.durations().value(0),
        5u64.wrapping_sub(11_651_379_494_838_206_464) as i64
    );
    assert_eq!(batch.ingested_at().value(0), -1);
    assert!(batch.own().column(column::PARENT_SPAN_ID).is_null(0));
    assert_eq!(
        batch.own().column(column::KIND).as_string_view().value(0),
        "unspecified"
    );
}
