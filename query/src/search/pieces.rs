//! What a scan has yet to read, that with the latest spans first.
//!
//! A large segment is read in pieces, the row groups with the latest spans first: a merge puts traces in order within slices of time, so that
//! the newest ones lie in few row groups. Each is asked for what it may hold only when its turn comes: a page that is full early reads few
//! filters.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use clew_storage::Segment;
use clew_storage::segment::SegmentTable;

use super::matcher::Matcher;
use crate::error::QueryError;
use crate::filter::Filter;

/// The pieces that are left, and those that are being read.
pub(super) struct Pieces {
    /// That with the latest spans at the top.
    left: BinaryHeap<Piece>,
    /// The latest start of each that is being read.
    under_way: Vec<u64>,
    /// Names of the segments of which something was or is being read.
    pub(super) read: HashSet<String>,
    /// Names of the segments of which a row group holds no match.
    missed: HashSet<String>,
    /// Segments that could not be split.
    pub(super) unreadable: Vec<(Arc<Segment>, QueryError)>,
}

impl Pieces {
    /// Those of `segments` that may hold a match.
    pub(super) fn new(segments: &[Arc<Segment>], matcher: &Matcher) -> Self {
        let may_match = segments.iter().filter(|segment| matcher.may_match(segment));
        Self {
            left: may_match.map(Piece::whole).collect(),
            under_way: Vec::new(),
            read: HashSet::new(),
            missed: HashSet::new(),
            unreadable: Vec::new(),
        }
    }

    /// How many there are, once the first one is settled.
    pub(super) fn settled(&mut self, matcher: &Matcher) -> usize {
        self.settle_first(matcher);
        self.left.len()
    }

    /// The latest start that a trace with a span in what is not read yet may have.
    pub(super) fn latest(&mut self, matcher: &Matcher) -> Option<u64> {
        self.settle_first(matcher);
        let first = self.left.peek().map(|piece| piece.latest);
        first
            .into_iter()
            .chain(self.under_way.iter().copied())
            .max()
    }

    /// What is to be read next, if a trace with a span in it may start at `from` or later.
    pub(super) fn next(&mut self, matcher: &Matcher, from: u64) -> Option<Piece> {
        self.settle_first(matcher);
        if self.left.peek()?.latest < from {
            return None;
        }
        let piece = self.left.pop()?;
        self.read.insert(piece.segment.meta().name.clone());
        self.under_way.push(piece.latest);
        Some(piece)
    }

    /// `piece` is read.
    pub(super) fn done(&mut self, piece: &Piece) {
        let mut under_way = self.under_way.iter();
        let place = under_way.position(|latest| *latest == piece.latest);
        if let Some(place) = place {
            self.under_way.swap_remove(place);
        }
    }

    /// Splits large segments at the top, and takes away row groups that hold no match, until there is a piece to be read.
    fn settle_first(&mut self, matcher: &Matcher) {
        while let Some(first) = self.left.peek()
            && !first.is_settled()
        {
            let Some(first) = self.left.pop() else { return };
            if first.sort == Sort::Segment {
                match first.split() {
                    Ok(pieces) => self.left.extend(pieces),
                    Err(error) => self.unreadable.push((first.segment, error)),
                }
            } else if matcher.may_match_group(&first.segment, first.groups.start) {
                self.left.push(Piece {
                    sort: Sort::Match,
                    ..first
                });
            } else {
                self.miss(&first.segment, matcher);
            }
        }
    }

    /// A row group of `segment` holds no match, so most of the others will be asked too: what is rare is in few, what is frequent in all.
    fn miss(&mut self, segment: &Segment, matcher: &Matcher) {
        if self.missed.insert(segment.meta().name.clone())
            && let Ok(metadata) = segment.metadata(SegmentTable::Spans)
        {
            matcher.will_ask(segment, &(0..metadata.metadata().num_row_groups()));
        }
    }
}

/// A segment of more rows is read in pieces.
const PIECE_ROWS_MAX: u64 = 128 << 10;

/// Row groups of a segment that are read together.
pub(super) struct Piece {
    pub(super) segment: Arc<Segment>,
    groups: Range<usize>,
    /// Earliest and latest start of its spans, if known; a time beyond 2^63 is negative.
    start_time: Option<(i64, i64)>,
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
            start_time: Some(segment.meta().start_time),
            latest: latest_of(segment.meta().start_time),
            sort: Sort::Segment,
        }
    }

    /// True when it is all of its segment.
    pub(super) fn is_segment(&self) -> bool {
        self.sort == Sort::Segment
    }

    /// True when all of its spans meet the conditions of `filter` on the start.
    pub(super) fn is_covered_by(&self, filter: &Filter) -> bool {
        self.start_time.is_some_and(|range| filter.covers(range))
    }

    /// Those of its row groups that may hold a match, and their rows.
    ///
    /// # Errors
    /// When the segment's footer cannot be read.
    pub(super) fn row_groups(
        &self,
        matcher: &Matcher,
    ) -> Result<Vec<(usize, Range<usize>)>, QueryError> {
        let metadata = self.segment.metadata(SegmentTable::Spans)?;
        let mut end = 0;
        let groups = metadata.metadata().row_groups().iter().enumerate();
        let groups = groups.map(|(group, facts)| {
            let start = end;
            end += facts.num_rows() as usize;
            (group, start..end)
        });
        // A piece that is one row group was asked when its turn came.
        let may_match =
            |group| self.sort == Sort::Match || matcher.may_match_group(&self.segment, group);
        Ok(groups
            .filter(|(group, _)| self.groups.contains(group) && may_match(*group))
            .collect())
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
                start_time,
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
