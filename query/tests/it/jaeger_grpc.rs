//! Jaeger's services over gRPC: what they answer, in which pieces, and what they refuse.

use axum::Router;
use clew_query::QueryLimits;
use clew_query::proto::api_v3::query_service_client::QueryServiceClient;
use clew_query::proto::storage::v2::capabilities_client::CapabilitiesClient;
use clew_query::proto::storage::v2::dependency_reader_client::DependencyReaderClient;
use clew_query::proto::storage::v2::trace_reader_client::TraceReaderClient;
use clew_query::proto::{api_v3, storage::v2};
use clew_storage::attributes::AttributeValue;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use prost_types::Timestamp;
use tonic::{Code, Streaming};

use crate::support::Server;
use crate::support::corpus;
use crate::support::spans::{TestSpan, batch, int, span, text};

/// A client of the query service.
pub(crate) fn api(server: &Server) -> QueryServiceClient<Router> {
    QueryServiceClient::new(server.grpc.clone())
}

/// A client of the storage.
pub(crate) fn storage(server: &Server) -> TraceReaderClient<Router> {
    TraceReaderClient::new(server.grpc.clone())
}

/// The chunks of an answer.
async fn chunks(mut stream: Streaming<TracesData>) -> Vec<TracesData> {
    let mut chunks = Vec::new();
    while let Some(chunk) = stream.message().await.unwrap() {
        chunks.push(chunk);
    }
    chunks
}

/// The spans of an answer, by trace. Every chunk is of one trace, and those of a trace stand together.
pub(crate) async fn traces(stream: Streaming<TracesData>) -> Vec<Vec<TestSpan>> {
    let mut traces: Vec<Vec<TestSpan>> = Vec::new();
    for chunk in chunks(stream).await {
        let spans = corpus::read(ExportTraceServiceRequest {
            resource_spans: chunk.resource_spans,
        });
        let id = spans.first().expect("no chunk is empty").trace_id;
        assert!(spans.iter().all(|span| span.trace_id == id));
        match traces.last_mut() {
            Some(last) if last[0].trace_id == id => last.extend(spans),
            _ => {
                assert!(traces.iter().all(|trace| trace[0].trace_id != id));
                traces.push(spans);
            }
        }
    }
    traces
}

fn id(id: u128) -> api_v3::GetTraceRequest {
    api_v3::GetTraceRequest {
        trace_id: format!("{id:x}"),
        ..Default::default()
    }
}

fn ids(ids: &[u128]) -> v2::GetTracesRequest {
    let params = |id: &u128| v2::GetTraceParams {
        trace_id: id.to_be_bytes().to_vec(),
        ..Default::default()
    };
    v2::GetTracesRequest {
        query: ids.iter().map(params).collect(),
    }
}

fn at(ns: u64) -> Timestamp {
    Timestamp {
        seconds: (ns / 1_000_000_000) as i64,
        nanos: (ns % 1_000_000_000) as i32,
    }
}

fn sorted(mut spans: Vec<TestSpan>) -> Vec<TestSpan> {
    spans.sort_by_key(|span| (span.span_id, span.start));
    spans
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_traces_come_back_field_by_field() {
    let sent = corpus::capture("py-proto")
        .into_iter()
        .flatten()
        .take(3_000)
        .collect::<Vec<_>>();
    let server = Server::new();
    let (early, late) = sent.split_at(sent.len() / 2);
    server.append(batch(early)).await;
    server.flush().await;
    server.append(batch(late)).await;
    let mut by_trace = std::collections::BTreeMap::<u128, Vec<TestSpan>>::new();
    for span in sent {
        by_trace.entry(span.trace_id).or_default().push(span);
    }
    let all: Vec<u128> = by_trace.keys().copied().collect();
    for some in all.chunks(100) {
        let answer = storage(&server).get_traces(ids(some)).await.unwrap();
        let found = traces(answer.into_inner()).await;
        assert_eq!(found.len(), some.len());
        for (spans, id) in found.into_iter().zip(some) {
            assert_eq!(sorted(spans), sorted(by_trace[id].clone()));
        }
    }
}

#[tokio::test]
async fn values_of_every_type_come_back() {
    let nested = AttributeValue::Map(vec![
        (
            "a".to_owned(),
            AttributeValue::Array(vec![AttributeValue::Empty, AttributeValue::Bool(true)]),
        ),
        ("b".to_owned(), AttributeValue::Bytes(vec![0, 255])),
    ]);
    let mut sent = span("shop", 5, 1, "op", 1_000, 10).with(int("i", i64::MIN));
    sent.attributes.extend([
        ("d".to_owned(), AttributeValue::Double(-0.1)),
        ("n".to_owned(), nested),
        ("e".to_owned(), AttributeValue::Empty),
    ]);
    let server = Server::new();
    server.append(batch(std::slice::from_ref(&sent))).await;
    let answer = api(&server).get_trace(id(5)).await.unwrap();
    assert_eq!(traces(answer.into_inner()).await, [[sent]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_trace_comes_in_chunks_that_any_client_takes() {
    // Half of them under another resource, with a kilobyte each: some 10 MB.
    let sent: Vec<TestSpan> = (1..=10_008)
        .map(|n| {
            span(["a", "b"][n as usize % 2], 9, n, "op", 1_000 + n, 5)
                .with(text("note", &format!("{n:01000}")))
        })
        .collect();
    let server = Server::new();
    server.append(batch(&sent)).await;
    let answer = api(&server).get_trace(id(9)).await.unwrap();
    let chunks = chunks(answer.into_inner()).await;
    assert!(chunks.len() >= 10, "{} chunks", chunks.len());
    let largest = chunks.iter().map(Message::encoded_len).max().unwrap();
    assert!(largest < 1_100_000, "{largest} bytes");
    let resource_spans = chunks.into_iter().flat_map(|chunk| chunk.resource_spans);
    let found = corpus::read(ExportTraceServiceRequest {
        resource_spans: resource_spans.collect(),
    });
    assert_eq!(sorted(found), sent);
}

#[tokio::test]
async fn what_is_not_stored_is_not_found_by_the_api_and_left_out_by_the_storage() {
    let server = Server::new();
    server.append(batch(&[span("a", 2, 1, "op", 1, 1)])).await;
    let status = api(&server).get_trace(id(1)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let answer = storage(&server).get_traces(ids(&[1, 2, 3])).await.unwrap();
    assert_eq!(traces(answer.into_inner()).await.len(), 1);
    let answer = storage(&server).get_traces(ids(&[])).await.unwrap();
    assert!(traces(answer.into_inner()).await.is_empty());
}

#[tokio::test]
async fn names_capabilities_and_calls_are_answered() {
    let server = Server::new();
    let spans = [
        span("web", 1, 1, "GET /", 1_000, 50).kind(2),
        span("web", 1, 2, "work", 1_001, 5).parent(1),
        span("db", 1, 3, "query", 1_002, 5).parent(1).kind(3),
    ];
    server.append(batch(&spans)).await;
    let services = api(&server)
        .get_services(api_v3::GetServicesRequest {})
        .await
        .unwrap();
    assert_eq!(services.into_inner().services, ["db", "web"]);
    let services = storage(&server)
        .get_services(v2::GetServicesRequest {})
        .await
        .unwrap();
    assert_eq!(services.into_inner().services, ["db", "web"]);

    let request = |kind: &str| v2::GetOperationsRequest {
        service: "web".to_owned(),
        span_kind: kind.to_owned(),
    };
    let operations = storage(&server)
        .get_operations(request(""))
        .await
        .unwrap()
        .into_inner();
    let pairs: Vec<_> = operations
        .operations
        .iter()
        .map(|o| (o.name.as_str(), o.span_kind.as_str()))
        .collect();
    assert_eq!(pairs, [("GET /", "server"), ("work", "")]);
    let operations = storage(&server)
        .get_operations(request("server"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(operations.operations.len(), 1);
    let no_service = api_v3::GetOperationsRequest::default();
    let status = api(&server).get_operations(no_service).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::InvalidArgument, "service is required")
    );

    let mut client = CapabilitiesClient::new(server.grpc.clone());
    let capabilities = client
        .get_capabilities(v2::GetCapabilitiesRequest {})
        .await
        .unwrap();
    let search = capabilities.into_inner().search.unwrap();
    assert!(search.without_service_name && search.same_span_conjunction && search.filter.is_none());

    let mut client = DependencyReaderClient::new(server.grpc.clone());
    let window = v2::GetDependenciesRequest {
        start_time: Some(at(0)),
        end_time: Some(at(2_000)),
    };
    let calls = client
        .get_dependencies(window)
        .await
        .unwrap()
        .into_inner()
        .dependencies;
    let calls: Vec<_> = calls
        .iter()
        .map(|c| (c.parent.as_str(), c.child.as_str(), c.call_count))
        .collect();
    assert_eq!(calls, [("web", "db", 1)]);
    let window = api_v3::GetDependenciesRequest {
        start_time: Some(at(1_002)),
        end_time: Some(at(1_003)),
    };
    let calls = api(&server)
        .get_dependencies(window)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(calls.dependencies.len(), 1);
    let window = api_v3::GetDependenciesRequest {
        start_time: Some(at(60_000_000_000)),
        end_time: Some(at(60_000_002_000)),
    };
    let calls = api(&server)
        .get_dependencies(window)
        .await
        .unwrap()
        .into_inner();
    assert!(calls.dependencies.is_empty());
}

#[tokio::test]
async fn a_summary_has_the_figures_of_the_whole_trace() {
    let server = Server::new();
    let spans = [
        span("web", 1, 1, "GET /", 1_000, 50),
        span("db", 1, 2, "query", 1_060, 5).parent(1).error(),
        span("db", 1, 3, "lost", 1_001, 5).parent(77),
    ];
    server.append(batch(&spans[..1])).await;
    server.flush().await;
    server.append(batch(&spans[1..])).await;
    let query = v2::TraceQueryParameters {
        service_name: "web".to_owned(),
        ..Default::default()
    };
    let request = v2::FindTraceSummariesRequest { query: Some(query) };
    let mut messages = storage(&server)
        .find_trace_summaries(request)
        .await
        .unwrap()
        .into_inner();
    let message = messages.message().await.unwrap().unwrap();
    let service = |name: &str, span_count, error_span_count| v2::ServiceSummary {
        name: name.to_owned(),
        span_count,
        error_span_count,
    };
    let expected = v2::TraceSummary {
        trace_id: 1_u128.to_be_bytes().to_vec(),
        root_service_name: "web".to_owned(),
        root_operation_name: "GET /".to_owned(),
        min_start_time_unix_nano: 1_000,
        max_end_time_unix_nano: 1_065,
        span_count: 3,
        error_span_count: 1,
        orphan_span_count: 1,
        services: vec![service("db", 2, 1), service("web", 1, 0)],
    };
    assert_eq!(message.summaries, [expected]);
    assert!(messages.message().await.unwrap().is_none());
}

#[tokio::test]
async fn wrong_requests_have_their_codes() {
    let server = Server::new();
    let code = |result: Result<_, tonic::Status>| {
        result.map(|_: tonic::Response<_>| ()).unwrap_err().code()
    };
    let malformed = api_v3::GetTraceRequest {
        trace_id: "xyz".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        code(api(&server).get_trace(malformed).await),
        Code::InvalidArgument
    );
    let request = api_v3::FindTracesRequest::default();
    assert_eq!(
        code(api(&server).find_traces(request).await),
        Code::InvalidArgument
    );
    let zero = ids(&[0]);
    assert_eq!(
        code(storage(&server).get_traces(zero).await),
        Code::InvalidArgument
    );
    let query = v2::TraceQueryParameters {
        filter: Some(clew_query::proto::expression::v1::Call::default()),
        ..Default::default()
    };
    let request = v2::FindTracesRequest { query: Some(query) };
    assert_eq!(
        code(storage(&server).find_traces(request).await),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn requests_are_bounded() {
    let limits = QueryLimits {
        trace_ids_max: 2,
        grpc_request_bytes_max: 200,
        ..QueryLimits::default()
    };
    let server = Server::with_limits(limits);
    storage(&server).get_traces(ids(&[1, 2])).await.unwrap();
    let status = storage(&server)
        .get_traces(ids(&[1, 2, 3]))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);

    let mut request = api_v3::GetOperationsRequest {
        service: "x".repeat(200 - 3),
        span_kind: String::new(),
    };
    assert_eq!(request.encoded_len(), 200);
    api(&server).get_operations(request.clone()).await.unwrap();
    request.service.push('x');
    let status = api(&server).get_operations(request).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_gives_its_turn_back() {
    let limits = QueryLimits {
        reads_running_max: 1,
        reads_waiting_max: 0,
        ..QueryLimits::default()
    };
    let server = Server::with_limits(limits);
    let large = |n| span("a", 9, n, "op", 1_000 + n, 5).with(text("note", &"x".repeat(1 << 20)));
    let spans: Vec<_> = (1..=30).map(large).collect();
    server.append(batch(&spans)).await;
    let mut stream = api(&server).get_trace(id(9)).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    // More chunks than may wait are left, so that the reader still holds the only turn.
    let services = || async {
        api(&server)
            .get_services(api_v3::GetServicesRequest {})
            .await
    };
    assert_eq!(services().await.unwrap_err().code(), Code::Unavailable);
    drop(stream);
    while let Err(status) = services().await {
        assert_eq!(status.code(), Code::Unavailable);
        tokio::task::yield_now().await;
    }
}
