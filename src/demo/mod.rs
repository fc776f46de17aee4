//! `clew demo`: the traces of a small made-up shop, sent like any other service sends its own.
//!
//! ```text
//!  browser ─▶ storefront ─▶ catalogue ─▶ redis, postgres
//!                        ─▶ cart ─▶ redis
//!                        ─▶ checkout ─▶ cart, inventory ─▶ postgres
//!                                    ─▶ payment ─▶ card network (fails, is retried)
//!                                    ─▶ kafka "orders" ─ ─▶ fulfilment (links, other trace) ─▶ shipping
//!                                                      ─ ─▶ mailer
//! ```
//!
//! Names and attributes follow OpenTelemetry's semantic conventions. Errors, retries, slow queries and consumers that work
//! on batches of messages occur as they do in a real system, at random.

mod dice;
mod shop;
mod trace;

use std::time::Duration;

use anyhow::{Context, bail};
use clew_storage::env::Env;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use crate::client::{Call, Client};
use dice::Dice;
use shop::Shop;

/// Traces that go into one request.
const TRACES_PER_REQUEST_MAX: u64 = 100;

/// Pauses between the repetitions of a request that the server could not take.
const RETRY_PAUSES_S: [u64; 5] = [1, 2, 4, 8, 15];

/// What to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demo {
    /// Visits to the shop; without end if `None`.
    pub(crate) count: Option<u64>,
    /// Visits per second, when they are sent as they happen.
    pub(crate) rate: f64,
    /// Spreads `count` visits over this time before now, instead of sending them as they happen.
    pub(crate) over: Option<Duration>,
}

/// What was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Visits.
    pub(crate) visits: u64,
    /// Spans.
    pub(crate) spans: u64,
}

impl Demo {
    /// Sends to `client`; calls `tell` after each request.
    pub(crate) async fn run(
        self,
        client: &mut Client,
        env: &Env,
        mut tell: impl FnMut(Sent),
    ) -> anyhow::Result<Sent> {
        let mut shop = Shop::new(Dice::new(env));
        let mut sent = Sent::default();
        let over_ns = self.over.map(|over| over.as_nanos() as u64);
        let tick = Duration::from_secs_f64((1.0 / self.rate).clamp(0.1, 10.0));
        while self.count.is_none_or(|count| sent.visits < count) {
            let left = self.count.map_or(u64::MAX, |count| count - sent.visits);
            let wanted = if over_ns.is_some() {
                TRACES_PER_REQUEST_MAX
            } else {
                self.per_tick(tick)
            };
            let now = env.clock.now_unix_nano();
            for index in 0..wanted.min(left).min(TRACES_PER_REQUEST_MAX) {
                shop.visit(self.start_of(now, over_ns, sent.visits + index));
            }
            let request = ExportTraceServiceRequest {
                resource_spans: shop.take(),
            };
            sent.visits += wanted.min(left).min(TRACES_PER_REQUEST_MAX);
            sent.spans += send(client, &request).await?;
            tell(sent);
            if over_ns.is_none() {
                tokio::time::sleep(tick).await;
            }
        }
        Ok(sent)
    }

    fn per_tick(self, tick: Duration) -> u64 {
        (self.rate * tick.as_secs_f64()).round().max(1.0) as u64
    }

    /// When visit number `index` begins: evenly over the time asked for, or a second before now, so that it is over.
    fn start_of(self, now: u64, over_ns: Option<u64>, index: u64) -> u64 {
        match (over_ns, self.count) {
            (Some(over_ns), Some(count)) => {
                let share = u128::from(over_ns) * u128::from(index) / u128::from(count.max(1));
                now - over_ns + share as u64
            }
            _ => now - 1_000_000_000,
        }
    }
}

async fn send(client: &mut Client, request: &ExportTraceServiceRequest) -> anyhow::Result<u64> {
    let spans = request
        .resource_spans
        .iter()
        .flat_map(|resource| &resource.scope_spans);
    let spans = spans.map(|scope| scope.spans.len() as u64).sum();
    let call = Call::post(
        "/v1/traces",
        "application/x-protobuf",
        request.encode_to_vec(),
    );
    for pause_s in RETRY_PAUSES_S {
        let answer = client
            .call(&call)
            .await
            .context("is `clew serve` running? --otlp-url says where")?;
        if !matches!(answer.status.as_u16(), 429 | 502 | 503 | 504) {
            answer.ok()?;
            return Ok(spans);
        }
        let pause = answer.retry_after().unwrap_or(Duration::from_secs(pause_s));
        tokio::time::sleep(pause).await;
    }
    bail!("the server stays busy")
}
