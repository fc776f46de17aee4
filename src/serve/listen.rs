//! Ports: bound before anything else happens, served once the store is open.
//!
//! Every door speaks HTTP/1.1 and HTTP/2 on the same port, with or without TLS, under the same bounds.

use std::io;
use std::net::{SocketAddr, TcpListener};

use anyhow::{Context, anyhow};
use axum::Router;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use std::time::Duration;

use super::connections::Capped;
use crate::config::ServerConfig;

/// Bytes of all header fields of a request.
const HEADERS_BYTES_MAX: u32 = 16 << 10;

/// Bytes that HTTP/1 buffers of a connection, the request's head among them.
const HTTP1_BUFFER_BYTES: usize = 128 << 10;

/// Bytes that a sender may have on the way in one HTTP/2 stream, and in one connection.
const HTTP2_WINDOW_BYTES: u32 = 1 << 20;

/// How often an HTTP/2 connection without traffic is asked whether it is still there, and how long for an answer is waited.
const HTTP2_PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

/// A door: a port that is bound but not served yet.
pub(crate) struct Door {
    /// Name for metrics and messages.
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) title: &'static str,
    /// Path that a sender appends; empty where clients append their own.
    pub(crate) path: &'static str,
    /// Address with the real port.
    pub(crate) address: SocketAddr,
    /// TLS, if it is on.
    pub(crate) tls: Option<RustlsConfig>,
    listener: TcpListener,
}

/// What a door is called, before it has a port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sign {
    /// Name for metrics; also the last part of the settings `ports.…` and `tls.…`.
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) title: &'static str,
    /// Path that a sender appends.
    pub(crate) path: &'static str,
}

impl Door {
    /// Binds `port`.
    pub(crate) fn bind(
        sign: Sign,
        config: &ServerConfig,
        port: u16,
        tls: Option<RustlsConfig>,
    ) -> anyhow::Result<Self> {
        let address = SocketAddr::new(config.host.0, port);
        let listener =
            TcpListener::bind(address).map_err(|error| refused(sign, address, &error))?;
        let address = listener
            .local_addr()
            .context("a port that was bound has no address")?;
        Ok(Self {
            name: sign.name,
            title: sign.title,
            path: sign.path,
            address,
            tls,
            listener,
        })
    }

    /// What a client connects to.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{}", self.address, self.path)
    }

    /// Serves `router` until `handle` says stop.
    pub(crate) async fn serve(
        self,
        router: Router,
        config: &ServerConfig,
        handle: Handle<SocketAddr>,
    ) -> io::Result<()> {
        let mut server = axum_server::from_tcp(self.listener)?
            .handle(handle)
            .first_request_timeout(config.header_timeout);
        bounds(server.http_builder(), config);
        let router = router.into_make_service();
        let (cap, name) = (config.connections_max, self.name);
        match self.tls {
            None => {
                with(server, Capped::new(NoDelayAcceptor::new(), cap, name))
                    .serve(router)
                    .await
            }
            Some(tls) => {
                let tls = RustlsAcceptor::new(tls)
                    .handshake_timeout(config.header_timeout)
                    .acceptor(NoDelayAcceptor::new());
                with(server, Capped::new(tls, cap, name))
                    .serve(router)
                    .await
            }
        }
    }
}

fn with<A>(server: Server<SocketAddr>, acceptor: A) -> Server<SocketAddr, A> {
    server.acceptor(acceptor)
}

fn bounds(builder: &mut Builder<TokioExecutor>, config: &ServerConfig) {
    builder
        .http1()
        .header_read_timeout(config.idle_timeout)
        .max_buf_size(HTTP1_BUFFER_BYTES);
    builder
        .http2()
        .max_header_list_size(HEADERS_BYTES_MAX)
        .max_concurrent_streams(config.streams_max)
        .initial_stream_window_size(HTTP2_WINDOW_BYTES)
        .initial_connection_window_size(4 * HTTP2_WINDOW_BYTES)
        .keep_alive_interval(HTTP2_PING.0)
        .keep_alive_timeout(HTTP2_PING.1);
}

fn refused(sign: Sign, address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let Sign { name, title, .. } = sign;
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!(
            "port {port} ({title}) is in use by another program. Stop that one, or choose another port: \
             --ports-{} <PORT>, 0 for any free one, off for none",
            name.replace('_', "-")
        ),
        io::ErrorKind::PermissionDenied => {
            anyhow!(
                "port {port} ({title}) needs rights that this user does not have; ports above 1023 need none"
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            anyhow!("{} is not an address of this machine (host)", address.ip())
        }
        _ => anyhow!("cannot listen on {address} ({title}): {error}"),
    }
}
