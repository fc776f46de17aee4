//! Segments as anybody reads them: `DuckDB`, polars and pandas find in the files what the server answers. The reader is
//! `tests/open_data/read.py`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::support::command::{clew, ended, file, sending};
use crate::support::query::Reader;
use crate::support::server::{DataDir, Server};

/// Keys that some files have in a column and others in a map, and one that none has.
const KEYS: [&str; 4] = [
    "http.method",
    "http.status_code",
    "component",
    "no.such.key",
];

/// What a reader finds.
#[derive(Debug, Deserialize)]
struct Found {
    reader: String,
    /// Spans, their duration and how many have each key, by service.
    services: BTreeMap<String, Vec<u64>>,
    /// Spans without a parent, and with one that is there.
    parents: [u64; 2],
    /// Spans and errors by the table of traces.
    traces: [u64; 2],
}

#[test]
fn others_find_in_the_files_what_the_server_answers() {
    let server = DataDir::new(&[("COMPACTION_ENABLED", "false")]).start();
    for name in [
        "otlp/deathstarbench-all.cut.otlp.zst",
        "otlp/nezha-trainticket-20230129.cut.otlp.zst",
        "zipkin/v2-single.json",
    ] {
        let mut arguments = sending("import", server.addresses());
        arguments.push(file(name));
        clew(&arguments, &[]).good();
        ended(&server.data().run(&["flush"])).good();
    }
    let expected = by_server(&server);
    let has = |place: usize| expected.values().map(|row| row[place]).sum::<u64>();
    assert!(has(2) > 0 && has(3) > 0 && has(5) == 0, "{expected:?}");
    let copy = DataDir::new(&[]);
    let to = copy.path();
    let to = to.to_str().expect("UTF-8");
    ended(&server.data().run(&["backup", to, "--link"])).good();
    let found = by_others(&copy.path());
    let names: Vec<&str> = found.iter().map(|found| found.reader.as_str()).collect();
    assert_eq!(names, ["duckdb", "polars", "pandas"]);
    let mut reader = Reader::new(server.addresses().http);
    let errors = reader.sql_count("SELECT count(*) FROM spans WHERE status_code = 'error'");
    let parents = [
        "SELECT count(*) FROM spans WHERE parent_span_id IS NULL",
        "SELECT count(*) FROM spans WHERE parent_span_id IN (SELECT span_id FROM spans)",
    ];
    let parents = parents.map(|count| reader.sql_count(count));
    assert!(parents.iter().all(|count| *count > 0), "{parents:?}");
    for found in found {
        assert_eq!(found.parents, parents, "{}", found.reader);
        assert_eq!(found.services, expected, "{}", found.reader);
        assert_eq!(found.traces, [has(0), errors], "{}", found.reader);
    }
}

fn by_server(server: &Server) -> BTreeMap<String, Vec<u64>> {
    let counts = KEYS.map(|key| format!("count(attributes['{key}'])"));
    let statement = format!(
        "SELECT service_name, count(*), sum(duration_ns), {} FROM spans GROUP BY 1",
        counts.join(", ")
    );
    let rows = Reader::new(server.addresses().http).sql(&statement);
    let row = |row: Vec<crate::support::json::Json>| {
        let numbers = row[1..].iter().map(|number| number.count());
        (row[0].text().to_owned(), numbers.collect())
    };
    rows.into_iter().map(row).collect()
}

fn by_others(directory: &Path) -> Vec<Found> {
    let target = Path::new(env!("CARGO_BIN_EXE_clew"))
        .ancestors()
        .nth(2)
        .expect("a target folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/open_data/run.sh");
    let output = Command::new(script)
        .env("CARGO_TARGET_DIR", target)
        .arg(directory)
        .args(KEYS)
        .stdin(Stdio::null())
        .output()
        .expect("the readers start");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect()
}
