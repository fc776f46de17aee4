//! A toy payload, its decoder, and a store in a test's hands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use bytes::Bytes;
use clew_storage::attributes::{AttributeRef, ValueRef};
use clew_storage::derived::DerivedTable;
use clew_storage::env::Env;
use clew_storage::segment::SegmentTable;
use clew_storage::span::{GroupFields, SpanFields};
use clew_storage::store::{Append, Claim, Recovery};
use clew_storage::{
    Admission, CompactionLimits, DecodeError, Decoder, Limits, PayloadKind, Snapshot, SpanBatch,
    SpanBatchBuilder, SpanId, Store, StoreError, StoreOptions, TraceId,
};

pub(crate) const KIND: PayloadKind = PayloadKind(1);
pub(crate) const DATA_DIR: &str = "/data";

/// Decodes payloads of the form `first+count` and whatever follows a space: spans `first` to `first + count - 1`.
#[derive(Debug)]
pub(crate) struct ToyDecoder;

impl Decoder for ToyDecoder {
    fn decode(
        &self,
        kind: PayloadKind,
        payload: &Bytes,
        received_at_unix_nano: u64,
        _admission: &Admission,
    ) -> Result<SpanBatch, DecodeError> {
        let parsed = std::str::from_utf8(payload).ok().and_then(|text| {
            let (first, count) = text.split(' ').next()?.split_once('+')?;
            Some((first.parse().ok()?, count.parse().ok()?))
        });
        let (first, count): (u64, u64) = parsed.ok_or(DecodeError {
            kind,
            message: "not of the form first+count".to_owned(),
        })?;
        Ok(batch(first, count, received_at_unix_nano))
    }
}

/// Spans `first` to `first + count - 1`, four to a trace.
fn batch(first: u64, count: u64, received_at_unix_nano: u64) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new(received_at_unix_nano);
    let resource = [AttributeRef {
        key: "service.name",
        value: ValueRef::String("toy"),
    }];
    let group = builder.push_group(&GroupFields {
        resource_attributes: &resource,
        ..GroupFields::default()
    });
    for number in first..first + count {
        let span = SpanFields {
            trace_id: trace_id(number),
            span_id: SpanId(number.to_be_bytes()),
            name: name(number),
            start_time_unix_nano: 1_000_000 * number,
            end_time_unix_nano: 1_000_000 * number + 5,
            ..SpanFields::default()
        };
        builder.push_span(group, &span, 1.0);
    }
    builder.finish()
}

/// Name of the spans of every fifth trace, the first one among them.
pub(crate) const HEALTH: &str = "GET /health";

/// Name of span `number`: all spans of a trace have one.
pub(crate) fn name(number: u64) -> &'static str {
    if (number / 4).is_multiple_of(5) {
        HEALTH
    } else {
        "span"
    }
}

/// The trace that span `number` belongs to.
pub(crate) fn trace_id(number: u64) -> TraceId {
    TraceId(u128::from(number / 4 + 1).to_be_bytes())
}

/// A payload of spans `first` to `first + count - 1`, with `padding` more bytes.
pub(crate) fn payload(first: u64, count: u64, padding: usize) -> Bytes {
    format!("{first}+{count} {}", "x".repeat(padding)).into()
}

pub(crate) fn options(env: Env, data_dir: impl Into<PathBuf>, limits: Limits) -> StoreOptions {
    StoreOptions {
        data_dir: data_dir.into(),
        env,
        limits,
        decoder: Arc::new(ToyDecoder),
        tail_sampling: None,
        stored_sampling: None,
    }
}

/// Small files, and nothing that happens by itself but retries.
pub(crate) fn limits() -> Limits {
    Limits {
        wal_segment_bytes: 64 << 10,
        epoch_age: Duration::from_hours(1000),
        retry_pause: Duration::from_millis(2),
        flush_retry_pause_max: Duration::from_millis(20),
        unlink_grace: Duration::ZERO,
        manifest_checkpoint_versions: 3,
        disk_free_bytes_min: 0,
        compaction: CompactionLimits {
            enabled: false,
            ..CompactionLimits::default()
        },
        ..Limits::default()
    }
}

pub(crate) fn open(env: &Env, data_dir: &Path) -> Result<(Store, Recovery), StoreError> {
    Store::open(options(env.clone(), data_dir, limits()))
}

/// Sends a payload as a receiver does: claim, decode, append; a duplicate waits for the first copy.
pub(crate) async fn send(store: &Store, payload: Bytes) -> Result<(), StoreError> {
    let ticket = match store.claim(KIND, &payload) {
        Claim::New(ticket) => ticket,
        Claim::Duplicate(duplicate) => return duplicate.durable().await,
    };
    let received_at_unix_nano = store.env().clock.now_unix_nano();
    let admission = Admission::default();
    let batch = ToyDecoder.decode(KIND, &payload, received_at_unix_nano, &admission);
    let append = Append {
        kind: KIND,
        payload,
        received_at_unix_nano,
        admission,
        batch: batch.expect("a test sends what can be decoded"),
    };
    store.append(ticket, append).await
}

/// Sends until it is taken; panics when the store does not recover.
pub(crate) async fn send_until_taken(store: &Store, payload: &Bytes) {
    for _ in 0..2000 {
        match send(store, payload.clone()).await {
            Ok(()) => return,
            Err(StoreError::Unavailable { .. } | StoreError::Overloaded { .. }) => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!(
        "the store does not take payloads again: {:?}",
        store.status()
    );
}

/// How often each span is in the snapshot, hot or stored.
pub(crate) fn spans(snapshot: &Snapshot) -> BTreeMap<u64, usize> {
    let projection = [1];
    let hot = snapshot.hot().iter();
    let mut tables: Vec<_> = hot.map(|batch| batch.to_table(Some(&projection))).collect();
    for segment in snapshot.segments() {
        let rows = 0..segment.meta().span_count as u32;
        let table = segment.read_rows(SegmentTable::Spans, rows, Some(&projection));
        tables.push(table.expect("a segment that the manifest names can be read"));
    }
    let mut counts = BTreeMap::new();
    for table in tables {
        for id in table.column(0).as_fixed_size_binary().iter().flatten() {
            let number = u64::from_be_bytes(id.try_into().expect("a span id has 8 bytes"));
            *counts.entry(number).or_default() += 1;
        }
    }
    counts
}

/// How many spans are counted in `span_metrics`.
pub(crate) fn counted(snapshot: &Snapshot) -> usize {
    const COUNT: usize = 5;
    let table = DerivedTable::SpanMetrics;
    let files = snapshot.derived(table);
    let mut tables: Vec<_> = files
        .map(|file| {
            file.read()
                .expect("counts that the manifest names can be read")
        })
        .collect();
    tables.push(snapshot.hot_counts().rows(table).clone());
    let counts = tables
        .iter()
        .flat_map(|rows| rows.column(COUNT).as_primitive::<Float64Type>().values());
    counts.sum::<f64>() as usize
}

/// Spans `0..count`, each once.
pub(crate) fn once(count: u64) -> BTreeMap<u64, usize> {
    (0..count).map(|number| (number, 1)).collect()
}

/// How often tests that draw by lot are run, with one seed after the other: `CLEW_TEST_SEEDS`, 1 by default.
pub(crate) fn seeds() -> u64 {
    given("CLEW_TEST_SEEDS").unwrap_or(1)
}

/// The number in an environment variable, if there is one.
pub(crate) fn given(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Prints a figure for whoever runs the tests to know how much was tried.
pub(crate) fn figure(what: &str, number: u64) {
    println!("FIGURE {what}: {number}");
}

/// A runtime for one test thread.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime can be built")
}
