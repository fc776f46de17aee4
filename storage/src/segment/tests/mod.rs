mod attributes;
mod damage;
mod lookup;
mod round_trip;
mod shape;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use proptest::prelude::*;

use super::*;
use crate::batch::SpanBatch;
use crate::env::Env;
use crate::env::testing::SimEnv;
use crate::limits::{AttributeColumns, SegmentShape};
use crate::policy::{FlushPolicy, KeepAll, TraceFacts, Weighing};
use crate::sampling::Threshold;
use crate::testing::{TestSpan, batch, read, span};

pub(crate) const DIR: &str = "/data";

/// Few rows make a column.
pub(crate) const COLUMNS: AttributeColumns = AttributeColumns {
    span_max: 5,
    resource_max: 2,
    spans_min: 2,
    share_max: 100,
};
/// The same among all else.
pub(crate) const SHAPE: SegmentShape = SegmentShape::with_columns(COLUMNS);

pub(crate) fn new_segment(name: &str) -> NewSegment<'_> {
    NewSegment {
        data_dir: Path::new(DIR),
        name,
        tenant: "default",
        wal: (3, 9),
        merged: None,
        is_pinned: false,
    }
}

pub(crate) fn batches(parts: &[Vec<TestSpan>]) -> Vec<Arc<SpanBatch>> {
    parts
        .iter()
        .zip(100..)
        .map(|(part, ingested_at)| Arc::new(batch(part, ingested_at)))
        .collect()
}

/// Whether two spans of a trace have one id.
pub(crate) fn repeats_ids(spans: &RecordBatch) -> bool {
    let mut ids = HashSet::new();
    let mut spans = read(spans).into_iter();
    !spans.all(|span| ids.insert((span.trace_id, span.span_id)))
}

fn write_all(env: &Env, parts: &[Vec<TestSpan>]) -> SegmentMeta {
    write(
        env,
        &new_segment("default/a"),
        &batches(parts),
        &SHAPE,
        &KeepAll,
    )
    .unwrap()
    .unwrap()
}

fn open(env: &Env, meta: &SegmentMeta) -> Segment {
    Segment::open(
        env,
        Path::new(DIR),
        meta.clone(),
        &Arc::new(SegmentCache::new(1 << 20)),
    )
}

/// A segment in memory with the spans of `parts`.
fn stored(parts: &[Vec<TestSpan>]) -> (SimEnv, Segment) {
    let sim = SimEnv::new(1);
    let meta = write_all(&sim.env(), parts);
    let segment = open(&sim.env(), &meta);
    (sim, segment)
}

pub(crate) fn parts() -> impl Strategy<Value = Vec<Vec<TestSpan>>> {
    let part = prop::collection::vec(span(), 0..12);
    prop::collection::vec(part, 1..4)
        .prop_filter("a span", |parts| parts.iter().any(|part| !part.is_empty()))
}

/// Plain traces, `count` of them with `each` spans in a chain.
pub(crate) fn plain(count: u32, each: u8) -> Vec<TestSpan> {
    let span = |trace: u32, number: u8| {
        let mut trace_id = [7; 16];
        trace_id[8..12].copy_from_slice(&trace.wrapping_mul(0x9e37_79b9).to_be_bytes());
        trace_id[12..].copy_from_slice(&trace.to_be_bytes());
        let mut span_id = [number + 1; 8];
        span_id[..4].copy_from_slice(&trace.to_be_bytes());
        let start =
            1_700_000_000_000_000_000 + u64::from(trace) * 1_000_000 + u64::from(number) * 1000;
        TestSpan {
            trace_id,
            span_id,
            parent: number.checked_sub(1).map(|parent| {
                let mut id = [parent + 1; 8];
                id[..4].copy_from_slice(&trace.to_be_bytes());
                id
            }),
            name: format!("operation {number}"),
            start,
            end: start + 500,
            weight: 1.0,
            ..TestSpan::default()
        }
    };
    (0..count)
        .flat_map(|trace| (0..each).map(move |number| span(trace, number)))
        .collect()
}

/// Drops traces of odd spans, and keeps the others as one of two.
pub(crate) struct EvenTwice;

impl FlushPolicy for EvenTwice {
    fn decide(&self, trace: &TraceFacts<'_>) -> Option<Weighing> {
        let half = Weighing::passed(Threshold::new(1 << 55));
        trace.span_count.is_multiple_of(2).then_some(half)
    }
}
