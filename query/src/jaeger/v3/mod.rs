//! Jaeger's query API v3, under `/api/v3`: what its UI calls since 2.15.
//!
//! | GET | parameters |
//! |---|---|
//! | `/api/v3/services` | |
//! | `/api/v3/operations` | `service`, `spanKind` |
//! | `/api/v3/traces/{id}` | `rawTraces`; `startTime` and `endTime` are checked, not needed, and change nothing |
//! | `/api/v3/traces`, `/api/v3/trace-summaries` | `query.serviceName`, `query.operationName`, `query.startTimeMin` and `query.startTimeMax` (required), `query.searchDepth`, `query.durationMin` and `query.durationMax`, `query.attributes` (JSON), `query.rawTraces` |
//!
//! Traces are OTLP JSON under `result`; arrays always stand, also empty; errors are `{"error":{"httpCode","message"}}`.
//! When something may be missing, `warnings` stands beside the result.
//! The old names in `snake_case` are understood. OTLP has nothing to adjust, so raw and other traces are alike.

mod params;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::error::QueryError;
use crate::http::json::{self, Answer};
use crate::http::params::Params;
use crate::http::stream;
use crate::search::{Found, search, search_ids};
use crate::service::QueryService;
use crate::trace::Trace;
use crate::trace::otlp::TracesData;
use crate::trace::set::TraceSet;

/// The routes of this API.
pub(crate) fn router() -> Router<QueryService> {
    Router::new()
        .route("/api/v3/services", get(services))
        .route("/api/v3/operations", get(operations))
        .route("/api/v3/traces", get(traces))
        .route("/api/v3/traces/{id}", get(one_trace))
        .route("/api/v3/trace-summaries", get(summaries))
}

fn error(error: &QueryError) -> Answer {
    let status = json::status(error);
    let message = match error {
        QueryError::NotFound { .. } => "trace not found".to_owned(),
        other => other.to_string(),
    };
    let body = json!({"error": {"httpCode": status.as_u16(), "message": message}});
    json::finish_error(error, json::answer(status, &body, false))
}

fn or_error(answer: Result<Answer, QueryError>) -> Answer {
    answer.unwrap_or_else(|failed| error(&failed))
}

async fn services(State(service): State<QueryService>, params: Params) -> Answer {
    let names = service
        .read(|reading| Ok(reading.service.catalogue().services(reading).0))
        .await;
    or_error(
        names.map(|names| {
            json::answer(StatusCode::OK, &json!({"services": names}), params.pretty())
        }),
    )
}

async fn operations(State(service): State<QueryService>, params: Params) -> Answer {
    let name = params.get(&["service"]).unwrap_or_default().to_owned();
    let kind = params.get(&["spanKind", "span_kind"]).map(str::to_owned);
    let operations = service
        .read(move |reading| Ok(reading.service.catalogue().operations(reading, &name).0))
        .await;
    or_error(operations.map(|operations| {
        let rows: Vec<Value> = operations
            .iter()
            .filter(|operation| {
                kind.as_ref()
                    .is_none_or(|kind| operation.kind.eq_ignore_ascii_case(kind))
            })
            .map(
                |operation| json!({"name": operation.name, "spanKind": kind_text(&operation.kind)}),
            )
            .collect();
        json::answer(
            StatusCode::OK,
            &json!({"operations": rows}),
            params.pretty(),
        )
    }))
}

/// Jaeger's UI demands a kind; its server says `internal` for none.
fn kind_text(kind: &str) -> &str {
    if kind == "unspecified" {
        "internal"
    } else {
        kind
    }
}

async fn one_trace(
    State(service): State<QueryService>,
    Path(id): Path<String>,
    params: Params,
) -> Answer {
    let answer = async {
        let id = super::trace_id(&id).map_err(|error| {
            QueryError::invalid(format!("malformed parameter trace_id: {error}"))
        })?;
        params::check_trace(&params)?;
        let pretty = params.pretty();
        stream::document(
            &service,
            "application/json",
            move |reading| {
                let trace = Trace::load(reading, id)?;
                let warnings = trace.covering.reasons.clone();
                let traces = TraceSet::of(vec![trace]);
                Ok(Wrapped { traces, warnings })
            },
            move |wrapped, writer| Ok(json::write(writer, wrapped, pretty)?),
        )
        .await
    };
    or_error(answer.await)
}

async fn traces(State(service): State<QueryService>, params: Params) -> Answer {
    let answer = async {
        let request = params::search(&params, service.limits())?;
        let pretty = params.pretty();
        stream::document(
            &service,
            "application/json",
            move |reading| {
                let (ids, warnings) = search_ids(reading, &request)?;
                if ids.is_empty() {
                    return Err(QueryError::NotFound {
                        message: NO_TRACES.to_owned(),
                        hint: None,
                    });
                }
                let traces = TraceSet::later(reading.again(), ids);
                Ok(Wrapped { traces, warnings })
            },
            move |wrapped, writer| Ok(json::write(writer, wrapped, pretty)?),
        )
        .await
    };
    match answer.await {
        Err(QueryError::NotFound { .. }) => {
            let body = json!({"error": {"httpCode": 404, "message": NO_TRACES}});
            json::answer(StatusCode::NOT_FOUND, &body, false)
        }
        other => or_error(other),
    }
}

/// What a search for whole traces says when there are none.
const NO_TRACES: &str = "No traces found";

/// `{"result":{"resourceSpans":[…]}}`, and `warnings` when something may be missing.
struct Wrapped {
    traces: TraceSet,
    warnings: Vec<String>,
}

impl Serialize for Wrapped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("result", &TracesData(&self.traces))?;
        if !self.warnings.is_empty() {
            map.serialize_entry("warnings", &self.warnings)?;
        }
        map.end()
    }
}

async fn summaries(State(service): State<QueryService>, params: Params) -> Answer {
    let answer = async {
        let request = params::search(&params, service.limits())?;
        let found = service
            .read(move |reading| search(reading, &request))
            .await?;
        let summaries: Vec<_> = found.traces.iter().map(summary).collect();
        let mut body = json!({"summaries": summaries});
        if !found.coverage.complete {
            body["warnings"] = json!(found.coverage.reasons);
        }
        Ok(json::answer(StatusCode::OK, &body, params.pretty()))
    };
    or_error(answer.await)
}

fn summary(found: &Found) -> Value {
    let summary = &found.summary;
    let services: Vec<_> = summary
        .services
        .iter()
        .map(|service| json!({"name": service.name, "spanCount": service.span_count, "errorSpanCount": service.error_count}))
        .collect();
    let end = summary
        .start_time
        .saturating_add_signed(summary.duration_ns);
    json!({
        "traceId": found.trace_id.to_string(),
        "rootServiceName": summary.root_service_name,
        "rootOperationName": summary.root_name,
        "minStartTimeUnixNano": summary.start_time.to_string(),
        "maxEndTimeUnixNano": end.to_string(),
        "spanCount": summary.span_count,
        "errorSpanCount": summary.error_count,
        "orphanSpanCount": summary.orphan_count,
        "services": services,
    })
}
