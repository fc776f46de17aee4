//! Flight SQL by a real client: the ADBC driver, as analysts have it from the Python package index. What it asks is in `tests/flight/ask.py`.
//! What the JDBC driver asks beside that is asked by the client of the crate `arrow-flight`.

use std::path::Path;
use std::process::Command;

use arrow_flight::FlightInfo;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetTables,
};
use futures::TryStreamExt;
use tonic::transport::{Channel, Endpoint};

use serde_json::{Value, json};

use crate::support::command::file;
use crate::support::http;
use crate::support::load::batch;
use crate::support::server::{DataDir, Server};

const TRACE: &str = "0123456789abcdef0123456789abcdef";
const QUERY: &str = "query-query-query-query";
const INGEST: &str = "ingest-ingest-ingest-ingest";

fn run(server: &Server, variables: &[(&str, &str)]) -> Result<Value, String> {
    let target = Path::new(env!("CARGO_BIN_EXE_clew"))
        .ancestors()
        .nth(2)
        .expect("a target folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flight/run.sh");
    let port = server.addresses().grpc.port();
    let output = Command::new(script)
        .env("CARGO_TARGET_DIR", target)
        .env("CLEW_GRPC", format!("localhost:{port}"))
        .envs(variables.iter().copied())
        .output()
        .expect("the driver runs");
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).expect("JSON"))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn send(server: &Server) {
    let headers = [
        ("content-type", "application/x-protobuf"),
        ("authorization", &format!("Bearer {INGEST}")),
    ];
    let body = batch("shop", TRACE);
    let answer = http::request(
        server.addresses().otlp_http,
        "POST",
        "/v1/traces",
        &headers,
        &body,
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn the_adbc_driver_is_answered() {
    let server = Server::start(&[]);
    send(&server);
    let got = run(&server, &[]).expect("answers");
    let sql = |statement: &str| {
        let headers = [("content-type", "text/plain")];
        let answer = http::request(
            server.addresses().http,
            "POST",
            "/api/sql",
            &headers,
            statement.as_bytes(),
        );
        let value: Value = serde_json::from_slice(&answer.body).expect("JSON");
        value["rows"].clone()
    };
    assert_eq!(got["count"], sql("SELECT count(*) FROM spans")[0][0]);
    let names = sql("SELECT DISTINCT name FROM spans ORDER BY name");
    let names: Vec<&Value> = names
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| &row[0])
        .collect();
    assert_eq!(got["names"], json!(names));
    assert_eq!(
        got["first"],
        sql("SELECT name FROM spans ORDER BY span_id LIMIT 1")[0][0]
    );
    assert_eq!(
        (&got["many"], &got["empty"], &got["after"]),
        (&json!(90_000), &json!([]), &json!(2))
    );
    assert_eq!(
        (&got["trace_id"], &got["parameters"]),
        (&json!(TRACE), &json!(0))
    );
    let types = got["types"].as_array().expect("types");
    assert_eq!(
        types[..4],
        [
            json!("fixed_size_binary[16]"),
            json!("string"),
            json!("timestamp[ns, tz=UTC]"),
            json!("int64"),
        ]
    );
    assert!(
        !got["types"].to_string().contains("view"),
        "{}",
        got["types"]
    );
    assert_eq!(
        got["info"],
        json!({"vendor_name": "Clew", "vendor_version": env!("CARGO_PKG_VERSION")})
    );
    assert_eq!(got["types_of_tables"], json!(["TABLE", "VIEW"]));
    assert_eq!(got["catalogs"], json!(["clew"]));
    let tables = got["tables"].as_array().expect("tables");
    assert!(
        ["spans", "traces", "service_edges"]
            .iter()
            .all(|name| tables.contains(&json!(name))),
        "{tables:?}"
    );
    assert_eq!(got["columns_of_traces"][0], "trace_id");

    let error = |name: &str, code: &str, part: &str| {
        let message = got[name]["message"].as_str().unwrap_or_default();
        assert!(
            got[name]["code"] == code && message.contains(part),
            "{name}: {}",
            got[name]
        );
    };
    error("wrong", "INVALID_ARGUMENT", "(at byte 7)");
    error("write", "INVALID_ARGUMENT", "");
    error("cut", "INTERNAL", "more than 100000 rows");
    error(
        "bound",
        "INVALID_ARGUMENT",
        "the parameter `?` has no value",
    );
    assert_eq!(got["cancelled"], "CANCELLED");
}

#[test]
fn the_adbc_driver_sends_its_token_over_tls() {
    let (cert, key) = (file("tls/server.pem"), file("tls/server.key"));
    let data = DataDir::new(&[
        ("TLS_CERT", &cert),
        ("TLS_KEY", &key),
        ("TLS_HTTP", "false"),
        ("TLS_OTLP_HTTP", "false"),
        ("AUTH_QUERY_TOKENS", QUERY),
        ("AUTH_INGEST_TOKENS", INGEST),
    ]);
    let server = data.start();
    send(&server);
    let ca = file("tls/ca.pem");
    let got = run(&server, &[("CLEW_CA", &ca), ("CLEW_TOKEN", QUERY)]).expect("answers");
    assert_eq!(got["trace_id"], TRACE);
    let refused =
        run(&server, &[("CLEW_CA", &ca), ("CLEW_TOKEN", INGEST)]).expect_err("the other token");
    assert!(
        refused.contains("this token does not open this door"),
        "{refused}"
    );
    let refused = run(&server, &[("CLEW_CA", &ca)]).expect_err("no token");
    assert!(refused.contains("bearer token is required"), "{refused}");
}

/// Rows of each batch that `info` leads to; its columns are those that `info` tells of.
async fn batches(client: &mut FlightSqlServiceClient<Channel>, info: FlightInfo) -> Vec<usize> {
    let columns = info.clone().try_decode_schema().expect("a schema");
    let ticket = info.endpoint[0].ticket.clone().expect("a ticket");
    let stream = client.do_get(ticket).await.expect("a stream");
    let rows = stream.map_ok(|batch| {
        assert_eq!(batch.schema().fields(), columns.fields());
        batch.num_rows()
    });
    rows.try_collect().await.expect("batches")
}

#[test]
fn those_who_greet_and_browse_find_tables_and_views_and_no_keys() {
    let server = Server::start(&[]);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let endpoint = Endpoint::new(format!("http://{}", server.addresses().grpc));
        let channel = endpoint.expect("an address").connect().await;
        let mut client = FlightSqlServiceClient::new(channel.expect("connected"));
        let greeted = client.handshake("nobody", "nothing").await;
        assert!(greeted.expect("an answer").is_empty());

        let tables = async |client: &mut FlightSqlServiceClient<Channel>, kind: &str| {
            let asked = CommandGetTables {
                table_types: vec![kind.to_owned()],
                ..CommandGetTables::default()
            };
            let info = client.get_tables(asked).await.expect("an answer");
            batches(client, info).await
        };
        assert_eq!(tables(&mut client, "TABLE").await, [2]);
        assert_eq!(tables(&mut client, "VIEW").await, [6]);
        assert_eq!(tables(&mut client, "SYSTEM TABLE").await, [0]);

        let primary = CommandGetPrimaryKeys {
            table: "spans".to_owned(),
            ..CommandGetPrimaryKeys::default()
        };
        let exported = CommandGetExportedKeys {
            table: "spans".to_owned(),
            ..CommandGetExportedKeys::default()
        };
        let imported = CommandGetImportedKeys {
            table: "spans".to_owned(),
            ..CommandGetImportedKeys::default()
        };
        let both = CommandGetCrossReference {
            pk_table: "traces".to_owned(),
            fk_table: "spans".to_owned(),
            ..CommandGetCrossReference::default()
        };
        let infos = [
            client.get_primary_keys(primary).await,
            client.get_exported_keys(exported).await,
            client.get_imported_keys(imported).await,
            client.get_cross_reference(both).await,
        ];
        for info in infos {
            assert_eq!(batches(&mut client, info.expect("an answer")).await, [0]);
        }

        let nothing = client
            .execute("SELECT name FROM spans".to_owned(), None)
            .await;
        assert_eq!(batches(&mut client, nothing.expect("an answer")).await, [0]);
    });
}
