//! `/metrics` tells how many requests came to each door for queries, and how they ended.

use clew_query::proto::api_v3::GetServicesRequest;
use clew_query::proto::api_v3::query_service_client::QueryServiceClient;
use tonic::transport::Endpoint;

use crate::support::http;
use crate::support::server::{Server, wait_for};

/// The value of a counter, 0 where it is not told yet.
fn counter(server: &Server, series: &str) -> u64 {
    let metrics = http::get(server.addresses().http, "/metrics").text();
    let value = metrics.lines().find_map(|line| line.strip_prefix(series));
    value.map_or(0, |value| value.trim().parse().expect("a whole number"))
}

#[test]
fn requests_at_the_doors_for_queries_are_counted_by_their_end() {
    let server = Server::start(&[]);
    let to = server.addresses();
    assert_eq!(http::get(to.http, "/api/services").status, 200);
    assert_eq!(http::get(to.http, "/api/traces/not-hex").status, 400);
    assert_eq!(http::get(to.zipkin, "/api/v2/services").status, 200);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let endpoint = Endpoint::new(format!("http://{}", to.grpc)).expect("an address");
        let channel = endpoint.connect().await.expect("connected");
        let mut client = QueryServiceClient::new(channel);
        let answer = client.get_services(GetServicesRequest {});
        answer.await.expect("services");
    });
    let ends = [
        ("http", "200", 1),
        ("http", "400", 1),
        ("zipkin", "200", 1),
        ("grpc", "0", 1),
    ];
    for (door, status, count) in ends {
        let series = format!("clew_query_finished_total{{door=\"{door}\",status=\"{status}\"}}");
        // The end of a call over gRPC is counted when its last frame has gone.
        wait_for(&series, || counter(&server, &series) == count);
    }
    for (door, count) in [("http", 2), ("zipkin", 1), ("grpc", 1)] {
        let series = format!("clew_query_requests_total{{door=\"{door}\"}}");
        assert_eq!(counter(&server, &series), count, "{series}");
    }
}
