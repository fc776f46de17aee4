//! The doors: which port leads to which router, behind which checks.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use clew_collector::remote::RemoteSampling;
use clew_collector::{Receivers, Sampler};
use clew_query::{GrpcDoor, QueryOptions, QueryService};
use clew_storage::Store;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Map, Value, json};

use super::access::{Access, Class};
use super::guard::Guard;
use super::health::{self, Health};
use super::listen::{Door, Sign};
use super::{admin, archive, measure, purge, span_metrics, tls, trial};
use crate::config::Config;
use crate::memory;

/// Which routes a door leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    OtlpGrpc,
    OtlpHttp,
    Zipkin,
    Http,
    Grpc,
    Sampling,
}

const SIGNS: [(Kind, Sign); 6] = [
    (
        Kind::Http,
        Sign {
            name: "http",
            title: "Web UI, Jaeger API, SQL",
            path: "",
        },
    ),
    (
        Kind::Grpc,
        Sign {
            name: "grpc",
            title: "Jaeger gRPC, Flight SQL",
            path: "",
        },
    ),
    (
        Kind::OtlpGrpc,
        Sign {
            name: "otlp_grpc",
            title: "OTLP over gRPC",
            path: "",
        },
    ),
    (
        Kind::OtlpHttp,
        Sign {
            name: "otlp_http",
            title: "OTLP over HTTP",
            path: "/v1/traces",
        },
    ),
    (
        Kind::Zipkin,
        Sign {
            name: "zipkin",
            title: "Zipkin",
            path: "/api/v2/spans",
        },
    ),
    (
        Kind::Sampling,
        Sign {
            name: "sampling",
            title: "Remote sampling",
            path: "/sampling",
        },
    ),
];

/// Ports that are bound, not served yet.
pub(super) struct Doors(Vec<(Kind, Door)>);

impl Doors {
    /// Reads the certificate and binds every port that is not off.
    pub(super) fn bind(config: &Config) -> anyhow::Result<Self> {
        let certificate = tls::load(&config.tls)?;
        let mut doors = Vec::new();
        for (kind, sign) in SIGNS {
            let (ports, switches) = (&config.server.ports, &config.tls);
            let (port, uses_tls) = match kind {
                Kind::OtlpGrpc => (ports.otlp_grpc, switches.otlp_grpc),
                Kind::OtlpHttp => (ports.otlp_http, switches.otlp_http),
                Kind::Zipkin => (ports.zipkin, switches.zipkin),
                Kind::Http => (ports.http, switches.http),
                Kind::Grpc => (ports.grpc, switches.grpc),
                Kind::Sampling => (ports.sampling, switches.sampling),
            };
            if let Some(port) = port {
                let certificate = certificate.clone().filter(|_| uses_tls);
                doors.push((kind, Door::bind(sign, &config.server, port, certificate)?));
            }
        }
        Ok(Self(doors))
    }

    /// The addresses as one line of JSON.
    pub(super) fn addresses(&self) -> String {
        let address =
            |(_, door): &(Kind, Door)| (door.name.to_owned(), json!(door.address.to_string()));
        Value::Object(self.0.iter().map(address).collect()).to_string()
    }

    /// The addresses for a person.
    pub(super) fn welcome(&self, config: &Config) -> String {
        let (version, directory) = (env!("CARGO_PKG_VERSION"), config.data_dir.display());
        let doors = self.0.iter();
        let lines = doors.map(|(_, door)| format!("\n  {:<24}{}", door.title, door.url()));
        format!(
            "Clew {version} on {directory}\n{}",
            lines.collect::<String>()
        )
    }

    /// Every door with what it leads to.
    pub(super) fn with_routes(self, routes: &Routes) -> impl Iterator<Item = (Door, Router)> {
        self.0
            .into_iter()
            .map(|(kind, door)| (door, routes.of(kind)))
    }
}

/// The routers of all crates, and the checks before them.
pub(super) struct Routes {
    access: Access,
    guard: Arc<Guard>,
    origins: Vec<String>,
    receivers: Receivers,
    apis: Router,
    grpc: GrpcDoor,
    zipkin_queries: Router,
    /// The call that drops every span, if this server is there for tests.
    purge: Option<Router>,
    ui: Router,
    queries: QueryService,
    health: Health,
    metrics: Router,
    trial: Router,
    remote: RemoteSampling,
    store: Store,
}

impl Routes {
    /// Routes over `store`.
    pub(super) fn new(
        config: &Config,
        store: &Store,
        metrics: PrometheusHandle,
        remote: RemoteSampling,
    ) -> anyhow::Result<Self> {
        let sampler = Sampler::new(&config.sampling.rules).context("sampling.head.rules")?;
        let receivers = Receivers::new(store.clone(), config.collector.clone(), sampler, &remote);
        let source = config
            .ui_dir
            .clone()
            .map_or(clew_ui::Source::Embedded, clew_ui::Source::Directory);
        if config.unsafe_test_purge {
            tracing::error!(
                "unsafe_test_purge is set: POST /test/purge drops every span; this is for tests only"
            );
        }
        let queries = query_service(config, store);
        Ok(Self {
            access: Access::new(&config.auth),
            guard: Guard::new(config),
            origins: config.cors_origins.clone(),
            receivers,
            grpc: GrpcDoor::new(&queries),
            zipkin_queries: clew_query::zipkin_router(queries.clone(), config.zipkin.clone()),
            purge: config
                .unsafe_test_purge
                .then(|| purge::router(store.clone())),
            apis: clew_query::router(queries.clone()),
            queries,
            ui: clew_ui::router(source),
            health: Health::new(store.clone()),
            metrics: health::metrics_router(metrics).merge(span_metrics::router(store.clone())),
            remote,
            trial: trial::router(store.clone(), config.storage.epoch_age),
            store: store.clone(),
        })
    }

    fn of(&self, kind: Kind) -> Router {
        let router = match kind {
            Kind::OtlpGrpc => self.access.guard(Class::Ingest, self.receivers.otlp_grpc()),
            Kind::OtlpHttp => self.access.guard(Class::Ingest, self.receivers.otlp_http()),
            Kind::Zipkin => self.zipkin(),
            Kind::Http => self.http(),
            Kind::Grpc => {
                let router = measure::measure("grpc", self.grpc.router());
                self.access.guard(Class::Query, router)
            }
            Kind::Sampling => {
                let router = measure::measure("sampling", self.remote.router());
                self.access.guard(Class::Ingest, router)
            }
        };
        let router = if self.origins.is_empty() {
            router
        } else {
            router.layer(clew_collector::cors(&self.origins))
        };
        self.guard.protect(router)
    }

    /// The pages and the health checks are open: they hold no span.
    fn http(&self) -> Router {
        let apis = measure::measure("http", self.apis.clone());
        let others = archive::router(self.store.clone()).merge(self.trial.clone());
        let others = measure::measure("http", others);
        let reading = apis.merge(others).merge(self.metrics.clone());
        let routes = self
            .access
            .guard(Class::Query, reading)
            .merge(self.health.router())
            .merge(self.ui.clone());
        match &self.purge {
            None => routes,
            Some(purge) => routes.merge(self.access.guard(Class::Admin, purge.clone())),
        }
    }

    /// Spans are posted and names of spans are read at the same path, each with the tokens of its class.
    fn zipkin(&self) -> Router {
        let queries = measure::measure("zipkin", self.zipkin_queries.clone());
        let queries = self.access.guard(Class::Query, queries);
        let sending = self.access.guard(Class::Ingest, self.receivers.zipkin());
        sending.merge(queries)
    }

    /// What the admin socket leads to.
    pub(super) fn admin(&self) -> Router {
        let apis = self.apis.clone().merge(self.trial.clone());
        admin::router(self.store.clone(), apis)
    }

    /// Gets ready for the first query, and says so.
    pub(super) async fn prepare(&self) {
        let queries = self.queries.clone();
        // A failure is none of the health's business: whoever asks will be told.
        let _ = tokio::task::spawn_blocking(move || queries.prepare()).await;
        self.health.prepared();
    }

    /// Tells everybody who asks that this server is going.
    pub(super) async fn close(&self) {
        self.health.close();
        self.receivers.set_serving(false).await;
        self.grpc.set_serving(false).await;
    }
}

/// The query service over `store`.
pub(crate) fn query_service(config: &Config, store: &Store) -> QueryService {
    let status = status(config, store);
    QueryService::new(QueryOptions {
        store: store.clone(),
        limits: config.query.clone(),
        otlp_json: Some((
            Arc::new(clew_collector::Viewer::new(
                config.collector.payload.clone(),
            )),
            clew_collector::kind::OTLP_JSON,
        )),
        status: Arc::new(status),
        sql_thread_begins: memory::reuse_on_this_thread,
    })
}

/// What the status page shows beside the store's own figures.
fn status(
    config: &Config,
    store: &Store,
) -> impl Fn() -> Map<String, Value> + Send + Sync + 'static {
    let clock = Arc::clone(&store.env().clock);
    let started_ns = clock.monotonic_ns();
    let text = |duration: Option<std::time::Duration>| duration.map(|duration| duration.as_secs());
    let retention = json!({
        "max_age_s": text(config.retention.max_age),
        "max_bytes": config.retention.max_bytes,
        "interval_s": text(config.retention.interval),
    });
    let ports = &config.server.ports;
    let ports = json!({
        "otlp_grpc": ports.otlp_grpc,
        "otlp_http": ports.otlp_http,
        "zipkin": ports.zipkin,
        "http": ports.http,
        "grpc": ports.grpc,
        "sampling": ports.sampling,
    });
    let limits = json!({
        "hot_window_bytes": config.storage.hot_window_bytes,
        "in_flight_bytes": config.collector.in_flight_bytes_max,
        "body_bytes": config.collector.body_bytes_max,
    });
    move || {
        let uptime_s = clock.monotonic_ns().saturating_sub(started_ns) / 1_000_000_000;
        let fields = [
            ("version", json!(env!("CARGO_PKG_VERSION"))),
            ("uptime_s", json!(uptime_s)),
            ("retention", retention.clone()),
            ("limits", limits.clone()),
            ("ports", ports.clone()),
        ];
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}
