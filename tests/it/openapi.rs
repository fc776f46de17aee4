//! `docs/openapi.json` against the server: every call that it describes is there, and every route of the sources is described.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::http;
use crate::support::load::batch;
use crate::support::server::Server;

/// Folders of the sources that hold routes for clients.
const SOURCES: [&str; 5] = [
    "query/src",
    "src/serve/archive.rs",
    "src/serve/health.rs",
    "src/serve/span_metrics.rs",
    "src/serve/trial.rs",
];
/// Examples of each call that are made up for a run of schemathesis.
const EXAMPLES: &str = "10";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn description() -> Value {
    let text = std::fs::read(root().join("docs/openapi.json")).expect("the description");
    serde_json::from_slice(&text).expect("JSON")
}

/// Paths that the description knows.
fn described() -> BTreeSet<String> {
    let paths = description()["paths"].as_object().expect("paths").clone();
    paths.into_iter().map(|(path, _)| path).collect()
}

fn sources(place: PathBuf, found: &mut String) {
    if place.is_dir() {
        for entry in std::fs::read_dir(place).expect("a folder") {
            sources(entry.expect("an entry").path(), found);
        }
    } else if place.extension().is_some_and(|extension| extension == "rs") {
        found.push_str(&std::fs::read_to_string(place).expect("a source"));
    }
}

#[test]
fn every_route_is_described() {
    let mut text = String::new();
    for place in SOURCES {
        sources(root().join(place), &mut text);
    }
    let routes = text.split(".route(").skip(1);
    let paths = routes.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
    // What answers that there is no such call.
    let paths: BTreeSet<String> = paths
        .filter(|path| !path.contains('*'))
        .map(str::to_owned)
        .collect();
    assert_eq!(described(), paths);
}

#[test]
fn every_described_call_is_there() {
    let server = Server::start(&[]);
    let to = server.addresses();
    let answered = http::get(to.http, "/api/openapi.json").body;
    assert_eq!(
        serde_json::from_slice::<Value>(&answered).expect("JSON"),
        description()
    );
    for (path, methods) in description()["paths"].as_object().expect("paths") {
        let address = if path.starts_with("/api/v2/") {
            to.zipkin
        } else {
            to.http
        };
        // An id that is not stored: `not found` must be of the trace, not of the call.
        let asked = path
            .replace("{id}", "abc")
            .replace("{service}", "a")
            .replace("{row}", "0");
        for method in ["get", "post"] {
            if methods[method].is_null() {
                continue;
            }
            let answer = http::request(address, &method.to_uppercase(), &asked, &[], b"");
            let text = answer.text();
            assert!(
                answer.status != 405 && !text.contains("no such call"),
                "{method} {path}: {text}"
            );
            let is_of_trace = text.contains("trace") || text.contains("not found");
            assert!(
                answer.status != 404 || is_of_trace,
                "{method} {path}: {text}"
            );
            let status = answer.status.to_string();
            assert!(
                !methods[method]["responses"][&status].is_null(),
                "{method} {path}: {status}"
            );
        }
    }
}

#[test]
fn schemathesis_finds_no_answer_that_is_not_described() {
    let server = Server::start(&[]);
    let to = server.addresses();
    let sent = http::request(
        to.otlp_http,
        "POST",
        "/v1/traces",
        &[("content-type", "application/x-protobuf")],
        &batch("shop", "0123456789abcdef0123456789abcdef"),
    );
    assert_eq!(sent.status, 200, "{}", sent.text());
    let target = Path::new(env!("CARGO_BIN_EXE_clew"))
        .ancestors()
        .nth(2)
        .expect("a target folder");
    for (address, which, paths) in [
        (to.http, "--exclude-path-regex", "^/api/v2/"),
        (to.zipkin, "--include-path-regex", "^/api/v2/"),
    ] {
        let output = Command::new(root().join("tests/openapi/run.sh"))
            .env("CARGO_TARGET_DIR", target)
            .args([
                root()
                    .join("docs/openapi.json")
                    .to_str()
                    .expect("a path of ours"),
                "--url",
            ])
            .arg(format!("http://{address}"))
            .args([which, paths, "--max-examples", EXAMPLES])
            .output()
            .expect("schemathesis runs");
        let said = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}{complaint}");
    }
}
