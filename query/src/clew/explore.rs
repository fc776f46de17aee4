//! What stands around a page of results: heatmap, facets, completion, and why nothing is there.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::{Value, json};

use super::{ok, or_error, params};
use crate::error::QueryError;
use crate::http::json::Answer;
use crate::http::params::{Params, malformed};
use crate::search::explain::{Explanation, Nearest, explain};
use crate::search::facets::{Facet, Facets, facets};
use crate::search::heatmap::{Heatmap, heatmap};
use crate::service::QueryService;
use crate::trace::detail::type_name;
use crate::vocabulary::Place;

/// Keys of completion that are fields of every span, though their names look like those of attributes.
const FIELDS: [&str; 8] = [
    "service",
    "name",
    "kind",
    "status",
    "status.message",
    "scope.name",
    "scope.version",
    "event.name",
];

/// The routes of this module.
pub(super) fn router() -> Router<QueryService> {
    Router::new()
        .route("/api/clew/v1/heatmap", get(count_by_time))
        .route("/api/clew/v1/facets", get(count_by_value))
        .route("/api/clew/v1/explain", get(explain_nothing))
        .route("/api/clew/v1/keys", get(keys))
        .route("/api/clew/v1/values", get(values))
}

async fn count_by_time(State(service): State<QueryService>, params: Params) -> Answer {
    let answer = async {
        let request = params::heatmap(&params, service.limits())?;
        let map = service
            .read(move |reading| heatmap(reading, &request))
            .await?;
        Ok(ok(&heatmap_json(&map), &params))
    };
    or_error(answer.await)
}

fn heatmap_json(map: &Heatmap) -> Value {
    let grid = &map.grid;
    let mut timeline = [vec![0; grid.column_count], vec![0; grid.column_count]];
    let mut columns: [Vec<Value>; 5] = Default::default();
    for (column, row, count, error_count, example) in grid.cells() {
        timeline[0][column as usize] += count;
        timeline[1][column as usize] += error_count;
        let cell = [
            json!(column),
            json!(row),
            json!(count),
            json!(error_count),
            json!(example.to_string()),
        ];
        columns
            .iter_mut()
            .zip(cell)
            .for_each(|(column, value)| column.push(value));
    }
    let [counts, error_counts] = timeline;
    let [column, row, count, error_count, example] = columns;
    let edges = grid.row_edges_ns.iter().map(u64::to_string);
    json!({
        "start_time_unix_nano": grid.start_time.to_string(),
        "column_ns": grid.column_ns.to_string(),
        "column_count": grid.column_count,
        "row_edges_ns": edges.collect::<Vec<_>>(),
        "cells": {
            "column": column,
            "row": row,
            "count": count,
            "error_count": error_count,
            "trace_id": example,
        },
        "timeline": {"count": counts, "error_count": error_counts},
        "untimed_count": map.untimed_count,
        "total": map.total,
        "trace_total": map.trace_total,
        "error_count": map.error_count,
        "duration_quantiles": map.quantiles_ns.map(|[half, most, nearly_all]| json!({
            "p50_ns": half.to_string(),
            "p95_ns": most.to_string(),
            "p99_ns": nearly_all.to_string(),
        })),
        "coverage": map.coverage,
    })
}

async fn count_by_value(State(service): State<QueryService>, params: Params) -> Answer {
    let answer = async {
        let request = params::facets(&params, service.limits())?;
        let counted = service
            .read(move |reading| facets(reading, &request))
            .await?;
        Ok(ok(&facets_json(&counted), &params))
    };
    or_error(answer.await)
}

fn facets_json(counted: &Facets) -> Value {
    json!({
        "facets": counted.by_key.iter().map(facet_json).collect::<Vec<_>>(),
        "span_total": counted.spans,
        "sample_weight": counted.sample_weight,
        "coverage": counted.coverage,
    })
}

fn facet_json(facet: &Facet) -> Value {
    let value = |(value, count): &(String, u64)| json!({"value": value, "span_count": count});
    json!({
        "key": facet.key,
        "is_attribute": facet.is_attribute,
        "span_count": facet.span_count,
        "missing_count": facet.missing_count,
        "value_count": facet.value_count,
        "values": facet.values.iter().map(value).collect::<Vec<_>>(),
        "other_count": facet.other_count,
        "without_own": facet.without_own,
        "sampled": facet.sampled,
    })
}

async fn explain_nothing(State(service): State<QueryService>, params: Params) -> Answer {
    let answer = async {
        let request = params::explain(&params, service.limits())?;
        let explanation = service
            .read(move |reading| explain(reading, &request))
            .await?;
        Ok(ok(&explanation_json(&explanation), &params))
    };
    or_error(answer.await)
}

fn explanation_json(explanation: &Explanation) -> Value {
    let clauses = explanation.clauses.iter();
    let clauses = clauses.map(|(clause, total)| json!({"clause": clause, "total_without": total}));
    let nearest = |nearest: Option<Nearest>| {
        nearest.map(|nearest| {
            json!({
                "trace_id": nearest.trace_id.to_string(),
                "start_time_unix_nano": nearest.start_time.to_string(),
            })
        })
    };
    json!({
        "clauses": clauses.collect::<Vec<_>>(),
        "total_at_any_time": explanation.timeless,
        "nearest_before": nearest(explanation.before),
        "nearest_after": nearest(explanation.after),
        "coverage": explanation.coverage,
    })
}

async fn keys(State(service): State<QueryService>, params: Params) -> Answer {
    let answer = async {
        let asked = params::completion(&params, service.limits())?;
        let work = service.read(move |reading| {
            let vocabulary = reading.service.vocabulary();
            let (keys, covering) =
                vocabulary.keys(reading, asked.range, &asked.text, asked.limit)?;
            let keys = keys.iter().map(|known| {
                json!({
                    "key": known.key,
                    "level": known.place.name(),
                    "type": type_name(known.kind),
                    "span_count": known.span_count,
                    "value_count": {"value": known.value_count, "exact": known.values_exact},
                })
            });
            Ok(json!({
                "keys": keys.collect::<Vec<_>>(),
                "coverage": covering.finish(reading.budget.elapsed_ns()),
            }))
        });
        Ok(ok(&work.await?, &params))
    };
    or_error(answer.await)
}

async fn values(State(service): State<QueryService>, params: Params) -> Answer {
    let answer = async {
        let Some(key) = params.get(&["key"]).map(str::to_owned) else {
            return Err(QueryError::invalid_with_hint(
                "parameter key is required",
                "name a key of /api/clew/v1/keys, or service, name, kind or status",
            ));
        };
        let place = level(&params, &key)?;
        let asked = params::completion(&params, service.limits())?;
        let work = service.read(move |reading| {
            let vocabulary = reading.service.vocabulary();
            let key = (place, key.as_str());
            let (known, covering) =
                vocabulary.values(reading, asked.range, key, &asked.text, asked.limit)?;
            let values = known.values.iter();
            let values = values.map(|(value, count)| json!({"value": value, "count": count}));
            Ok(json!({
                "values": values.collect::<Vec<_>>(),
                "more": known.more,
                "truncated": known.truncated,
                "coverage": covering.finish(reading.budget.elapsed_ns()),
            }))
        });
        Ok(ok(&work.await?, &params))
    };
    or_error(answer.await)
}

/// `level`: where the key stands; without it a field of that name, else an attribute at any level.
fn level(params: &Params, key: &str) -> Result<Option<Place>, QueryError> {
    let places = [
        Place::Field,
        Place::Span,
        Place::Resource,
        Place::Scope,
        Place::Event,
        Place::Link,
    ];
    match params.get(&["level"]) {
        None => Ok(FIELDS.contains(&key).then_some(Place::Field)),
        Some("any") => Ok(None),
        Some(name) => match places.into_iter().find(|place| place.name() == name) {
            Some(place) => Ok(Some(place)),
            None => Err(malformed(
                "level",
                name,
                "one of any, field, span, resource, scope, event and link",
            )),
        },
    }
}
