//! Lists of names, in lower case, sorted.

use std::collections::BTreeSet;

use arrow::array::AsArray;
use serde_json::{Value, json};

use super::span::REMOTE_NAMES;
use crate::counts::Edge;
use crate::error::QueryError;
use crate::service::{QueryService, Reading};
use crate::vocabulary::Place;

/// What the store calls the service of a span that names none.
const UNNAMED: &str = "unknown_service";

/// Names, and why some may be missing.
pub(super) type Names = (Vec<String>, Vec<String>);

/// The services.
pub(super) fn services(reading: &Reading) -> Names {
    let (names, covering) = reading.service.catalogue().services(reading);
    let names = names.into_iter().filter(|name| name != UNNAMED);
    (lower(names), covering.reasons)
}

/// The names, as they are stored, of the service `service`, which is in lower case.
pub(super) fn stored(reading: &Reading, service: &str) -> Vec<String> {
    let (names, _) = reading.service.catalogue().services(reading);
    let names = names.into_iter();
    names
        .filter(|name| name.to_lowercase() == service)
        .collect()
}

/// The span names of a service.
pub(super) fn spans(reading: &Reading, service: &str) -> Names {
    let (mut names, mut incomplete) = (Vec::new(), Vec::new());
    for service in stored(reading, service) {
        let (operations, covering) = reading.service.catalogue().operations(reading, &service);
        names.extend(operations.into_iter().map(|operation| operation.name));
        incomplete.extend(covering.reasons);
    }
    (
        lower(names.into_iter().filter(|name| !name.is_empty())),
        incomplete,
    )
}

fn lower(names: impl Iterator<Item = String>) -> Vec<String> {
    let names: BTreeSet<String> = names.map(|name| name.to_lowercase()).collect();
    names.into_iter().collect()
}

/// The services that spans of these services call or are called by.
///
/// # Errors
/// When the spans cannot be read within the limits of SQL.
pub(super) async fn remote_services(
    service: &QueryService,
    stored: &[String],
) -> Result<Names, QueryError> {
    if stored.is_empty() {
        return Ok(Names::default());
    }
    let services: Vec<String> = stored.iter().map(|name| literal(name)).collect();
    let keys = REMOTE_NAMES.map(|key| format!("attributes[{}]", literal(key)));
    let statement = format!(
        "SELECT DISTINCT CAST(coalesce({}) AS VARCHAR) AS name FROM spans WHERE service_name IN ({})",
        keys.join(", "),
        services.join(", ")
    );
    let (names, incomplete) = distinct(service, statement).await?;
    Ok((lower(names.into_iter()), incomplete))
}

/// All time.
const EVER: (i64, i64) = (i64::MIN, i64::MAX);

/// The keys of tags that are known for completion.
///
/// # Errors
/// When the hot window cannot be read.
pub(super) fn keys(reading: &Reading) -> Result<Names, QueryError> {
    let (vocabulary, max) = (reading.service.vocabulary(), reading.limits().names_max);
    let (keys, covering) = vocabulary.keys(reading, EVER, "", max)?;
    let of_tags = keys.into_iter().filter(|known| known.place == Place::Span);
    let keys: BTreeSet<String> = of_tags.map(|known| known.key).collect();
    Ok((keys.into_iter().collect(), covering.reasons))
}

/// The values of a tag that are known for completion.
///
/// # Errors
/// When the hot window cannot be read.
pub(super) fn values(reading: &Reading, key: &str) -> Result<Names, QueryError> {
    let (vocabulary, max) = (reading.service.vocabulary(), reading.limits().names_max);
    let place = (Some(Place::Span), key);
    let (known, mut covering) = vocabulary.values(reading, EVER, place, "", max)?;
    if known.more || known.truncated {
        covering.incomplete("more values than are kept for completion");
    }
    let values = known.values.into_iter().map(|(value, _)| value);
    let values: BTreeSet<String> = values.filter(|value| !value.is_empty()).collect();
    Ok((values.into_iter().collect(), covering.reasons))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The texts of a statement's one column that are neither null nor empty.
async fn distinct(service: &QueryService, statement: String) -> Result<Names, QueryError> {
    let mut rows = service.sql().run(service, statement).await?;
    let mut names = Vec::new();
    while let Some(batch) = rows.next().await? {
        let column = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8)?;
        let texts = column.as_string::<i32>().iter().flatten();
        names.extend(texts.filter(|text| !text.is_empty()).map(str::to_owned));
    }
    let cut = rows.stats().truncated_by;
    let incomplete = cut.map(|limit| format!("more names than the limit on {limit} of SQL"));
    Ok((names, incomplete.into_iter().collect()))
}

/// A dependency as Zipkin's clients know it.
pub(super) fn link(edge: &Edge) -> Value {
    json!({
        "parent": edge.parent.to_lowercase(),
        "child": edge.child.to_lowercase(),
        "callCount": edge.call_count,
    })
}
