//! Ways to reach a server: TCP, TLS and a Unix socket, behind one stream type.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::Url;

/// What a TLS server's certificate is checked against.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trust {
    /// Certificates of the authority, PEM; the system's own if `None`.
    pub(crate) ca_file: Option<PathBuf>,
}

/// What a connection runs over.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

/// An open stream.
pub(super) type Stream = Pin<Box<dyn Duplex>>;

/// Where to connect to.
pub(super) enum Target {
    /// TCP, with TLS if there is a connector.
    Tcp {
        /// Host and port.
        address: (String, u16),
        /// TLS, and the name that the certificate must carry.
        tls: Option<(TlsConnector, ServerName<'static>)>,
    },
    /// Unix socket.
    Socket(PathBuf),
}

impl Target {
    /// The target that `url` names.
    pub(super) fn of_url(url: &Url, trust: &Trust) -> anyhow::Result<Self> {
        let tls = if url.tls {
            let name = ServerName::try_from(url.host.clone())
                .with_context(|| format!("`{}` is not a host name", url.host))?;
            Some((connector(trust)?, name))
        } else {
            None
        };
        Ok(Self::Tcp {
            address: (url.host.clone(), url.port),
            tls,
        })
    }

    /// Connects.
    pub(super) async fn connect(&self) -> io::Result<Stream> {
        match self {
            Self::Socket(path) => Ok(Box::pin(UnixStream::connect(path).await?)),
            Self::Tcp { address, tls } => {
                let stream = TcpStream::connect((address.0.as_str(), address.1)).await?;
                stream.set_nodelay(true)?;
                match tls {
                    None => Ok(Box::pin(stream)),
                    Some((connector, name)) => {
                        Ok(Box::pin(connector.connect(name.clone(), stream).await?))
                    }
                }
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Tcp {
                address: (host, port),
                ..
            } => write!(f, "{host}:{port}"),
        }
    }
}

fn connector(trust: &Trust) -> anyhow::Result<TlsConnector> {
    let roots = match &trust.ca_file {
        Some(path) => roots_of_file(path)?,
        None => roots_of_system()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn roots_of_file(path: &Path) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let read = || format!("cannot read certificates from {}", path.display());
    for certificate in CertificateDer::pem_file_iter(path).with_context(read)? {
        roots
            .add(certificate.with_context(read)?)
            .with_context(read)?;
    }
    if roots.is_empty() {
        bail!("{} holds no certificate", path.display());
    }
    Ok(roots)
}

fn roots_of_system() -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        bail!("this system has no certificates of authorities; name some with --ca-file");
    }
    Ok(roots)
}
