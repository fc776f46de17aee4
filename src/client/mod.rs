//! A small HTTP/1.1 client for the commands that talk to a running server: one connection, kept alive, one request at a time.
//!
//! It speaks over TCP, TLS (system roots or a given CA file) and the admin socket. Answers are read whole, up to a limit.

mod connect;
mod url;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::response::Parts;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::config::Secret;
pub(crate) use connect::Trust;
use connect::{Stream, Target};
pub(crate) use url::Url;

/// Time to connect, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// A client of one server.
pub(crate) struct Client {
    target: Target,
    host: String,
    prefix: String,
    token: Option<Secret>,
    timeout: Duration,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// A request: method, path with query, content type and body.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: http::Method,
    path: String,
    headers: Vec<(http::HeaderName, &'static str)>,
    body: Bytes,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status.
    pub(crate) status: StatusCode,
    /// Header fields, and trailer fields if there were any.
    pub(crate) headers: HeaderMap,
    /// Body.
    pub(crate) body: Bytes,
}

impl Client {
    /// A client of the server at `url`; `trust` matters for `https` only.
    pub(crate) fn new(
        url: &Url,
        token: Option<Secret>,
        trust: &Trust,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            target: Target::of_url(url, trust)?,
            host: url.authority.clone(),
            prefix: url.prefix.clone(),
            token,
            timeout,
            connection: None,
        })
    }

    /// A client of the admin socket at `path`.
    pub(crate) fn of_socket(path: &Path, timeout: Duration) -> Self {
        Self {
            target: Target::Socket(path.to_owned()),
            host: "localhost".to_owned(),
            prefix: String::new(),
            token: None,
            timeout,
            connection: None,
        }
    }

    /// Connects now, if not connected yet, so that a caller can tell an absent server from a failing one.
    pub(crate) async fn connect(&mut self) -> anyhow::Result<()> {
        if self
            .connection
            .as_ref()
            .is_some_and(|connection| !connection.is_closed())
        {
            return Ok(());
        }
        let stream = timeout(CONNECT_TIMEOUT, self.target.connect())
            .await
            .with_context(|| format!("no connection to {} within 10 s", self.target))?
            .with_context(|| format!("cannot connect to {}", self.target))?;
        self.connection = Some(start(stream).await?);
        Ok(())
    }

    /// Sends a request and reads the answer.
    ///
    /// After an error it is not known whether the server saw the request.
    pub(crate) async fn call(&mut self, call: &Call) -> anyhow::Result<Answer> {
        self.exchange(call, async |parts, body| read_whole(parts, body).await)
            .await
    }

    /// Sends a request and hands over the answer line by line as it arrives, if it is a good one.
    pub(crate) async fn call_lines(
        &mut self,
        call: &Call,
        mut each: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.exchange(call, async |parts: Parts, mut body: Incoming| {
            if !parts.status.is_success() {
                read_whole(parts, body).await?.ok()?;
                return Ok(());
            }
            let mut waiting = Vec::new();
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame?.into_data() else {
                    continue;
                };
                waiting.extend_from_slice(&data);
                while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = waiting.drain(..=end).collect();
                    each(&line)?;
                }
                ensure!(
                    waiting.len() <= ANSWER_BYTES_MAX,
                    "a line of the answer is too long"
                );
            }
            Ok(())
        })
        .await
    }

    async fn exchange<T>(
        &mut self,
        call: &Call,
        read: impl AsyncFnOnce(Parts, Incoming) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.connect().await?;
        let request = self.request(call)?;
        // Put back only when the exchange has ended well: a broken or timed-out connection is of no use.
        let mut connection = self.connection.take().context("connected above")?;
        let exchange = async {
            connection.ready().await?;
            let (parts, body) = connection.send_request(request).await?.into_parts();
            read(parts, body).await
        };
        let answer = timeout(self.timeout, exchange)
            .await
            .with_context(|| {
                format!(
                    "no answer from {} within {} s",
                    self.target,
                    self.timeout.as_secs()
                )
            })?
            .with_context(|| format!("the exchange with {} failed", self.target))?;
        self.connection = Some(connection);
        Ok(answer)
    }

    fn request(&self, call: &Call) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.prefix, call.path))
            .header(HOST, &self.host);
        for (name, value) in &call.headers {
            request = request.header(name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        request
            .body(Full::new(call.body.clone()))
            .context("the request cannot be written")
    }
}

async fn read_whole(parts: Parts, body: Incoming) -> anyhow::Result<Answer> {
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| anyhow!(error))?;
    let mut headers = parts.headers;
    headers.extend(body.trailers().cloned().unwrap_or_default());
    Ok(Answer {
        status: parts.status,
        headers,
        body: body.to_bytes(),
    })
}

async fn start(stream: Stream) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // Ends with the connection; its errors come back through the sender.
    tokio::spawn(connection);
    Ok(sender)
}

impl Call {
    /// A GET of `path`, with its query.
    pub(crate) fn get(path: &str) -> Self {
        Self {
            method: http::Method::GET,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// A POST of `body`.
    pub(crate) fn post(path: &str, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            method: http::Method::POST,
            path: path.to_owned(),
            headers: vec![(CONTENT_TYPE, content_type)],
            body: body.into(),
        }
    }

    /// The same with one more header field.
    pub(crate) fn with(mut self, name: http::HeaderName, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl Answer {
    /// The answer, or an error that says what the server said.
    pub(crate) fn ok(self) -> anyhow::Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        bail!("the server answered {}: {}", self.status, self.message())
    }

    /// What the server said about an error, in any of its envelopes.
    pub(crate) fn message(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let places = ["/error/message", "/message", "/errors/0/msg"];
        let message = places
            .iter()
            .find_map(|place| json.pointer(place)?.as_str());
        let Some(message) = message else {
            let text = String::from_utf8_lossy(&self.body);
            return text.chars().filter(|c| !c.is_control()).take(300).collect();
        };
        let hint = json
            .pointer("/error/hint")
            .and_then(serde_json::Value::as_str);
        hint.map_or_else(|| message.to_owned(), |hint| format!("{message}\n  {hint}"))
    }

    /// How long the server asks to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds = self
            .headers
            .get(RETRY_AFTER)?
            .to_str()
            .ok()?
            .trim()
            .parse()
            .ok()?;
        Some(Duration::from_secs(seconds))
    }
}
