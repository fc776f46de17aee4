//! The router over a folder made for the test, as a browser and a proxy would use it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use clew_ui::{Source, router};
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tower::ServiceExt as _;

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// The pages as they are built: a page, a hashed script in three encodings, a file with a fixed name.
fn pages() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("assets")).unwrap();
    write(
        "index.html",
        "<base href=\"./\" /><script src=\"./assets/app-1.js\"></script>",
    );
    write("theme.js", "theme");
    write("assets/app-1.js", "plain");
    write("assets/app-1.js.br", "brotli");
    write("assets/app-1.js.gz", "gzip");
    folder
}

struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

async fn ask(source: Source, method: &str, path: &str, headers: &[(&str, &str)]) -> Got {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router(source)
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Got {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

async fn get(folder: &TempDir, path: &str, headers: &[(&str, &str)]) -> Got {
    ask(
        Source::Directory(folder.path().to_owned()),
        "GET",
        path,
        headers,
    )
    .await
}

#[tokio::test]
async fn a_hashed_file_is_cached_for_ever_in_the_best_encoding_that_the_client_takes() {
    let folder = pages();
    for (takes, encoding, body) in [
        ("gzip, br", "br", "brotli"),
        ("gzip", "gzip", "gzip"),
        ("identity", "", "plain"),
    ] {
        let got = get(&folder, "/assets/app-1.js", &[("accept-encoding", takes)]).await;
        assert_eq!(got.status, StatusCode::OK);
        assert_eq!(
            (got.header("content-encoding"), got.body.as_str()),
            (encoding, body)
        );
        assert_eq!(got.header("content-type"), "text/javascript; charset=utf-8");
        assert_eq!(
            got.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        assert!(got.header("vary").contains("accept-encoding"));
    }
}

#[tokio::test]
async fn each_encoding_has_a_tag_of_its_own_and_a_known_tag_saves_the_body() {
    let folder = pages();
    let plain = get(&folder, "/assets/app-1.js", &[]).await;
    let brotli = get(&folder, "/assets/app-1.js", &[("accept-encoding", "br")]).await;
    assert_ne!(plain.header("etag"), brotli.header("etag"));
    let headers = [
        ("accept-encoding", "br"),
        ("if-none-match", brotli.header("etag")),
    ];
    let again = get(&folder, "/assets/app-1.js", &headers).await;
    assert_eq!(
        (again.status, again.body.as_str()),
        (StatusCode::NOT_MODIFIED, "")
    );
    assert_eq!(again.header("etag"), brotli.header("etag"));
    assert_eq!(again.header("content-encoding"), "");
    let other = get(
        &folder,
        "/assets/app-1.js",
        &[("if-none-match", brotli.header("etag"))],
    )
    .await;
    assert_eq!(other.status, StatusCode::OK);
}

#[tokio::test]
async fn every_address_of_a_page_gets_the_page_with_a_base_that_fits() {
    let folder = pages();
    for (path, base) in [
        ("/", "./"),
        ("/explore?service=a/b", "./"),
        ("/index.html", "./"),
        ("/trace/abc", "../"),
        ("/zipkin/traces/abc", "../../"),
    ] {
        let got = get(&folder, path, &[("accept", HTML)]).await;
        assert_eq!(got.status, StatusCode::OK, "{path}");
        assert!(
            got.body.contains(&format!("<base href=\"{base}\"")),
            "{path}: {}",
            got.body
        );
        assert_eq!(got.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(got.header("cache-control"), "no-cache");
    }
}

#[tokio::test]
async fn the_root_is_the_page_for_everybody() {
    let folder = pages();
    for headers in [&[][..], &[("accept", "*/*")], &[("accept", "text/plain")]] {
        let got = get(&folder, "/", headers).await;
        assert_eq!(got.status, StatusCode::OK, "{headers:?}");
        assert_eq!(got.header("content-type"), "text/html; charset=utf-8");
    }
}

#[tokio::test]
async fn a_page_is_sent_again_only_when_it_changed() {
    let folder = pages();
    let first = get(&folder, "/trace/abc", &[("accept", HTML)]).await;
    let headers = [("accept", HTML), ("if-none-match", first.header("etag"))];
    assert_eq!(
        get(&folder, "/trace/def", &headers).await.status,
        StatusCode::NOT_MODIFIED
    );
    // Another depth is another text.
    assert_eq!(
        get(&folder, "/explore", &headers).await.status,
        StatusCode::OK
    );
    fs::write(folder.path().join("index.html"), "<base href=\"./\" />new").unwrap();
    assert_eq!(
        get(&folder, "/trace/abc", &headers).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn what_is_no_page_and_no_file_is_not_found() {
    let folder = pages();
    for (path, accept) in [
        ("/assets/gone-2.js", "*/*"),
        ("/assets/gone-2.js", HTML),
        ("/api/clew/v9/search", HTML),
        ("/explore", "application/json"),
        ("/favicon.ico", "image/*"),
    ] {
        let got = get(&folder, path, &[("accept", accept)]).await;
        assert_eq!(
            (got.status, got.body.as_str()),
            (StatusCode::NOT_FOUND, "not found\n"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let folder = pages();
    for path in ["/", "/theme.js", "/assets/app-1.js", "/assets/gone.js"] {
        let got = get(&folder, path, &[("accept", HTML)]).await;
        let policy = got.header("content-security-policy");
        assert!(
            policy.contains("script-src 'self';") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert_eq!(got.header("x-content-type-options"), "nosniff");
        assert_eq!(got.header("referrer-policy"), "no-referrer");
    }
}

#[tokio::test]
async fn a_file_of_fixed_name_is_asked_for_again() {
    let folder = pages();
    let got = get(&folder, "/theme.js", &[]).await;
    assert_eq!(
        (got.header("cache-control"), got.body.as_str()),
        ("no-cache", "theme")
    );
}

#[tokio::test]
async fn head_has_the_headers_without_the_body_and_other_methods_are_refused() {
    let folder = pages();
    let source = Source::Directory(folder.path().to_owned());
    let head = ask(source.clone(), "HEAD", "/theme.js", &[]).await;
    assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
    assert_eq!(head.header("content-length"), "5");
    let post = ask(source, "POST", "/theme.js", &[]).await;
    assert_eq!(
        (post.status, post.header("allow")),
        (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD")
    );
}

#[tokio::test]
async fn nothing_outside_the_folder_is_read() {
    let folder = pages();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    let inner = folder.path().join("assets");
    for path in [
        "/../secret",
        "//etc/passwd",
        "/..%2fsecret",
        "/app-1.js/../../secret",
    ] {
        let got = ask(Source::Directory(inner.clone()), "GET", path, &[]).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_path_may_be_2048_bytes_long_and_no_longer() {
    let folder = pages();
    let path = |length: usize| format!("/{}", "a".repeat(length - 1));
    let at = |length| {
        let path = path(length);
        let folder = &folder;
        async move { get(folder, &path, &[("accept", HTML)]).await.status }
    };
    assert_eq!(at(2048).await, StatusCode::OK);
    assert_eq!(at(2049).await, StatusCode::URI_TOO_LONG);
}

#[tokio::test]
async fn pages_that_were_not_built_say_how_to_build_them() {
    let empty = tempfile::tempdir().unwrap();
    let got = get(&empty, "/explore", &[("accept", HTML)]).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(got.body.contains("make ui"), "{}", got.body);
}

#[tokio::test]
async fn the_embedded_pages_answer_or_say_that_they_are_not_built() {
    let got = ask(Source::Embedded, "GET", "/explore", &[("accept", HTML)]).await;
    if clew_ui::is_embedded() {
        assert_eq!(got.status, StatusCode::OK);
        assert!(got.body.contains("<base href=\"./\""), "{}", got.body);
    } else {
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
