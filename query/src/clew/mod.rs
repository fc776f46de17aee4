//! Clew's own HTTP API, under `/api/clew/v1`: what the web UI is made of.
//!
//! | GET | answer |
//! |---|---|
//! | `/search` | a page of traces, newest first or in another order, and how many match |
//! | `/heatmap` | what matches, counted by time and duration |
//! | `/facets` | what matches, counted by value |
//! | `/explain` | why nothing matches: what would without each condition, and when the nearest match is |
//! | `/keys`, `/values?key=` | keys of attributes and values of a key, for completion |
//! | `/services`, `/operations?service=` | names |
//! | `/traces/{id}` | the skeleton of a trace, as Arrow IPC stream or JSON by `Accept` |
//! | `/traces/{id}/spans/{row}` | everything about the span in that row of the skeleton |
//! | `/traces/{id}/find?q=` | the rows whose span meets a query, or contains words |
//! | `/traces/{id}/otlp` | the whole trace as OTLP JSON, to be kept as a file |
//! | `/status` | figures of the store |
//!
//! 64-bit times and durations are decimal text, counts are numbers, every list stands even when empty. Errors are
//! `{"error":{"code","message","hint","position"}}`.

mod explore;
mod find;
mod params;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::routing::get;
use clew_storage::TraceId;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::QueryError;
use crate::http::json::{self, Answer};
use crate::http::params::{Params, malformed};
use crate::http::stream;
use crate::search::{Found, SearchAnswer, search};
use crate::service::QueryService;
use crate::trace::Trace;
use crate::trace::detail::SpanDetail;
use crate::trace::otlp::TracesData;
use crate::trace::set::TraceSet;
use crate::trace::skeleton::Skeleton;

/// Media type of an Arrow IPC stream.
pub(crate) const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";

/// The routes of this API.
pub(crate) fn router() -> Router<QueryService> {
    Router::new()
        .route("/api/clew/v1/search", get(search_traces))
        .merge(explore::router())
        .route("/api/clew/v1/services", get(services))
        .route("/api/clew/v1/operations", get(operations))
        .route("/api/clew/v1/traces/{id}", get(skeleton))
        .route("/api/clew/v1/traces/{id}/spans/{row}", get(span))
        .route("/api/clew/v1/traces/{id}/find", get(find::find))
        .route("/api/clew/v1/traces/{id}/otlp", get(otlp))
        .route("/api/clew/v1/status", get(status))
}

fn or_error(answer: Result<Answer, QueryError>) -> Answer {
    answer.unwrap_or_else(|failed| json::error(&failed))
}

fn ok<T: Serialize>(value: &T, params: &Params) -> Answer {
    json::answer(StatusCode::OK, value, params.pretty())
}

fn trace_id(text: &str) -> Result<TraceId, QueryError> {
    text.parse()
        .map_err(|error| QueryError::invalid(format!("{error}")))
}

async fn search_traces(State(service): State<QueryService>, params: Params) -> Answer {
    let answer = async {
        let request = params::search(&params, service.limits())?;
        let answer = service
            .read(move |reading| search(reading, &request))
            .await?;
        Ok(ok(&search_json(&answer), &params))
    };
    or_error(answer.await)
}

fn search_json(answer: &SearchAnswer) -> Value {
    json!({
        "traces": answer.traces.iter().map(found_json).collect::<Vec<_>>(),
        "total": answer.total,
        "next_cursor": answer.next.map(|place| place.to_string()),
        "coverage": answer.coverage,
    })
}

fn found_json(found: &Found) -> Value {
    let summary = &found.summary;
    json!({
        "trace_id": found.trace_id.to_string(),
        "root_service_name": summary.root_service_name,
        "root_name": summary.root_name,
        "start_time_unix_nano": summary.start_time.to_string(),
        "duration_ns": summary.duration_ns.to_string(),
        "span_count": summary.span_count,
        "error_count": summary.error_count,
        "orphan_count": summary.orphan_count,
        "matched_count": found.matched_count,
        "services": summary.services,
        "complete": summary.complete,
    })
}

async fn services(State(service): State<QueryService>, params: Params) -> Answer {
    let work = service.read(|reading| {
        let (names, covering) = reading.service.catalogue().services(reading);
        let names: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        Ok(json!({"services": names, "coverage": covering.finish(reading.budget.elapsed_ns())}))
    });
    or_error(work.await.map(|value| ok(&value, &params)))
}

async fn operations(State(service): State<QueryService>, params: Params) -> Answer {
    let Some(name) = params.get(&["service"]).map(str::to_owned) else {
        return json::error(&QueryError::invalid_with_hint(
            "parameter service is required",
            "name a service of /api/clew/v1/services",
        ));
    };
    let work = service.read(move |reading| {
        let (operations, covering) = reading.service.catalogue().operations(reading, &name);
        Ok(json!({"operations": operations, "coverage": covering.finish(reading.budget.elapsed_ns())}))
    });
    or_error(work.await.map(|value| ok(&value, &params)))
}

async fn skeleton(
    State(service): State<QueryService>,
    Path(id): Path<String>,
    params: Params,
    headers: HeaderMap,
) -> Answer {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or_default();
    let arrow = accept.contains(ARROW_STREAM);
    let answer = async {
        let id = trace_id(&id)?;
        let pretty = params.pretty();
        stream::document(
            &service,
            if arrow {
                ARROW_STREAM
            } else {
                "application/json"
            },
            move |reading| Skeleton::new(Trace::load(reading, id)?, reading.budget.elapsed_ns()),
            move |skeleton, writer| {
                if arrow {
                    skeleton.write_arrow(writer)
                } else {
                    Ok(json::write(writer, skeleton, pretty)?)
                }
            },
        )
        .await
    };
    let mut answer = or_error(answer.await);
    answer
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("accept"));
    answer
}

async fn span(
    State(service): State<QueryService>,
    Path((id, row)): Path<(String, String)>,
    params: Params,
) -> Answer {
    let answer = async {
        let id = trace_id(&id)?;
        let row: usize = row
            .parse()
            .map_err(|_| malformed("row", &row, "a row of the trace's skeleton"))?;
        let pretty = params.pretty();
        stream::document(
            &service,
            "application/json",
            move |reading| SpanDetail::load(reading, id, row),
            move |detail, writer| Ok(json::write(writer, detail, pretty)?),
        )
        .await
    };
    or_error(answer.await)
}

async fn otlp(
    State(service): State<QueryService>,
    Path(id): Path<String>,
    params: Params,
) -> Answer {
    let answer = async {
        let id = trace_id(&id)?;
        let pretty = params.pretty();
        let mut answer = stream::document(
            &service,
            "application/json",
            move |reading| Ok(TraceSet::of(vec![Trace::load(reading, id)?])),
            move |traces, writer| Ok(json::write(writer, &TracesData(traces), pretty)?),
        )
        .await?;
        let name = format!("attachment; filename=\"{id}.otlp.json\"");
        if let Ok(name) = HeaderValue::from_str(&name) {
            answer
                .headers_mut()
                .insert(header::CONTENT_DISPOSITION, name);
        }
        Ok(answer)
    };
    or_error(answer.await)
}

async fn status(State(service): State<QueryService>, params: Params) -> Answer {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(service.store().status()) else {
        return json::error(&QueryError::internal("the store's status is not an object"));
    };
    fields.extend((service.options().status)());
    ok(&fields, &params)
}
