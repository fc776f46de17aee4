//! Reads the spans that match: the hot window, then [`pieces`](super::pieces) of segments, those with the latest spans first.
//!
//! Each thread takes the next piece as soon as it is done with one. The scan is over when nothing that is left or under way can be of
//! interest; a thread that is in the middle of a piece stops then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use clew_storage::Segment;

use super::file::FileFilter;
use super::matcher::{HIT_COLUMNS, Hit, Matcher, collect};
use super::parts::Parts;
use super::pieces::{Piece, Pieces};
use super::sample::Sample;
use crate::coverage::Covering;
use crate::error::QueryError;
use crate::filter::Filter;
use crate::limits::QueryLimits;
use crate::service::{Budget, Leaving, Reading};

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
    reader: Reader<'a>,
    left: Pieces,
    /// What was read, and what could not be.
    pub(super) covering: Covering,
    /// Nothing that might match was left out.
    pub(super) complete: bool,
}

/// What the threads of a scan share.
struct Reader<'a> {
    reading: &'a Reading,
    filter: &'a Filter,
    matcher: Matcher,
    /// The matcher for pieces that lie within the time range as a whole.
    timeless: Matcher,
    /// The filters of the files that have been met; `None` where no row can match.
    files: Mutex<HashMap<FileKey, Option<Arc<FileFilter>>>>,
}

/// What a filter is made for.
#[derive(PartialEq, Eq, Hash)]
struct FileKey {
    /// Name of the segment.
    segment: String,
    /// It does not look at times.
    timeless: bool,
    /// Columns of the rows that match.
    output: &'static [usize],
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
        Ok(Self {
            left: Pieces::new(segments, &matcher),
            reader: Reader {
                reading,
                filter,
                matcher,
                timeless: Matcher::new(&timeless)?,
                files: Mutex::default(),
            },
            covering: Covering {
                segments_total: segments.len(),
                ..Covering::default()
            },
            complete: true,
        })
    }

    pub(super) fn reading(&self) -> &'a Reading {
        self.reader.reading
    }

    pub(super) fn limits(&self) -> &'a QueryLimits {
        self.reading().limits()
    }

    pub(super) fn matcher(&self) -> &Matcher {
        &self.reader.matcher
    }

    /// The hits of the hot window.
    pub(super) fn hot(&mut self) -> Result<Vec<Hit>, QueryError> {
        let mut hits = Vec::new();
        for batch in self.reading().snapshot.hot() {
            if self.over() {
                break;
            }
            self.matcher().visit_batch(batch, &HIT_COLUMNS, |rows| {
                collect(rows, &mut hits);
                Ok(())
            })?;
        }
        Ok(hits)
    }

    /// Reads the hot window and what is left to the end: each row that matches and that `sample` picks goes to a gatherer, and all of
    /// these into one.
    pub(super) fn gather<G: Gather>(
        &mut self,
        sample: Sample,
        make: impl Fn() -> G + Sync,
    ) -> Result<G, QueryError> {
        let mut gathered = make();
        let mut first = 0;
        for batch in self.reading().snapshot.hot() {
            if self.over() {
                break;
            }
            let rows = first..first + batch.len();
            first = rows.end;
            if sample.picks(rows.start) {
                self.matcher()
                    .visit_batch(batch, G::COLUMNS, |rows| gathered.add(rows))?;
            }
        }
        let read = |reader: &Reader<'_>, piece: &Piece, budget: &Budget| {
            let mut part = make();
            let add = |rows: &RecordBatch| part.add(rows);
            let whole = reader.visit(piece, G::COLUMNS, sample, budget, add)?;
            Ok(whole.then_some(part))
        };
        self.each(Some(0), read, |part| {
            gathered.merge(part);
            Some(0)
        });
        Ok(gathered)
    }

    /// Gives `take` the hits of each piece. It says what else is of interest: traces that start at that time or later, or nothing; `from`
    /// says so for the first piece. True when there was nothing else.
    pub(super) fn hits(
        &mut self,
        from: Option<u64>,
        take: impl FnMut(Vec<Hit>) -> Option<u64> + Send,
    ) -> bool {
        let read = |reader: &Reader<'_>, piece: &Piece, budget: &Budget| {
            if piece.is_segment() && reader.matcher_of(piece).matches_all() {
                return Parts::all_of(&piece.segment).map(Some);
            }
            let mut hits = Vec::new();
            let add = |rows: &RecordBatch| {
                collect(rows, &mut hits);
                Ok(())
            };
            let whole = reader.visit(piece, &HIT_COLUMNS, Sample::ALL, budget, add)?;
            Ok(whole.then_some(hits))
        };
        self.each(from, read, take)
    }

    /// Gives `take` what `read` makes of each piece, `None` being for one that it could not finish in time; otherwise like [`Scan::hits`].
    fn each<T>(
        &mut self,
        from: Option<u64>,
        read: impl Fn(&Reader<'_>, &Piece, &Budget) -> Result<Option<T>, QueryError> + Sync,
        take: impl FnMut(T) -> Option<u64> + Send,
    ) -> bool {
        if self.over() {
            return false;
        }
        let (budget, stop) = self.reading().budget.stoppable();
        let pieces = self.left.settled(&self.reader.matcher);
        let threads = self.limits().scan_threads.min(pieces);
        let reader = &self.reader;
        let course = Mutex::new(Course {
            left: &mut self.left,
            matcher: &reader.matcher,
            take,
            from,
            failures: Vec::new(),
            stop: Some(stop),
        });
        let work = || {
            let mut next = locked(&course).next();
            while let Some(piece) = next {
                let part = read(reader, &piece, &budget);
                let mut course = locked(&course);
                course.done(piece, part);
                next = course.next().filter(|_| !budget.over());
            }
        };
        let whole = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            work();
            others.into_iter().all(|thread| thread.join().is_ok())
        });
        let course = course.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (failures, enough) = (course.failures, course.stop.is_none());
        self.note(failures, whole);
        !enough && !self.over()
    }

    /// Notes what could not be read.
    fn note(&mut self, failures: Vec<(Arc<Segment>, QueryError)>, whole: bool) {
        self.covering.segments_read = self.left.read.len();
        let unsplit = std::mem::take(&mut self.left.unreadable);
        for (segment, error) in failures.into_iter().chain(unsplit) {
            let name = &segment.meta().name;
            self.incomplete(format!("segment {name} cannot be read: {error}"));
        }
        if !whole {
            self.incomplete("a part of the scan failed");
        }
    }

    /// True, and noted, when the time is over.
    pub(super) fn over(&mut self) -> bool {
        let over = self.reading().budget.over();
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
}

/// How far the threads of a scan are. Whoever is done with a piece hands over what it found before it takes the next one, so that
/// none is begun that is known to be of no interest.
struct Course<'a, F> {
    left: &'a mut Pieces,
    matcher: &'a Matcher,
    take: F,
    /// Only traces that start at that time or later are of interest; `None` when no others are at all.
    from: Option<u64>,
    failures: Vec<(Arc<Segment>, QueryError)>,
    /// Ends what the threads are at; `None` when they are told to.
    stop: Option<Leaving>,
}

impl<F> Course<'_, F> {
    /// The next piece that is of interest.
    fn next(&mut self) -> Option<Piece> {
        let latest = self.left.latest(self.matcher)?;
        if self.from.is_none_or(|from| latest < from) {
            self.stop = None;
        }
        self.left.next(self.matcher, self.from?)
    }

    fn done<T>(&mut self, piece: Piece, part: Result<Option<T>, QueryError>)
    where
        F: FnMut(T) -> Option<u64>,
    {
        self.left.done(&piece);
        match part {
            // What was stopped is not whole.
            Ok(Some(part)) if self.stop.is_some() => self.from = (self.take)(part),
            Ok(_) => {}
            Err(error) => self.failures.push((piece.segment, error)),
        }
    }
}

impl Reader<'_> {
    /// Gives `visit` the columns `output` of the rows of a piece that match and that `sample` picks; false when `budget` ended that.
    fn visit(
        &self,
        piece: &Piece,
        output: &'static [usize],
        sample: Sample,
        budget: &Budget,
        visit: impl FnMut(&RecordBatch) -> Result<(), QueryError>,
    ) -> Result<bool, QueryError> {
        let groups = piece.row_groups(self.matcher_of(piece))?;
        // Most segments hold nothing that a rare value matches, and their conditions need not be compiled for that.
        if groups.is_empty() {
            return Ok(!budget.over());
        }
        match self.file(piece, output)? {
            Some(file) => file.visit(groups, sample, budget, visit),
            None => Ok(!budget.over()),
        }
    }

    /// The filter for the file that a piece is of; `None` when no row of it can match.
    fn file(
        &self,
        piece: &Piece,
        output: &'static [usize],
    ) -> Result<Option<Arc<FileFilter>>, QueryError> {
        let key = FileKey {
            segment: piece.segment.meta().name.clone(),
            timeless: piece.is_covered_by(self.filter),
            output,
        };
        let mut files = locked(&self.files);
        if let Some(file) = files.get(&key) {
            return Ok(file.clone());
        }
        let file = FileFilter::new(self.matcher_of(piece), &piece.segment, output)?;
        let file = file.map(Arc::new);
        files.insert(key, file.clone());
        Ok(file)
    }

    /// The matcher for `piece`: one that lies within the time range as a whole needs no look at times.
    fn matcher_of(&self, piece: &Piece) -> &Matcher {
        if piece.is_covered_by(self.filter) {
            &self.timeless
        } else {
            &self.matcher
        }
    }
}

/// A panic elsewhere leaves nothing half done that a scan goes on with.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
