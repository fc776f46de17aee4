//! The pieces of work.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clew_collector::{PayloadLimits, Viewer, kind};
use clew_storage::derived::Counted;
use clew_storage::limits::SegmentShape;
use clew_storage::trace::summaries;
use clew_storage::{Admission, Decoder, PayloadKind, SpanBatch};

use crate::data;
use crate::stored::{self, Stored};

/// Requests of some 26 spans with many attributes, 2 requests of over a megabyte, and requests of some 2,000 spans.
const STREAMS: [(&str, &str); 3] = [
    ("small", "nezha-trainticket-20230129"),
    ("large", "nezha-onlineboutique-20220822"),
    ("tags", "deathstarbench-all"),
];
const RECEIVED_AT_UNIX_NANO: u64 = 1_790_000_000_000_000_000;

/// Work that is ready to be done, as often as one likes.
pub struct Case {
    /// What costs are given for one of, and how many of them there are.
    pub units: (&'static str, u64),
    work: Box<dyn FnMut() -> Result<()>>,
}

impl Case {
    /// Names of all cases.
    pub const NAMES: [&'static str; 13] = [
        "decode small",
        "decode large",
        "decode tags",
        "decode json",
        "decode zipkin",
        "sort tags",
        "count tags",
        "write small",
        "write large",
        "write tags",
        "filter small",
        "scan small",
        "look-up small",
    ];

    /// Prepares the case `name` with the first payloads that together have `spans_max` spans, or all there are.
    ///
    /// # Errors
    /// When there is none of this name, or its data cannot be read.
    pub fn prepare(name: &str, spans_max: usize) -> Result<Self> {
        let (work, of) = name.split_once(' ').unwrap_or((name, ""));
        let (kind, payloads) = payloads(of)?;
        let (payloads, batches) = first(kind, payloads, spans_max)?;
        let spans = ("span", batches.iter().map(|batch| batch.len() as u64).sum());
        Ok(match work {
            "decode" => Self::new(spans, move || decode(kind, &payloads)),
            "sort" => Self::new(spans, move || {
                // The summary of a trace needs the order of its spans.
                drop(summaries(&batches));
                Ok(())
            }),
            "count" => Self::new(spans, move || {
                drop(Counted::of_all(&batches));
                Ok(())
            }),
            "write" => {
                let (folder, mut number) = (tempfile::tempdir()?, 0);
                let shape = SegmentShape::default();
                Self::new(spans, move || {
                    number += 1;
                    let name = format!("default/{number}");
                    stored::write(folder.path(), &name, &batches, &shape).map(drop)
                })
            }
            "filter" => {
                let stored = Stored::new(&batches)?;
                Self::new(("question", stored.questions()?), move || stored.filter())
            }
            "scan" => {
                let stored = Stored::new(&batches)?;
                Self::new(spans, move || stored.scan())
            }
            "look-up" => {
                let stored = Stored::new(&batches)?;
                Self::new(("trace", stored.look_ups()), move || stored.look_up())
            }
            _ => bail!("no case is called {name:?}; there are {:?}", Self::NAMES),
        })
    }

    fn new(units: (&'static str, u64), work: impl FnMut() -> Result<()> + 'static) -> Self {
        Self {
            units,
            work: Box::new(work),
        }
    }

    pub(crate) fn run(&mut self) -> Result<()> {
        (self.work)()
    }
}

/// The payloads called `name`, and what they are.
fn payloads(name: &str) -> Result<(PayloadKind, Vec<Bytes>)> {
    Ok(match name {
        "json" => {
            let body = data::unpacked("ui/trainticket-200.otlp.json.zst")?;
            (kind::OTLP_JSON, vec![body])
        }
        "zipkin" => {
            let body = data::unpacked("zipkin/lens-smartthings-mobile-web-install.json.zst")?;
            (kind::ZIPKIN_V2_JSON, vec![body])
        }
        _ => {
            let file = STREAMS.iter().find(|(known, _)| *known == name);
            let (_, file) = file.with_context(|| format!("no data is called {name:?}"))?;
            (kind::OTLP_PROTOBUF, data::stream(file)?)
        }
    })
}

/// The first of `payloads`, until they have `spans_max` spans, and the same as columns.
fn first(
    kind: PayloadKind,
    mut payloads: Vec<Bytes>,
    spans_max: usize,
) -> Result<(Vec<Bytes>, Vec<Arc<SpanBatch>>)> {
    let viewer = Viewer::new(PayloadLimits::default());
    let (mut batches, mut spans) = (Vec::new(), 0);
    for payload in &payloads {
        if spans >= spans_max {
            break;
        }
        let batch = batch(&viewer, kind, payload)?;
        spans += batch.len();
        batches.push(Arc::new(batch));
    }
    payloads.truncate(batches.len());
    Ok((payloads, batches))
}

/// Payloads to columns, as when they arrive.
fn decode(kind: PayloadKind, payloads: &[Bytes]) -> Result<()> {
    let viewer = Viewer::new(PayloadLimits::default());
    for payload in payloads {
        batch(&viewer, kind, payload)?;
    }
    Ok(())
}

fn batch(viewer: &Viewer, kind: PayloadKind, payload: &Bytes) -> Result<SpanBatch> {
    Ok(viewer.decode(kind, payload, RECEIVED_AT_UNIX_NANO, &Admission::default())?)
}
