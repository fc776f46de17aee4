//! `POST /api/transform`: OTLP JSON in, Jaeger's JSON out; nothing is stored. The UI calls it for uploaded files.

use std::collections::HashMap;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use clew_storage::{Admission, TraceId};

use super::{Document, error};
use crate::coverage::Covering;
use crate::error::QueryError;
use crate::http::json::{self, Answer};
use crate::http::params::Params;
use crate::rows::SpanRows;
use crate::service::QueryService;
use crate::trace::Trace;

/// Handles the call.
pub(super) async fn transform(
    State(service): State<QueryService>,
    params: Params,
    body: Body,
) -> Answer {
    if service.options().otlp_json.is_none() {
        let unsupported = QueryError::internal("this server cannot read OTLP JSON here");
        let mut answer = error(&unsupported);
        *answer.status_mut() = StatusCode::NOT_IMPLEMENTED;
        return answer;
    }
    let max = service.limits().transform_bytes_max;
    let Ok(body) = to_bytes(body, max).await else {
        let mut answer = error(&QueryError::limit(
            format!("the body is over {max} bytes or broke off"),
            "send less",
        ));
        *answer.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return answer;
    };
    let reading = service.clone();
    let document = service.read(move |_| decode(&reading, &body)).await;
    match document {
        Ok(document) => json::answer(StatusCode::OK, &document, params.pretty()),
        Err(failed) => error(&failed),
    }
}

fn decode(service: &QueryService, body: &Bytes) -> Result<Document, QueryError> {
    let Some((decoder, kind)) = &service.options().otlp_json else {
        return Err(QueryError::internal(
            "this server cannot read OTLP JSON here",
        ));
    };
    let now = service.clock().now_unix_nano();
    let batch = decoder
        .decode(*kind, body, now, &Admission::default())
        .map_err(|error| QueryError::invalid(error.message))?
        .to_table(None);
    Ok(Document::of(traces(&batch)?, true))
}

/// The traces in a table of spans, each with its spans in the order sent.
fn traces(table: &RecordBatch) -> Result<Vec<Trace>, QueryError> {
    let rows = SpanRows::new(table)?;
    let mut order: Vec<TraceId> = Vec::new();
    let mut by_id: HashMap<TraceId, Vec<u32>> = HashMap::new();
    for span in rows.iter() {
        let Some(id) = TraceId::from_bytes(span.trace_id()) else {
            continue;
        };
        by_id.entry(id).or_insert_with(|| {
            order.push(id);
            Vec::new()
        });
        by_id.entry(id).or_default().push(span.row as u32);
    }
    let trace = |id: TraceId| {
        let picked = UInt32Array::from(by_id.remove(&id).unwrap_or_default());
        let table = compute::take_record_batch(table, &picked)?;
        Ok(Trace {
            id,
            rows: SpanRows::new(&table)?,
            table,
            truncated_span_count: 0,
            covering: Covering::default(),
        })
    };
    order.into_iter().map(trace).collect()
}
