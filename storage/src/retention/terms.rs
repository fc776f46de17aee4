//! Which rule fits each trace of a segment, and when its last span arrived.
//!
//! Columns are read that the rules ask for, and of row groups that cannot hold what a rule asks for, by the filters in the index, fewer.

use std::ops::Range;

use arrow::array::{AsArray, MapArray, RecordBatch};
use arrow::datatypes::TimestampNanosecondType;

use super::rules::{Condition, Field, Rule};
use crate::attributes;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::schema::column;
use crate::segment::{Held, Segment, SegmentTable};

/// Rows that are read at a time.
const ROWS: usize = 8192;
/// What is read.
const COLUMNS: [usize; 6] = [
    column::TRACE_ID,
    column::NAME,
    column::ATTRIBUTES,
    column::INGESTED_AT,
    column::SERVICE_NAME,
    column::RESOURCE_ATTRIBUTES,
];

/// A trace in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceTerm {
    pub(crate) id: TraceId,
    pub(crate) spans: u64,
    /// When its newest span arrived, signed ns.
    pub(crate) newest: i64,
    /// The first rule that fits; as many as there are rules when none does.
    pub(crate) class: usize,
}

/// Shows every trace of `segment` to `visit`, in the order of its rows.
///
/// # Errors
/// When the segment cannot be read.
pub(crate) fn walk(
    segment: &Segment,
    rules: &[Rule],
    mut visit: impl FnMut(TraceTerm),
) -> Result<(), StoreError> {
    let footer = segment.metadata(SegmentTable::Spans)?;
    let mut current: Option<TraceTerm> = None;
    let mut start = 0;
    for (number, group) in footer.metadata().row_groups().iter().enumerate() {
        let possible = possible(segment, number, rules)?;
        let end = start + group.num_rows() as usize;
        for first in (start..end).step_by(ROWS) {
            let rows = first as u32..end.min(first + ROWS) as u32;
            for term in terms_of(segment, rows, rules, &possible)? {
                match &mut current {
                    Some(last) if last.id == term.id => {
                        last.spans += 1;
                        last.newest = last.newest.max(term.newest);
                        last.class = last.class.min(term.class);
                    }
                    last => {
                        last.take().into_iter().for_each(&mut visit);
                        *last = Some(term);
                    }
                }
            }
        }
        start = end;
    }
    current.into_iter().for_each(visit);
    Ok(())
}

/// The rules that may fit a span of a row group.
fn possible(segment: &Segment, row_group: usize, rules: &[Rule]) -> Result<Vec<usize>, StoreError> {
    let mut possible = Vec::new();
    for (place, rule) in rules.iter().enumerate() {
        let mut may_fit = true;
        for condition in &rule.conditions {
            may_fit = may_fit && may_hold(segment, row_group, condition)?;
        }
        if may_fit {
            possible.push(place);
        }
    }
    Ok(possible)
}

fn may_hold(
    segment: &Segment,
    row_group: usize,
    condition: &Condition,
) -> Result<bool, StoreError> {
    let text = &condition.pattern;
    let held = match &condition.field {
        Field::Attribute(key) if condition.is_exact() => Held::Attribute(key, text),
        Field::Attribute(key) => Held::Key(key),
        Field::Service if condition.is_exact() => Held::Service(text),
        Field::Name if condition.is_exact() => Held::Name(text),
        Field::Service | Field::Name => return Ok(true),
    };
    segment.row_group_may_hold(row_group, held)
}

/// A term for each of the rows, as if its span were a trace.
fn terms_of(
    segment: &Segment,
    rows: Range<u32>,
    rules: &[Rule],
    possible: &[usize],
) -> Result<Vec<TraceTerm>, StoreError> {
    let projection = needed(rules, possible);
    let table = segment.read_rows(SegmentTable::Spans, rows, Some(&projection))?;
    let place = |wanted: usize| projection.iter().position(|column| *column == wanted);
    let spans = Spans {
        table: &table,
        places: COLUMNS.map(place),
    };
    let ids = table.column(0).as_fixed_size_binary();
    let arrivals = place(column::INGESTED_AT).unwrap_or(0);
    let arrivals = table
        .column(arrivals)
        .as_primitive::<TimestampNanosecondType>();
    let term = |row: usize| TraceTerm {
        id: TraceId::from_bytes(ids.value(row)).unwrap_or_default(),
        spans: 1,
        newest: arrivals.value(row),
        class: possible
            .iter()
            .copied()
            .find(|rule| spans.meets(row, &rules[*rule]))
            .unwrap_or(rules.len()),
    };
    Ok((0..table.num_rows()).map(term).collect())
}

/// The columns that the rules look at, ascending.
fn needed(rules: &[Rule], possible: &[usize]) -> Vec<usize> {
    let conditions = possible.iter().flat_map(|rule| &rules[*rule].conditions);
    let mut needed = vec![column::TRACE_ID, column::INGESTED_AT];
    for condition in conditions {
        match condition.field {
            Field::Service => needed.push(column::SERVICE_NAME),
            Field::Name => needed.push(column::NAME),
            Field::Attribute(_) => {
                needed.extend([column::ATTRIBUTES, column::RESOURCE_ATTRIBUTES]);
            }
        }
    }
    needed.sort_unstable();
    needed.dedup();
    needed
}

/// Some spans, with the place of each of [`COLUMNS`].
struct Spans<'a> {
    table: &'a RecordBatch,
    places: [Option<usize>; COLUMNS.len()],
}

impl Spans<'_> {
    fn meets(&self, row: usize, rule: &Rule) -> bool {
        let mut conditions = rule.conditions.iter();
        conditions.all(|condition| match &condition.field {
            Field::Service => self.has_text(4, row, condition),
            Field::Name => self.has_text(1, row, condition),
            Field::Attribute(key) => [2, 5]
                .iter()
                .any(|place| self.has_attribute(*place, row, key, condition)),
        })
    }

    fn has_text(&self, place: usize, row: usize, condition: &Condition) -> bool {
        self.places[place].is_some_and(|column| {
            let texts = self.table.column(column).as_string_view();
            condition.is_met(texts.value(row))
        })
    }

    fn has_attribute(&self, place: usize, row: usize, key: &str, condition: &Condition) -> bool {
        self.places[place].is_some_and(|column| {
            let map: &MapArray = self.table.column(column).as_map();
            attributes::entries(map, row, "")
                .any(|(other, _, value)| other == key && condition.is_met(value))
        })
    }
}
