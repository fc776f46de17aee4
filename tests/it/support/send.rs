//! Sends recorded requests to a server, each the way it was recorded.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tonic::codec::CompressionEncoding;

use super::corpus::Request;
use super::http::{Connection, Response};
use super::server::Addresses;

/// Sends requests over HTTP, OTLP to one port and Zipkin to another, on two connections that are kept.
pub(crate) struct HttpSender {
    otlp: Connection,
    zipkin: Connection,
}

impl HttpSender {
    /// Connects to both ports.
    pub(crate) fn new(to: Addresses) -> Self {
        let open = |address| Connection::open(address).expect("a connection");
        Self {
            otlp: open(to.otlp_http),
            zipkin: open(to.zipkin),
        }
    }

    /// Sends one request with its own headers and body.
    pub(crate) fn send(&mut self, request: &Request) -> Response {
        let headers: Vec<(&str, &str)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let connection = if request.is_zipkin() {
            &mut self.zipkin
        } else {
            &mut self.otlp
        };
        let answer = if request.chunked {
            connection.send_chunked(&request.path, &headers, &request.body)
        } else {
            connection.send("POST", &request.path, &headers, &request.body)
        };
        answer.expect("an answer")
    }

    /// Sends one request that must be taken whole.
    #[track_caller]
    pub(crate) fn deliver(&mut self, request: &Request) {
        let answer = self.send(request);
        let wanted = if request.is_zipkin() { 202 } else { 200 };
        assert_eq!(answer.status, wanted, "{}", answer.text());
        if !request.is_zipkin() {
            let plain = matches!(
                answer.body.as_slice(),
                b"" | b"{}" | b"{\"partialSuccess\":{}}"
            );
            assert!(plain, "something was rejected: {}", answer.text());
        }
    }
}

/// Sends requests over gRPC on one connection.
pub(crate) struct GrpcSender {
    runtime: tokio::runtime::Runtime,
    client: TraceServiceClient<tonic::transport::Channel>,
}

impl GrpcSender {
    /// Connects; requests are compressed with `compression` if given.
    pub(crate) fn new(to: Addresses, compression: Option<CompressionEncoding>) -> Self {
        Self::try_new(to, compression).expect("a connection")
    }

    /// Connects to a server that may be gone.
    pub(crate) fn try_new(
        to: Addresses,
        compression: Option<CompressionEncoding>,
    ) -> Result<Self, tonic::transport::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let connect = TraceServiceClient::connect(format!("http://{}", to.otlp_grpc));
        let mut client = runtime.block_on(connect)?;
        if let Some(compression) = compression {
            client = client.send_compressed(compression);
        }
        Ok(Self { runtime, client })
    }

    /// Sends one OTLP protobuf request; the number of rejected spans.
    pub(crate) fn send(&mut self, body: &[u8]) -> Result<i64, tonic::Status> {
        let request =
            ExportTraceServiceRequest::decode(body).expect("a request that prost decodes");
        let answer = self.runtime.block_on(self.client.export(request))?;
        Ok(answer
            .into_inner()
            .partial_success
            .map_or(0, |partial| partial.rejected_spans))
    }
}
