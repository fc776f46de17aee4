//! The demo's traces are whole: every parent is there, children lie inside of their callers, and everything that it is meant to
//! show occurs.

use std::collections::{BTreeSet, HashMap};

use clew_storage::env::Env;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::*;

fn spans(visits: u64) -> Vec<Span> {
    let mut shop = Shop::new(Dice::new(&Env::system()));
    (0..visits).for_each(|visit| shop.visit(1_700_000_000_000_000_000 + visit * 1_000_000_000));
    let resources = shop.take();
    resources
        .into_iter()
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect()
}

#[test]
fn every_parent_is_there_and_children_begin_inside() {
    let spans = spans(300);
    let by_id: HashMap<_, _> = spans
        .iter()
        .map(|span| (span.span_id.clone(), span))
        .collect();
    assert_eq!(by_id.len(), spans.len(), "span ids are unique");
    for span in &spans {
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        if !span.parent_span_id.is_empty() {
            let parent = by_id[&span.parent_span_id];
            assert_eq!(parent.trace_id, span.trace_id);
            assert!(
                (parent.start_time_unix_nano..=parent.end_time_unix_nano)
                    .contains(&span.start_time_unix_nano)
            );
        }
    }
}

#[test]
fn errors_retries_consumers_and_links_occur() {
    let spans = spans(2_000);
    let kinds: BTreeSet<i32> = spans.iter().map(|span| span.kind).collect();
    assert_eq!(kinds, BTreeSet::from([1, 2, 3, 4, 5]));
    assert!(
        spans
            .iter()
            .any(|span| span.status.as_ref().is_some_and(|status| status.code == 2))
    );
    assert!(
        spans
            .iter()
            .any(|span| span.events.iter().any(|event| event.name == "retry"))
    );
    let ids: BTreeSet<_> = spans.iter().map(|span| span.span_id.clone()).collect();
    let links: Vec<_> = spans.iter().flat_map(|span| &span.links).collect();
    assert!(!links.is_empty() && links.iter().all(|link| ids.contains(&link.span_id)));
}
