//! `GET /traces/{id}/find?q=`: the rows of a trace that meet a query or contain words.

use axum::extract::{Path, State};

use super::{or_error, trace_id};
use crate::error::QueryError;
use crate::http::json::{self, Answer};
use crate::http::params::Params;
use crate::http::stream;
use crate::service::QueryService;
use crate::trace::find::Find;

/// Answers `{"read_as", "syntax", "rows", "coverage"}`.
pub(super) async fn find(
    State(service): State<QueryService>,
    Path(id): Path<String>,
    params: Params,
) -> Answer {
    let answer: Result<Answer, QueryError> = async {
        let id = trace_id(&id)?;
        let text = params.get(&["q"]).unwrap_or_default();
        let find = Find::new(text, service.limits().find_words_max)?;
        let pretty = params.pretty();
        stream::document(
            &service,
            "application/json",
            move |reading| find.run(reading, id),
            move |found, writer| Ok(json::write(writer, found, pretty)?),
        )
        .await
    }
    .await;
    or_error(answer)
}
