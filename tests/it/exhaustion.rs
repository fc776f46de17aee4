//! Statements that would exhaust a server, sixteen at a time, while spans come in: it lives, stays small, and takes the spans.

use std::sync::Mutex;

use crate::support::command::file;
use crate::support::http;
use crate::support::load::{Fate, Ledger, Load};
use crate::support::query::span_count;
use crate::support::random::Random;
use crate::support::server::Server;

/// Statements at the same time.
const AT_ONCE: usize = 16;
/// Memory of one statement.
const STATEMENT_MEMORY: &str = "32MiB";
/// What the server may take: four statements that run, functions beside the pool, spans on their way, and itself.
const MEMORY_MAX: u64 = 1 << 30;

#[test]
fn a_server_outlives_statements_that_would_exhaust_it() {
    let mut server = Server::start(&[
        ("QUERY_SQL_TIMEOUT", "500ms"),
        ("QUERY_SQL_MEMORY_SIZE", STATEMENT_MEMORY),
    ]);
    let to = server.addresses();
    let (mut random, seed) = Random::fresh();
    eprintln!("seed {seed}");
    let ledger = Ledger::new("exhaustion");
    let load = Load::start(to, &ledger, &mut random);
    while ledger.count(Fate::Acknowledged) < 50 {
        std::thread::yield_now();
    }
    let text = std::fs::read_to_string(file("sql/exhaustion.sql")).expect("a file");
    let statements = text.lines().filter(|line| !line.starts_with("-- "));
    let waiting: Mutex<Vec<&str>> = Mutex::new(statements.collect());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().expect("no panic").pop();
                    let Some(statement) = next else { break };
                    let headers = [("content-type", "text/plain")];
                    let body = statement.as_bytes();
                    let answer = http::request(to.http, "POST", "/api/sql", &headers, body);
                    assert!(
                        [400, 422, 503].contains(&answer.status),
                        "{statement}: {}",
                        answer.status
                    );
                }
            });
        }
    });
    let before = ledger.count(Fate::Acknowledged);
    load.finish();
    assert!(server.is_alive());
    assert!(before >= 50 && ledger.count(Fate::Refused) == 0);
    assert!(span_count(to.http) > 0);
    let peak = server.peak_rss();
    assert!(peak < MEMORY_MAX, "{} MiB", peak >> 20);
}
