//! Facets: how many of the spans that match have each value of a key.
//!
//! Service, name, kind and status are counted over all spans that match; attributes over all of them as well, or over a
//! sample when there are more than [`facet_spans_max`](crate::QueryLimits::facet_spans_max): then their counts are scaled up and labelled. A key
//! about which the query has a condition of its own is counted without that condition, so that its other values can be chosen.
//!
//! An attribute counts once a span for each value that it has on the span or its resource. Which keys are shown: those that are
//! asked for, then the most frequent ones, without those that tell nearly every span apart (ids) and without what is a field already.
//! Spans are counted as they are stored, see [`heatmap`](super::heatmap).

mod tally;

use std::collections::HashSet;
use std::sync::Arc;

use clew_storage::TraceId;

use self::tally::{AttributeTally, FieldTally, Tally};
use super::heatmap::wanted_traces;
use super::sample::Sample;
use super::scan::Scan;
use super::{Total, check_terms};
use crate::coverage::{Coverage, Covering};
use crate::error::QueryError;
use crate::filter::Filter;
use crate::language::TraceFilter;
use crate::service::Reading;

/// Fields that every span has, by their names in the query language, in the order shown.
pub(crate) const FIELDS: [&str; 4] = ["service", "status", "kind", "name"];

/// Attributes that are fields as well.
const OF_FIELDS: [&str; 1] = ["service.name"];

/// A condition on spans and on their traces.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    /// Of one span.
    pub(crate) filter: Filter,
    /// Of its trace.
    pub(crate) trace: Option<TraceFilter>,
}

/// What to count.
#[derive(Debug, Clone)]
pub(crate) struct FacetsRequest {
    /// The whole query.
    pub(crate) selection: Selection,
    /// Keys that have conditions of their own, and the query without these.
    pub(crate) own: Vec<(String, Selection)>,
    /// Attributes that are wanted whatever their frequency.
    pub(crate) keys: Vec<String>,
    /// Further attributes, the most frequent ones.
    pub(crate) frequent: usize,
    /// Values of each key.
    pub(crate) values: usize,
}

/// Counts of every key.
#[derive(Debug)]
pub(crate) struct Facets {
    /// Fields, then attributes.
    pub(crate) by_key: Vec<Facet>,
    /// Spans that match.
    pub(crate) spans: Total,
    /// How many spans stand behind each one that attributes were counted on; 1 when all were looked at.
    pub(crate) sample_weight: u64,
    /// What was read.
    pub(crate) coverage: Coverage,
}

/// Counts of one key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facet {
    /// Key as the query language names it.
    pub(crate) key: String,
    /// It is an attribute, not a field.
    pub(crate) is_attribute: bool,
    /// Spans that have it.
    pub(crate) span_count: u64,
    /// Spans that do not.
    pub(crate) missing_count: u64,
    /// Different values, and whether they were all counted.
    pub(crate) value_count: Total,
    /// The most frequent values and their spans.
    pub(crate) values: Vec<(String, u64)>,
    /// Spans with other values.
    pub(crate) other_count: u64,
    /// Counted without the query's own conditions on this key.
    pub(crate) without_own: bool,
    /// Scaled up from a sample.
    pub(crate) sampled: bool,
}

/// Counts. Blocks.
///
/// # Errors
/// When the filter has too many terms.
pub(crate) fn facets(reading: &Reading, request: &FacetsRequest) -> Result<Facets, QueryError> {
    check_terms(reading, &request.selection.filter)?;
    let mut covering = Covering {
        segments_total: reading.snapshot.segments().len(),
        ..Covering::default()
    };
    let mut counting = Counting {
        reading,
        covering: &mut covering,
    };
    let (fields, exact) = counting.fields(&request.selection)?;
    let sample = Sample::of(fields.spans(), reading.limits().facet_spans_max);
    let (attributes, _) = counting.attributes(&request.selection, sample)?;
    let mut facets = fields.facets(&FIELDS, request.values);
    let mut shown = attributes.facets(&request.keys, request.values, sample);
    let known: HashSet<&str> = request.keys.iter().map(String::as_str).collect();
    let own: Vec<&str> = request.own.iter().map(|(key, _)| key.as_str()).collect();
    let frequent = attributes.frequent(request.frequent, |key| {
        !OF_FIELDS.contains(&key) && !known.contains(key) && !own.contains(&key)
    });
    for (key, selection) in &request.own {
        counting.own(key, selection, request, &mut facets, &mut shown)?;
    }
    shown.extend(attributes.facets(&frequent, request.values, sample));
    facets.extend(shown);
    Ok(Facets {
        by_key: facets,
        spans: Total {
            value: fields.spans() as usize,
            exact,
        },
        sample_weight: sample.weight(),
        coverage: covering.finish(reading.budget.elapsed_ns()),
    })
}

struct Counting<'a> {
    reading: &'a Reading,
    covering: &'a mut Covering,
}

impl Counting<'_> {
    fn fields(&mut self, selection: &Selection) -> Result<(FieldTally, bool), QueryError> {
        let distinct_max = self.reading.limits().facet_distinct_max;
        self.count(selection, Sample::ALL, |wanted| {
            FieldTally::new(Tally::new(wanted, distinct_max))
        })
    }

    fn attributes(
        &mut self,
        selection: &Selection,
        sample: Sample,
    ) -> Result<(AttributeTally, bool), QueryError> {
        let distinct_max = self.reading.limits().facet_distinct_max;
        self.count(selection, sample, |wanted| {
            AttributeTally::new(Tally::new(wanted, distinct_max))
        })
    }

    fn count<G: super::scan::Gather>(
        &mut self,
        selection: &Selection,
        sample: Sample,
        make: impl Fn(Option<Arc<HashSet<TraceId>>>) -> G + Sync,
    ) -> Result<(G, bool), QueryError> {
        let mut scan = Scan::new(self.reading, &selection.filter)?;
        let wanted = wanted_traces(&mut scan, &selection.filter, selection.trace.as_ref())?;
        let gathered = scan.gather(sample, || make(wanted.clone()))?;
        let exact = scan.complete;
        self.covering.segments_read = self.covering.segments_read.max(scan.covering.segments_read);
        for reason in scan.covering.reasons {
            self.covering.incomplete(reason);
        }
        Ok((gathered, exact))
    }

    /// Counts `key` without its own conditions, in the place of what is known of it.
    fn own(
        &mut self,
        key: &str,
        selection: &Selection,
        request: &FacetsRequest,
        fields: &mut [Facet],
        attributes: &mut Vec<Facet>,
    ) -> Result<(), QueryError> {
        let (tally, _) = self.fields(selection)?;
        if let Some(field) = fields.iter_mut().find(|facet| facet.key == key) {
            if let Some(mut found) = tally.facets(&[key], request.values).pop() {
                found.without_own = true;
                *field = found;
            }
            return Ok(());
        }
        let sample = Sample::of(tally.spans(), self.reading.limits().facet_spans_max);
        let (tally, _) = self.attributes(selection, sample)?;
        let found = tally.facets(&[key.to_owned()], request.values, sample);
        for mut facet in found {
            facet.without_own = true;
            match attributes.iter_mut().find(|known| known.key == key) {
                Some(known) => *known = facet,
                None => attributes.push(facet),
            }
        }
        Ok(())
    }
}
