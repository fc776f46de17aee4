//! Load with a ledger: numbered batches over several connections, and what became of each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::http::Connection;
use super::otlp;
use super::query::Reader;
use super::random::Random;
use super::send::GrpcSender;
use super::server::Addresses;
use super::span;

/// Spans of a batch. Each batch is one trace.
pub(crate) const BATCH: usize = 40;

/// Connections that send at the same time: the first half by HTTP, the rest by gRPC.
pub(crate) const CONNECTIONS: usize = 4;

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Sent, or about to be, and no answer yet: it may be stored whole or not at all.
    Open,
    /// Acknowledged: it must be there.
    Acknowledged,
    /// Refused by the server in words: it must not be there.
    Refused,
}

/// All batches of one service, by trace id in hex. The batch of a trace can be made again from its id.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    /// Service that sent them.
    pub(crate) service: String,
    batches: Arc<Mutex<BTreeMap<String, Fate>>>,
}

impl Ledger {
    /// An empty ledger.
    pub(crate) fn new(service: &str) -> Self {
        Self {
            service: service.to_owned(),
            batches: Arc::default(),
        }
    }

    fn set(&self, trace: &str, fate: Fate) {
        self.batches
            .lock()
            .expect("no panic")
            .insert(trace.to_owned(), fate);
    }

    /// Every batch so far.
    pub(crate) fn batches(&self) -> BTreeMap<String, Fate> {
        self.batches.lock().expect("no panic").clone()
    }

    /// Number of batches with this fate.
    pub(crate) fn count(&self, fate: Fate) -> usize {
        self.batches
            .lock()
            .expect("no panic")
            .values()
            .filter(|other| **other == fate)
            .count()
    }

    /// Compares what the server holds with this ledger: by SQL all batches, by trace id `sample` random ones.
    ///
    /// # Errors
    /// One line for each acknowledged batch that is missing and each batch that is there in part, twice, or unasked.
    pub(crate) fn compare(
        &self,
        address: SocketAddr,
        sample: usize,
        random: &mut Random,
    ) -> Result<Found, Vec<String>> {
        let mut reader = Reader::new(address);
        let stored = self.stored(&mut reader);
        let batches = self.batches();
        let mut faults = Vec::new();
        for (trace, counts) in &stored {
            match batches.get(trace) {
                None | Some(Fate::Refused) => faults.push(format!("{trace} is there unasked")),
                Some(_) if *counts != (BATCH as u64, BATCH as u64) => {
                    faults.push(format!(
                        "{trace} has (rows, span ids) {counts:?}, not {BATCH}"
                    ));
                }
                Some(_) => {}
            }
        }
        let acknowledged: Vec<String> = batches
            .iter()
            .filter(|(_, f)| **f == Fate::Acknowledged)
            .map(|(t, _)| t.clone())
            .collect();
        let missing = acknowledged
            .iter()
            .filter(|trace| !stored.contains_key(*trace));
        faults
            .extend(missing.map(|trace| format!("{trace} was acknowledged and is missing in SQL")));
        for trace in random.sample(&acknowledged, sample) {
            let sent = otlp::decode(&batch(&self.service, &trace)).expect("our own batch");
            if let Some(difference) = span::difference(&sent, reader.trace(&trace)) {
                faults.push(format!("{trace} by trace id: {difference}"));
            }
        }
        let found = Found {
            acknowledged: acknowledged.len(),
            stored: stored.len(),
        };
        if faults.is_empty() {
            Ok(found)
        } else {
            Err(faults)
        }
    }

    /// Rows and distinct span ids of each stored trace of the service.
    fn stored(&self, reader: &mut Reader) -> BTreeMap<String, (u64, u64)> {
        let statement = format!(
            "SELECT encode(trace_id, 'hex'), count(*), count(DISTINCT span_id) FROM spans \
             WHERE service_name = '{}' GROUP BY trace_id",
            self.service
        );
        let rows = reader.sql(&statement);
        rows.iter()
            .map(|row| (row[0].text().to_owned(), (row[1].count(), row[2].count())))
            .collect()
    }
}

/// Numbers of a comparison without a fault, in batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) acknowledged: usize,
    pub(crate) stored: usize,
}

/// The batch of the trace `trace`: the same bytes every time.
pub(crate) fn batch(service: &str, trace: &str) -> Vec<u8> {
    let trace_id = hex::decode(trace).expect("hex");
    let seed = u64::from_be_bytes(trace_id[8..].try_into().expect("8 bytes"));
    let mut random = Random::seeded(seed);
    let root = random.next().to_be_bytes().to_vec();
    let spans = (0..BATCH)
        .map(|index| Span {
            trace_id: trace_id.clone(),
            span_id: if index == 0 {
                root.clone()
            } else {
                random.next().to_be_bytes().to_vec()
            },
            parent_span_id: if index == 0 { Vec::new() } else { root.clone() },
            name: format!("step {index}"),
            kind: 1 + (index % 5) as i32,
            start_time_unix_nano: 1_790_000_000_000_000_000 + random.next() % 1_000_000_000,
            end_time_unix_nano: 1_790_000_001_000_000_000 + random.next() % 1_000_000_000,
            attributes: vec![attribute(
                "order.id",
                Value::StringValue(format!("{:x}", random.next())),
            )],
            ..Span::default()
        })
        .collect();
    let resource = Resource {
        attributes: vec![attribute(
            "service.name",
            Value::StringValue(service.to_owned()),
        )],
        ..Resource::default()
    };
    let scope_spans = vec![ScopeSpans {
        spans,
        ..ScopeSpans::default()
    }];
    let resource_spans = vec![ResourceSpans {
        resource: Some(resource),
        scope_spans,
        ..ResourceSpans::default()
    }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

/// Connections that send batches until they are told to stop or lose the server.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    under_way: Arc<AtomicU64>,
    workers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts to send, as fast as the server takes batches, and enters them into `ledger`.
    pub(crate) fn start(to: Addresses, ledger: &Ledger, random: &mut Random) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let under_way = Arc::new(AtomicU64::new(0));
        let workers = (0..CONNECTIONS)
            .map(|index| {
                let worker = Worker {
                    ledger: ledger.clone(),
                    random: Random::seeded(random.next()),
                    stop: Arc::clone(&stop),
                    under_way: Arc::clone(&under_way),
                };
                thread::spawn(move || {
                    if index < CONNECTIONS / 2 {
                        worker.run(http_sender(to));
                    } else {
                        worker.run(grpc_sender(to));
                    }
                })
            })
            .collect();
        Self {
            stop,
            under_way,
            workers,
        }
    }

    /// Requests that wait for an answer at this moment.
    pub(crate) fn under_way(&self) -> u64 {
        self.under_way.load(Ordering::SeqCst)
    }

    /// Waits until every connection has stopped; tells them to if the server still lives.
    pub(crate) fn finish(self) {
        self.stop.store(true, Ordering::SeqCst);
        for worker in self.workers {
            worker.join().expect("no panic in a sender");
        }
    }
}

struct Worker {
    ledger: Ledger,
    random: Random,
    stop: Arc<AtomicBool>,
    under_way: Arc<AtomicU64>,
}

impl Worker {
    /// Sends batch after batch with `send`, which gives the batch's fate and whether the server is still there.
    fn run(mut self, send: Option<impl FnMut(&[u8]) -> (Fate, bool)>) {
        let Some(mut send) = send else { return };
        while !self.stop.load(Ordering::SeqCst) {
            let trace = format!("{:016x}{:016x}", self.random.next(), self.random.next());
            let body = batch(&self.ledger.service, &trace);
            self.ledger.set(&trace, Fate::Open);
            self.under_way.fetch_add(1, Ordering::SeqCst);
            let (fate, alive) = send(&body);
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            self.ledger.set(&trace, fate);
            if !alive {
                return;
            }
        }
    }
}

fn http_sender(to: Addresses) -> Option<impl FnMut(&[u8]) -> (Fate, bool)> {
    let mut connection = Connection::open(to.otlp_http).ok()?;
    Some(move |body: &[u8]| {
        let headers = [("content-type", "application/x-protobuf")];
        match connection.send("POST", "/v1/traces", &headers, body) {
            Ok(answer) if answer.status == 200 => (Fate::Acknowledged, true),
            Ok(answer) => {
                // A server that closes or is full says so; it still answers or ends soon.
                assert!(
                    matches!(answer.status, 429 | 503),
                    "{}: {}",
                    answer.status,
                    answer.text()
                );
                (Fate::Refused, true)
            }
            Err(_) => (Fate::Open, false),
        }
    })
}

fn grpc_sender(to: Addresses) -> Option<impl FnMut(&[u8]) -> (Fate, bool)> {
    let mut sender = GrpcSender::try_new(to, None).ok()?;
    Some(move |body: &[u8]| match sender.send(body) {
        Ok(rejected) => {
            assert_eq!(rejected, 0, "spans of a sound batch were rejected");
            (Fate::Acknowledged, true)
        }
        // A client makes up most of these codes itself when its connection breaks, so the fate is open.
        Err(status) => (Fate::Open, status.code() == tonic::Code::ResourceExhausted),
    })
}
