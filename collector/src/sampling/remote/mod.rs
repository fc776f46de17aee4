//! Remote sampling: SDKs ask which share of their traces they should sample, over Jaeger's HTTP protocol.
//!
//! ```text
//!  GET /sampling?service=cart ──▶ the file names it ──no──▶ adaptive shares are on ──no──▶ the file's default ──no──▶ all
//!                                        └─▶ so              └─▶ from observed roots         └─▶ so
//! ```
//!
//! As in Jaeger, several paths lead here, and `service` has to be given exactly once.

mod adaptive;
mod observed;
mod strategies;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use http::StatusCode;
use metrics::{counter, gauge};

pub use adaptive::AdaptiveOptions;
pub use strategies::Strategies;

use crate::metrics as names;
use adaptive::Adaptive;
pub(crate) use observed::{Observed, ServiceRoots};
use strategies::Strategy;

/// What is told, and what it follows from. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RemoteSampling {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    strategies: Mutex<Arc<Strategies>>,
    /// `None` when shares do not follow the traffic.
    adaptive: Option<Mutex<Adaptive>>,
    observed: Arc<Observed>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RemoteSampling {
    /// Tells what `strategies` say and, where they name no service, shares that follow the traffic if `adaptive` is given.
    #[must_use]
    pub fn new(strategies: Strategies, adaptive: Option<AdaptiveOptions>) -> Self {
        let shared = Shared {
            strategies: Mutex::new(Arc::new(strategies)),
            adaptive: adaptive.map(|options| Mutex::new(Adaptive::new(options))),
            observed: Arc::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Tells what these say from now on.
    pub fn set_strategies(&self, strategies: Strategies) {
        *lock(&self.shared.strategies) = Arc::new(strategies);
    }

    /// Adapts the shares to what was observed in the time `since` the last call.
    pub fn adapt(&self, since: Duration) {
        if let Some(adaptive) = &self.shared.adaptive {
            let observed = self.shared.observed.take();
            let mut adaptive = lock(adaptive);
            adaptive.adapt(observed, since.as_secs_f64().max(1e-3));
            gauge!(names::REMOTE_OPERATIONS).set(adaptive.len() as f64);
        }
    }

    /// What counts root spans, if shares follow from it.
    pub(crate) fn observer(&self) -> Option<Arc<Observed>> {
        let observed = &self.shared.observed;
        self.shared.adaptive.as_ref().map(|_| Arc::clone(observed))
    }

    /// `GET /sampling?service=`, also as `/api/sampling` and at the root.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(answer))
            .route("/sampling", get(answer))
            .route("/api/sampling", get(answer))
            .with_state(self.clone())
    }

    fn strategy(&self, service: &str) -> Strategy {
        let strategies = Arc::clone(&lock(&self.shared.strategies));
        if let Some(strategy) = strategies.of_service(service) {
            return strategy.clone();
        }
        if let Some(adaptive) = &self.shared.adaptive {
            return lock(adaptive).told(service);
        }
        let default = strategies.of_others().cloned();
        default.unwrap_or_else(|| Strategy::share(1.0))
    }
}

async fn answer(
    State(remote): State<RemoteSampling>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Response {
    let services = parameters.iter().filter(|(name, _)| name == "service");
    let services: Vec<&String> = services.map(|(_, service)| service).collect();
    let [service] = services[..] else {
        counter!(names::REMOTE_REQUESTS, "outcome" => "invalid").increment(1);
        let why = "the parameter `service` has to be given exactly once\n";
        return (StatusCode::BAD_REQUEST, why).into_response();
    };
    counter!(names::REMOTE_REQUESTS, "outcome" => "answered").increment(1);
    Json(remote.strategy(service)).into_response()
}
