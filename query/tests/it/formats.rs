//! One result in every form, decoded and compared value by value.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampNanosecondType};
use arrow::ipc::reader::StreamReader;
use axum::http::StatusCode;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};

use crate::support::Server;
use crate::support::spans::{batch, int, span, text};

const STATEMENT: &str = "SELECT span_id, name, start_time, duration_ns, sample_weight, parent_span_id, attributes, \
                         status_code = 'error' AS failed FROM spans ORDER BY start_time";

/// What every form has to say.
fn expected() -> Vec<[Value; 8]> {
    vec![
        [
            json!("0000000000000001"),
            json!("a \"quoted\", text\nof two lines"),
            json!("2023-11-14T22:13:20.123456789Z"),
            json!("9223372036854775807"),
            json!(0.1),
            json!(null),
            json!({"http.route": "/cart", "rows": "7"}),
            json!(false),
        ],
        [
            json!("00000000000000ff"),
            json!("=1+1"),
            json!("2023-11-14T22:13:21Z"),
            json!(-5),
            json!(4.0),
            json!("0000000000000001"),
            json!({}),
            json!(true),
        ],
        [
            json!("0000000000000100"),
            json!(""),
            json!("2023-11-14T22:13:22Z"),
            json!(0),
            json!(1.0),
            json!("00000000000000ff"),
            json!({"é": "ü"}),
            json!(false),
        ],
    ]
}

async fn server() -> Server {
    let start = 1_700_000_000_123_456_789;
    let second = 1_700_000_001_000_000_000;
    let third = 1_700_000_002_000_000_000;
    let mut odd = span("a", 1, 0xff, "=1+1", second, 0)
        .parent(1)
        .error()
        .weight(4.0);
    odd.end = second - 5;
    let spans = [
        span("a", 1, 1, "a \"quoted\", text\nof two lines", start, 0).weight(0.1),
        odd,
        span("a", 1, 0x100, "", third, 0)
            .parent(0xff)
            .with(text("é", "ü")),
    ];
    let mut spans = spans;
    spans[0].end = start.wrapping_add(i64::MAX as u64);
    spans[0] = spans[0]
        .clone()
        .with(text("http.route", "/cart"))
        .with(int("rows", 7));
    let server = Server::new();
    server.append(batch(&spans[..1])).await;
    server.flush().await;
    server.append(batch(&spans[1..])).await;
    server
}

async fn body(server: &Server, accept: &str) -> bytes::Bytes {
    let answer = server.sql(STATEMENT, accept).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], accept);
    assert_eq!(answer.headers["x-clew-rows"], "3");
    answer.body
}

#[tokio::test]
async fn json_is_a_table() {
    let body: Value =
        serde_json::from_slice(&body(&server().await, "application/json").await).unwrap();
    let names: Vec<_> = body["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["type"].clone())
        .collect();
    let types = [
        "binary(8)",
        "text",
        "timestamp(9)",
        "int64",
        "float64",
        "binary(8)",
        "map<text, text>",
        "boolean",
    ];
    assert_eq!(names, types);
    let rows: Vec<Value> = expected()
        .into_iter()
        .map(|row| row.to_vec().into())
        .collect();
    assert_eq!(body["rows"], Value::from(rows));
    assert_eq!(
        (&body["stats"]["rows"], &body["stats"]["truncated"]),
        (&json!(3), &json!(false))
    );
}

#[tokio::test]
async fn ndjson_is_an_object_a_line() {
    let body = body(&server().await, "application/x-ndjson").await;
    let lines = std::str::from_utf8(&body).unwrap().lines();
    let found: Vec<Map<String, Value>> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names = [
        "span_id",
        "name",
        "start_time",
        "duration_ns",
        "sample_weight",
        "parent_span_id",
        "attributes",
        "failed",
    ];
    let expected = expected().into_iter().map(|row| {
        let fields = names.iter().zip(row);
        fields
            .map(|(name, value)| ((*name).to_owned(), value))
            .collect::<Map<_, _>>()
    });
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn csv_has_a_header_quotes_and_no_formulas() {
    let body = body(&server().await, "text/csv; charset=utf-8").await;
    // Written by hand from the values above. CSV has no null: it is empty, as empty text is.
    let expected = "span_id,name,start_time,duration_ns,sample_weight,parent_span_id,attributes,failed\n\
        0000000000000001,\"a \"\"quoted\"\", text\nof two lines\",2023-11-14T22:13:20.123456789Z,9223372036854775807,0.1,,\
        \"{\"\"http.route\"\":\"\"/cart\"\",\"\"rows\"\":\"\"7\"\"}\",false\n\
        00000000000000ff,'=1+1,2023-11-14T22:13:21Z,-5,4.0,0000000000000001,{},true\n\
        0000000000000100,,2023-11-14T22:13:22Z,0,1.0,00000000000000ff,\"{\"\"é\"\":\"\"ü\"\"}\",false\n";
    let found = String::from_utf8(body.to_vec()).unwrap();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn an_arrow_stream_and_a_parquet_file_keep_the_types() {
    let server = server().await;
    let stream = body(&server, "application/vnd.apache.arrow.stream").await;
    let reader = StreamReader::try_new(stream.as_ref(), None).unwrap();
    let schema = reader.schema();
    let arrow = concat_batches(&schema, &reader.map(Result::unwrap).collect::<Vec<_>>()).unwrap();
    let file = body(&server, "application/vnd.apache.parquet").await;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    let parquet = concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(
        *arrow.column(2).data_type(),
        DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, Some("UTC".into()))
    );
    for rows in [&arrow, &parquet] {
        assert_eq!(values(rows), expected());
    }
    assert_eq!(arrow.columns(), parquet.columns());
}

/// The rows as JSON has them, without using our writer.
fn values(rows: &RecordBatch) -> Vec<[Value; 8]> {
    let id = |column: usize, row: usize| {
        let ids = rows.column(column).as_fixed_size_binary();
        ids.is_valid(row).then(|| hex::encode(ids.value(row)))
    };
    let row = |row: usize| {
        let time = rows
            .column(2)
            .as_primitive::<TimestampNanosecondType>()
            .value(row);
        let time = jiff::Timestamp::from_nanosecond(i128::from(time)).unwrap();
        let duration = rows.column(3).as_primitive::<Int64Type>().value(row);
        let map = rows.column(6).as_map().value(row);
        let (keys, texts) = (
            map.column(0).as_string::<i32>(),
            map.column(1).as_string::<i32>(),
        );
        let map: Map<_, _> = (0..map.len())
            .map(|at| (keys.value(at).to_owned(), texts.value(at).into()))
            .collect();
        [
            json!(id(0, row)),
            json!(rows.column(1).as_string_view().value(row)),
            json!(time.to_string()),
            if duration == i64::MAX {
                json!(duration.to_string())
            } else {
                json!(duration)
            },
            json!(rows.column(4).as_primitive::<Float64Type>().value(row)),
            json!(id(5, row)),
            Value::Object(map),
            json!(rows.column(7).as_boolean().value(row)),
        ]
    };
    (0..rows.num_rows()).map(row).collect()
}

#[tokio::test]
async fn a_form_that_there_is_not_is_refused() {
    let server = server().await;
    let answer = server.sql("SELECT 1", "image/png").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.json()["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("text/csv")
    );
}
