//! What a client takes: content encodings, HTML, and whether it has the answer already.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, HeaderName, IF_NONE_MATCH};

/// Encodings that files are built in, best first: name in HTTP and ending of the file's name.
const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

/// Encodings that the client takes, best first: name in HTTP and ending of the file's name.
pub(crate) fn encodings(headers: &HeaderMap) -> impl Iterator<Item = (&'static str, &'static str)> {
    ENCODINGS
        .into_iter()
        .filter(|(name, _)| takes(headers, &ACCEPT_ENCODING, name))
}

/// True when the client asks for a page, as browsers do when an address is opened.
pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    takes(headers, &ACCEPT, "text/html")
}

/// True when `wanted` stands in the list `header` and its weight is not zero. Wildcards do not count: `*/*` asks for no page.
fn takes(headers: &HeaderMap, header: &HeaderName, wanted: &str) -> bool {
    items(headers, header).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        named && !parts.any(|part| part.strip_prefix("q=").is_some_and(is_zero))
    })
}

fn is_zero(weight: &str) -> bool {
    weight.trim().parse().is_ok_and(|weight: f32| weight <= 0.0)
}

fn items<'a>(headers: &'a HeaderMap, header: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// True when the client says that it has the answer with this `ETag`.
pub(crate) fn has_already(headers: &HeaderMap, etag: &str) -> bool {
    items(headers, &IF_NONE_MATCH)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn with(header: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header, HeaderValue::from_static(value))])
    }

    #[test]
    fn brotli_is_preferred_and_a_weight_of_zero_refuses() {
        let names = |value| {
            let headers = with(ACCEPT_ENCODING, value);
            encodings(&headers)
                .map(|(name, _)| name)
                .collect::<Vec<_>>()
        };
        assert_eq!(names("gzip, deflate, br, zstd"), ["br", "gzip"]);
        assert_eq!(names("GZIP;q=0.5"), ["gzip"]);
        assert_eq!(names("br;q=0, gzip; q=1.0"), ["gzip"]);
        assert_eq!(names("identity, *"), Vec::<&str>::new());
    }

    #[test]
    fn only_a_named_html_asks_for_a_page() {
        assert!(wants_html(&with(
            ACCEPT,
            "text/html,application/xhtml+xml,*/*;q=0.8"
        )));
        assert!(!wants_html(&with(ACCEPT, "*/*")));
        assert!(!wants_html(&with(ACCEPT, "application/json")));
    }

    #[test]
    fn a_known_tag_is_found_in_a_list_weak_or_strong() {
        let known = |value, etag| has_already(&with(IF_NONE_MATCH, value), etag);
        assert!(known("\"a\", W/\"b\"", "\"b\""));
        assert!(known("*", "\"b\""));
        assert!(!known("\"a\"", "\"b\""));
    }
}
