//! Reads the spans that match: the hot window, then segments in waves, those with the latest spans first.
//!
//! A large segment is read in pieces, the row groups with the latest spans first: a merge puts traces in order within slices of time, so that
//! the newest ones lie in few row groups. Each is asked for what it may hold only when its turn comes: a page that is full early reads few
//! filters.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use clew_storage::Segment;
use clew_storage::segment::SegmentTable;

use super::matcher::{HIT_COLUMNS, Hit, Matcher, Sample, collect};
use super::parts::Parts;
use crate::coverage::Covering;
use crate::error::QueryError;
use crate::filter::Filter;
use crate::limits::QueryLimits;
use crate::service::Reading;

/// What becomes of the rows that match.
pub(super) trait Gather: Send {
    /// Places of the columns that it reads in the schema of `spans`, ascending.
    const COLUMNS: &'static [usize];

    /// Takes rows, with these columns.
    fn add(&mut self, rows: &RecordBatch) -> Result<(), QueryError>;

    /// Takes what another one has gathered.
    fn merge(&mut self, other: Self);
}

/// A scan under way.
pub(super) struct Scan<'a> {
    reading: &'a Reading,
    filter: &'a Filter,
    pub(super) matcher: Matcher,
    /// The matcher for segments that lie within the time range as a whole.
    timeless: Matcher,
    /// What is yet to be read, that with the latest spans at the top.
    left: BinaryHeap<Piece>,
    /// Names of the segments of which something was read.
    read: HashSet<String>,
    /// What was read, and what could not be.
    pub(super) covering: Covering,
    /// Nothing that might match was left out.
    pub(super) complete: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(reading: &'a Reading, filter: &'a Filter) -> Result<Self, QueryError> {
        let timeless = filter
            .conjuncts()
            .into_iter()
            .filter(|part| !matches!(part, Filter::Start { .. }));
        let timeless = Filter::All(timeless.cloned().collect());
        let matcher = Matcher::new(filter)?;
        let segments = reading.snapshot.segments();
        let may_match = segments.iter().filter(|segment| matcher.may_match(segment));
        let left = may_match.map(Piece::whole).collect();
        Ok(Self {
            reading,
            filter,
            matcher,
            timeless: Matcher::new(&timeless)?,
            left,
            read: HashSet::new(),
            covering: Covering {
                segments_total: segments.len(),
                ..Covering::default()
            },
            complete: true,
        })
    }

    pub(super) fn reading(&self) -> &'a Reading {
        self.reading
    }

    pub(super) fn limits(&self) -> &'a QueryLimits {
        self.reading.limits()
    }

    /// The hits of the hot window.
    pub(super) fn hot(&mut self) -> Result<Vec<Hit>, QueryError> {
        let mut hits = Vec::new();
        for batch in self.reading.snapshot.hot() {
            if self.over() {
                break;
            }
            self.matcher.visit_batch(batch, &HIT_COLUMNS, |rows| {
                collect(rows, &mut hits);
                Ok(())
            })?;
        }
        Ok(hits)
    }

    /// Reads what is left to the end: each row that matches and that `sample` picks goes to a gatherer, one a thread, and all of
    /// them into one.
    pub(super) fn gather<G: Gather>(
        &mut self,
        sample: Sample,
        make: impl Fn() -> G + Sync,
    ) -> Result<G, QueryError> {
        let mut gathered = make();
        let mut first = 0;
        for batch in self.reading.snapshot.hot() {
            if self.over() {
                break;
            }
            let rows = first..first + batch.len();
            first = rows.end;
            if sample.picks(rows.start) {
                self.matcher
                    .visit_batch(batch, G::COLUMNS, |rows| gathered.add(rows))?;
            }
        }
        while !self.left.is_empty() {
            let parts = self.each_of_wave(|scan, piece| {
                let mut part = make();
                let (matcher, budget) = (scan.matcher_of(&piece.segment), &scan.reading.budget);
                let add = |rows: &RecordBatch| part.add(rows);
                let whole = matcher.visit_segment(
                    &piece.segment,
                    piece.groups.clone(),
                    G::COLUMNS,
                    sample,
                    budget,
                    add,
                )?;
                Ok(whole.then_some(part))
            });
            for part in parts {
                gathered.merge(part);
            }
        }
        Ok(gathered)
    }

    /// The latest start that a trace with a span in what the next wave reads, or later ones, may have.
    pub(super) fn next_latest(&mut self) -> Option<u64> {
        self.settle_first();
        self.left.peek().map(|piece| piece.latest)
    }

    /// Reads what comes next; the hits of each piece.
    pub(super) fn wave(&mut self) -> Vec<Vec<Hit>> {
        self.each_of_wave(|scan, piece| {
            let matcher = scan.matcher_of(&piece.segment);
            if matcher.matches_all() && piece.sort == Sort::Segment {
                return Parts::all_of(&piece.segment).map(Some);
            }
            let mut hits = Vec::new();
            let add = |rows: &RecordBatch| {
                collect(rows, &mut hits);
                Ok(())
            };
            let whole = matcher.visit_segment(
                &piece.segment,
                piece.groups.clone(),
                &HIT_COLUMNS,
                Sample::ALL,
                &scan.reading.budget,
                add,
            )?;
            Ok(whole.then_some(hits))
        })
    }

    /// What `read` makes of each of the next pieces, `None` being for one that it could not finish in time.
    fn each_of_wave<T: Send>(
        &mut self,
        read: impl Fn(&Self, &Piece) -> Result<Option<T>, QueryError> + Sync,
    ) -> Vec<T> {
        if self.left.is_empty() || self.over() {
            self.left.clear();
            return Vec::new();
        }
        let wave = self.next_wave();
        let results = self.scan(&wave, read);
        let mut made = Vec::with_capacity(wave.len());
        for (piece, result) in wave.iter().zip(results) {
            match result {
                Ok(Some(part)) => made.push(part),
                Ok(None) => {
                    self.over();
                }
                Err(error) => self.unreadable(&piece.segment, &error),
            }
        }
        made
    }

    /// The pieces to be read next, one for each thread.
    fn next_wave(&mut self) -> Vec<Piece> {
        let threads = self.reading.limits().scan_threads.max(1);
        let mut wave = Vec::with_capacity(threads);
        while wave.len() < threads {
            self.settle_first();
            let Some(piece) = self.left.pop() else { break };
            self.read.insert(piece.segment.meta().name.clone());
            wave.push(piece);
        }
        self.covering.segments_read = self.read.len();
        wave
    }

    /// Splits large segments at the top, and takes away row groups that hold no match, until there is a piece to be read.
    fn settle_first(&mut self) {
        while let Some(first) = self.left.peek()
            && !first.is_settled()
        {
            let Some(first) = self.left.pop() else { return };
            if first.sort == Sort::Segment {
                match first.split() {
                    Ok(pieces) => self.left.extend(pieces),
                    Err(error) => self.unreadable(&first.segment, &error),
                }
            } else if self
                .matcher
                .may_match_group(&first.segment, first.groups.start)
            {
                self.left.push(Piece {
                    sort: Sort::Match,
                    ..first
                });
            }
        }
    }

    /// The matcher for `segment`: one that lies within the time range as a whole needs no look at times.
    fn matcher_of(&self, segment: &Segment) -> &Matcher {
        if self.filter.covers(segment.meta().start_time) {
            &self.timeless
        } else {
            &self.matcher
        }
    }

    /// Reads some pieces, each on a thread of its own.
    fn scan<T: Send>(
        &self,
        pieces: &[Piece],
        read: impl Fn(&Self, &Piece) -> Result<Option<T>, QueryError> + Sync,
    ) -> Vec<Result<Option<T>, QueryError>> {
        let Some((first, rest)) = pieces.split_first() else {
            return Vec::new();
        };
        let read = &read;
        std::thread::scope(|scope| {
            let rest: Vec<_> = rest
                .iter()
                .map(|piece| scope.spawn(move || read(self, piece)))
                .collect();
            let mut results = vec![read(self, first)];
            let failed = |_| Err(QueryError::internal("a scan failed"));
            results.extend(
                rest.into_iter()
                    .map(|thread| thread.join().unwrap_or_else(failed)),
            );
            results
        })
    }

    /// True, and noted, when the time is over.
    pub(super) fn over(&mut self) -> bool {
        let over = self.reading.budget.over();
        if over {
            self.incomplete("the time for a query is over; older traces were not looked at");
        }
        over
    }

    /// Notes that something is left out.
    pub(super) fn incomplete(&mut self, reason: impl Into<String>) {
        self.complete = false;
        self.covering.incomplete(reason);
    }

    fn unreadable(&mut self, segment: &Segment, error: &QueryError) {
        let name = &segment.meta().name;
        self.incomplete(format!("segment {name} cannot be read: {error}"));
    }
}

/// A segment of more rows is read in pieces.
const PIECE_ROWS_MAX: u64 = 128 << 10;

/// Row groups of a segment that are read together.
struct Piece {
    segment: Arc<Segment>,
    groups: Range<usize>,
    /// The latest start that a trace with a span in them may have.
    latest: u64,
    sort: Sort,
}

/// How much of a segment a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// All of it.
    Segment,
    /// One row group.
    Group,
    /// One row group that may hold a match.
    Match,
}

impl Piece {
    fn whole(segment: &Arc<Segment>) -> Self {
        Self {
            segment: Arc::clone(segment),
            groups: 0..usize::MAX,
            latest: latest_of(segment.meta().start_time),
            sort: Sort::Segment,
        }
    }

    /// True when it can be read as it is.
    fn is_settled(&self) -> bool {
        match self.sort {
            Sort::Segment => self.segment.meta().span_count <= PIECE_ROWS_MAX,
            Sort::Group => false,
            Sort::Match => true,
        }
    }

    /// Its row groups.
    fn split(&self) -> Result<Vec<Self>, QueryError> {
        let metadata = self.segment.metadata(SegmentTable::Spans)?;
        let groups = 0..metadata.metadata().num_row_groups();
        let pieces = groups.map(|group| {
            let start_time = self.segment.row_group_start_time(group)?;
            Ok(Self {
                segment: Arc::clone(&self.segment),
                groups: group..group + 1,
                latest: start_time.map_or(self.latest, latest_of),
                sort: Sort::Group,
            })
        });
        pieces.collect()
    }
}

/// The latest start that a trace with a span between two times may have, as sent. A time beyond 2^63 is negative in files, and a span
/// without a start time may belong to a trace of any.
fn latest_of((earliest, latest): (i64, i64)) -> u64 {
    if earliest <= 0 {
        u64::MAX
    } else {
        latest as u64
    }
}

impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Piece {}

impl PartialOrd for Piece {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Piece {
    fn cmp(&self, other: &Self) -> Ordering {
        self.latest.cmp(&other.latest)
    }
}
