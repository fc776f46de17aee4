//! What is in the inputs of a merge, by their tables of traces alone: where each trace stands, in which window it begins and in which slice of
//! that, and which traces lie in several inputs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use arrow::array::AsArray;
use arrow::datatypes::{TimestampNanosecondType, UInt32Type};

use super::plan::WIDER;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::schema;
use crate::segment::slices::{Timed, slices};
use crate::segment::{Segment, SegmentTable, TimeWindow};
use crate::span::earlier_start;

/// Rows of `traces` that are read at a time.
const ROWS: u32 = 1 << 16;
/// Windows of the length asked for that one merge makes segments of; the traces of all others, few as they are, go into longer ones.
pub(super) const WINDOWS_MAX: usize = 16;

/// A part of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TracePart {
    /// Place of the segment among the inputs.
    pub(super) input: usize,
    /// Rows in its table `spans`.
    pub(super) rows: Range<u32>,
}

/// What one slice of a window takes of the inputs.
#[derive(Debug, Default)]
pub(super) struct SliceRows {
    /// What it takes of each input.
    pub(super) inputs: Vec<InputRows>,
}

/// What is taken of one input.
#[derive(Debug, Default, Clone)]
pub(super) struct InputRows {
    /// Rows of `spans`, ascending; whole traces.
    pub(super) rows: Vec<Range<usize>>,
    /// The row of `traces` of the first of them.
    pub(super) first_trace: u32,
    /// Another input has a part of one of the traces.
    pub(super) is_shared: bool,
}

impl SliceRows {
    /// How many rows it takes.
    pub(super) fn len(&self) -> usize {
        let ranges = self.inputs.iter().flat_map(|input| &input.rows);
        ranges.map(ExactSizeIterator::len).sum()
    }

    /// The input that it takes all of its traces from, whole, where they stand together: its place, and the rows.
    pub(super) fn of_one_input(&self) -> Option<(usize, Range<usize>)> {
        let mut taken = self.inputs.iter().enumerate();
        let (place, input) = taken.find(|(_, input)| !input.rows.is_empty())?;
        let [rows] = &input.rows[..] else { return None };
        let is_only = taken.all(|(_, input)| input.rows.is_empty());
        (is_only && !input.is_shared).then(|| (place, rows.clone()))
    }
}

/// What is in the inputs.
#[derive(Debug)]
pub(super) struct Survey {
    /// The parts of each trace that lies in several inputs and is put together, in the order of the inputs.
    pub(super) split: HashMap<TraceId, Vec<TracePart>>,
    /// Traces that lie in several inputs and are too long to be put together.
    pub(super) apart: HashSet<TraceId>,
    /// What goes where, in the order of the windows and of the slices of each.
    pub(super) windows: Vec<(TimeWindow, Vec<SliceRows>)>,
}

/// A part of a trace, with what tells its window.
struct Entry {
    id: TraceId,
    input: u32,
    /// Its window among all of them.
    window: u32,
    /// Its row in `traces`.
    trace: u32,
    first_row: u32,
    spans: u32,
    start_unix_nano: u64,
}

/// Where traces are put.
#[derive(Debug, Clone, Copy)]
pub(super) enum Placing {
    /// Into windows of this length, ns.
    ByStart(u64),
    /// Into this one.
    Into(TimeWindow),
}

impl Survey {
    /// Reads the tables of traces. One of more than `trace_spans_max` spans is not put together; a slice has at most `slice_spans`.
    pub(super) fn of(
        inputs: &[&Segment],
        placing: Placing,
        trace_spans_max: usize,
        slice_spans: u64,
    ) -> Result<Self, StoreError> {
        let mut entries = Vec::new();
        let traces = inputs.iter().map(|input| input.meta().trace_count as usize);
        // Growing step by step would hold most of them twice for a while. It has to do where this fails.
        let _ = entries.try_reserve_exact(traces.fold(0, usize::saturating_add));
        for (input, segment) in inputs.iter().enumerate() {
            read(segment, input as u32, &mut entries)?;
        }
        entries.sort_unstable_by_key(|entry| (entry.id, entry.input));
        let (mut split, mut apart) = (HashMap::new(), HashSet::new());
        for parts in entries.chunk_by_mut(|left, right| left.id == right.id) {
            let spans: usize = parts.iter().map(|part| part.spans as usize).sum();
            if parts.len() == 1 {
                continue;
            }
            if spans > trace_spans_max {
                apart.insert(parts[0].id);
                continue;
            }
            // The trace goes into one window with all its parts.
            let starts = parts.iter().map(|part| part.start_unix_nano);
            let start = starts.reduce(earlier_start).unwrap_or(0);
            for part in &mut *parts {
                part.start_unix_nano = start;
            }
            split.insert(parts[0].id, parts.iter().map(Entry::part).collect());
        }
        let is_shared = |id: &TraceId| split.contains_key(id) || apart.contains(id);
        let rows_of = |entries: &[Entry]| rows_of(entries, inputs.len(), is_shared);
        Ok(Self {
            windows: windows(entries, placing, slice_spans, rows_of),
            split,
            apart,
        })
    }
}

impl Entry {
    fn part(&self) -> TracePart {
        TracePart {
            input: self.input as usize,
            rows: self.first_row..self.first_row + self.spans,
        }
    }
}

impl Timed for Entry {
    fn start_unix_nano(&self) -> u64 {
        self.start_unix_nano
    }

    fn spans(&self) -> u64 {
        u64::from(self.spans)
    }
}

fn read(segment: &Segment, input: u32, entries: &mut Vec<Entry>) -> Result<(), StoreError> {
    let traces = schema::traces();
    let column = |name: &str| traces.index_of(name).expect("a column of the schema");
    let projection = ["trace_id", "start_time", "span_count", "first_row"].map(column);
    let (count, spans) = (segment.meta().trace_count as u32, segment.meta().span_count);
    let mut next_row = 0u64;
    for start in (0..count).step_by(ROWS as usize) {
        let rows = start..count.min(start.saturating_add(ROWS));
        let table = segment.read_rows(SegmentTable::Traces, rows, Some(&projection))?;
        let starts = table.column(1).as_primitive::<TimestampNanosecondType>();
        let counts = table.column(2).as_primitive::<UInt32Type>();
        let firsts = table.column(3).as_primitive::<UInt32Type>();
        for (row, id) in table.column(0).as_fixed_size_binary().iter().enumerate() {
            let id = id.and_then(TraceId::from_bytes).unwrap_or_default();
            let (first_row, spans) = (firsts.value(row), counts.value(row));
            if u64::from(first_row) != next_row || spans == 0 {
                let message = format!("trace {id} does not stand in row {next_row} as it should");
                return Err(segment.corrupt(message));
            }
            next_row += u64::from(spans);
            entries.push(Entry {
                id,
                input,
                window: 0,
                trace: start + row as u32,
                first_row,
                spans,
                start_unix_nano: starts.value(row) as u64,
            });
        }
    }
    if next_row == spans {
        return Ok(());
    }
    Err(segment.corrupt(format!(
        "its traces have {next_row} spans instead of {spans}"
    )))
}

fn windows(
    mut entries: Vec<Entry>,
    placing: Placing,
    slice_spans: u64,
    rows_of: impl Fn(&[Entry]) -> SliceRows,
) -> Vec<(TimeWindow, Vec<SliceRows>)> {
    let windows = match placing {
        Placing::Into(window) => vec![window],
        Placing::ByStart(length_ns) => place_by_start(&mut entries, length_ns),
    };
    entries.sort_unstable_by_key(|entry| (entry.window, entry.start_unix_nano));
    let of_windows = entries.chunk_by(|left, right| left.window == right.window);
    let sliced = of_windows.map(|entries| {
        let rows = slices(entries, slice_spans)
            .into_iter()
            .map(|slice| rows_of(&entries[slice]));
        (windows[entries[0].window as usize], rows.collect())
    });
    sliced.collect()
}

/// Notes in each part the window in which it begins, or a longer one; those windows, in order.
fn place_by_start(entries: &mut [Entry], length_ns: u64) -> Vec<TimeWindow> {
    let of = |entry: &Entry| TimeWindow::of(entry.start_unix_nano as i64, length_ns);
    let mut spans: BTreeMap<TimeWindow, u64> = BTreeMap::new();
    for entry in &*entries {
        *spans.entry(of(entry)).or_default() += u64::from(entry.spans);
    }
    let assigned = assign(&spans);
    let windows: BTreeSet<TimeWindow> = assigned.values().copied().collect();
    let places: HashMap<_, _> = windows.iter().zip(0..).collect();
    for entry in entries {
        entry.window = places[&assigned[&of(entry)]];
    }
    windows.into_iter().collect()
}

fn rows_of(entries: &[Entry], inputs: usize, is_shared: impl Fn(&TraceId) -> bool) -> SliceRows {
    let mut taken = vec![InputRows::default(); inputs];
    for entry in entries {
        let input = &mut taken[entry.input as usize];
        let first = entry.first_row as usize;
        if input.rows.is_empty() || entry.trace < input.first_trace {
            input.first_trace = entry.trace;
        }
        input.rows.push(first..first + entry.spans as usize);
        input.is_shared |= is_shared(&entry.id);
    }
    for input in &mut taken {
        coalesce(&mut input.rows);
    }
    SliceRows { inputs: taken }
}

/// Sorts ranges and joins those that touch.
fn coalesce(ranges: &mut Vec<Range<usize>>) {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|later, earlier| {
        let touches = earlier.end == later.start;
        if touches {
            earlier.end = later.end;
        }
        touches
    });
    ranges.shrink_to_fit();
}

/// The window that each window's traces go to, given the spans of each: those with the most spans keep theirs, the others get longer
/// ones until they are few.
fn assign(spans: &BTreeMap<TimeWindow, u64>) -> HashMap<TimeWindow, TimeWindow> {
    let mut by_spans: Vec<_> = spans.iter().collect();
    by_spans.sort_unstable_by_key(|(window, spans)| (std::cmp::Reverse(**spans), **window));
    let kept = by_spans.len().min(WINDOWS_MAX);
    let mut others: Vec<_> = by_spans[kept..]
        .iter()
        .map(|(window, _)| (**window, **window))
        .collect();
    let mut factors = WIDER.into_iter().chain(std::iter::repeat(32));
    let is_few = |others: &[(TimeWindow, TimeWindow)]| {
        let mut windows: Vec<_> = others.iter().map(|(_, to)| *to).collect();
        windows.sort_unstable();
        windows.dedup();
        windows.len() <= WINDOWS_MAX
    };
    while !is_few(&others) {
        let factor = factors.next().unwrap_or(32);
        for (_, to) in &mut others {
            *to = to.wider(factor);
        }
    }
    let kept = by_spans[..kept]
        .iter()
        .map(|(window, _)| (**window, **window));
    kept.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000_000_000;

    fn spans(windows: impl Iterator<Item = i64>) -> BTreeMap<TimeWindow, u64> {
        let window = |number| TimeWindow {
            number,
            length_ns: HOUR,
        };
        windows.map(|number| (window(number), 1)).collect()
    }

    #[test]
    fn as_many_windows_as_allowed_are_kept_and_one_more_is_not() {
        let assigned = assign(&spans(0..WINDOWS_MAX as i64));
        assert!(assigned.iter().all(|(from, to)| from == to));
        let mut more = spans(0..=WINDOWS_MAX as i64);
        *more.values_mut().next().unwrap() = 5;
        let assigned = assign(&more);
        assert!(
            assigned.iter().all(|(from, to)| from == to),
            "few others keep theirs"
        );
        let many = assign(&spans(0..3 * WINDOWS_MAX as i64));
        let longer = many.iter().filter(|(from, to)| from != to).count();
        assert_eq!(longer, 2 * WINDOWS_MAX);
        assert!(
            many.iter()
                .all(|(from, to)| from == to || *to == from.wider(24))
        );
    }

    #[test]
    fn times_all_over_the_place_end_in_few_windows() {
        // From 1677 to 2262, as far as such times go.
        let all_over = (0..5000).map(|n| (n - 2500) * 1021);
        let assigned = assign(&spans(all_over));
        let windows: BTreeSet<_> = assigned.values().collect();
        assert!(windows.len() <= 2 * WINDOWS_MAX, "{}", windows.len());
        let keeps_time = |(from, to): (&TimeWindow, &TimeWindow)| {
            to.start_ns() <= from.start_ns() && from.end_ns() <= to.end_ns()
        };
        assert!(assigned.iter().all(keeps_time));
    }

    #[test]
    fn ranges_that_touch_are_joined() {
        let mut ranges = vec![5..9, 0..3, 3..5, 20..21];
        coalesce(&mut ranges);
        assert_eq!(ranges, [0..9, 20..21]);
    }
}
