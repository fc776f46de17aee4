//! Sends the requests of a stream over several connections and measures.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clew_loadgen::client::{Client, Outcome, Protocol};
use serde::Serialize;

use crate::clock::{now, unix_nano};
use crate::connection::{Connection, IDLE};
use crate::template::{Pass, Template};

/// How often a refused request is sent again before it counts as failed.
const ATTEMPTS: u32 = 100;

/// Trace ids that a run remembers for [`Report::sample_trace_ids`].
const SAMPLES: usize = 1_000;

/// What to send, where to, how fast and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Protocol of the endpoint.
    pub(crate) protocol: Protocol,
    /// Where to send.
    pub(crate) endpoint: String,
    /// Bearer token.
    pub(crate) token: Option<String>,
    /// Connections, each with one request under way.
    pub(crate) connections: usize,
    /// Spans per second to offer; as many as are taken if `None`.
    pub(crate) rate: Option<f64>,
    /// Stop after so many requests.
    pub(crate) requests: u64,
    /// Stop after this time.
    pub(crate) time: Duration,
    /// Ids and times as they stand in the stream.
    pub(crate) as_is: bool,
    /// Seed of the ids.
    pub(crate) seed: u64,
}

/// What was measured. Times in milliseconds, CPU in microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    spans_acknowledged: u64,
    spans_rejected: u64,
    requests_acknowledged: u64,
    requests_refused_and_sent_again: u64,
    bytes_acknowledged: u64,
    seconds: f64,
    spans_per_second: f64,
    megabytes_per_second: f64,
    latency_ms: BTreeMap<&'static str, f64>,
    generator_cpu_us_per_span: f64,
    errors: BTreeMap<String, u64>,
    /// Some trace ids that were acknowledged, in hex, spread over the run.
    pub(crate) sample_trace_ids: Vec<String>,
}

/// What one connection counted.
#[derive(Debug, Default)]
struct Tally {
    spans: u64,
    rejected: u64,
    requests: u64,
    refused: u64,
    bytes: u64,
    latencies: Vec<u32>,
    errors: BTreeMap<String, u64>,
    samples: Vec<[u8; 16]>,
}

/// State that the connections share.
struct Shared<'a> {
    plan: &'a Plan,
    templates: &'a [Mutex<Template>],
    latest: u64,
    spans_per_request: f64,
    started: Instant,
    next: AtomicU64,
    stop: AtomicBool,
}

/// Sends until the plan is done.
///
/// # Errors
/// When nobody answers at the endpoint. Requests that fail are counted, not returned.
pub(crate) fn run(plan: &Plan, templates: Vec<Template>) -> Result<Report> {
    let spans: usize = templates.iter().map(Template::span_count).sum();
    let latest = templates.iter().map(Template::latest).max().unwrap_or(0);
    let spans_per_request = spans as f64 / templates.len() as f64;
    let templates: Vec<Mutex<Template>> = templates.into_iter().map(Mutex::new).collect();
    let connect = || Client::connect(plan.protocol, &plan.endpoint, plan.token.as_deref());
    let mut connections: Vec<_> = (0..plan.connections)
        .map(|_| Connection::new(connect, IDLE))
        .collect();
    connections[0].open()?;
    let shared = Shared {
        plan,
        templates: &templates,
        latest,
        spans_per_request,
        started: now(),
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    };
    let cpu_before = cpu_seconds();
    let tallies = thread::scope(|scope| {
        let workers: Vec<_> = connections
            .into_iter()
            .map(|connection| scope.spawn(|| shared.work(connection)))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("no panic"))
            .collect::<Vec<_>>()
    });
    let seconds = shared.started.elapsed().as_secs_f64();
    Ok(report(tallies, seconds, cpu_seconds() - cpu_before))
}

impl Shared<'_> {
    /// One connection: takes the next request of the stream, waits for its turn, sends it.
    fn work<F: Fn() -> Result<Client>>(&self, mut connection: Connection<F>) -> Tally {
        let mut tally = Tally::default();
        let mut body = Vec::new();
        while !self.stop.load(Ordering::Relaxed) && self.started.elapsed() < self.plan.time {
            let ticket = self.next.fetch_add(1, Ordering::Relaxed);
            if ticket >= self.plan.requests {
                break;
            }
            let turn = self.turn(ticket);
            let Some(spans) = self.prepare(ticket, &mut body, &mut tally) else {
                continue;
            };
            match deliver(&mut connection, &body, &mut tally) {
                Ok(Some(rejected)) => {
                    tally.spans += spans - rejected;
                    tally.rejected += rejected;
                    tally.requests += 1;
                    tally.bytes += body.len() as u64;
                    tally
                        .latencies
                        .push(turn.elapsed().as_micros().min(u128::from(u32::MAX)) as u32);
                }
                Ok(None) => {}
                Err(error) => {
                    *tally.errors.entry(format!("{error:#}")).or_default() += 1;
                    self.stop.store(true, Ordering::Relaxed);
                }
            }
        }
        tally
    }

    /// When request `ticket` is due: now without a rate, else at its place in the schedule, for which this waits.
    /// Latency counts from here, so that a stalled server is not flattered by requests that were never sent.
    fn turn(&self, ticket: u64) -> Instant {
        let Some(rate) = self.plan.rate else {
            return now();
        };
        let due =
            self.started + Duration::from_secs_f64(ticket as f64 * self.spans_per_request / rate);
        thread::sleep(due.saturating_duration_since(now()));
        due
    }

    /// Writes request `ticket` into `body`; the number of its spans, or `None` if it has none.
    fn prepare(&self, ticket: u64, body: &mut Vec<u8>, tally: &mut Tally) -> Option<u64> {
        let count = self.templates.len() as u64;
        let mut template = self.templates[(ticket % count) as usize]
            .lock()
            .expect("no panic");
        let spans = template.span_count();
        if spans == 0 {
            return None;
        }
        let pass = if self.plan.as_is {
            Pass::default()
        } else {
            Pass::new(self.plan.seed, ticket / count, self.latest, unix_nano())
        };
        body.clear();
        body.extend_from_slice(template.apply(pass));
        let sample = template.trace_id(ticket as usize % spans);
        if tally.samples.len() < SAMPLES {
            tally.samples.push(sample);
        } else {
            tally.samples[ticket as usize % SAMPLES] = sample;
        }
        Some(spans as u64)
    }
}

/// Sends until the request is taken; rejected spans, or `None` when it was given up.
fn deliver<F: Fn() -> Result<Client>>(
    connection: &mut Connection<F>,
    body: &[u8],
    tally: &mut Tally,
) -> Result<Option<u64>> {
    for _ in 0..ATTEMPTS {
        match connection.send(body).context("the connection broke")? {
            Outcome::Accepted { rejected_spans } => return Ok(Some(rejected_spans)),
            Outcome::Refused { retry_after } => {
                tally.refused += 1;
                thread::sleep(retry_after);
            }
            Outcome::Failed(reason) => {
                *tally.errors.entry(reason).or_default() += 1;
                return Ok(None);
            }
        }
    }
    *tally.errors.entry("refused every time".into()).or_default() += 1;
    Ok(None)
}

fn report(tallies: Vec<Tally>, seconds: f64, cpu: f64) -> Report {
    let mut all = Tally::default();
    for tally in tallies {
        all.spans += tally.spans;
        all.rejected += tally.rejected;
        all.requests += tally.requests;
        all.refused += tally.refused;
        all.bytes += tally.bytes;
        all.latencies.extend(tally.latencies);
        all.samples.extend(tally.samples);
        for (reason, count) in tally.errors {
            *all.errors.entry(reason).or_default() += count;
        }
    }
    all.latencies.sort_unstable();
    let at = |share: f64| {
        let index = (all.latencies.len() as f64 * share) as usize;
        all.latencies
            .get(index.min(all.latencies.len().saturating_sub(1)))
            .map_or(0.0, |us| f64::from(*us) / 1e3)
    };
    let every = all.samples.len().div_ceil(SAMPLES).max(1);
    Report {
        spans_acknowledged: all.spans,
        spans_rejected: all.rejected,
        requests_acknowledged: all.requests,
        requests_refused_and_sent_again: all.refused,
        bytes_acknowledged: all.bytes,
        seconds,
        spans_per_second: all.spans as f64 / seconds,
        megabytes_per_second: all.bytes as f64 / seconds / 1e6,
        latency_ms: BTreeMap::from([
            ("p50", at(0.5)),
            ("p90", at(0.9)),
            ("p99", at(0.99)),
            ("max", at(1.0)),
        ]),
        generator_cpu_us_per_span: cpu * 1e6 / all.spans.max(1) as f64,
        errors: all.errors,
        sample_trace_ids: all.samples.iter().step_by(every).map(hex).collect(),
    }
}

fn hex(id: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*id))
}

/// CPU time of this process so far, user and system, from /proc; 0 where there is none.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name
        .split(' ')
        .skip(12)
        .take(2)
        .filter_map(|n| n.parse::<u64>().ok())
        .sum();
    ticks as f64 / 100.0
}
