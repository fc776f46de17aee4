//! The validated configuration, and the defaults.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clew_collector::SamplingRule;
use clew_collector::remote::{AdaptiveOptions, Strategies};
use clew_collector::tail::PolicySetConfig;
use tracing_subscriber::EnvFilter;

use super::secret::Secret;

/// Everything that the server needs to know before it starts.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Directory that holds all data.
    pub(crate) data_dir: PathBuf,
    /// Addresses and bounds of connections.
    pub(crate) server: ServerConfig,
    /// Bearer tokens.
    pub(crate) auth: AuthConfig,
    /// Certificate, and the doors that use it.
    pub(crate) tls: TlsConfig,
    /// Web origins whose pages are let in.
    pub(crate) cors_origins: Vec<String>,
    /// Bounds of the collector.
    pub(crate) collector: clew_collector::Limits,
    /// Head and tail sampling.
    pub(crate) sampling: SamplingConfig,
    /// Bounds of the store.
    pub(crate) storage: clew_storage::Limits,
    /// What is dropped, and when.
    pub(crate) retention: RetentionConfig,
    /// Bounds of queries.
    pub(crate) query: clew_query::QueryLimits,
    /// What is set for Zipkin's clients.
    pub(crate) zipkin: clew_query::ZipkinOptions,
    /// Directory of the web app, if not the one built in.
    pub(crate) ui_dir: Option<PathBuf>,
    /// Log lines.
    pub(crate) log: LogConfig,
    /// Opens the store without its log, so that a test of crashes can prove that it sees a loss.
    pub(crate) unsafe_no_wal: bool,
    /// Serves the call that drops every span, so that a test of storage can begin anew.
    pub(crate) unsafe_test_purge: bool,
}

/// Addresses and bounds of connections.
#[derive(Debug, Clone)]
pub(crate) struct ServerConfig {
    /// Address of every door.
    pub(crate) host: ListenAddress,
    /// Allows any address without tokens.
    pub(crate) insecure: bool,
    /// Ports of the doors.
    pub(crate) ports: Ports,
    /// Further names that a Host header may carry.
    pub(crate) allowed_hosts: Vec<String>,
    /// Open connections per door.
    pub(crate) connections_max: usize,
    /// HTTP/2 streams per connection.
    pub(crate) streams_max: u32,
    /// For a TLS handshake, and for the head of the first request.
    pub(crate) header_timeout: Duration,
    /// For an idle HTTP/1 connection.
    pub(crate) idle_timeout: Duration,
    /// For requests in flight at shutdown.
    pub(crate) drain_timeout: Duration,
}

/// Port of each door; `None` closes it, 0 takes any free one.
#[derive(Debug, Clone)]
pub(crate) struct Ports {
    /// OTLP over gRPC.
    pub(crate) otlp_grpc: Option<u16>,
    /// OTLP over HTTP.
    pub(crate) otlp_http: Option<u16>,
    /// Zipkin.
    pub(crate) zipkin: Option<u16>,
    /// Web UI, APIs, health, metrics.
    pub(crate) http: Option<u16>,
    /// Remote sampling.
    pub(crate) sampling: Option<u16>,
    /// Jaeger's API and Flight SQL over gRPC.
    pub(crate) grpc: Option<u16>,
}

/// Bearer tokens by what they open.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuthConfig {
    /// Sending spans.
    pub(crate) ingest: TokenSource,
    /// Reading.
    pub(crate) query: TokenSource,
    /// Everything.
    pub(crate) admin: TokenSource,
}

/// Tokens, and a file with more of them, whose tokens [`super::load`] adds to the list.
#[derive(Debug, Clone, Default)]
pub(crate) struct TokenSource {
    /// The tokens.
    pub(crate) tokens: Vec<Secret>,
    /// File with one token a line.
    pub(crate) file: Option<PathBuf>,
}

/// Certificate, and the doors that use it.
#[expect(clippy::struct_excessive_bools, reason = "one switch per door")]
#[derive(Debug, Clone)]
pub(crate) struct TlsConfig {
    /// Certificate chain, PEM.
    pub(crate) cert: Option<PathBuf>,
    /// Private key, PEM.
    pub(crate) key: Option<PathBuf>,
    /// TLS on the OTLP gRPC door.
    pub(crate) otlp_grpc: bool,
    /// TLS on the OTLP HTTP door.
    pub(crate) otlp_http: bool,
    /// TLS on the Zipkin door.
    pub(crate) zipkin: bool,
    /// TLS on the web door.
    pub(crate) http: bool,
    /// TLS on the door for remote sampling.
    pub(crate) sampling: bool,
    /// TLS on the gRPC door for queries.
    pub(crate) grpc: bool,
}

/// Sampling.
#[derive(Debug, Clone, Default)]
pub(crate) struct SamplingConfig {
    /// Head sampling.
    pub(crate) rules: Vec<SamplingRule>,
    /// Tail sampling.
    pub(crate) tail: TailConfig,
    /// Sampling of old traces.
    pub(crate) stored: StoredConfig,
    /// Remote sampling.
    pub(crate) remote: RemoteConfig,
}

/// Tail sampling.
#[derive(Debug, Clone)]
pub(crate) struct TailConfig {
    /// File of the policies; `None` keeps every trace.
    pub(crate) policy_file: Option<PathBuf>,
    /// The policies, which [`super::load`] reads from it.
    pub(crate) policies: Option<PolicySetConfig>,
    /// For the rest of a trace.
    pub(crate) decision_wait: Duration,
    /// How long a decision is remembered.
    pub(crate) decision_age: Duration,
    /// How many are remembered.
    pub(crate) decisions_max: usize,
}

impl Default for TailConfig {
    fn default() -> Self {
        Self {
            policy_file: None,
            policies: None,
            decision_wait: Duration::from_secs(30),
            decision_age: Duration::from_hours(1),
            decisions_max: 1_000_000,
        }
    }
}

/// Sampling of stored traces when they are old.
#[derive(Debug, Clone)]
pub(crate) struct StoredConfig {
    /// File of the policies; `None` keeps every trace.
    pub(crate) policy_file: Option<PathBuf>,
    /// The policies, which [`super::load`] reads from it.
    pub(crate) policies: Option<PolicySetConfig>,
    /// Age at which traces are sampled.
    pub(crate) after: Duration,
}

impl Default for StoredConfig {
    fn default() -> Self {
        Self {
            policy_file: None,
            policies: None,
            after: Duration::from_hours(24),
        }
    }
}

/// Remote sampling.
#[derive(Debug, Clone)]
pub(crate) struct RemoteConfig {
    /// File of strategies.
    pub(crate) strategy_file: Option<PathBuf>,
    /// The strategies, which [`super::load`] reads from it.
    pub(crate) strategies: Strategies,
    /// How often the file is looked at; `None` never.
    pub(crate) reload_interval: Option<Duration>,
    /// Whether shares follow the traffic.
    pub(crate) adaptive: bool,
    /// What they aim at.
    pub(crate) options: AdaptiveOptions,
    /// How often they are adapted.
    pub(crate) interval: Duration,
}

impl Default for RemoteConfig {
    fn default() -> Self {
        Self {
            strategy_file: None,
            strategies: Strategies::default(),
            reload_interval: Some(Duration::from_secs(10)),
            adaptive: false,
            options: AdaptiveOptions {
                target_per_second: 1.0,
                initial_share: 0.001,
                share_min: 0.000_01,
                // About one a minute.
                per_second_min: 0.02,
            },
            interval: Duration::from_mins(1),
        }
    }
}

/// What is dropped, and when.
#[derive(Debug, Clone)]
pub(crate) struct RetentionConfig {
    /// Age since arrival; `None` keeps all.
    pub(crate) max_age: Option<Duration>,
    /// Traces that have another term.
    pub(crate) rules: Vec<clew_storage::Rule>,
    /// Bytes of all segments; `None` keeps all.
    pub(crate) max_bytes: Option<u64>,
    /// How often the server looks; `None` never.
    pub(crate) interval: Option<Duration>,
}

/// Log lines.
#[derive(Debug, Clone)]
pub(crate) struct LogConfig {
    /// Which lines.
    pub(crate) level: LogLevel,
    /// Their form.
    pub(crate) format: LogFormat,
}

/// An IP address to listen on; `localhost` is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenAddress(pub(crate) IpAddr);

/// A log filter that is known to parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLevel(String);

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            server: ServerConfig::default(),
            auth: AuthConfig::default(),
            tls: TlsConfig {
                cert: None,
                key: None,
                otlp_grpc: true,
                otlp_http: true,
                zipkin: true,
                http: true,
                sampling: true,
                grpc: true,
            },
            cors_origins: Vec::new(),
            collector: clew_collector::Limits::default(),
            sampling: SamplingConfig::default(),
            storage: clew_storage::Limits::default(),
            retention: RetentionConfig {
                max_age: Some(Duration::from_hours(14 * 24)),
                rules: Vec::new(),
                max_bytes: None,
                interval: Some(Duration::from_mins(10)),
            },
            query: clew_query::QueryLimits::default(),
            zipkin: clew_query::ZipkinOptions::default(),
            ui_dir: None,
            log: LogConfig {
                level: LogLevel("info".to_owned()),
                format: LogFormat::Text,
            },
            unsafe_no_wal: false,
            unsafe_test_purge: false,
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            host: ListenAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            insecure: false,
            ports: Ports {
                otlp_grpc: Some(4317),
                otlp_http: Some(4318),
                zipkin: Some(9411),
                http: Some(16686),
                sampling: Some(5778),
                grpc: Some(16685),
            },
            allowed_hosts: Vec::new(),
            connections_max: 1_024,
            streams_max: 128,
            header_timeout: Duration::from_secs(10),
            // Longer than the usual intervals of exporters, so that none of them meets a connection being closed.
            idle_timeout: Duration::from_secs(75),
            drain_timeout: Duration::from_secs(8),
        }
    }
}

impl AuthConfig {
    /// True when any door has a token.
    pub(crate) fn any(&self) -> bool {
        [&self.ingest, &self.query, &self.admin]
            .iter()
            .any(|source| !source.tokens.is_empty())
    }
}

impl FromStr for ListenAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "localhost" {
            return Ok(Self(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        }
        text.parse()
            .map(Self)
            .map_err(|_| "not an IP address: write 127.0.0.1, 0.0.0.0, :: or localhost")
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        EnvFilter::try_new(text)
            .map(|_| Self(text.to_owned()))
            .map_err(|error| format!("not a log filter: {error}"))
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("neither text nor json"),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}
