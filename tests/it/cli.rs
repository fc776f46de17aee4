//! The commands, against a running server and against a directory that no server uses.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use crate::support::command::{clew, clew_reading, ended, file, sending};
use crate::support::json::Json;
use crate::support::query::{span_count, sql_count};
use crate::support::server::{DataDir, Server};

/// Spans of `otlp/deathstarbench-all.cut.otlp.zst`.
const STREAM_SPANS: u64 = 16_572;

#[test]
fn help_and_version_are_there_for_every_command() {
    let version = clew(&["version"], &[]).good();
    assert_eq!(version, format!("clew {}\n", env!("CARGO_PKG_VERSION")));
    let help = clew(&["--help"], &[]).good();
    for command in [
        "serve",
        "import",
        "sql",
        "retention",
        "verify",
        "repair",
        "export",
        "backup",
        "restore",
        "compact",
        "flush",
        "demo",
        "config",
        "version",
    ] {
        assert!(help.contains(&format!("\n  {command}")), "{help}");
        assert!(!clew(&[command, "--help"], &[]).good().is_empty());
    }
    assert!(
        !help.contains("--storage-epoch-size"),
        "settings are shown by `clew help serve` only"
    );
    assert!(
        clew(&["help", "serve"], &[])
            .good()
            .contains("--storage-epoch-size")
    );
    clew(&["no-such-command"], &[]).bad(2);
}

#[test]
fn a_port_in_use_is_named_with_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let arguments = [
        "serve",
        "--ports-otlp-grpc",
        "0",
        "--ports-otlp-http",
        "0",
        "--ports-http",
        "0",
        "--ports-zipkin",
        &port,
    ];
    let complaint = clew(&arguments, &[]).bad(1);
    assert!(
        complaint.contains(&port) && complaint.contains("--ports-zipkin"),
        "{complaint}"
    );
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let server = Server::start(&[]);
    let complaint = ended(&server.data().run(&["serve"])).bad(1);
    assert!(complaint.contains("is in use by process"), "{complaint}");
}

#[test]
fn import_takes_every_format_once() {
    let server = Server::start(&[]);
    let to = server.addresses();
    let check = |path: &str, spans: u64| {
        let before = span_count(to.http);
        let mut arguments = sending("import", to);
        arguments.push(file(path));
        let said = clew(&arguments, &[]).good();
        assert!(
            said.starts_with(&format!("{spans} spans accepted, 0 duplicates, 0 rejected")),
            "{path}: {said}"
        );
        let said = clew(&arguments, &[]).good();
        assert!(
            said.starts_with(&format!("0 spans accepted, {spans} duplicates")),
            "{path}: {said}"
        );
        assert_eq!(span_count(to.http) - before, spans, "{path}");
    };
    check("otlp/nezha-onlineboutique-20220822.cut.otlp.zst", 16_503);
    check("ui/trainticket-200.otlp.json.zst", 200);
    check("zipkin/lens-smartthings-mobile-web-install.json.zst", 1_041);
    check("zipkin/v1-single-batch.json", 5);
    check("jaeger/ui-otlp-multi-out.json", 4);
}

/// The recording and the stream are the same spans; what Jaeger says of them must not make them others.
#[test]
fn a_jaeger_recording_is_the_stream_that_was_made_of_it() {
    let server = Server::start(&[]);
    let to = server.addresses();
    let import = |path: &str| {
        let mut arguments = sending("import", to);
        arguments.push(file(path));
        clew(&arguments, &[]).good()
    };
    import("jaeger/deathstarbench.cut.jaeger.ndjson.zst");
    let spans = span_count(to.http);
    let traces = sql_count(to.http, "SELECT count(DISTINCT trace_id) FROM spans");
    assert_eq!(traces, 16);
    import("otlp/deathstarbench-all.cut.otlp.zst");
    let named_twice = "SELECT count(*) FROM (SELECT trace_id, span_id FROM spans GROUP BY 1, 2 HAVING count(*) > 1 \
        AND count(DISTINCT concat(name, kind, service_name, duration_ns)) > 1)";
    assert_eq!(sql_count(to.http, named_twice), 0);
    assert!(span_count(to.http) <= STREAM_SPANS + spans);
}

#[test]
fn import_reads_standard_input_and_tells_what_it_could_not_take() {
    let server = Server::start(&[]);
    let to = server.addresses();
    let stream = fs::read(file("otlp/deathstarbench-all.cut.otlp.zst")).expect("a file");
    let mut arguments = sending("import", to);
    arguments.push("-".to_owned());
    let said = clew_reading(&arguments, &[], &stream).good();
    assert!(
        said.starts_with(&format!("{STREAM_SPANS} spans accepted")),
        "{said}"
    );

    let cut = &stream[..stream.len() / 2];
    let ended = clew_reading(&arguments, &[], cut);
    assert_eq!(ended.code, 1);
    assert!(
        ended.out.contains("read as OTLP protobuf stream"),
        "{}",
        ended.out
    );

    let ended = clew_reading(&arguments, &[], b"hello");
    assert_eq!(ended.code, 1);
    assert!(
        ended.out.contains("format is not recognised"),
        "{}",
        ended.out
    );

    let bad = br#"[{"traceId":"xyz","id":"1"}]"#;
    let ended = clew_reading(&arguments, &[], bad);
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("400"), "{}", ended.out);
}

#[test]
fn import_without_a_server_says_so() {
    let free = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    let url = format!("http://{free}");
    let complaint = clew(
        &["import", "--otlp-url", &url, &file("zipkin/v2-single.json")],
        &[],
    )
    .bad(1);
    assert!(
        complaint.contains("is `clew serve` running?") && complaint.contains("cannot connect"),
        "{complaint}"
    );
}

/// A stopped directory with the cut of one corpus in it.
fn stored() -> DataDir {
    let server = Server::start(&[]);
    let mut arguments = sending("import", server.addresses());
    arguments.push(file("otlp/deathstarbench-all.cut.otlp.zst"));
    clew(&arguments, &[]).good();
    server.stop()
}

#[test]
fn sql_gives_the_same_answer_by_every_way() {
    let data = stored();
    let query =
        "SELECT service_name, count(*) AS n FROM spans GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3";
    let stopped = ended(&data.run(&["sql", query])).good();
    let server = data.start();
    assert_eq!(ended(&server.data().run(&["sql", query])).good(), stopped);
    let url = format!("http://{}", server.addresses().http);
    assert_eq!(clew(&["sql", "--url", &url, query], &[]).good(), stopped);
    assert_eq!(
        clew_reading(
            &["sql"],
            &[("CLEW_URL", &url)],
            format!("{query};\n").as_bytes()
        )
        .good(),
        stopped
    );
    assert!(
        stopped.starts_with("service_name") && stopped.trim_end().ends_with("(3 rows)"),
        "{stopped}"
    );

    let csv = clew(&["sql", "--url", &url, "--format", "csv", query], &[]).good();
    assert_eq!(
        (csv.lines().next(), csv.lines().count()),
        (Some("service_name,n"), 4),
        "{csv}"
    );
    let json = clew(&["sql", "--url", &url, "--format", "json", query], &[]).good();
    assert_eq!(
        Json::parse(&json)
            .expect("JSON")
            .at("columns")
            .items()
            .len(),
        2
    );
}

#[test]
fn sql_writes_files_of_every_form() {
    let data = stored();
    let out = tempfile::tempdir().expect("a directory");
    // Over what is answered whole, so that the statistics come in trailer fields.
    let query =
        "SELECT trace_id, span_id, name, duration_ns FROM spans ORDER BY span_id LIMIT 8000";
    let write = |name: &str| {
        let path = out.path().join(name);
        let named = path.to_str().expect("a path of our own");
        let said = ended(&data.run(&["sql", query, "--output", named])).good();
        assert_eq!(said, "");
        fs::read(path).expect("a file")
    };
    let lines = |bytes: &[u8]| bytes.split_inclusive(|byte| *byte == b'\n').count();
    assert_eq!(lines(&write("a.csv")), 8_001);
    assert_eq!(lines(&write("a.ndjson")), 8_000);
    assert!(write("a.txt").ends_with(b"(8000 rows)\n"));
    let json = String::from_utf8(write("a.json")).expect("UTF-8");
    let json = Json::parse(&json).expect("JSON");
    assert_eq!(json.at("stats").at("rows").count(), 8_000);
    let parquet = write("a.parquet");
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    assert!(write("a.arrow").len() > 100_000);

    // A statement from a file, and a form that the name does not say.
    let statement = out.path().join("query.sql");
    fs::write(&statement, "SELECT 1 AS one;\n").expect("a file");
    let statement = statement.to_str().expect("a path of our own");
    let csv = ended(&data.run(&["sql", "-f", statement, "--format", "csv"])).good();
    assert_eq!(csv, "one\n1\n");
}

#[test]
fn sql_says_when_a_result_was_cut_off() {
    let mut data = stored();
    data.set(&[("QUERY_SQL_ROWS_MAX", "9000")]);
    let server = data.start();
    let url = format!("http://{}", server.addresses().http);
    let query = "SELECT trace_id, span_id, name FROM spans";
    let ended = clew(&["sql", "--url", &url, "--format", "csv", query], &[]);
    assert_eq!((ended.code, ended.out.lines().count()), (0, 9_001));
    assert!(
        ended.err.contains("cut off at the limit of rows"),
        "{}",
        ended.err
    );
}

#[test]
fn sql_that_is_wrong_is_pointed_at() {
    let server = Server::start(&[]);
    let url = format!("http://{}", server.addresses().http);
    let complaint = clew(
        &["sql", "--url", &url, "SELECT service_nam FROM spans"],
        &[],
    )
    .bad(1);
    assert!(complaint.contains("service_nam"), "{complaint}");
    clew(&["sql", "--url", &url, "DROP TABLE spans"], &[]).bad(1);
    clew(&["sql", "--url", &url, "  "], &[]).bad(2);
}

#[test]
fn flush_verify_and_retention_work_with_and_without_a_server() {
    let data = stored();
    let spans = format!("{STREAM_SPANS} spans");
    let check = |run: &dyn Fn(&[&str]) -> String| {
        assert_eq!(run(&["flush"]), "flushed\n");
        let said = run(&["verify"]);
        assert!(
            said.contains(&spans) && said.trim_end().ends_with("all is well"),
            "{said}"
        );
        let said = run(&["compact"]);
        assert!(
            said.starts_with("merged ") || said.starts_with("nothing to merge"),
            "{said}"
        );
        let said = run(&["verify"]);
        assert!(said.contains(&spans), "{said}");
        let said = run(&["retention", "--older-than", "1h", "--dry-run"]);
        assert!(said.starts_with("would drop 0 segments"), "{said}");
        let said = run(&[
            "retention",
            "--older-than",
            "1ms",
            "--dry-run",
            "--trust-clock",
        ]);
        assert!(
            said.contains(&spans) && said.starts_with("would drop"),
            "{said}"
        );
    };
    check(&|arguments| ended(&data.run(arguments)).good());
    let server = data.start();
    check(&|arguments| ended(&server.data().run(arguments)).good());

    let report = ended(&server.data().run(&[
        "retention",
        "--older-than",
        "1ms",
        "--json",
        "--trust-clock",
    ]))
    .good();
    let report = Json::parse(&report).expect("JSON");
    assert_eq!(report.at("spans").count(), STREAM_SPANS);
    assert_eq!(span_count(server.addresses().http), 0);
}

#[test]
fn a_backup_holds_what_was_acknowledged_and_comes_back() {
    let data = stored();
    let backup = DataDir::new(&[]);
    let to = backup.path().join("backup");
    let to = to.to_str().expect("a path in UTF-8");
    let server = data.start();
    let run = |arguments: &[&str]| ended(&server.data().run(arguments));
    let said = run(&["backup", to]).good();
    assert!(said.contains(&format!("{STREAM_SPANS} spans")), "{said}");
    let again = run(&["backup", to, "--json"]).good();
    let again = Json::parse(&again).expect("JSON");
    assert_eq!(again.at("copied_bytes").count(), 0);
    let checked = clew(&["verify", "--data-dir", to], &[]).good();
    assert!(checked.trim_end().ends_with("all is well"), "{checked}");
    let in_use = run(&["restore", to]).bad(1);
    assert!(in_use.contains("is not empty"), "{in_use}");

    let restored = DataDir::new(&[]);
    let said = ended(&restored.run(&["restore", to])).good();
    assert!(said.starts_with("restored"), "{said}");
    let server = restored.start();
    assert_eq!(span_count(server.addresses().http), STREAM_SPANS);
    let nothing = clew(&["restore", "/no/such/backup", "--data-dir", to], &[]).bad(1);
    assert!(nothing.contains("is no backup"), "{nothing}");
}

#[test]
fn a_directory_of_something_else_is_refused_and_left_alone() {
    let other = DataDir::new(&[]);
    let dir = other.path().join("other");
    fs::create_dir_all(&dir).expect("a directory");
    fs::write(dir.join("notes.txt"), "mine").expect("a file");
    let dir = dir.to_str().expect("a path in UTF-8");
    for command in [
        &["sql", "SELECT count(*) FROM spans"][..],
        &["verify"],
        &["repair"],
        &["repair", "--apply"],
        &["flush"],
        &["compact"],
        &["retention"],
        &["backup", "/no/such/backup"],
    ] {
        let arguments = [command, &["--data-dir", dir]].concat();
        let said = clew(&arguments, &[]).bad(1);
        assert!(
            said.contains("is no data directory of a server"),
            "{command:?}: {said}"
        );
        let entries = fs::read_dir(dir).expect("a directory");
        assert_eq!(entries.count(), 1, "{command:?}");
    }
}

#[test]
fn retention_goes_by_size_too() {
    let data = stored();
    let run = |arguments: &[&str]| ended(&data.run(arguments));
    run(&["flush"]).good();
    let said = run(&["retention", "--max-bytes", "1GiB", "--dry-run"]).good();
    assert!(said.starts_with("would drop 0 segments"), "{said}");
    let said = run(&["retention", "--max-bytes", "1KiB"]).good();
    assert!(said.contains("for the size"), "{said}");
    run(&["retention", "--max-bytes", "lots"]).bad(2);
}

#[test]
fn retention_needs_an_age() {
    let data = DataDir::new(&[("RETENTION_MAX_AGE", "off")]);
    let complaint = ended(&data.run(&["retention"])).bad(2);
    assert!(complaint.contains("--older-than"), "{complaint}");
}

#[test]
fn the_demo_fills_the_store() {
    let server = Server::start(&[]);
    let mut arguments = sending("demo", server.addresses());
    arguments.truncate(3);
    arguments.extend(["--count", "250", "--over", "2h"].map(str::to_owned));
    let said = clew(&arguments, &[]).good();
    assert!(said.starts_with("sent 250 visits"), "{said}");
    let http = server.addresses().http;
    assert!(sql_count(http, "SELECT count(DISTINCT trace_id) FROM spans") >= 250);
    assert!(
        sql_count(
            http,
            "SELECT count(*) FROM spans WHERE status_code = 'error'"
        ) > 0
    );
    assert_eq!(
        sql_count(http, "SELECT count(DISTINCT service_name) FROM spans"),
        10
    );
}

#[test]
fn the_admin_socket_is_the_owners_alone_and_goes_with_the_server() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let server = Server::start(&[]);
    let socket = server.data().path().join("clew.sock");
    let metadata = fs::metadata(&socket).expect("a socket");
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    server.stop();
    assert!(!socket.exists());
}

#[test]
fn an_export_comes_back_by_import_and_is_what_sql_says() {
    let server = stored().start();
    let home = tempfile::tempdir().expect("a directory");
    let to = |name: &str| home.path().join(name).to_str().expect("UTF-8").to_owned();
    let export = |arguments: &[&str]| ended(&server.data().run(arguments));
    let all = to("all.jsonl.zst");
    export(&["export", "--output", &all, "--limit", "100000"]).good();
    let other = DataDir::new(&[]).start();
    let mut import = sending("import", other.addresses());
    import.push(all.clone());
    clew(&import, &[]).good();
    assert_eq!(span_count(other.addresses().http), STREAM_SPANS);

    let traces = "SELECT count(DISTINCT trace_id) FROM spans WHERE status_code = 'error'";
    let traces = sql_count(server.addresses().http, traces);
    let errors = to("errors.csv");
    export(&["export", "error", "--output", &errors, "--limit", "100000"]).good();
    let text = fs::read_to_string(&errors).expect("the file");
    let mut lines = text.lines();
    let head = lines.next().expect("a header");
    assert!(head.starts_with("trace_id,span_id,"), "{head}");
    let ids: std::collections::BTreeSet<&str> = lines
        .filter_map(|line| line.split(',').next())
        .filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .collect();
    assert_eq!(ids.len() as u64, traces);

    let parquet = to("errors.parquet");
    export(&["export", "error", "--output", &parquet, "--limit", "100000"]).good();
    let bytes = fs::read(&parquet).expect("the file");
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));

    let cut = export(&["export", "--output", &all, "--limit", "3"]);
    assert_eq!(cut.code, 1);
    assert!(
        cut.err.contains("3 traces in") && cut.err.contains("--limit takes more"),
        "{}",
        cut.err
    );
    export(&["export", "--output", &to("a.xlsx")]).bad(2);
    export(&["export", "a=", "--output", &all]).bad(1);
}

#[test]
fn repair_says_what_it_would_do_and_makes_an_index_again() {
    let data = stored();
    ended(&data.run(&["flush"])).good();
    let damage = |data: &DataDir| {
        let files = data.files();
        let is_index = |path: &&PathBuf| path.extension() == Some("index".as_ref());
        // What a repair has replaced may lie there until the next start.
        for index in files.iter().filter(is_index) {
            let path = data.path().join(index);
            let mut bytes = fs::read(&path).expect("the index");
            bytes[40] ^= 1;
            fs::write(path, bytes).expect("the index");
        }
    };
    let check = |run: &dyn Fn(&[&str]) -> crate::support::command::Ended| {
        run(&["verify"]).bad(1);
        let said = run(&["repair"]);
        assert_eq!(said.code, 1);
        assert!(
            said.out.contains("can be made again") && said.out.contains("--apply does it"),
            "{}",
            said.out
        );
        run(&["verify"]).bad(1);
        let said = run(&["repair", "--apply"]).good();
        assert!(said.contains("made again, nothing is lost"), "{said}");
        let said = run(&["verify"]).good();
        assert!(said.contains(&format!("{STREAM_SPANS} spans")), "{said}");
        let said = run(&["repair", "--json"]).good();
        assert!(said.contains("\"repairs\":[]"), "{said}");
    };
    damage(&data);
    check(&|arguments| ended(&data.run(arguments)));
    damage(&data);
    let server = data.start();
    check(&|arguments| ended(&server.data().run(arguments)));
    assert_eq!(span_count(server.addresses().http), STREAM_SPANS);
}
