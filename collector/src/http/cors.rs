//! Cross-origin requests, for SDKs that run in browsers.

use std::time::Duration;

use http::{HeaderValue, Method, header, request};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::glob;

/// How long a browser may remember the answer to a preflight request.
const MAX_AGE: Duration = Duration::from_hours(1);

/// A layer that lets pages of the given origins send spans. Put it outside of authentication: a preflight request carries
/// no token.
///
/// In an origin, `*` stands for any text: `https://*.example.com`, or `*` for every origin. Credentials are allowed, as
/// browsers send them along with beacons; the allowed origin is therefore always told by name.
pub fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.to_vec();
    let allowed = move |origin: &HeaderValue, _: &request::Parts| {
        let origin = origin.to_str().unwrap_or_default();
        origins.iter().any(|pattern| glob::matches(pattern, origin))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::RETRY_AFTER])
        .allow_credentials(true)
        .max_age(MAX_AGE)
}
