//! Reads back what a server holds: traces by id and SQL.

use std::net::SocketAddr;

use super::http::{self, Connection};
use super::json::Json;
use super::otlp_json;
use super::span::Span;

/// Reads on one connection that is kept.
pub(crate) struct Reader {
    connection: Connection,
}

impl Reader {
    /// Connects to the web port.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            connection: Connection::open(address).expect("a connection"),
        }
    }

    /// All spans of the trace `id` (hex) as they come back; empty when the server does not know it.
    #[track_caller]
    pub(crate) fn trace(&mut self, id: &str) -> Vec<Span> {
        let answer = self
            .connection
            .send("GET", &format!("/api/v3/traces/{id}"), &[], b"")
            .unwrap_or_else(|e| panic!("trace {id}: {e}"));
        if answer.status == 404 {
            return Vec::new();
        }
        let json = answer.json(200);
        otlp_json::spans(json.at("result")).unwrap_or_else(|e| panic!("trace {id}: {e}"))
    }

    /// Rows of a statement.
    #[track_caller]
    pub(crate) fn sql(&mut self, statement: &str) -> Vec<Vec<Json>> {
        let headers = [
            ("content-type", "text/plain"),
            ("accept", "application/json"),
        ];
        let answer = self
            .connection
            .send("POST", "/api/sql", &headers, statement.as_bytes())
            .unwrap_or_else(|e| panic!("{statement}: {e}"));
        let rows = answer.json(200).at("rows").items().to_vec();
        rows.iter().map(|row| row.items().to_vec()).collect()
    }

    /// The one number that a statement yields.
    #[track_caller]
    pub(crate) fn sql_count(&mut self, statement: &str) -> u64 {
        match self.sql(statement).as_slice() {
            [row] if row.len() == 1 => row[0].count(),
            rows => panic!("{statement}: not one number but {rows:?}"),
        }
    }
}

/// The one number that a statement yields, on a connection of its own.
#[track_caller]
pub(crate) fn sql_count(address: SocketAddr, statement: &str) -> u64 {
    Reader::new(address).sql_count(statement)
}

/// Spans in the store.
#[track_caller]
pub(crate) fn span_count(address: SocketAddr) -> u64 {
    sql_count(address, "SELECT count(*) FROM spans")
}

/// Names of a JSON answer of `/api/services`.
#[track_caller]
pub(crate) fn services(address: SocketAddr) -> Vec<String> {
    let answer = http::get(address, "/api/services").json(200);
    answer
        .at("data")
        .items()
        .iter()
        .map(|name| name.text().to_owned())
        .collect()
}
