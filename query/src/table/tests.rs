//! SQL over attributes: the same answers wherever a value lies, in a map in memory, in a column, in the residue or in several of
//! them, with filters in the decoder and above it.

use std::fmt::Write;
use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use clew_storage::attributes::{AttributeRef, AttributeValue, ValueRef};
use clew_storage::env::Env;
use clew_storage::limits::{AttributeColumns, SegmentShape};
use clew_storage::schema;
use clew_storage::segment::SegmentTable;
use clew_storage::span::{GroupFields, SpanFields};
use clew_storage::{Limits, SpanBatch, SpanBatchBuilder, SpanId, Store, TraceId};
use datafusion::common::DFSchema;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::prelude::SessionContext;

use super::ScanCount;
use super::attributes::FileExprs;
use crate::limits::SqlLimits;
use crate::sql::Deadline;
use crate::sql::session::session;
use crate::testing;

/// Spans of one part of the data.
const PART: u64 = 120;

type Attributes = Vec<(&'static str, AttributeValue)>;

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::String(value.into())
}

/// The attributes of span `n`. Which type of `code` is the frequent one depends on the part.
fn attributes(part: u64, n: u64) -> Attributes {
    use AttributeValue::{Array, Bool, Bytes, Double, Empty, Int};
    let mut list: Attributes = Vec::new();
    if n.is_multiple_of(11) {
        return list;
    }
    let int = n as i64;
    if !n.is_multiple_of(5) {
        list.push(("route", text(["/a", "/b", "/cart"][n as usize % 3])));
    }
    list.push((
        "code",
        match (part + n) % 8 {
            0 => text((400 + n * 7 % 200).to_string()),
            1 => Double(400.5 + (n * 7 % 200) as f64),
            2 => text("none"),
            3 if part == 1 => text(format!("c{}", n % 7)),
            4 if part == 1 => text(format!("c{}", n % 5)),
            5 if part == 1 => text("500"),
            6 if n.is_multiple_of(3) => Empty,
            _ => Int(400 + int * 7 % 200),
        },
    ));
    let odd = [f64::NAN, f64::INFINITY, -0.0, f64::NEG_INFINITY, 0.0];
    let ratio = odd.get(n as usize % 9).copied();
    list.push((
        "ratio",
        Double(ratio.unwrap_or((n % 40) as f64 / 4.0 - 3.0)),
    ));
    if part != 2 || n < 3 {
        list.push(("flag", Bool(n.is_multiple_of(3))));
    }
    list.push((
        "size",
        Int([-1, 0, 1 << 40, i64::MAX, i64::MIN][n as usize % 5]),
    ));
    if n % 40 == 1 {
        list.push(("rare", text(format!("r{n}"))));
        list.push(("rare.size", Int(int)));
    }
    if n.is_multiple_of(4) {
        list.push(("twice", text(format!("first {}", n % 6))));
        list.push(("between", Bytes(vec![n as u8])));
        list.push(("twice", text(format!("second {}", n % 6))));
    }
    if n % 6 == 1 {
        list.push(("list", Array(vec![Int(int % 3), text("x")])));
        list.push(("unlike", text(format!("{part}.{n}"))));
    }
    list
}

fn resource(part: u64, n: u64) -> Attributes {
    let mut list = vec![
        ("service.name", text(["cart", "shop"][n as usize % 2])),
        ("process.pid", AttributeValue::Int((n % 10) as i64 + 95)),
    ];
    if n.is_multiple_of(2) || part == 0 {
        list.push(("host", text(format!("h{}", n % 4))));
    }
    if n % 30 == 2 {
        list.push(("process.pid", text("again")));
        list.push(("seldom", text((n % 4).to_string())));
    }
    list
}

fn borrow<'a>(list: &'a Attributes) -> Vec<AttributeRef<'a>> {
    let value = |value: &'a AttributeValue| match value {
        AttributeValue::Empty => ValueRef::Empty,
        AttributeValue::String(text) => ValueRef::String(text),
        AttributeValue::Bool(value) => ValueRef::Bool(*value),
        AttributeValue::Int(value) => ValueRef::Int(*value),
        AttributeValue::Double(value) => ValueRef::Double(*value),
        AttributeValue::Bytes(bytes) => ValueRef::Bytes(bytes),
        nested => ValueRef::Nested(nested.clone()),
    };
    let attribute = |(key, of): &'a (&'static str, AttributeValue)| AttributeRef {
        key,
        value: value(of),
    };
    list.iter().map(attribute).collect()
}

fn part(number: u64) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new(1);
    for n in 0..PART {
        let (resource, own) = (resource(number, n), attributes(number, n));
        let (resource, own) = (borrow(&resource), borrow(&own));
        let group = builder.push_group(&GroupFields {
            resource_attributes: &resource,
            ..GroupFields::default()
        });
        let id = number * 1000 + n + 1;
        let span = SpanFields {
            trace_id: TraceId(u128::from(id / 7 + 1).to_be_bytes()),
            span_id: SpanId(id.to_be_bytes()),
            name: ["GET", "POST", "/cart"][n as usize % 3],
            start_time_unix_nano: 1_000 + n,
            end_time_unix_nano: 1_000 + n + 380 + (n * 37) % 250,
            arena: &own,
            attributes: 0..own.len(),
            ..SpanFields::default()
        };
        builder.push_span(group, &span, 1.0);
    }
    builder.finish()
}

/// A store whose parts are flushed where `flush` says so.
async fn store(dir: &tempfile::TempDir, flush: [bool; 3]) -> Store {
    let limits = Limits {
        segment_shape: SegmentShape::with_columns(AttributeColumns {
            span_max: 7,
            resource_max: 2,
            spans_min: 25,
            share_max: 1000,
        }),
        ..Limits::default()
    };
    testing::store(dir, limits, (0..).map(part).zip(flush)).await
}

async fn context(store: &Store, pushdown: bool) -> SessionContext {
    let count = Arc::new(ScanCount::default());
    let (snapshot, limits) = (store.snapshot(), SqlLimits::default());
    let deadline = Deadline::new(Env::system().clock);
    let mut state = session(&snapshot, &limits, &count, &deadline)
        .await
        .unwrap();
    let options = state.config_mut().options_mut();
    options.execution.parquet.pushdown_filters = pushdown;
    SessionContext::new_with_state(state)
}

/// The rows of an answer as text, sorted unless the statement says how.
async fn rows(context: &SessionContext, statement: &str) -> Vec<String> {
    let answer = async { context.sql(statement).await?.collect().await };
    let batches = answer
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in &batches {
        let columns = batch.columns().iter();
        let columns: Vec<_> = columns
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let mut line = String::new();
            for column in &columns {
                write!(line, "{} | ", column.value(row)).unwrap();
            }
            rows.push(line);
        }
    }
    if !statement.contains("ORDER BY") {
        rows.sort();
    }
    rows
}

/// Conditions on an attribute, which stands for `{}`.
const CONDITIONS: [&str; 36] = [
    "TRY_CAST({} AS BIGINT) > 450",
    "TRY_CAST({} AS DOUBLE) + 1 < 451.5",
    "TRY_CAST(substr({}, 2) AS BIGINT) >= 50",
    "length({}) > 4 AND name <> upper({})",
    "concat({}, 'x') = 'x' OR octet_length(coalesce({}, 'none')) = 4",
    "CASE WHEN length({}) > 3 THEN true ELSE duration_ns > 500 END",
    "{} IS NULL",
    "{} IS NOT NULL",
    "{} = '/a'",
    "{} <> '/a'",
    "NOT ({} = 'c1')",
    "{} > '/b'",
    "{} <= '450'",
    "'5' < {}",
    "{} IN ('/a', 'c1', 'true', '500', 'first 0')",
    "{} NOT IN ('/a', 'c1', '500')",
    "{} LIKE 'c%'",
    "{} ~ '^[/c]'",
    "{} !~ '5'",
    "{} = 500",
    "{} <> 500",
    "{} = 0.5",
    "{} = true",
    "{} > 500",
    "{} <= 500.25",
    "500 < {}",
    "NOT ({} >= 500)",
    "{} > 9007199254740993",
    "{} BETWEEN 420 AND 550",
    "{} NOT BETWEEN 420 AND 550.5",
    "{} IN (401, 0.5, 'none')",
    "{} > duration_ns",
    "({} > 450) IS NULL",
    "coalesce({}, 'nothing') = 'nothing'",
    "{} = resource_attributes['host'] OR {} = 'r41'",
    "{} > 500 AND attributes['flag'] = true AND resource_attributes['process.pid'] < 100",
];

/// Statements on an attribute.
const STATEMENTS: [&str; 9] = [
    "SELECT span_id, {} FROM spans",
    "SELECT {}, count(*), min(span_id), max({}) FROM spans GROUP BY {}",
    "SELECT span_id, {} FROM spans ORDER BY {}, span_id",
    "SELECT span_id, {} FROM spans ORDER BY {} DESC NULLS LAST, span_id DESC LIMIT 17",
    "SELECT count(DISTINCT {}), count({}), count(*) FROM spans",
    "SELECT a.span_id, b.span_id FROM spans a JOIN spans b ON a.attributes['route'] = b.name AND a.trace_id = b.trace_id WHERE a.{} IS NOT NULL",
    "SELECT x, count(*) FROM (SELECT {} AS x, duration_ns FROM spans) WHERE x > 'c' OR x IS NULL GROUP BY x",
    "SELECT span_id, {} > 500 AS more, CASE WHEN {} = '/a' THEN attributes END FROM spans",
    "SELECT span_id FROM spans WHERE {} = (SELECT max({}) FROM spans)",
];

/// Statements of their own.
const OTHERS: [&str; 14] = [
    "SELECT span_id, attributes, resource_attributes FROM spans",
    "SELECT span_id, attributes FROM spans WHERE attributes['code'] > 500",
    "SELECT span_id, map_keys(attributes), attributes['route'] FROM spans WHERE attributes['route'] = '/a'",
    "SELECT attribute_types, resource_attribute_types, attributes['code'] FROM spans",
    "SELECT span_id FROM spans WHERE attribute_is(attributes, 'twice', 'second 4')",
    "SELECT span_id FROM spans WHERE NOT attribute_is(attributes, 'code', '500')",
    "SELECT span_id FROM spans WHERE attribute_exists(attributes, 'rare') OR attribute_exists(resource_attributes, 'seldom')",
    "SELECT span_id FROM spans WHERE attribute_matches(attributes, 'ratio', '^-?(0|Inf|NaN)')",
    "SELECT span_id FROM spans WHERE attribute_compares(attributes, 'code', '>=', '500') AND NOT attribute_compares(attributes, 'size', '<', '0')",
    "SELECT span_id FROM spans WHERE attribute_is(resource_attributes, 'process.pid', 'again')",
    "SELECT span_id FROM spans WHERE attribute_exists(events, 'route') OR attribute_is(links, 'route', '/a') OR attribute_is(scope_attributes, 'route', '/a')",
    "SELECT span_id FROM spans WHERE attributes['code'] = attributes['unlike'] OR attributes['ratio'] < attributes['size']",
    "SELECT a.attributes['code'], count(*) FROM spans a, spans b WHERE a.attributes['code'] = b.attributes['code'] AND b.resource_attributes['host'] = 'h2' GROUP BY 1",
    "SELECT max(attribute_number(attributes['size'])), min(attribute_number(attributes['ratio'])), sum(CAST(attributes['size'] AS DECIMAL(30))) FROM spans",
];

const ATTRIBUTES: [&str; 12] = [
    "attributes['route']",
    "attributes['code']",
    "attributes['ratio']",
    "attributes['flag']",
    "attributes['size']",
    "attributes['rare']",
    "attributes['rare.size']",
    "attributes['twice']",
    "attributes['no.such.key']",
    "resource_attributes['host']",
    "resource_attributes['process.pid']",
    "resource_attributes['seldom']",
];

fn statements() -> Vec<String> {
    let mut statements: Vec<String> = OTHERS.iter().map(|&other| other.to_owned()).collect();
    for attribute in ATTRIBUTES {
        for condition in CONDITIONS {
            let condition = condition.replace("{}", attribute);
            statements.push(format!("SELECT span_id FROM spans WHERE {condition}"));
        }
        let of = |statement: &&str| statement.replace("{}", attribute);
        statements.extend(STATEMENTS.iter().map(of));
    }
    statements
}

async fn check(flush: [bool; 3]) {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let hot = context(&store(&dirs[0], [false; 3]).await, true).await;
    let other = store(&dirs[1], flush).await;
    let (chosen, inside) = (context(&other, false).await, context(&other, true).await);
    let (mut some, mut none) = (0, 0);
    for statement in statements() {
        let expected = rows(&hot, &statement).await;
        for (context, where_to) in [
            (&chosen, "as the scan chooses"),
            (&inside, "in the decoder"),
        ] {
            let found = rows(context, &statement).await;
            assert_eq!(found, expected, "filters {where_to}: {statement}");
        }
        *if expected.is_empty() {
            &mut none
        } else {
            &mut some
        } += 1;
    }
    // The statements must not drift to those that find nothing, or everything.
    assert!(some > 250 && none > 30, "{some} {none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_answer_alike_in_one_segment() {
    check([false, false, true]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_answer_alike_in_segments_with_other_columns() {
    check([true, true, true]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_answer_alike_in_segments_and_the_hot_window() {
    check([true, true, false]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_compare_as_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir, [true, true, false]).await;
    let context = context(&store, true).await;
    // Counted by hand from the definition of the data.
    let mut expected = 0;
    for part in 0..3 {
        for n in 0..PART {
            let code = attributes(part, n)
                .into_iter()
                .find(|(key, _)| *key == "code");
            expected += i32::from(match code {
                Some((_, AttributeValue::Int(value))) => value > 500,
                Some((_, AttributeValue::Double(value))) => value > 500.0,
                Some((_, AttributeValue::String(text))) => {
                    text.parse::<f64>().is_ok_and(|value| value > 500.0)
                }
                _ => false,
            });
        }
    }
    let statement = "SELECT count(*) FROM spans WHERE attributes['code'] > 500";
    assert_eq!(rows(&context, statement).await, [format!("{expected} | ")]);
    assert!(expected > 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_reads_only_the_columns_that_its_keys_lie_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir, [true, false, false]).await;
    let context = context(&store, true).await;
    let snapshot = store.snapshot();
    let metadata = snapshot.segments()[0]
        .metadata(SegmentTable::Spans)
        .unwrap();
    let layout = snapshot.segments()[0].attribute_layout().unwrap();
    let file = FileExprs::new(Arc::clone(metadata.schema()), layout);
    let table = DFSchema::try_from(schema::spans()).unwrap();
    let columns = |condition: &str| {
        let expr = context.parse_sql_expr(condition, &table).unwrap();
        let expr = context.create_physical_expr(expr, &table).unwrap();
        let columns = collect_columns(&file.rewrite(expr).unwrap());
        let mut names: Vec<String> = columns
            .iter()
            .map(|column| match column.name().split_once('#') {
                Some((map, _)) => format!("{map}#"),
                None => column.name().to_owned(),
            })
            .collect();
        names.sort();
        names.join(" ")
    };
    for (condition, expected) in [
        ("attributes['route'] = '/a'", "attributes.route"),
        ("attributes['size'] IN ('0', 'x')", "attributes.size"),
        (
            "attributes['flag'] IS NULL AND duration_ns > 5",
            "attributes.flag duration_ns",
        ),
        (
            "text_compares(attributes['size'], '>', '7.5')",
            "attributes.size",
        ),
        (
            "resource_attributes['host'] LIKE 'h%'",
            "resource_attributes.host",
        ),
        ("attributes['rare'] = 'r1'", "attributes#"),
        ("attributes['code'] = '500'", "attributes# attributes.code"),
        ("attributes['no.such.key'] = 'x'", ""),
        (
            "attribute_exists(attributes, 'route') OR attribute_exists(resource_attributes, 'route') OR attribute_exists(events, 'route')",
            "attributes.route",
        ),
        (
            "attribute_is(links, 'route', '/a') OR attribute_is(scope_attributes, 'route', '/a')",
            "",
        ),
    ] {
        assert_eq!(columns(condition), expected, "{condition}");
    }
    let whole = columns("map_keys(resource_attributes) = map_keys(attributes)");
    for part in [
        "attribute_layout",
        "attributes.flag",
        "attributes#",
        "resource_attributes.host",
    ] {
        assert!(whole.contains(part), "{whole}");
    }
}
