//! Which attributes get columns, and that all of them come back as they were sent.

use arrow::array::{Array, ArrayRef, StringViewArray};
use arrow::datatypes::DataType;

use super::*;
use crate::attributes::AttributeValue;
use crate::schema::column;
use crate::segment::attributes::{AttributeLayout, AttributeOwner, OwnerLayout, of_columns};
use crate::testing::Attributes;

fn text(value: &str) -> AttributeValue {
    AttributeValue::String(value.to_owned())
}

/// `count` spans, each with the attributes that `attributes` gives it.
fn spans(count: u32, attributes: impl Fn(u32) -> Attributes) -> Vec<TestSpan> {
    let mut spans = plain(count, 1);
    for (span, number) in spans.iter_mut().zip(0..) {
        span.attributes = attributes(number);
    }
    spans
}

fn pair(key: &str, value: AttributeValue) -> (String, AttributeValue) {
    (key.to_owned(), value)
}

fn write_with(limits: AttributeColumns, spans: Vec<TestSpan>) -> (SimEnv, Segment) {
    let sim = SimEnv::new(1);
    let new = new_segment("default/a");
    let meta = write(
        &sim.env(),
        &new,
        &batches(&[spans]),
        &SegmentShape::with_columns(limits),
        &KeepAll,
    );
    let segment = open(&sim.env(), &meta.unwrap().unwrap());
    (sim, segment)
}

fn layout(segment: &Segment) -> AttributeLayout {
    let metadata = segment.metadata(SegmentTable::Spans).unwrap();
    AttributeLayout::of_file(metadata.schema()).unwrap()
}

/// The columns of spans: key and whether the residue holds more of it.
fn columns(segment: &Segment) -> Vec<(String, bool)> {
    let layout = layout(segment);
    let columns = layout.owner(AttributeOwner::Span).columns.iter();
    columns
        .map(|column| (column.key.clone(), column.elsewhere))
        .collect()
}

/// All spans come back with their attributes, in the order sent.
fn check(segment: &Segment, sent: &[TestSpan]) {
    let rows = 0..segment.meta().span_count as u32;
    let table = segment.read_rows(SegmentTable::Spans, rows, None).unwrap();
    let sorted = |spans: &[TestSpan]| {
        let mut contents: Vec<_> = spans.iter().map(TestSpan::content).collect();
        contents.sort();
        contents
    };
    assert_eq!(sorted(&read(&table)), sorted(sent));
}

#[test]
fn frequent_keys_get_columns_up_to_the_bounds() {
    let limits = AttributeColumns {
        span_max: 2,
        resource_max: 0,
        spans_min: 3,
        share_max: 10,
    };
    let sent = spans(20, |n| {
        let mut attributes = vec![pair("always", AttributeValue::Int(n.into()))];
        let often = [("in.2", 2), ("in.3", 3), ("in.4", 4), ("in.5", 5)];
        let here = often.iter().filter(|(_, count)| n < *count);
        attributes.extend(here.map(|(key, _)| pair(key, text("x"))));
        attributes
    });
    let names = |limits| {
        let (_sim, segment) = write_with(limits, sent.clone());
        check(&segment, &sent);
        let columns = columns(&segment);
        columns.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(names(limits), ["always", "in.5"]);
    let more = |span_max| AttributeColumns { span_max, ..limits };
    assert_eq!(names(more(3)), ["always", "in.4", "in.5"]);
    assert_eq!(names(more(62)), ["always", "in.3", "in.4", "in.5"]);
    let shared = AttributeColumns {
        span_max: 62,
        share_max: 5,
        ..limits
    };
    assert_eq!(names(shared), ["always", "in.4", "in.5"]);
    assert_eq!(names(more(0)), [""; 0]);
}

#[test]
fn more_keys_than_there_may_be_columns_come_back() {
    let sent = spans(4, |_| {
        let keys = (0..200).map(|n| pair(&format!("k{n:03}"), AttributeValue::Int(n)));
        keys.collect()
    });
    let limits = AttributeColumns {
        span_max: 1000,
        ..COLUMNS
    };
    let (_sim, segment) = write_with(limits, sent.clone());
    assert_eq!(
        columns(&segment).len(),
        crate::segment::attributes::COLUMNS_MAX
    );
    check(&segment, &sent);
}

#[test]
fn values_that_their_columns_cannot_hold_come_back_from_between_all_others() {
    // Of the 150 keys of each span, one in ten has a value that goes elsewhere, another ten in each span.
    let sent = spans(40, |n| {
        let value = |key: u32| match (key + n) % 10 {
            0 => AttributeValue::Double(f64::NAN),
            1 => AttributeValue::Double(-0.0),
            _ => AttributeValue::Double(f64::from(key)),
        };
        let keys = 0..150;
        keys.map(|key| pair(&format!("k{key:03}"), value(key)))
            .chain([pair("k100", text("again")), pair("k001", text("again"))])
            .collect()
    });
    let limits = AttributeColumns {
        span_max: 1000,
        ..COLUMNS
    };
    let (_sim, segment) = write_with(limits, sent.clone());
    let layout = segment.attribute_layout().unwrap();
    let columns = &layout.owner(AttributeOwner::Span).columns;
    assert_eq!(columns.len(), crate::segment::attributes::COLUMNS_MAX);
    assert!(columns.iter().all(|column| column.elsewhere));
    check(&segment, &sent);
}

#[test]
fn a_column_holds_one_type_and_the_residue_the_rest() {
    let values = [
        AttributeValue::Int(7),
        AttributeValue::Int(-7),
        AttributeValue::Int(i64::MIN),
        text("7"),
        AttributeValue::Bool(true),
        AttributeValue::Double(7.0),
        AttributeValue::Empty,
        AttributeValue::Bytes(vec![7]),
        AttributeValue::Array(vec![AttributeValue::Int(7)]),
    ];
    let sent = spans(9, |n| {
        vec![
            pair("mixed", values[n as usize].clone()),
            pair("flag", AttributeValue::Bool(n % 2 == 0)),
            pair("list", AttributeValue::Array(vec![text("a"), text("b")])),
        ]
    });
    let (_sim, segment) = write_with(COLUMNS, sent.clone());
    let mut found = columns(&segment);
    found.sort();
    let expected = [("flag", false), ("list", false), ("mixed", true)];
    assert_eq!(found, expected.map(|(key, more)| (key.to_owned(), more)));
    let schema = layout(&segment).file_schema();
    let kind = |name: &str| schema.field_with_name(name).unwrap().data_type().clone();
    assert_eq!(kind("attributes.mixed"), DataType::Int64);
    assert_eq!(kind("attributes.flag"), DataType::Boolean);
    assert_eq!(kind("attributes.list"), DataType::Utf8View);
    check(&segment, &sent);
}

#[test]
fn doubles_that_do_not_order_as_their_text_stay_in_the_residue() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0];
    let sent = spans(12, |n| {
        let value = odd.get(n as usize).copied().unwrap_or(f64::from(n) / 3.0);
        vec![
            pair("before", AttributeValue::Int(1)),
            pair("ratio", AttributeValue::Double(value)),
            // The first value counts, and it comes first among those of the residue.
            pair("ratio", AttributeValue::Double(0.5)),
        ]
    });
    let (_sim, segment) = write_with(COLUMNS, sent.clone());
    assert!(columns(&segment).contains(&("ratio".to_owned(), true)));
    check(&segment, &sent);
    let metadata = segment.metadata(SegmentTable::Spans).unwrap();
    let columns = metadata.metadata().row_group(0).columns().iter();
    let is_ratio = |name: &str| name == "\"attributes.ratio\"" || name == "attributes.ratio";
    let mut ratio = columns.filter(|column| is_ratio(&column.column_path().string()));
    let nulls = ratio.next().unwrap().statistics().unwrap();
    assert_eq!(nulls.null_count_opt(), Some(4));
}

#[test]
fn resources_have_columns_too() {
    let mut sent = plain(30, 2);
    for (span, n) in sent.iter_mut().zip(0..) {
        span.group.resource = vec![
            pair("service.name", text(["a", "b"][n % 2])),
            pair("process.pid", AttributeValue::Int(n as i64)),
            pair("host.name", text("h")),
        ];
        span.group.scope = vec![pair("of.scope", text("s"))];
    }
    let (_sim, segment) = write_with(COLUMNS, sent.clone());
    check(&segment, &sent);
    let layout = layout(&segment);
    let resource = layout.owner(AttributeOwner::Resource);
    let keys: Vec<_> = resource.columns.iter().map(|column| &column.key).collect();
    assert_eq!(keys, ["host.name", "process.pid"]);
    assert!(resource.residue_of("service.name").is_some());
    assert_eq!(resource.residue_of("process.pid"), None);
    let scope: Vec<_> = layout.scope_keys.unwrap().into_iter().collect();
    assert_eq!(scope, ["of.scope"]);
    assert_eq!(layout.event_keys.unwrap().len(), 0);
}

#[test]
fn a_million_keys_make_neither_columns_nor_a_long_footer() {
    const SPANS: u32 = 20_000;
    const KEYS: u32 = 50;
    let sent = spans(SPANS, |n| {
        let own = (0..KEYS).map(|key| pair(&format!("user.{n}.{key}"), AttributeValue::Int(1)));
        own.chain([pair("http.route", text("/"))]).collect()
    });
    let (_sim, segment) = write_with(AttributeColumns::default(), sent.clone());
    assert_eq!(columns(&segment), [("http.route".to_owned(), false)]);
    let layout = layout(&segment);
    let span = layout.owner(AttributeOwner::Span);
    assert!(span.filled().len() <= 8, "{:?}", span.filled());
    // Too many to be named: each may be there.
    assert!(span.residue_of("user.19999.49").is_some() && span.residue_of("no.such").is_some());
    let metadata = segment.metadata(SegmentTable::Spans).unwrap();
    let bytes = metadata.metadata().memory_size();
    assert!(bytes < 256 << 10, "{bytes}");
    let rows = 12_345..12_347;
    let table = segment.read_rows(SegmentTable::Spans, rows, None).unwrap();
    for span in read(&table) {
        assert_eq!(span.attributes.len(), KEYS as usize + 1);
        let like = sent.iter().find(|sent| sent.span_id == span.span_id);
        assert_eq!(span.content(), like.unwrap().content());
    }
}

#[test]
fn keys_that_cannot_name_a_column_stay_in_the_residue() {
    let long = "k".repeat(257);
    let sent = spans(5, |_| {
        vec![
            pair(&long, text("a")),
            pair("two\nlines", text("b")),
            pair("", text("c")),
            pair(&long[1..], text("d")),
        ]
    });
    let (_sim, segment) = write_with(COLUMNS, sent.clone());
    let mut found = columns(&segment);
    found.sort();
    assert_eq!(
        found,
        [(String::new(), false), (long[1..].to_owned(), false)]
    );
    check(&segment, &sent);
}

#[test]
fn columns_that_do_not_fit_together_are_noticed() {
    let sent = spans(6, |n| {
        vec![
            pair("k", AttributeValue::Int(1)),
            pair(&n.to_string(), text("x")),
        ]
    });
    let (_sim, segment) = write_with(COLUMNS, sent);
    let layout = layout(&segment);
    let span = layout.owner(AttributeOwner::Span);
    let empty = |kind: &DataType, rows| Some(arrow::array::new_null_array(kind, rows));
    let schema = layout.file_schema();
    let places = std::iter::once(column::ATTRIBUTES).chain(layout.places(AttributeOwner::Span));
    let blank: Vec<_> = places
        .map(|place| empty(schema.field(place).data_type(), 0))
        .collect();
    assert_eq!(of_columns(span, &blank).unwrap().len(), 0);
    assert!(of_columns(span, &blank[1..]).is_err());
    assert!(of_columns(&OwnerLayout::default(), &blank).is_err());
    // The layout names a value that its column does not have, or whose column was left out.
    let layouts: ArrayRef = Arc::new(StringViewArray::from(vec!["A"]));
    let mut hollow: Vec<_> = places_of(&layout).map(|kind| empty(&kind, 1)).collect();
    hollow.insert(0, Some(layouts));
    assert!(of_columns(span, &hollow).is_err());
    hollow[1] = None;
    assert!(of_columns(span, &hollow).is_err());
    // One that no row names may be left out.
    hollow[0] = Some(Arc::new(StringViewArray::from(vec![""])));
    assert_eq!(of_columns(span, &hollow).unwrap().value_length(0), 0);
}

#[test]
fn few_rows_are_read_without_the_columns_that_they_do_not_name() {
    // Text that does not compress, so that a column has many blocks of its own.
    let noise = |n: u64| -> String {
        let word = |k: u64| {
            format!(
                "{:016x}",
                xxhash_rust::xxh3::xxh3_64_with_seed(b"", n << 8 | k)
            )
        };
        (0..16).map(word).collect()
    };
    let sent = spans(4000, |n| {
        let key = if n < 2000 { "first" } else { "second" };
        vec![pair(key, text(&noise(u64::from(n))))]
    });
    let (sim, segment) = write_with(COLUMNS, sent.clone());
    assert_eq!(columns(&segment).len(), 2);
    check(&segment, &sent);
    let cache = Arc::new(SegmentCache::new(1 << 20));
    let segment = Segment::open(&sim.env(), Path::new(DIR), segment.meta().clone(), &cache);
    segment.metadata(SegmentTable::Spans).unwrap();
    let before = cache.bytes_read();
    let read = segment.read_rows(SegmentTable::Spans, 1500..1501, Some(&[column::ATTRIBUTES]));
    assert_eq!(read.unwrap().num_rows(), 1);
    // A digit of text in base 16 takes half of a byte.
    let column_bytes = 2000 * 16 * 16 / 2;
    let read = cache.bytes_read() - before;
    assert!(
        read > column_bytes / 2 && read < column_bytes * 3 / 2,
        "{read} bytes"
    );
}

fn places_of(layout: &AttributeLayout) -> impl Iterator<Item = DataType> {
    let schema = layout.file_schema();
    layout
        .places(AttributeOwner::Span)
        .map(move |place| schema.field(place).data_type().clone())
}

#[test]
fn another_format_is_refused_with_its_number() {
    let (sim, segment) = stored(&[plain(3, 2)]);
    let meta = SegmentMeta {
        format: 1,
        ..segment.meta().clone()
    };
    let error = open(&sim.env(), &meta).check().unwrap_err().to_string();
    assert!(
        error.contains("a.spans.parquet")
            && error.contains("has format `1`, and this version reads 2 to 3"),
        "{error}"
    );
}
