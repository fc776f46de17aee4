//! Load: new batches on a fixed schedule over several connections, half of them OTLP over HTTP, half over gRPC.
//!
//! The schedule does not wait for answers. But a connection has one request under way, so with all of them busy less is
//! offered than planned; how much was offered is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clew_loadgen::client::{Client, Outcome, Protocol};

use crate::clock;
use crate::ledger::{Fate, Ledger};
use crate::server::Addresses;

/// What to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Round of the batches.
    pub(crate) round: u32,
    /// Spans to offer, per second.
    pub(crate) rate: f64,
    /// Connections.
    pub(crate) connections: usize,
    /// Connect anew when a connection breaks; otherwise it has ended.
    pub(crate) reconnect: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Batches that were sent.
    pub(crate) offered: u64,
    /// Times until acknowledgements.
    pub(crate) acknowledged: Vec<Duration>,
    /// Times until refusals.
    pub(crate) refused: Vec<Duration>,
    /// Other answers, and how often.
    pub(crate) others: BTreeMap<String, u64>,
    /// Connections that broke.
    pub(crate) broken: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.offered += other.offered;
        self.acknowledged.extend(other.acknowledged);
        self.refused.extend(other.refused);
        self.broken += other.broken;
        for (what, count) in other.others {
            *self.others.entry(what).or_default() += count;
        }
    }
}

struct Shared {
    plan: Plan,
    to: Addresses,
    ledger: Ledger,
    started: Instant,
    stop: AtomicBool,
    next: AtomicU64,
    acknowledged: AtomicU64,
    refused: AtomicU64,
    under_way: AtomicU64,
    tally: Mutex<Tally>,
}

/// A running load. Dropping it ends it.
pub(crate) struct Load {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Begins to send.
    pub(crate) fn start(to: Addresses, ledger: &Ledger, plan: Plan) -> Self {
        let shared = Arc::new(Shared {
            plan,
            to,
            ledger: ledger.clone(),
            started: clock::now(),
            stop: AtomicBool::new(false),
            next: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            tally: Mutex::default(),
        });
        let workers = (0..plan.connections)
            .map(|index| {
                let shared = Arc::clone(&shared);
                let protocol = [Protocol::Http, Protocol::Grpc][index % 2];
                thread::spawn(move || {
                    let tally = shared.work(protocol);
                    let mut all = shared.tally.lock().unwrap_or_else(PoisonError::into_inner);
                    all.add(tally);
                })
            })
            .collect();
        Self { shared, workers }
    }

    /// Spans acknowledged so far.
    pub(crate) fn acknowledged_spans(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::SeqCst) * self.shared.ledger.batch_spans()
    }

    /// Requests refused so far.
    pub(crate) fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::SeqCst)
    }

    /// Requests that wait for an answer now.
    pub(crate) fn under_way(&self) -> u64 {
        self.shared.under_way.load(Ordering::SeqCst)
    }

    /// Spans acknowledged per second so far.
    pub(crate) fn rate(&self) -> f64 {
        self.acknowledged_spans() as f64 / self.shared.started.elapsed().as_secs_f64()
    }

    /// Ends it, and waits for the answers under way.
    pub(crate) fn finish(mut self) -> Tally {
        self.end();
        let mut all = self
            .shared
            .tally
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut all)
    }

    fn end(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for worker in self.workers.drain(..) {
            worker.join().expect("a sender does not panic");
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

/// Connects by one protocol.
pub(crate) fn connect(to: Addresses, protocol: Protocol) -> anyhow::Result<Client> {
    let endpoint = match protocol {
        Protocol::Http => format!("http://{}/v1/traces", to.otlp_http),
        Protocol::Grpc => format!("http://{}", to.otlp_grpc),
    };
    Client::connect(protocol, &endpoint, None)
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn work(&self, protocol: Protocol) -> Tally {
        let mut tally = Tally::default();
        while !self.stopped() {
            if let Ok(client) = connect(self.to, protocol) {
                self.send_on(client, protocol, &mut tally);
            }
            if !self.plan.reconnect {
                break;
            }
            if !self.stopped() {
                thread::sleep(Duration::from_millis(50));
            }
        }
        tally
    }

    /// Sends on one connection, until it breaks or the load ends.
    fn send_on(&self, mut client: Client, protocol: Protocol, tally: &mut Tally) {
        while self.wait_for_turn() {
            let recipe = self.ledger.enter(self.plan.round, clock::unix_nano());
            let body = recipe.body();
            tally.offered += 1;
            let sent = clock::now();
            self.under_way.fetch_add(1, Ordering::SeqCst);
            let outcome = client.send(&body);
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            let elapsed = sent.elapsed();
            let Ok(outcome) = outcome else { break };
            match outcome {
                Outcome::Accepted { rejected_spans: 0 } => {
                    self.ledger.set(recipe.number, Fate::Acknowledged);
                    self.acknowledged.fetch_add(1, Ordering::SeqCst);
                    tally.acknowledged.push(elapsed);
                }
                Outcome::Accepted { rejected_spans } => {
                    let what = format!("{rejected_spans} spans of a sound batch were rejected");
                    *tally.others.entry(what).or_default() += 1;
                }
                Outcome::Refused { .. } => {
                    self.ledger.set(recipe.number, Fate::Refused);
                    self.refused.fetch_add(1, Ordering::SeqCst);
                    tally.refused.push(elapsed);
                }
                // A gRPC client makes up a status when its connection breaks.
                Outcome::Failed(_) if protocol == Protocol::Grpc => break,
                Outcome::Failed(what) => *tally.others.entry(what).or_default() += 1,
            }
        }
        tally.broken += u64::from(!self.stopped());
    }

    /// Waits until the next batch is due; false when the load has ended.
    fn wait_for_turn(&self) -> bool {
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        let spans = (ticket * self.ledger.batch_spans()) as f64;
        let due = self.started + Duration::from_secs_f64(spans / self.plan.rate);
        while !self.stopped() {
            let left = due.saturating_duration_since(clock::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(Duration::from_millis(100)));
        }
        false
    }
}
