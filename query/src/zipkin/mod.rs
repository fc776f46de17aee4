//! Zipkin's query API v2, as its UI Lens and other clients call it.
//!
//! | GET | parameters | answer |
//! |---|---|---|
//! | `/api/v2/services` | | names |
//! | `/api/v2/spans`, `/api/v2/remoteServices` | `serviceName` | names |
//! | `/api/v2/traces` | see [`params`] | traces that match, newest first |
//! | `/api/v2/trace/{id}` | | spans of one trace |
//! | `/api/v2/traceMany` | `traceIds`, two or more | traces |
//! | `/api/v2/dependencies` | `endTs`, `lookback` | calls between services |
//! | `/api/v2/autocompleteKeys`, `/api/v2/autocompleteValues` | `key` | tags |
//!
//! Bodies are bare JSON, errors a line of text. As in Zipkin, service and span names are in lower case, and a search is met by
//! several spans together ([`criteria`]). Where an answer may not be whole, the header `x-clew-incomplete` says why.

mod criteria;
mod ids;
mod names;
mod params;
mod search;
mod span;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::routing::get;
use serde::{Serialize, Serializer};

use crate::error::QueryError;
use crate::http::json::{self, Answer};
use crate::http::params::Params;
use crate::http::stream;
use crate::search::Order;
use crate::service::{QueryService, Reading};
use crate::trace::set::TraceSet;
use ids::Ids;

/// Header that says why an answer may not be whole.
const INCOMPLETE: HeaderName = HeaderName::from_static("x-clew-incomplete");
/// How long clients may keep lists of names.
const NAMES_CACHE: HeaderValue = HeaderValue::from_static("max-age=300, must-revalidate");
/// Up to so many names are not kept: whoever has just begun wants to see new ones.
const NAMES_UNCACHED_MAX: usize = 3;

/// What a site sets for Zipkin's clients.
#[derive(Debug, Clone, PartialEq)]
pub struct ZipkinOptions {
    /// Trace ids differ also when only their high 64 bits do.
    pub strict_trace_id: bool,
    /// How far back a request looks that does not say.
    pub lookback: Duration,
    /// Tags that clients may offer for completion; all if there is none.
    pub autocomplete_keys: Vec<String>,
}

impl Default for ZipkinOptions {
    fn default() -> Self {
        Self {
            strict_trace_id: true,
            lookback: Duration::from_hours(24),
            autocomplete_keys: Vec::new(),
        }
    }
}

/// The state of the routes.
#[derive(Clone)]
struct Zipkin {
    service: QueryService,
    options: Arc<ZipkinOptions>,
}

impl FromRef<Zipkin> for QueryService {
    fn from_ref(zipkin: &Zipkin) -> Self {
        zipkin.service.clone()
    }
}

/// Zipkin's query API.
pub fn zipkin_router(service: QueryService, options: ZipkinOptions) -> Router {
    let options = Arc::new(options);
    Router::new()
        .route("/api/v2/services", get(services))
        .route("/api/v2/spans", get(span_names))
        .route("/api/v2/remoteServices", get(remote_services))
        .route("/api/v2/traces", get(traces))
        .route("/api/v2/trace/{id}", get(one_trace))
        .route("/api/v2/traceMany", get(trace_many))
        .route("/api/v2/dependencies", get(dependencies))
        .route("/api/v2/autocompleteKeys", get(autocomplete_keys))
        .route("/api/v2/autocompleteValues", get(autocomplete_values))
        .with_state(Zipkin { service, options })
}

/// Zipkin's clients show the body of an error.
fn or_error(answer: Result<Answer, QueryError>) -> Answer {
    answer.unwrap_or_else(|error| {
        let text = match error.hint() {
            Some(hint) => format!("{error}; {hint}\n"),
            None => format!("{error}\n"),
        };
        let answer = json::with_body(json::status(&error), "text/plain; charset=utf-8", text);
        json::finish_error(&error, answer)
    })
}

/// The value of a parameter that has to be there.
fn required<'p>(params: &'p Params, name: &str) -> Result<&'p str, QueryError> {
    params
        .get(&[name])
        .ok_or_else(|| QueryError::invalid(format!("{name} parameter is required")))
}

/// Says why an answer may not be whole.
fn mark(mut answer: Answer, incomplete: &[String]) -> Answer {
    let text: String = incomplete
        .join("; ")
        .chars()
        .map(|c| if (' '..='~').contains(&c) { c } else { '?' })
        .collect();
    if let (false, Ok(value)) = (text.is_empty(), HeaderValue::from_str(&text)) {
        answer.headers_mut().insert(INCOMPLETE, value);
    }
    answer
}

/// A list of names, which clients may keep for a while if `cached`.
fn names_answer(names: &[String], incomplete: &[String], cached: bool) -> Answer {
    let mut answer = json::answer(StatusCode::OK, names, false);
    if cached {
        answer
            .headers_mut()
            .insert(header::CACHE_CONTROL, NAMES_CACHE);
    }
    mark(answer, incomplete)
}

async fn services(State(zipkin): State<Zipkin>) -> Answer {
    let names = zipkin
        .service
        .read(|reading| Ok(names::services(reading)))
        .await;
    or_error(names.map(|(names, incomplete)| {
        names_answer(&names, &incomplete, names.len() > NAMES_UNCACHED_MAX)
    }))
}

async fn span_names(State(zipkin): State<Zipkin>, params: Params) -> Answer {
    let answer = async {
        let service = required(&params, "serviceName")?.to_lowercase();
        let read = move |reading: &Reading| {
            let many = names::services(reading).0.len() > NAMES_UNCACHED_MAX;
            Ok((names::spans(reading, &service), many))
        };
        let ((names, incomplete), many) = zipkin.service.read(read).await?;
        Ok(names_answer(&names, &incomplete, many))
    };
    or_error(answer.await)
}

async fn remote_services(State(zipkin): State<Zipkin>, params: Params) -> Answer {
    let answer = async {
        let service = required(&params, "serviceName")?.to_lowercase();
        let stored = zipkin
            .service
            .read(move |reading| Ok(names::stored(reading, &service)))
            .await?;
        let (names, incomplete) = names::remote_services(&zipkin.service, &stored).await?;
        Ok(names_answer(
            &names,
            &incomplete,
            names.len() > NAMES_UNCACHED_MAX,
        ))
    };
    or_error(answer.await)
}

async fn autocomplete_keys(State(zipkin): State<Zipkin>) -> Answer {
    let mut keys = zipkin.options.autocomplete_keys.clone();
    if keys.is_empty() {
        let known = zipkin.service.read(names::keys).await;
        return or_error(known.map(|(keys, incomplete)| {
            names_answer(&keys, &incomplete, keys.len() > NAMES_UNCACHED_MAX)
        }));
    }
    keys.sort();
    keys.dedup();
    names_answer(&keys, &[], true)
}

async fn autocomplete_values(State(zipkin): State<Zipkin>, params: Params) -> Answer {
    let answer = async {
        let key = required(&params, "key")?.to_owned();
        let chosen = &zipkin.options.autocomplete_keys;
        let (values, incomplete) = if chosen.is_empty() || chosen.contains(&key) {
            let read = move |reading: &Reading| names::values(reading, &key);
            zipkin.service.read(read).await?
        } else {
            names::Names::default()
        };
        Ok(names_answer(
            &values,
            &incomplete,
            values.len() > NAMES_UNCACHED_MAX,
        ))
    };
    or_error(answer.await)
}

async fn traces(State(zipkin): State<Zipkin>, params: Params) -> Answer {
    let answer = async {
        let now_ms = zipkin.service.clock().now_unix_nano() / 1_000_000;
        let criteria = params::search(&params, zipkin.service.limits(), &zipkin.options, now_ms)?;
        let strict = zipkin.options.strict_trace_id;
        let incomplete = Arc::new(std::sync::Mutex::new(Vec::new()));
        let told = Arc::clone(&incomplete);
        let answer = stream::document(
            &zipkin.service,
            "application/json",
            move |reading| {
                let ids = Ids::of(reading, strict)?;
                let found = search::search(reading, &criteria, &ids)?;
                if let Ok(mut told) = told.lock() {
                    *told = found.incomplete;
                }
                Ok(Traces::new(reading, found.traces))
            },
            |traces, writer| Ok(json::write(writer, traces, false)?),
        )
        .await?;
        let reasons = incomplete.lock().map(|told| told.clone());
        Ok(mark(answer, &reasons.unwrap_or_default()))
    };
    or_error(answer.await)
}

async fn one_trace(State(zipkin): State<Zipkin>, Path(id): Path<String>) -> Answer {
    let answer = async {
        let id = ids::parse(id.trim())?;
        let strict = zipkin.options.strict_trace_id;
        stream::document(
            &zipkin.service,
            "application/json",
            move |reading| {
                let traces = ids::load(reading, &Ids::of(reading, strict)?.same(id))?;
                if traces.is_empty() {
                    return Err(QueryError::NotFound {
                        message: format!("{} not found", ids::text(&id.0)),
                        hint: None,
                    });
                }
                Ok(TraceSet::of(traces))
            },
            |set, writer| Ok(json::write(writer, &span::Spans(set), false)?),
        )
        .await
    };
    or_error(answer.await)
}

async fn trace_many(State(zipkin): State<Zipkin>, params: Params) -> Answer {
    let answer = async {
        let ids = params::many(&params, zipkin.service.limits())?;
        let strict = zipkin.options.strict_trace_id;
        stream::document(
            &zipkin.service,
            "application/json",
            move |reading| {
                let known = Ids::of(reading, strict)?;
                let mut groups: Vec<_> = ids.into_iter().map(|id| known.same(id)).collect();
                groups.dedup();
                Ok(Traces::new(reading, groups))
            },
            |traces, writer| Ok(json::write(writer, traces, false)?),
        )
        .await
    };
    or_error(answer.await)
}

async fn dependencies(State(zipkin): State<Zipkin>, params: Params) -> Answer {
    let answer = async {
        let window = params::window(&params, &zipkin.options)?;
        let found = zipkin
            .service
            .read(move |reading| crate::counts::dependencies(reading, window))
            .await?;
        let links: Vec<_> = found.edges.iter().map(names::link).collect();
        Ok(mark(
            json::answer(StatusCode::OK, &links, false),
            &found.incomplete,
        ))
    };
    or_error(answer.await)
}

/// `[[span]]`: traces that are read when they are written, one at a time.
struct Traces {
    reading: Reading,
    groups: Vec<Vec<clew_storage::TraceId>>,
}

impl Traces {
    fn new(reading: &Reading, groups: Vec<Vec<clew_storage::TraceId>>) -> Self {
        Self {
            reading: reading.again(),
            groups,
        }
    }
}

impl Serialize for Traces {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeSeq};
        let mut seq = serializer.serialize_seq(None)?;
        for ids in &self.groups {
            let traces = ids::load(&self.reading, ids).map_err(S::Error::custom)?;
            if !traces.is_empty() {
                seq.serialize_element(&span::Spans(&TraceSet::of(traces)))?;
            }
        }
        seq.end()
    }
}

/// The order of Zipkin's answers.
const ORDER: Order = Order::Newest;
