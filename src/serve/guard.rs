//! Protection of a server on a person's own machine against web pages that the person visits.
//!
//! A page can send requests to `127.0.0.1`, and by DNS rebinding can make its own name mean that address and then read the
//! answers. So: the Host header must name this machine (on a loopback address, or where names are configured), and a
//! request that a browser sends for a page of another origin passes only if that origin is configured.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use metrics::counter;

use super::refusal::Refusal;
use crate::config::Config;

/// What Host and Origin are checked against.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Names besides localhost; `None` lets any Host header pass.
    hosts: Option<Vec<String>>,
    origins: Vec<String>,
}

impl Guard {
    /// The checks that `config` asks for.
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        let server = &config.server;
        let checks_hosts = server.host.0.is_loopback() || !server.allowed_hosts.is_empty();
        let hosts = server
            .allowed_hosts
            .iter()
            .map(|host| host.to_ascii_lowercase())
            .collect();
        Arc::new(Self {
            hosts: checks_hosts.then_some(hosts),
            origins: config.cors_origins.clone(),
        })
    }

    /// Puts `router` behind the checks.
    pub(crate) fn protect(self: &Arc<Self>, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::clone(self), check))
    }

    fn admits(&self, request: &Request) -> Result<(), Refusal> {
        // HTTP/2 has the host in the address; a request without either comes from no browser.
        let host = request.uri().authority().map(Authority::as_str);
        let host = host.or_else(|| request.headers().get(HOST)?.to_str().ok());
        if let (Some(host), Some(names)) = (host, &self.hosts)
            && !is_this_machine(host, names)
        {
            return Err(Refusal::Host);
        }
        let Some(origin) = request.headers().get(ORIGIN) else {
            return Ok(());
        };
        let origin = origin.to_str().map_err(|_| Refusal::Origin)?;
        let same = origin.split_once("://").map(|(_, authority)| authority) == host;
        let allowed = same || clew_collector::origin_is_allowed(&self.origins, origin);
        if allowed {
            Ok(())
        } else {
            Err(Refusal::Origin)
        }
    }
}

/// True for `localhost`, a name below it, any IP address (a name is what rebinding needs) and the configured names.
fn is_this_machine(host: &str, names: &[String]) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address.parse::<IpAddr>().is_ok()
        || names.contains(&host)
}

async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.admits(&request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            counter!("clew_http_refused_total", "reason" => refusal.code()).increment(1);
            refusal.answer(&request)
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn admits(guard: &Guard, host: &str, origin: Option<&str>) -> Result<(), Refusal> {
        let mut request = Request::builder().uri("/v1/traces").header(HOST, host);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        guard.admits(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn only_names_of_this_machine_pass() {
        let guard = Guard {
            hosts: Some(vec!["clew.example".to_owned()]),
            origins: Vec::new(),
        };
        for host in [
            "localhost:4318",
            "LOCALHOST",
            "a.localhost:1",
            "127.0.0.1:4318",
            "[::1]:4318",
            "10.0.0.7",
            "Clew.Example:443",
            "localhost.",
        ] {
            assert_eq!(admits(&guard, host, None), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "xlocalhost",
            "clew.example.evil",
            "a b",
        ] {
            assert_eq!(admits(&guard, host, None), Err(Refusal::Host), "{host}");
        }
        let open = Guard {
            hosts: None,
            origins: Vec::new(),
        };
        assert_eq!(admits(&open, "evil.example", None), Ok(()));
    }

    #[test]
    fn pages_of_other_origins_pass_only_if_configured() {
        let guard = Guard {
            hosts: Some(Vec::new()),
            origins: vec!["https://*.shop.example".to_owned()],
        };
        let check = |origin: &str, expected| {
            assert_eq!(
                admits(&guard, "localhost:16686", Some(origin)),
                expected,
                "{origin}"
            );
        };
        check("http://localhost:16686", Ok(()));
        check("https://www.shop.example", Ok(()));
        check("http://localhost:3000", Err(Refusal::Origin));
        check("https://evil.example", Err(Refusal::Origin));
        check("null", Err(Refusal::Origin));
    }
}
