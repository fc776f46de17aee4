//! `clew serve`: one store, and the doors to it.
//!
//! ```text
//!  configuration ─▶ certificate ─▶ ports bound ─▶ store opened (log replayed) ─▶ doors served ─▶ first query prepared, addresses printed
//!                                                                                        │
//!  exit 0 ◀─ store flushed and closed ◀─ requests in flight finished ◀─ not ready ◀─ SIGTERM, SIGINT
//! ```
//!
//! Each door's stack, from outside: bounds of the connection ([`listen`]), Host and Origin ([`guard`]), CORS, token
//! ([`access`]), then the router of collector, query or UI.

pub(crate) mod access;
pub(crate) mod admin;
mod archive;
mod connections;
mod doors;
mod guard;
mod health;
mod listen;
mod logging;
mod measure;
mod open;
mod purge;
mod refusal;
mod remote;
mod retention;
mod signals;
mod span_metrics;
mod tls;
mod trial;

use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum_server::Handle;
use clew_storage::Store;
use tokio::task::JoinSet;

use crate::cli::say;
use crate::config::{Config, Loaded};
use admin::Socket;
pub(crate) use doors::query_service;
use doors::{Doors, Routes};
pub(crate) use open::open_store;
pub(crate) use retention::nanoseconds;
use signals::Signals;

/// How often the recorder of metrics tidies up its histograms.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// Runs a server until a signal ends it.
pub(crate) async fn run(loaded: Loaded, print_addresses: bool) -> anyhow::Result<()> {
    let Loaded {
        config, warnings, ..
    } = loaded;
    logging::install(&config.log);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let mut signals = Signals::install()?;
    let doors = Doors::bind(&config)?;
    let metrics = install_metrics()?;
    let store = open::open_and_tell(&config).await?;
    let remote = remote::sampling(&config.sampling.remote);
    let routes = Routes::new(&config, &store, metrics, remote.clone())?;
    let welcome = if print_addresses {
        doors.addresses()
    } else {
        doors.welcome(&config)
    };
    let mut running = Running::start(doors, &routes, &config, &store);
    routes.prepare().await;
    say(&welcome);
    running.in_background(remote::run(remote, config.sampling.remote.clone()));
    let ended = tokio::select! {
        name = signals.next() => {
            tracing::info!(signal = name, "shutting down");
            Ok(())
        }
        fault = running.fault() => Err(fault),
    };
    signals.exit_at_next();
    routes.close().await;
    running.drain(config.server.drain_timeout).await;
    store
        .close()
        .await
        .context("the last flush failed; what was acknowledged is in the log")?;
    tracing::info!("stopped");
    ended
}

fn install_metrics() -> anyhow::Result<metrics_exporter_prometheus::PrometheusHandle> {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)
        .map_err(|error| anyhow!("metrics cannot be set up: {error}"))?;
    clew_collector::describe_metrics();
    measure::describe();
    let tidy = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(METRICS_UPKEEP).await;
            tidy.run_upkeep();
        }
    });
    Ok(handle)
}

/// The tasks of a server.
struct Running {
    doors: JoinSet<anyhow::Result<()>>,
    handles: Vec<Handle<SocketAddr>>,
    admin: Handle<UnixAddr>,
    /// Work beside the doors that may end at any moment.
    background: JoinSet<()>,
    /// Removed when the server is gone.
    socket: Option<Socket>,
}

impl Running {
    fn start(doors: Doors, routes: &Routes, config: &Config, store: &Store) -> Self {
        let mut running = Self {
            doors: JoinSet::new(),
            handles: Vec::new(),
            admin: Handle::new(),
            background: JoinSet::new(),
            socket: None,
        };
        running.start_admin(routes, config);
        for (door, router) in doors.with_routes(routes) {
            let handle = Handle::new();
            running.handles.push(handle.clone());
            let (server, name) = (config.server.clone(), door.name);
            running.doors.spawn(async move {
                door.serve(router, &server, handle)
                    .await
                    .with_context(|| format!("the door {name} failed"))
            });
        }
        if let (Some(request), Some(every)) = (
            retention::request(&config.retention),
            config.retention.interval,
        ) {
            running.in_background(retention::run(store.clone(), request, every));
        }
        running
    }

    fn in_background(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.background.spawn(work);
    }

    /// A server without its socket is still a server: commands then say that the directory is in use.
    fn start_admin(&mut self, routes: &Routes, config: &Config) {
        let bound = Socket::bind(&config.data_dir).and_then(|(socket, listener)| {
            Ok((
                socket,
                axum_server::from_unix(listener)?.handle(self.admin.clone()),
            ))
        });
        match bound {
            Ok((socket, server)) => {
                self.socket = Some(socket);
                let admin = routes.admin();
                self.doors.spawn(async move {
                    server
                        .serve(admin.into_make_service())
                        .await
                        .context("the admin socket failed")
                });
            }
            Err(error) => {
                let path = config.data_dir.join(admin::SOCKET);
                tracing::warn!(path = %path.display(), %error, "no admin socket: commands cannot reach this server");
            }
        }
    }

    /// Waits for a door that ends by itself, which none should.
    async fn fault(&mut self) -> anyhow::Error {
        match self.doors.join_next().await {
            Some(Ok(Err(error))) => error,
            Some(Err(error)) => anyhow!("a door failed: {error}"),
            Some(Ok(Ok(()))) | None => anyhow!("a door closed by itself"),
        }
    }

    /// Takes no more connections; lets requests in flight finish for as long as `timeout`.
    async fn drain(mut self, timeout: Duration) {
        self.background.abort_all();
        self.handles
            .iter()
            .for_each(|handle| handle.graceful_shutdown(Some(timeout)));
        self.admin.graceful_shutdown(Some(timeout));
        while let Some(ended) = self.doors.join_next().await {
            if let Ok(Err(error)) = ended {
                tracing::error!(
                    error = format!("{error:#}"),
                    "a door did not close in order"
                );
            }
        }
    }
}
