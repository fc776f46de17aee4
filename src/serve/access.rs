//! Who may pass which door: bearer tokens by class.
//!
//! Invariants: a router is put behind [`Access::guard`] with its class, or is open on purpose; gRPC health checks pass; tokens are compared in constant
//! time, all of them, so that the time tells neither which one matched nor where a wrong one differs.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use metrics::counter;

use super::refusal::Refusal;
use crate::config::{AuthConfig, Secret};

/// Health checks of gRPC, which orchestrators make without a token.
const OPEN_PATHS: &str = "/grpc.health.v1.Health/";

/// What a door is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Sending spans.
    Ingest,
    /// Reading.
    Query,
    /// What only an admin token opens.
    Admin,
}

/// The tokens. Without any, every door is open.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    tokens: Arc<Tokens>,
}

#[derive(Debug)]
struct Tokens {
    ingest: Vec<Secret>,
    query: Vec<Secret>,
    admin: Vec<Secret>,
}

impl Access {
    /// Access by the configured tokens.
    pub(crate) fn new(config: &AuthConfig) -> Self {
        let tokens = Tokens {
            ingest: config.ingest.tokens.clone(),
            query: config.query.tokens.clone(),
            admin: config.admin.tokens.clone(),
        };
        Self {
            tokens: Arc::new(tokens),
        }
    }

    /// Puts `router`, its fallback included, behind the tokens of `class`.
    pub(crate) fn guard(&self, class: Class, router: Router) -> Router {
        if self.tokens.is_empty() {
            return router;
        }
        router.layer(from_fn_with_state((self.clone(), class), check))
    }

    fn admits(&self, class: Class, headers: &HeaderMap) -> Result<(), Refusal> {
        let offered = headers
            .get(AUTHORIZATION)
            .and_then(bearer)
            .ok_or(Refusal::NoToken)?;
        let Tokens {
            ingest,
            query,
            admin,
        } = &*self.tokens;
        let [ingest, query, admin] =
            [ingest, query, admin].map(|tokens| any_matches(tokens, offered));
        let own = match class {
            Class::Ingest => ingest,
            Class::Query => query,
            Class::Admin => false,
        };
        match (own | admin, ingest | query) {
            (true, _) => Ok(()),
            (false, true) => Err(Refusal::OtherToken),
            (false, false) => Err(Refusal::NoToken),
        }
    }
}

impl Tokens {
    fn is_empty(&self) -> bool {
        self.ingest.is_empty() && self.query.is_empty() && self.admin.is_empty()
    }
}

/// Compares with every token, without stopping at a match.
fn any_matches(tokens: &[Secret], offered: &[u8]) -> bool {
    tokens
        .iter()
        .fold(false, |found, token| found | token.matches(offered))
}

/// The token of `Bearer <token>`; the word may be in any case.
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii())
}

async fn check(
    State((access, class)): State<(Access, Class)>,
    request: Request,
    next: Next,
) -> Response {
    if request.uri().path().starts_with(OPEN_PATHS) {
        return next.run(request).await;
    }
    match access.admits(class, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            counter!("clew_http_refused_total", "reason" => refusal.code()).increment(1);
            refusal.answer(&request)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        let secret = |text: &str| vec![Secret::new(text.to_owned()).unwrap()];
        let tokens = Tokens {
            ingest: secret("ingest-ingest-ingest"),
            query: secret("query-query-query-query"),
            admin: secret("admin-admin-admin-admin"),
        };
        Access {
            tokens: Arc::new(tokens),
        }
    }

    fn check(header: Option<&str>, expected: [Result<(), Refusal>; 3]) {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header.parse().unwrap());
        }
        let found = [Class::Ingest, Class::Query, Class::Admin]
            .map(|class| access().admits(class, &headers));
        assert_eq!(found, expected, "{header:?}");
    }

    #[test]
    fn every_token_opens_its_own_doors() {
        check(
            Some("Bearer ingest-ingest-ingest"),
            [Ok(()), Err(Refusal::OtherToken), Err(Refusal::OtherToken)],
        );
        check(
            Some("Bearer query-query-query-query"),
            [Err(Refusal::OtherToken), Ok(()), Err(Refusal::OtherToken)],
        );
        check(Some("Bearer admin-admin-admin-admin"), [Ok(()); 3]);
        check(Some("bEARER   admin-admin-admin-admin "), [Ok(()); 3]);
    }

    #[test]
    fn anything_else_opens_none() {
        for header in [
            None,
            Some(""),
            Some("Bearer"),
            Some("Bearer "),
            Some("Bearer ingest-ingest-inges"),
            Some("Bearer ingest-ingest-ingestx"),
            Some("Basic ingest-ingest-ingest"),
            Some("ingest-ingest-ingest"),
            Some("Bearer ingest-ingest-ingest query-query-query-query"),
        ] {
            check(header, [Err(Refusal::NoToken); 3]);
        }
    }
}
