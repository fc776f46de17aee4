//! One connection to an OTLP endpoint, over HTTP/1.1 or gRPC.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::{Buf, BufMut, Bytes};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// Protocol of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// OTLP over HTTP/1.1, protobuf.
    Http,
    /// OTLP over gRPC.
    Grpc,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Acknowledged; so many of its spans were rejected.
    Accepted {
        /// How many.
        rejected_spans: u64,
    },
    /// Refused for now: to be sent again after a pause.
    Refused {
        /// The pause.
        retry_after: Duration,
    },
    /// Failed, with the reason.
    Failed(String),
}

/// A connection.
pub enum Client {
    /// HTTP/1.1.
    Http(HttpClient),
    /// gRPC.
    Grpc(Box<GrpcClient>),
}

impl Client {
    /// Connects to `endpoint`, `http://host:port` with a path for HTTP.
    ///
    /// # Errors
    /// When there is no such endpoint, or nobody answers.
    pub fn connect(protocol: Protocol, endpoint: &str, token: Option<&str>) -> Result<Self> {
        Ok(match protocol {
            Protocol::Http => Self::Http(HttpClient::connect(endpoint, token)?),
            Protocol::Grpc => Self::Grpc(Box::new(GrpcClient::connect(endpoint, token)?)),
        })
    }

    /// Sends one encoded request and waits for the answer.
    ///
    /// # Errors
    /// When the connection is of no more use. Whether the request was taken is not known then.
    pub fn send(&mut self, body: &[u8]) -> Result<Outcome> {
        match self {
            Self::Http(client) => client.send(body),
            Self::Grpc(client) => client.send(body),
        }
    }
}

fn accepted(answer: ExportTraceServiceResponse) -> Outcome {
    let rejected = answer
        .partial_success
        .map_or(0, |partial| partial.rejected_spans);
    Outcome::Accepted {
        rejected_spans: u64::try_from(rejected).unwrap_or(0),
    }
}

/// OTLP over HTTP/1.1 with a connection that is kept.
pub struct HttpClient {
    head: String,
    stream: BufReader<TcpStream>,
}

impl HttpClient {
    fn connect(endpoint: &str, token: Option<&str>) -> Result<Self> {
        let rest = endpoint
            .strip_prefix("http://")
            .context("an HTTP endpoint starts with http://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, "v1/traces"));
        let stream =
            TcpStream::connect(host).with_context(|| format!("cannot connect to {host}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let token = token
            .map(|token| format!("authorization: Bearer {token}\r\n"))
            .unwrap_or_default();
        let head = format!(
            "POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-protobuf\r\n{token}"
        );
        Ok(Self {
            head,
            stream: BufReader::new(stream),
        })
    }

    fn send(&mut self, body: &[u8]) -> Result<Outcome> {
        let head = format!("{}content-length: {}\r\n\r\n", self.head, body.len());
        self.stream.get_mut().write_all(head.as_bytes())?;
        self.stream.get_mut().write_all(body)?;
        let status = self.line()?;
        let mut length = 0;
        let mut retry_after = 1;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            match name {
                "content-length" => length = value.trim().parse()?,
                "retry-after" => retry_after = value.trim().parse().unwrap_or(1),
                "transfer-encoding" => bail!("an answer in chunks is not understood"),
                _ => {}
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        Ok(match status.split(' ').nth(1) {
            Some("200") => accepted(ExportTraceServiceResponse::decode(answer.as_slice())?),
            Some("429" | "502" | "503" | "504") => Outcome::Refused {
                retry_after: Duration::from_secs(retry_after),
            },
            _ => Outcome::Failed(status),
        })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("the server closed the connection");
        }
        Ok(line.trim_end().to_owned())
    }
}

/// OTLP over gRPC. Encoded requests pass through untouched.
pub struct GrpcClient {
    runtime: tokio::runtime::Runtime,
    client: tonic::client::Grpc<Channel>,
    token: Option<tonic::metadata::MetadataValue<tonic::metadata::Ascii>>,
}

impl GrpcClient {
    fn connect(endpoint: &str, token: Option<&str>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let endpoint = Channel::from_shared(endpoint.to_owned())?
            .timeout(PATIENCE)
            .initial_stream_window_size(4 << 20)
            .initial_connection_window_size(4 << 20);
        let channel = runtime.block_on(endpoint.connect())?;
        let token = token
            .map(|token| format!("Bearer {token}").parse())
            .transpose()?;
        Ok(Self {
            runtime,
            client: tonic::client::Grpc::new(channel),
            token,
        })
    }

    fn send(&mut self, body: &[u8]) -> Result<Outcome> {
        let mut request = tonic::Request::new(Bytes::copy_from_slice(body));
        if let Some(token) = &self.token {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
        let answer = self.runtime.block_on(async {
            self.client.ready().await?;
            anyhow::Ok(self.client.unary(request, path.parse()?, Encoded).await)
        })?;
        Ok(match answer {
            Ok(answer) => accepted(answer.into_inner()),
            Err(status) => match status.code() {
                tonic::Code::ResourceExhausted | tonic::Code::Unavailable => Outcome::Refused {
                    retry_after: Duration::from_millis(200),
                },
                _ => Outcome::Failed(status.to_string()),
            },
        })
    }
}

/// Sends requests that are encoded already; decodes answers.
#[derive(Debug, Clone, Copy)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ExportTraceServiceResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = ExportTraceServiceResponse;
    type Error = tonic::Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, tonic::Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        Self::Item::decode(bytes)
            .map(Some)
            .map_err(|e| tonic::Status::internal(e.to_string()))
    }
}
