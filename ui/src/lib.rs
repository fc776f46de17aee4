//! Serves the web pages: the files that `make ui` builds into `ui/dist`, embedded in the binary.
//!
//! | path | answer | cached |
//! |---|---|---|
//! | `assets/*` | file with a hash in its name, brotli or gzip where the client takes it | for ever |
//! | other files | the same | asked again each time, by `ETag` |
//! | `/`, and anything else that wants `text/html` | `index.html`: the page finds out from its address what to show | likewise |
//! | the rest, `api/*` and missing assets among it | 404 | |
//!
//! Invariants: a missing script is never answered with a page; every answer carries the content security policy; the page
//! works under any path prefix, because `index.html` names its folder relative to the depth of the address it was
//! asked under, whatever a proxy has cut off before.
//!
//! Limits: only `GET` and `HEAD`; no ranges. Where the pages were not built, every page is a text that says how to.

mod assets;
mod negotiate;
mod page;
mod serve;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;

/// Where the files come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// The ones that were embedded when the binary was built.
    #[default]
    Embedded,
    /// A folder, read anew for each request: for work on the pages.
    Directory(PathBuf),
}

/// Answers every path with the pages' files. Meant as the fallback of the query port: merge it with the routers of the APIs.
pub fn router(source: Source) -> Router {
    let source = Arc::new(source);
    Router::new().fallback(move |request| serve::serve(Arc::clone(&source), request))
}

/// True when the pages were built before the binary was, so that they are embedded.
#[must_use]
pub fn is_embedded() -> bool {
    assets::Embedded::get(assets::INDEX).is_some()
}
