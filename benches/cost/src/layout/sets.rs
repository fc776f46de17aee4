//! The spans that every variant is written with.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use clew_collector::{PayloadLimits, Viewer, kind};
use clew_loadgen::{jaeger, rich, stream};
use clew_storage::{Admission, Decoder, SpanBatch, TraceId};

use super::Study;

/// Made-up spans with 15 attributes each.
const RICH: &str = "rich";
/// Made-up spans with 11 attributes each, of more keys than the default has columns for.
const JAEGER: &str = "jaeger";
/// Spans of a made-up request.
const RICH_REQUEST_SPANS: usize = 1000;
/// When the first request arrived.
const FIRST_RECEIVED_AT_UNIX_NANO: u64 = 1_790_000_000_000_000_000;
/// Time between requests: no round number, as there would be none.
const BETWEEN_REQUESTS_NS: u64 = 10_000_019;

/// Names of the data sets: three recorded streams, spans with 15 attributes of the semantic conventions each, and the data set of Jaeger's benchmark.
pub const NAMES: [&str; 5] = [
    "nezha-trainticket-20230129",
    "nezha-onlineboutique-20220822",
    "deathstarbench-all",
    RICH,
    JAEGER,
];

/// Spans in the portions in which they are flushed.
pub(super) struct DataSet {
    pub(super) flushes: Vec<Vec<Arc<SpanBatch>>>,
}

impl DataSet {
    pub(super) fn load(name: &str, study: &Study) -> Result<Self> {
        let requests = requests(name, study)?;
        let viewer = Viewer::new(PayloadLimits::default());
        let (mut flushes, mut flush, mut spans) = (Vec::new(), Vec::new(), 0);
        let mut received_at = FIRST_RECEIVED_AT_UNIX_NANO;
        for request in requests {
            let request = Bytes::from(request);
            let admission = Admission::default();
            let batch = viewer.decode(kind::OTLP_PROTOBUF, &request, received_at, &admission)?;
            received_at += BETWEEN_REQUESTS_NS;
            if spans + batch.len() > study.flush_spans && spans > 0 {
                flushes.push(std::mem::take(&mut flush));
                spans = 0;
            }
            spans += batch.len();
            flush.push(Arc::new(batch));
        }
        ensure!(spans > 0, "{name} has no spans");
        flushes.push(flush);
        Ok(Self { flushes })
    }

    pub(super) fn batches(&self) -> impl Iterator<Item = &Arc<SpanBatch>> {
        self.flushes.iter().flatten()
    }

    pub(super) fn spans(&self) -> usize {
        self.batches().map(|batch| batch.len()).sum()
    }

    /// `count` traces, or all there are, evenly apart in the order of their ids.
    pub(super) fn trace_ids(&self, count: usize) -> BTreeSet<TraceId> {
        let of_batch = |batch: &Arc<SpanBatch>| {
            let batch = Arc::clone(batch);
            (0..batch.len()).map(move |row| batch.trace_id(row))
        };
        let ids: BTreeSet<_> = self.batches().flat_map(of_batch).collect();
        let step = (ids.len() / count.max(1)).max(1);
        ids.into_iter().step_by(step).take(count).collect()
    }
}

fn requests(name: &str, study: &Study) -> Result<Vec<Vec<u8>>> {
    if name == RICH {
        let count = study.rich_spans.div_ceil(RICH_REQUEST_SPANS);
        return Ok(rich::requests(count, RICH_REQUEST_SPANS));
    }
    if name == JAEGER {
        return Ok(jaeger::requests());
    }
    if !NAMES.contains(&name) {
        bail!("no data set is called {name:?}; there are {NAMES:?}");
    }
    let paths = ["", ".cut"].map(|cut| study.corpus.join(format!("{name}{cut}.otlp.zst")));
    let path = paths.iter().find(|path| Path::exists(path));
    let folder = study.corpus.display();
    stream::corpus(path.with_context(|| format!("{folder} has no {name}.otlp.zst"))?)
}
