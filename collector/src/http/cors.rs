//! Cross-origin requests, for SDKs that run in browsers.

use std::time::Duration;

use http::{HeaderValue, Method, header, request};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use clew_storage::glob;

/// How long a browser may remember the answer to a preflight request.
const MAX_AGE: Duration = Duration::from_hours(1);

/// A layer that lets pages of the given origins send spans, and read where a door has something to read. Put it outside of authentication: a preflight request carries
/// no token.
///
/// In an origin, `*` stands for any text: `https://*.example.com`, or `*` for every origin. Credentials are allowed, as
/// browsers send them along with beacons; the allowed origin is therefore always told by name.
pub fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.to_vec();
    let allowed = move |origin: &HeaderValue, _: &request::Parts| {
        origin_is_allowed(&origins, origin.to_str().unwrap_or_default())
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::RETRY_AFTER])
        .allow_credentials(true)
        .max_age(MAX_AGE)
}

/// Whether pages of `origin` are let in by one of the patterns in `origins`, as [`cors`] reads them.
#[must_use]
pub fn origin_is_allowed(origins: &[String], origin: &str) -> bool {
    origins.iter().any(|pattern| glob::matches(pattern, origin))
}
