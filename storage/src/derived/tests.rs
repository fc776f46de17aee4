//! Counts against a count by hand, over spans that leave the hot window in any order.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, TimestampNanosecondType};
use proptest::prelude::*;

use super::count::{Counted, Counting};
use super::file::{self, DerivedFile, DerivedMeta, DerivedTable};
use super::merge::{due, merge};
use super::pending::PendingCalls;
use crate::attributes::AttributeValue;
use crate::batch::SpanBatch;
use crate::env::testing::SimEnv;
use crate::testing::{TestGroup, TestSpan, batch};
use crate::trace::content::arrange;
use crate::trace::gather::Gathered;

const MINUTE_NS: u64 = 60_000_000_000;
const UNSPECIFIED: i32 = 0;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;
const ERROR: i32 = 2;

/// Texts of a row, with its count and errors.
type Rows = BTreeMap<(i64, Vec<String>), (u64, u64)>;

fn rows(tables: &[RecordBatch], texts: usize) -> Rows {
    let mut rows = Rows::new();
    for table in tables {
        let minutes = table.column(0).as_primitive::<TimestampNanosecondType>();
        let weights = |place: usize| table.column(place).as_primitive::<Float64Type>();
        for row in 0..table.num_rows() {
            let text = |place| table.column(place).as_string_view().value(row).to_owned();
            let key = (minutes.value(row), (1..=texts).map(text).collect());
            let sums = rows.entry(key).or_default();
            sums.0 += weights(texts + 1).value(row) as u64;
            sums.1 += weights(texts + 2).value(row) as u64;
        }
    }
    rows
}

fn span(service: &str, id: u8, parent: Option<u8>, kind: i32) -> TestSpan {
    let name = AttributeValue::String(service.to_owned());
    TestSpan {
        group: TestGroup {
            resource: vec![("service.name".to_owned(), name)],
            ..TestGroup::default()
        },
        trace_id: [1; 16],
        span_id: [id; 8],
        parent: parent.map(|parent| [parent; 8]),
        name: format!("{service} {id}"),
        kind,
        start: MINUTE_NS * 10 + u64::from(id),
        end: MINUTE_NS * 10 + u64::from(id) + 100,
        weight: 1.0,
        ..TestSpan::default()
    }
}

fn with(mut span: TestSpan, attributes: &[(&str, &str)]) -> TestSpan {
    let attributes = attributes.iter();
    span.attributes = attributes
        .map(|(key, value)| {
            (
                (*key).to_owned(),
                AttributeValue::String((*value).to_owned()),
            )
        })
        .collect();
    span
}

/// Counts the spans of the first `counted` of `batches`, which leave at `now`.
fn leaving(batches: &[Arc<SpanBatch>], counted: usize, before: &PendingCalls, now: i64) -> Counted {
    let gathered = Gathered::of_epoch(batches, counted);
    let mut counting = Counting::new(&gathered, counted, before, Some(now));
    for trace in gathered.traces() {
        let (rows, tree) = arrange(&gathered, trace);
        counting.trace(&rows, &tree);
    }
    counting.finish()
}

/// Lets epochs leave one after the other, with so many later ones in view.
fn leave(epochs: &[Vec<TestSpan>], in_view: usize, now: i64) -> (Vec<Counted>, PendingCalls) {
    let batches: Vec<_> = epochs
        .iter()
        .map(|spans| Arc::new(batch(spans, 1)))
        .collect();
    let mut pending = PendingCalls::default();
    let mut all = Vec::new();
    for first in 0..batches.len() {
        let last = (first + 1 + in_view).min(batches.len());
        let counted = leaving(&batches[first..last], 1, &pending, now);
        // As it comes back from its file.
        pending = PendingCalls::parse(&counted.pending().to_json()).unwrap();
        assert_eq!(&pending, counted.pending());
        all.push(counted);
    }
    (all, pending)
}

fn tables(counted: &[Counted], table: DerivedTable) -> Vec<RecordBatch> {
    let rows = counted.iter().map(|counted| counted.rows(table).clone());
    rows.collect()
}

fn edges(counted: &[Counted]) -> BTreeMap<String, u64> {
    let rows = rows(&tables(counted, DerivedTable::ServiceEdges), 3);
    let mut edges = BTreeMap::new();
    for ((_, texts), (count, _)) in rows {
        *edges.entry(texts.join(" ")).or_default() += count;
    }
    edges
}

fn expect<const N: usize>(edges: [(&str, u64); N]) -> BTreeMap<String, u64> {
    edges
        .into_iter()
        .map(|(edge, count)| (edge.to_owned(), count))
        .collect()
}

/// Every span, and every call by the parent's id, counted by hand.
fn by_hand(spans: &[TestSpan]) -> (Rows, Rows) {
    const KINDS: [&str; 6] = [
        "unspecified",
        "internal",
        "server",
        "client",
        "producer",
        "consumer",
    ];
    let service = |span: &TestSpan| span.group.resource[0].1.to_text();
    let by_id: HashMap<_, _> = spans
        .iter()
        .map(|span| ((span.trace_id, span.span_id), span))
        .collect();
    let (mut metrics, mut edges) = (Rows::new(), Rows::new());
    let add = |rows: &mut Rows, span: &TestSpan, texts: Vec<String>| {
        let minute = span.start / MINUTE_NS * MINUTE_NS;
        let sums = rows.entry((minute as i64, texts)).or_default();
        sums.0 += span.weight as u64;
        sums.1 += if span.status == ERROR {
            span.weight as u64
        } else {
            0
        };
    };
    for span in spans {
        let kind = KINDS[span.kind as usize];
        let status = ["unset", "ok", "error"][span.status as usize];
        let texts = vec![
            service(span),
            span.name.clone(),
            kind.to_owned(),
            status.to_owned(),
        ];
        add(&mut metrics, span, texts);
        let caller = span
            .parent
            .and_then(|parent| by_id.get(&(span.trace_id, parent)));
        if let Some(caller) = caller.filter(|caller| service(caller) != service(span)) {
            let is_message = span.kind == CONSUMER || caller.kind == PRODUCER;
            let kind = if is_message { "messaging" } else { "rpc" };
            add(
                &mut edges,
                span,
                vec![service(caller), service(span), kind.to_owned()],
            );
        }
    }
    (metrics, edges)
}

/// Traces of up to 40 spans with ids of their own, each under an earlier span or none, in any of four epochs.
fn traffic() -> impl Strategy<Value = Vec<(usize, TestSpan)>> {
    let one = (
        0..4_usize,
        0..4_u8,
        any::<prop::sample::Index>(),
        0..6_i32,
        0..3_i32,
        1..4_u8,
        0..3_u64,
    );
    prop::collection::vec(one, 1..40).prop_map(|spans| {
        let made = spans.into_iter().enumerate();
        made.map(
            |(number, (epoch, service, parent, kind, status, weight, minute))| {
                let id = number as u8 + 1;
                let parent = (parent.index(number + 1) as u8 + number as u8 / 2) % id;
                let mut span = span(
                    &format!("s{service}"),
                    id,
                    (parent > 0).then_some(parent),
                    kind,
                );
                span.status = status;
                span.weight = f64::from(weight);
                span.start += minute * MINUTE_NS;
                span.end += minute * MINUTE_NS;
                span.name = format!("n{}", number % 3);
                (epoch, span)
            },
        )
        .collect()
    })
}

fn epochs(traffic: &[(usize, TestSpan)]) -> Vec<Vec<TestSpan>> {
    let mut epochs = vec![Vec::new(); 4];
    for (epoch, span) in traffic {
        epochs[*epoch].push(span.clone());
    }
    epochs
}

proptest! {
    #[test]
    fn all_spans_and_all_calls_in_view_are_counted_once(traffic in traffic()) {
        let epochs = epochs(&traffic);
        let (counted, _) = leave(&epochs, 4, 1);
        let (metrics, edges) = by_hand(&epochs.concat());
        prop_assert_eq!(&rows(&tables(&counted, DerivedTable::SpanMetrics), 4), &metrics);
        prop_assert_eq!(&rows(&tables(&counted, DerivedTable::ServiceEdges), 3), &edges);
        // Somebody who looks before anything has left sees the same.
        let batches: Vec<_> = epochs.iter().map(|spans| Arc::new(batch(spans, 1))).collect();
        let hot = [Counted::of(&batches, &PendingCalls::default())];
        prop_assert_eq!(&rows(&tables(&hot, DerivedTable::SpanMetrics), 4), &metrics);
        prop_assert_eq!(&rows(&tables(&hot, DerivedTable::ServiceEdges), 3), &edges);
    }

    /// Nothing is in view but what leaves.
    #[test]
    fn calls_from_clients_to_servers_are_counted_however_late(places in prop::collection::vec(0..4_usize, 24)) {
        let mut epochs = vec![Vec::new(); 4];
        for (pair, places) in places.chunks(2).enumerate() {
            let pair = pair as u8 * 2 + 1;
            let kinds = if pair % 4 == 1 { (CLIENT, SERVER) } else { (PRODUCER, CONSUMER) };
            epochs[places[0]].push(span("a", pair, None, kinds.0));
            epochs[places[1]].push(span("b", pair + 1, Some(pair), kinds.1));
        }
        let (counted, _) = leave(&epochs, 0, 1);
        prop_assert_eq!(rows(&tables(&counted, DerivedTable::ServiceEdges), 3), by_hand(&epochs.concat()).1);
    }
}

#[test]
fn what_sends_no_spans_is_known_from_its_callers() {
    let spans = vec![
        span("shop", 1, None, SERVER),
        with(
            span("shop", 2, Some(1), CLIENT),
            &[("db.system", "postgresql"), ("db.name", "orders")],
        ),
        with(
            span("shop", 3, Some(1), CLIENT),
            &[("server.address", "pay.example")],
        ),
        with(
            span("shop", 4, Some(1), PRODUCER),
            &[("messaging.destination.name", "paid")],
        ),
        with(
            span("shop", 5, Some(1), CLIENT),
            &[("peer.service", "till")],
        ),
        span("till", 6, Some(5), SERVER),
        // The client inside makes the call.
        with(
            span("shop", 7, Some(1), CLIENT),
            &[("peer.service", "outer")],
        ),
        with(
            span("shop", 8, Some(7), CLIENT),
            &[("peer.service", "bank")],
        ),
        span("shop", 9, Some(1), CLIENT),
    ];
    let minute = MINUTE_NS as i64;
    let (counted, pending) = leave(&[spans], 0, minute);
    let at_once = [("shop orders database", 1), ("shop till rpc", 1)];
    assert_eq!(edges(&counted), expect(at_once));
    // The address, the queue and the bank may yet send spans, and others be called: they have two minutes.
    assert_eq!(pending.len(), 5);
    let hot = Counted::of(&[], &pending);
    let overdue = |now| {
        let rows = rows(&[hot.overdue_edges(now)], 3);
        let edges = rows.into_keys().map(|(_, texts)| texts.join(" "));
        edges.collect::<Vec<_>>()
    };
    assert_eq!(overdue(3 * minute - 1), [""; 0]);
    let later = [
        "shop bank external",
        "shop paid queue",
        "shop pay.example external",
    ];
    assert_eq!(overdue(3 * minute), later);
    // The next epoch settles them for good.
    let settled = [leaving(&[], 0, &pending, 3 * minute)];
    assert_eq!(edges(&settled).into_keys().collect::<Vec<_>>(), later);
    assert!(settled[0].pending().is_empty());
}

#[test]
fn a_partner_that_comes_late_takes_the_place_of_the_address() {
    let client = with(
        span("shop", 2, Some(1), CLIENT),
        &[("server.address", "till.example")],
    );
    let epochs = [vec![client], vec![span("till", 3, Some(2), SERVER)]];
    let (counted, pending) = leave(&epochs, 0, 1);
    assert_eq!(edges(&counted), expect([("shop till rpc", 1)]));
    let hot = Counted::of(&[], &pending);
    assert_eq!(hot.overdue_edges(i64::MAX).num_rows(), 0);
}

#[test]
fn halves_of_one_call_with_one_id_are_a_call() {
    let (client, server) = (
        span("shop", 2, Some(1), CLIENT),
        span("till", 2, Some(1), SERVER),
    );
    for (epochs, in_view) in [
        (vec![vec![client.clone(), server.clone()]], 0),
        (vec![vec![client.clone()], vec![server.clone()]], 0),
        (vec![vec![client], vec![server]], 1),
    ] {
        let (counted, _) = leave(&epochs, in_view, 1);
        assert_eq!(edges(&counted), expect([("shop till rpc", 1)]));
    }
}

#[test]
fn copies_in_one_epoch_count_once() {
    let copies = vec![span("shop", 1, None, UNSPECIFIED); 3];
    let (counted, _) = leave(&[copies], 0, 1);
    let metrics = rows(&tables(&counted, DerivedTable::SpanMetrics), 4);
    assert_eq!(metrics.into_values().collect::<Vec<_>>(), [(1, 0)]);
}

#[test]
fn files_come_back_are_merged_and_show_damage() {
    let sim = SimEnv::new(1);
    let (env, dir) = (sim.env(), std::path::Path::new("/"));
    let table = DerivedTable::SpanMetrics;
    let mut files = Vec::new();
    let mut all = Vec::new();
    for number in 0..8_u8 {
        assert!(due(&files, table).is_none());
        let spans = vec![
            span("shop", number % 3, None, SERVER),
            span("till", number, None, CLIENT),
        ];
        let counted = Counted::of(&[Arc::new(batch(&spans, 1))], &PendingCalls::default());
        let meta = DerivedMeta::new(format!("f{number}"), 1, 0);
        let meta = file::write(&env, dir, meta, table, counted.rows(table)).unwrap();
        let file = DerivedFile::open(&env, dir, meta);
        assert_eq!(&file.read().unwrap(), counted.rows(table));
        files.push(Arc::new(file));
        all.push(counted.rows(table).clone());
    }
    let inputs = due(&files, table).unwrap();
    assert_eq!(inputs.len(), 8);
    assert!(due(&files, DerivedTable::ServiceEdges).is_none());
    let merged = merge(&inputs, table).unwrap();
    assert_eq!(rows(std::slice::from_ref(&merged), 4), rows(&all, 4));
    assert_eq!(merged.num_rows(), rows(&all, 4).len());
    let path = files[3].path().to_path_buf();
    let mut bytes = sim.fs.contents(&path).unwrap();
    bytes[40] ^= 1;
    sim.fs.set_contents(&path, &bytes);
    let error = files[3].verify().unwrap_err().to_string();
    assert!(error.contains("f3"), "{error}");
}
