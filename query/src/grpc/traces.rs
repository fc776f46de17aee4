//! Searches, names, traces and dependencies as both of Jaeger's packages ask for them.

use clew_storage::TraceId;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use tonic::{Response, Status};

use super::stream::{self, Gone, Messages, Outlet};
use super::{chunks, status};
use crate::catalogue::Operation;
use crate::counts::{Dependencies, dependencies};
use crate::error::QueryError;
use crate::search::{Found, SearchRequest, search, search_ids};
use crate::service::{QueryService, Reading};
use crate::trace::Trace;

/// Summaries of one message, and services of all of them together: some 500 kB.
const SUMMARIES_PER_MESSAGE: usize = 100;
const SERVICES_PER_MESSAGE: usize = 10_000;

/// An answer of traces.
pub(super) type Traces = Result<Response<Messages<TracesData>>, Status>;

/// The names of all services.
pub(super) async fn services(service: &QueryService) -> Result<(Vec<String>, Vec<String>), Status> {
    let names = service.read(|reading| {
        let (names, covering) = reading.service.catalogue().services(reading);
        Ok((names, covering.reasons))
    });
    names.await.map_err(|error| status::of(&error))
}

/// The operations of a service, of one kind if that is given. A span without a kind has an empty one.
pub(super) async fn operations(
    service: &QueryService,
    name: String,
    kind: String,
) -> Result<(Vec<Operation>, Vec<String>), Status> {
    if name.is_empty() {
        return Err(Status::invalid_argument("service is required"));
    }
    let operations = service.read(move |reading| {
        let (mut operations, covering) = reading.service.catalogue().operations(reading, &name);
        for operation in &mut operations {
            if operation.kind == "unspecified" {
                operation.kind.clear();
            }
        }
        operations
            .retain(|operation| kind.is_empty() || operation.kind.eq_ignore_ascii_case(&kind));
        Ok((operations, covering.reasons))
    });
    operations.await.map_err(|error| status::of(&error))
}

/// One trace; an error when it is not stored.
pub(super) async fn one(service: &QueryService, id: TraceId) -> Traces {
    stream::answer(
        service,
        move |reading| {
            let trace = Trace::load(reading, id)?;
            let reasons = trace.covering.reasons.clone();
            Ok((trace, reasons))
        },
        |trace, outlet| chunks::each(&trace.rows, |chunk| outlet.send(chunk)),
    )
    .await
}

/// The traces of these ids, in their order; those that are not stored are left out.
pub(super) async fn by_ids(service: &QueryService, ids: Vec<TraceId>) -> Traces {
    stream::answer(
        service,
        move |reading| Ok(((reading.again(), ids), Vec::new())),
        |(reading, ids), outlet| send(&reading, &ids, outlet),
    )
    .await
}

/// The traces that a search finds.
pub(super) async fn find(service: &QueryService, request: SearchRequest) -> Traces {
    stream::answer(
        service,
        move |reading| {
            let (ids, reasons) = search_ids(reading, &request)?;
            Ok(((reading.again(), ids), reasons))
        },
        |(reading, ids), outlet| send(&reading, &ids, outlet),
    )
    .await
}

/// Reads and sends one trace after the other.
fn send(reading: &Reading, ids: &[TraceId], outlet: &Outlet<TracesData>) -> Result<(), Gone> {
    for id in ids {
        match Trace::find(reading, *id) {
            Ok(Some(trace)) => chunks::each(&trace.rows, |chunk| outlet.send(chunk))?,
            Ok(None) => {}
            Err(error) => {
                outlet.fail(&error);
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The figures of the traces that a search finds, and why there may be more.
pub(super) async fn found(
    service: &QueryService,
    request: SearchRequest,
) -> Result<(Vec<Found>, Vec<String>), Status> {
    let found = service.read(move |reading| {
        let answer = search(reading, &request)?;
        Ok((answer.traces, answer.coverage.reasons))
    });
    found.await.map_err(|error| status::of(&error))
}

/// The figures of the traces that a search finds, as messages of `message`.
pub(super) async fn summaries<M: Send + 'static>(
    service: &QueryService,
    request: SearchRequest,
    message: impl Fn(&[Found]) -> M + Send + 'static,
) -> Result<Response<Messages<M>>, Status> {
    stream::answer(
        service,
        move |reading| {
            let answer = search(reading, &request)?;
            Ok((answer.traces, answer.coverage.reasons))
        },
        move |traces, outlet| {
            let mut rest = traces.as_slice();
            while !rest.is_empty() {
                let (some, after) = rest.split_at(message_len(rest));
                outlet.send(message(some))?;
                rest = after;
            }
            Ok(())
        },
    )
    .await
}

/// How many of `traces` make one message; at least one.
fn message_len(traces: &[Found]) -> usize {
    let mut services = 0;
    let fit = traces
        .iter()
        .take(SUMMARIES_PER_MESSAGE)
        .take_while(|found| {
            services += found.summary.services.len();
            services <= SERVICES_PER_MESSAGE
        });
    fit.count().max(1)
}

/// The calls between services in a window of time.
pub(super) async fn calls(
    service: &QueryService,
    window: Result<(i64, i64), QueryError>,
) -> Result<Dependencies, Status> {
    let window = window.map_err(|error| status::of(&error))?;
    let calls = service.read(move |reading| dependencies(reading, window));
    calls.await.map_err(|error| status::of(&error))
}

/// A count as Jaeger's messages have it.
pub(super) fn count(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// When the last span of a trace ended, ns since the epoch.
pub(super) fn end(found: &Found) -> u64 {
    let summary = &found.summary;
    summary
        .start_time
        .saturating_add_signed(summary.duration_ns)
}
