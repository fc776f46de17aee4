//! Jaeger's first query API, under `/api`: what Grafana, Kiali and older UIs call.
//!
//! | GET | parameters |
//! |---|---|
//! | `/api/services` | |
//! | `/api/operations` | `service`, `spanKind` |
//! | `/api/services/{service}/operations` | |
//! | `/api/traces` | `service` or `traceID` (repeatable), `operation`, `start` and `end` (µs), `limit`, `minDuration` and `maxDuration` (Go), `tag` (`key:value`), `tags` (JSON), `raw` |
//! | `/api/traces/{id}` | `raw`; `start` and `end` are not needed and change nothing |
//! | `/api/dependencies` | `endTs` and `lookback` (ms), `service` |
//! | `/api/metrics/calls`, `errors`, `latencies` | `service` (repeatable), `groupByOperation`, `spanKind`, `endTs`, `lookback`, `step`, `ratePer` (ms), `quantile` |
//! | `/api/metrics/minstep` | |
//!
//! `POST /api/transform` turns OTLP JSON into this form. Every answer is `{"data","total","limit","offset","errors"}`.

mod metrics;
pub(crate) mod params;
pub(crate) mod tags;
pub(crate) mod trace;
mod transform;

use std::io::{self, Write};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use clew_storage::TraceId;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::counts;
use crate::error::QueryError;
use crate::http::json::{self, Answer};
use crate::http::params::Params;
use crate::http::stream;
use crate::search::search_ids;
use crate::service::{QueryService, Reading};
use crate::trace::Trace;
use crate::trace::set::TraceSet;
use trace::TraceJson;

/// The routes of this API.
pub(crate) fn router() -> Router<QueryService> {
    Router::new()
        .route("/api/services", get(services))
        .route("/api/operations", get(operations))
        .route("/api/services/{service}/operations", get(operations_of))
        .route("/api/traces", get(traces))
        .route("/api/traces/{id}", get(one_trace))
        .route("/api/dependencies", get(calls))
        .route("/api/transform", post(transform::transform))
        .merge(metrics::router())
}

/// Every answer of this API.
#[derive(Serialize)]
struct Envelope<T> {
    data: T,
    total: usize,
    limit: usize,
    offset: usize,
    errors: Option<Vec<ErrorJson>>,
}

#[derive(Serialize)]
struct ErrorJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    msg: String,
    #[serde(rename = "traceID", skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl ErrorJson {
    fn incomplete(msg: &str) -> Self {
        Self {
            code: None,
            msg: msg.to_owned(),
            trace_id: None,
        }
    }

    fn missing(id: &TraceId) -> Self {
        Self {
            code: None,
            msg: "trace not found".to_owned(),
            trace_id: Some(id.to_string()),
        }
    }
}

fn data<T: Serialize>(data: T, total: usize, params: &Params) -> Answer {
    let envelope = Envelope {
        data,
        total,
        limit: 0,
        offset: 0,
        errors: None,
    };
    json::answer(StatusCode::OK, &envelope, params.pretty())
}

/// The error as this API writes it.
pub(super) fn error(error: &QueryError) -> Answer {
    let status = json::status(error);
    let msg = match error {
        QueryError::NotFound { .. } => "trace not found".to_owned(),
        other => other.to_string(),
    };
    let errors = vec![ErrorJson {
        code: Some(status.as_u16()),
        msg,
        trace_id: None,
    }];
    let envelope = Envelope {
        data: json!(null),
        total: 0,
        limit: 0,
        offset: 0,
        errors: Some(errors),
    };
    json::finish_error(error, json::answer(status, &envelope, false))
}

fn or_error(answer: Result<Answer, QueryError>) -> Answer {
    answer.unwrap_or_else(|failed| error(&failed))
}

async fn services(State(service): State<QueryService>, params: Params) -> Answer {
    let names = service
        .read(|reading| Ok(reading.service.catalogue().services(reading).0))
        .await;
    or_error(names.map(|names| data(&names, names.len(), &params)))
}

async fn operations(State(service): State<QueryService>, params: Params) -> Answer {
    let Some(name) = params.get(&["service"]).map(str::to_owned) else {
        return error(&QueryError::invalid("parameter 'service' is required"));
    };
    let kind = params.get(&["spanKind"]).map(str::to_owned);
    let operations = service
        .read(move |reading| Ok(reading.service.catalogue().operations(reading, &name).0))
        .await;
    or_error(operations.map(|mut operations| {
        operations.retain(|operation| {
            kind.as_ref()
                .is_none_or(|kind| operation.kind.eq_ignore_ascii_case(kind))
        });
        let rows: Vec<_> = operations
            .iter()
            .map(
                |operation| json!({"name": operation.name, "spanKind": kind_text(&operation.kind)}),
            )
            .collect();
        data(&rows, rows.len(), &params)
    }))
}

/// Jaeger has no text for a span without a kind.
fn kind_text(kind: &str) -> &str {
    if kind == "unspecified" { "" } else { kind }
}

async fn operations_of(
    State(service): State<QueryService>,
    Path(name): Path<String>,
    params: Params,
) -> Answer {
    let operations = service
        .read(move |reading| Ok(reading.service.catalogue().operations(reading, &name).0))
        .await;
    or_error(operations.map(|operations| {
        let mut names: Vec<_> = operations
            .into_iter()
            .map(|operation| operation.name)
            .collect();
        names.dedup();
        data(&names, names.len(), &params)
    }))
}

async fn one_trace(
    State(service): State<QueryService>,
    Path(id): Path<String>,
    params: Params,
) -> Answer {
    let answer = async {
        let id = super::trace_id(&id)?;
        let (raw, pretty) = (params.flag(&["raw"])?, params.pretty());
        stream::document(
            &service,
            "application/json",
            move |reading| Ok(Document::of(vec![Trace::load(reading, id)?], raw)),
            move |document, writer| write(document, writer, pretty),
        )
        .await
    };
    or_error(answer.await)
}

async fn traces(State(service): State<QueryService>, params: Params) -> Answer {
    let answer = async {
        let (raw, pretty) = (params.flag(&["raw"])?, params.pretty());
        let now = service.clock().now_unix_nano();
        let wanted = params::traces(&params, service.limits(), now)?;
        stream::document(
            &service,
            "application/json",
            move |reading| Document::find(reading, &wanted, raw),
            move |document, writer| write(document, writer, pretty),
        )
        .await
    };
    or_error(answer.await)
}

fn write(document: &Document, writer: &mut dyn Write, pretty: bool) -> io::Result<()> {
    Ok(json::write(writer, document, pretty)?)
}

/// Some traces; those that were asked for and are not here stand under `errors`, and why there may be more.
pub(super) struct Document {
    pub(super) traces: TraceSet,
    pub(super) incomplete: Vec<String>,
    pub(super) raw: bool,
}

impl Document {
    /// Traces that are in memory.
    pub(super) fn of(traces: Vec<Trace>, raw: bool) -> Self {
        Self {
            traces: TraceSet::of(traces),
            incomplete: Vec::new(),
            raw,
        }
    }

    fn find(reading: &Reading, wanted: &params::Wanted, raw: bool) -> Result<Self, QueryError> {
        let (ids, incomplete) = match wanted {
            params::Wanted::Ids(ids) => (ids.clone(), Vec::new()),
            params::Wanted::Search(request) => search_ids(reading, request)?,
        };
        let traces = TraceSet::later(reading.again(), ids);
        Ok(Self {
            traces,
            incomplete,
            raw,
        })
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("data", &TraceList(self))?;
        for field in ["total", "limit", "offset"] {
            map.serialize_entry(field, &0)?;
        }
        let missing = self.traces.missing();
        let missing = missing.iter().map(ErrorJson::missing);
        let incomplete = self.incomplete.iter().map(|msg| ErrorJson::incomplete(msg));
        let errors: Vec<ErrorJson> = missing.chain(incomplete).collect();
        map.serialize_entry("errors", &(!errors.is_empty()).then_some(errors))?;
        map.end()
    }
}

struct TraceList<'a>(&'a Document);

impl Serialize for TraceList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        self.0.traces.each(|trace| {
            seq.serialize_element(&TraceJson {
                trace,
                raw: self.0.raw,
            })
        })?;
        seq.end()
    }
}

async fn calls(State(service): State<QueryService>, params: Params) -> Answer {
    let answer = async {
        let now = service.clock().now_unix_nano();
        let window = params::dependency_window(&params, now)?;
        let about = params.get(&["service"]).map(str::to_owned);
        let found = service
            .read(move |reading| counts::dependencies(reading, window))
            .await?;
        let rows: Vec<_> = found
            .edges
            .iter()
            .filter(|edge| about.as_ref().is_none_or(|name| *name == edge.parent || *name == edge.child))
            .map(|edge| json!({"parent": edge.parent, "child": edge.child, "callCount": edge.call_count}))
            .collect();
        let errors: Vec<_> = found
            .incomplete
            .iter()
            .map(|msg| ErrorJson::incomplete(msg))
            .collect();
        let errors = (!errors.is_empty()).then_some(errors);
        let envelope = Envelope {
            data: rows,
            total: 0,
            limit: 0,
            offset: 0,
            errors,
        };
        Ok(json::answer(StatusCode::OK, &envelope, params.pretty()))
    };
    or_error(answer.await)
}
