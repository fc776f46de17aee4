//! One request for a file or a page.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, HeaderValue, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;

use crate::Source;
use crate::assets::INDEX;
use crate::negotiate::{encodings, has_already, wants_html};
use crate::page::{NOT_BUILT, depth, with_base};

/// Scripts, styles and requests of this origin only, nothing inline: text from spans can never become code.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
connect-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'";

/// Folder of files that have a hash of their content in their name.
const HASHED: &str = "assets/";

/// Longest path that is looked up; the longest file name is far shorter, and so is every page's address.
const PATH_MAX_BYTES: usize = 2048;

/// An answer, before the headers that all answers have.
struct Answer {
    status: StatusCode,
    content_type: String,
    cache: &'static str,
    etag: Option<String>,
    encoding: Option<&'static str>,
    body: Vec<u8>,
}

impl Answer {
    fn text(status: StatusCode, text: &str) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8".to_owned(),
            cache: "no-store",
            etag: None,
            encoding: None,
            body: text.as_bytes().to_vec(),
        }
    }
}

/// Answers `request` from `source`.
pub(crate) async fn serve(source: Arc<Source>, request: Request) -> Response {
    let is_head = request.method() == Method::HEAD;
    if !is_head && request.method() != Method::GET {
        let answer = Answer::text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        let mut response = finish(answer, request.headers(), false);
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let answer = answer(&source, request.uri().path(), request.headers()).await;
    finish(answer, request.headers(), is_head)
}

async fn answer(source: &Source, path: &str, headers: &HeaderMap) -> Answer {
    if path.len() > PATH_MAX_BYTES {
        return Answer::text(StatusCode::URI_TOO_LONG, "the path is too long\n");
    }
    let name = path.trim_start_matches('/');
    if name != INDEX
        && !name.is_empty()
        && let Some(file) = file(source, name, headers).await
    {
        return file;
    }
    // The root has nothing else to say, so a client that names no HTML, as curl, gets the page as well.
    let may_be_page = !name.starts_with(HASHED) && !name.starts_with("api/");
    if name.is_empty() || (may_be_page && wants_html(headers)) {
        return page(source, path).await;
    }
    Answer::text(StatusCode::NOT_FOUND, "not found\n")
}

async fn file(source: &Source, name: &str, headers: &HeaderMap) -> Option<Answer> {
    let plain = source.get(name).await?;
    let mut answer = Answer {
        status: StatusCode::OK,
        content_type: content_type(name),
        cache: if name.starts_with(HASHED) {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        },
        etag: Some(format!("\"{}\"", plain.tag)),
        encoding: None,
        body: Vec::new(),
    };
    for (encoding, ending) in encodings(headers) {
        if let Some(packed) = source.get(&format!("{name}.{ending}")).await {
            answer.encoding = Some(encoding);
            // A strong tag names exact bytes, so each encoding has its own.
            answer.etag = Some(format!("\"{}-{encoding}\"", plain.tag));
            answer.body = packed.bytes.into_owned();
            return Some(answer);
        }
    }
    answer.body = plain.bytes.into_owned();
    Some(answer)
}

async fn page(source: &Source, path: &str) -> Answer {
    let content_type = "text/html; charset=utf-8".to_owned();
    let Some(index) = source.get(INDEX).await else {
        return Answer {
            content_type,
            ..Answer::text(StatusCode::SERVICE_UNAVAILABLE, NOT_BUILT)
        };
    };
    let depth = depth(path);
    let html = String::from_utf8_lossy(&index.bytes);
    Answer {
        status: StatusCode::OK,
        content_type,
        cache: "no-cache",
        etag: Some(format!("\"{}-{depth}\"", index.tag)),
        encoding: None,
        body: with_base(&html, depth).into_bytes(),
    }
}

fn content_type(name: &str) -> String {
    let guess = mime_guess::from_path(name).first_or_octet_stream();
    let is_text = guess.type_() == mime_guess::mime::TEXT || guess.subtype() == "javascript";
    if is_text {
        format!("{guess}; charset=utf-8")
    } else {
        guess.to_string()
    }
}

/// Adds the headers of every answer; a client that has it already gets 304 without the body.
fn finish(answer: Answer, request: &HeaderMap, is_head: bool) -> Response {
    let is_known = answer
        .etag
        .as_deref()
        .is_some_and(|etag| has_already(request, etag));
    let status = if is_known {
        StatusCode::NOT_MODIFIED
    } else {
        answer.status
    };
    let length = answer.body.len();
    let body = if is_head || is_known {
        Body::empty()
    } else {
        Body::from(answer.body)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(answer.cache));
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    if let Some(etag) = answer
        .etag
        .and_then(|etag| HeaderValue::try_from(etag).ok())
    {
        headers.insert(ETAG, etag);
    }
    if is_known {
        return response;
    }
    if let Ok(content_type) = HeaderValue::try_from(answer.content_type) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    if let Some(encoding) = answer.encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if is_head {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}
