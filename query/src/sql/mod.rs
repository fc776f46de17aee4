//! `POST /api/sql`: one read-only statement over the tables of one snapshot.
//!
//! The body is `{"query": "SELECT …"}` as JSON, or the statement itself as text. The answer is JSON, NDJSON, CSV, an Arrow
//! IPC stream or Parquet, by `Accept`; see [`encode`]. Errors are `{"error":{"code","message","hint","position"}}`, the
//! position a byte offset in the statement.
//!
//! The cage, from outside in:
//! 1. bounds on text, tokens and depth before anything is planned, and one `SELECT`, `WITH`, `VALUES`, `EXPLAIN`, `SHOW TABLES`
//!    or `DESCRIBE` only ([`cage`]);
//! 2. planned on a thread with a large stack, with DDL, DML and statements refused by DataFusion as well ([`run`]);
//! 3. no object store, no file format, no table but ours to be opened, no temporary file ([`session`]);
//! 4. functions whose result may be larger than a client can pay for are left out or guarded ([`functions`], [`meter`]);
//! 5. a memory pool, a time limit, a limit on rows and bytes, and turns; a client that leaves ends its statement, inside of a join too ([`run`],
//!    [`interrupt`]).

mod cage;
mod describe;
mod encode;
mod error;
mod functions;
mod interrupt;
mod meter;
mod progress;
mod read_order;
mod run;
mod send;
pub(crate) mod session;
mod tables;
mod whole_traces;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::routing::post;

use crate::error::QueryError;
use crate::http::json::{self, Answer};
use crate::service::QueryService;
use encode::Format;

#[cfg(test)]
pub(crate) use interrupt::Deadline;
pub(crate) use run::{SqlEngine, SqlRows};
pub(crate) use session::{CATALOG, SCHEMA};

/// Room for the JSON around a statement, and for its escapes.
const BODY_FACTOR: usize = 6;

/// The route of this API.
pub(crate) fn router() -> Router<QueryService> {
    Router::new().route("/api/sql", post(sql))
}

async fn sql(State(service): State<QueryService>, headers: HeaderMap, body: Body) -> Answer {
    let answer = async {
        let format = Format::of_accept(header_text(&headers, header::ACCEPT))?;
        let max = service.limits().sql.text_bytes_max;
        let body = to_bytes(body, max * BODY_FACTOR)
            .await
            .map_err(|_| cage::too_long(max))?;
        let statement = statement(&body, header_text(&headers, header::CONTENT_TYPE))?;
        let rows = service.sql().run(&service, statement).await?;
        let trailers = header_text(&headers, header::TE).contains("trailers");
        send::answer(&service, rows, format, trailers).await
    };
    match answer.await {
        Ok(answer) => answer,
        Err(error) => json::error(&error),
    }
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// A body of JSON.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    query: String,
}

/// The statement in a request's body.
fn statement(body: &[u8], content_type: &str) -> Result<String, QueryError> {
    let text =
        std::str::from_utf8(body).map_err(|_| QueryError::invalid("the statement is not UTF-8"))?;
    let is_json = content_type.contains("json")
        || (content_type.is_empty() && text.trim_start().starts_with('{'));
    if !is_json {
        return Ok(text.to_owned());
    }
    let request: Request = serde_json::from_str(text).map_err(|error| {
        QueryError::invalid_with_hint(
            format!("the body is not a request: {error}"),
            "send {\"query\": \"SELECT …\"}, or the statement as text/plain",
        )
    })?;
    Ok(request.query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_text_or_json() {
        assert_eq!(statement(b"SELECT 1", "text/plain").unwrap(), "SELECT 1");
        assert_eq!(statement(b"SELECT 1", "").unwrap(), "SELECT 1");
        assert_eq!(
            statement(
                br#"{"query":"SELECT 1"}"#,
                "application/json; charset=utf-8"
            )
            .unwrap(),
            "SELECT 1"
        );
        assert_eq!(
            statement(br#" {"query":"SELECT 1"}"#, "").unwrap(),
            "SELECT 1"
        );
    }

    #[test]
    fn other_bodies_are_refused() {
        for body in [
            &b"{}"[..],
            b"[]",
            b"SELECT 1",
            br#"{"query":"SELECT 1","limit":5}"#,
            br#"{"query":1}"#,
        ] {
            assert!(
                statement(body, "application/json").is_err(),
                "{}",
                String::from_utf8_lossy(body)
            );
        }
        assert!(statement(b"SELECT '\xff'", "text/plain").is_err());
    }
}
