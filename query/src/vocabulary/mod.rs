//! Which keys and values there are, for completion.
//!
//! What a segment or a batch of the hot window holds never changes, so its keys and values are counted once and kept until it is gone.
//! Batches are counted when they are first asked for. Segments are counted on a thread of their own, the newest first and each
//! evenly from all over it, while questions are answered from what has been counted so far:
//!
//! ```text
//!  question ──▶ parts of hot batches + parts of segments in the range ──▶ answer, within `completion_wait`
//!                                        ▲ as far as they are
//!                   reader of segments ──┘
//! ```
//!
//! Counts are those of whole segments and batches that reach into the range: they tell what is frequent, not what matches. Memory is
//! bounded for each segment and for all; what is forgotten for it is labelled. Nothing here changes what a search finds.

mod part;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use clew_storage::attributes::AttributeType;
use clew_storage::segment::SegmentTable;
use clew_storage::{Segment, SpanBatch};

pub(crate) use self::part::Place;
use self::part::{Bounds, Facts, Part};
use crate::coverage::Covering;
use crate::error::QueryError;
use crate::limits::QueryLimits;
use crate::service::Reading;

/// Rows of a segment that are counted at a time.
const WINDOW_ROWS: u32 = 8_192;

/// Every eighth window is counted first, then those halfway between, and so on.
const WINDOW_ORDER: [usize; 8] = [0, 4, 2, 6, 1, 5, 3, 7];

/// A key, as completion offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownKey {
    pub(crate) key: String,
    pub(crate) place: Place,
    /// The type that its values most often have.
    pub(crate) kind: AttributeType,
    /// Spans that have it.
    pub(crate) span_count: u64,
    /// Different values, and whether all are known.
    pub(crate) value_count: usize,
    pub(crate) values_exact: bool,
}

/// Values of a key, as completion offers them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownValues {
    /// Value and how often it occurs, the most frequent first.
    pub(crate) values: Vec<(String, u64)>,
    /// More values begin so than are listed.
    pub(crate) more: bool,
    /// There are values that are not known.
    pub(crate) truncated: bool,
}

/// A range of time, both ends inclusive, ns since the epoch.
pub(crate) type Range = (i64, i64);

/// What is counted of a segment so far.
#[derive(Debug, Clone)]
struct Counted {
    part: Arc<Part>,
    whole: bool,
    /// Latest start in the segment: what is older is forgotten first.
    latest: i64,
    bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    segments: HashMap<String, Counted>,
    /// By the address of the batch; the weak reference tells whether it is still that batch.
    batches: HashMap<usize, (Weak<SpanBatch>, Arc<Part>)>,
    is_counting: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    bounds: Bounds,
    bytes_max: usize,
    wait: std::time::Duration,
    state: Mutex<State>,
    progress: Condvar,
}

impl Vocabulary {
    /// An empty one.
    pub(crate) fn new(limits: &QueryLimits) -> Arc<Self> {
        Arc::new(Self {
            bounds: Bounds {
                keys_max: limits.vocabulary_keys_max,
                values_max: limits.vocabulary_values_max,
            },
            bytes_max: limits.vocabulary_bytes_max,
            wait: limits.completion_wait,
            state: Mutex::default(),
            progress: Condvar::new(),
        })
    }

    /// Keys that contain `text` in any case, those first that begin with it, the most frequent first; at most `keys_max`. Blocks.
    ///
    /// # Errors
    /// When a batch of the hot window cannot be read.
    pub(crate) fn keys(
        self: &Arc<Self>,
        reading: &Reading,
        range: Range,
        text: &str,
        keys_max: usize,
    ) -> Result<(Vec<KnownKey>, Covering), QueryError> {
        let (parts, mut covering) = self.parts(reading, range)?;
        let wanted = text.to_lowercase();
        let mut sums: HashMap<(Place, &str), KeySum> = HashMap::new();
        for part in &parts {
            if part.truncated {
                covering.incomplete("there are more keys than are kept for completion");
            }
            for (place, known) in part
                .keys
                .iter()
                .filter(|(place, _)| **place != Place::Field)
            {
                for (key, facts) in known {
                    if wanted.is_empty() || key.to_lowercase().contains(&wanted) {
                        sums.entry((*place, key)).or_default().add(facts);
                    }
                }
            }
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by_cached_key(|((place, key), sum)| {
            let begins = key.to_lowercase().starts_with(&wanted);
            (!begins, Reverse(sum.spans), (*key).to_owned(), *place)
        });
        sums.truncate(keys_max);
        let keys = sums.into_iter().map(|((place, key), sum)| {
            let (value_count, values_exact) = count_values(&parts, place, key);
            KnownKey {
                key: key.to_owned(),
                place,
                kind: sum.kind(),
                span_count: sum.spans,
                value_count,
                values_exact,
            }
        });
        Ok((keys.collect(), covering))
    }

    /// Values of `key` at `place`, or wherever it stands, that contain `text` in any case, those first that begin with it, the most
    /// frequent first; at most `values_max`. Blocks.
    ///
    /// # Errors
    /// When a batch of the hot window cannot be read.
    pub(crate) fn values(
        self: &Arc<Self>,
        reading: &Reading,
        range: Range,
        (place, key): (Option<Place>, &str),
        text: &str,
        values_max: usize,
    ) -> Result<(KnownValues, Covering), QueryError> {
        let (parts, covering) = self.parts(reading, range)?;
        let mut all = Facts::default();
        for part in &parts {
            for (at, known) in &part.keys {
                let is_wanted = match place {
                    Some(place) => *at == place,
                    None => *at != Place::Field,
                };
                if let Some(facts) = known.get(key).filter(|_| is_wanted) {
                    all.merge(facts);
                }
            }
        }
        let wanted = text.to_lowercase();
        let found = all
            .values
            .into_iter()
            .filter(|(value, _)| wanted.is_empty() || value.to_lowercase().contains(&wanted));
        let mut values: Vec<(String, u64)> = found.collect();
        values.sort_by_cached_key(|(value, count)| {
            let begins = value.to_lowercase().starts_with(&wanted);
            (!begins, Reverse(*count), value.clone())
        });
        let more = values.len() > values_max;
        values.truncate(values_max);
        let known = KnownValues {
            values,
            more,
            truncated: all.truncated,
        };
        Ok((known, covering))
    }

    /// What is known of the batches and segments that reach into `range`.
    fn parts(
        self: &Arc<Self>,
        reading: &Reading,
        range: Range,
    ) -> Result<(Vec<Arc<Part>>, Covering), QueryError> {
        let snapshot = &reading.snapshot;
        let mut covering = Covering {
            segments_total: snapshot.segments().len(),
            ..Covering::default()
        };
        self.forget(snapshot.segments());
        let mut parts = Vec::new();
        for batch in snapshot.hot() {
            parts.push(self.batch(batch)?);
        }
        let inside: Vec<&Arc<Segment>> = snapshot
            .segments()
            .iter()
            .filter(|segment| overlaps(segment, range))
            .collect();
        covering.segments_read = inside.len();
        self.count_missing(&inside);
        let state = self.wait_for(&inside);
        let mut unfinished = 0;
        for segment in inside {
            let counted = state.segments.get(&segment.meta().name);
            unfinished += usize::from(counted.is_none_or(|counted| !counted.whole));
            parts.extend(counted.map(|counted| Arc::clone(&counted.part)));
        }
        if unfinished > 0 {
            covering.incomplete(format!(
                "{unfinished} segments are being read for the first time; ask again for the rest"
            ));
        }
        Ok((parts, covering))
    }

    fn batch(&self, batch: &Arc<SpanBatch>) -> Result<Arc<Part>, QueryError> {
        let address = Arc::as_ptr(batch) as usize;
        let known = self.state().batches.get(&address).cloned();
        if let Some((_, part)) = known.filter(|(known, _)| known.strong_count() > 0) {
            return Ok(part);
        }
        let mut part = Part::default();
        for rows in batch.tables(None, WINDOW_ROWS as usize) {
            part.add(&rows, self.bounds)?;
        }
        part.trim(self.bounds);
        let part = Arc::new(part);
        let known = (Arc::downgrade(batch), Arc::clone(&part));
        self.state().batches.insert(address, known);
        Ok(part)
    }

    /// Has what is missing of `segments` counted, if nobody does so yet.
    fn count_missing(self: &Arc<Self>, segments: &[&Arc<Segment>]) {
        let mut state = self.state();
        let mut missing: Vec<Arc<Segment>> = segments
            .iter()
            .filter(|segment| !state.is_whole(segment))
            .map(|segment| Arc::clone(segment))
            .collect();
        if missing.is_empty() || state.is_counting {
            return;
        }
        state.is_counting = true;
        drop(state);
        missing.sort_by_key(|segment| Reverse(segment.meta().start_time.1));
        let vocabulary = Arc::downgrade(self);
        tokio::task::spawn_blocking(move || count(&vocabulary, &missing));
    }

    /// Waits a little for `segments` to be counted.
    fn wait_for(&self, segments: &[&Arc<Segment>]) -> MutexGuard<'_, State> {
        let missing = |state: &mut State| {
            state.is_counting && segments.iter().any(|segment| !state.is_whole(segment))
        };
        let waited = self
            .progress
            .wait_timeout_while(self.state(), self.wait, missing);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn publish(&self, segment: &Segment, mut part: Part, whole: bool) {
        part.trim(self.bounds);
        let counted = Counted {
            bytes: part.bytes(),
            part: Arc::new(part),
            whole,
            latest: segment.meta().start_time.1,
        };
        let mut state = self.state();
        state.segments.insert(segment.meta().name.clone(), counted);
        state.bound(self.bytes_max);
        drop(state);
        self.progress.notify_all();
    }

    /// Drops what belongs to segments and batches that are gone.
    fn forget(&self, segments: &[Arc<Segment>]) {
        let mut state = self.state();
        state
            .batches
            .retain(|_, (batch, _)| batch.strong_count() > 0);
        if state.segments.len() > segments.len() {
            let names: HashSet<&str> = segments
                .iter()
                .map(|segment| segment.meta().name.as_str())
                .collect();
            state
                .segments
                .retain(|name, _| names.contains(name.as_str()));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_whole(&self, segment: &Segment) -> bool {
        self.segments
            .get(&segment.meta().name)
            .is_some_and(|counted| counted.whole)
    }

    /// Forgets the values of the oldest segments until all fits into `bytes_max`.
    fn bound(&mut self, bytes_max: usize) {
        let mut bytes: usize = self.segments.values().map(|counted| counted.bytes).sum();
        if bytes <= bytes_max {
            return;
        }
        let mut oldest: Vec<&mut Counted> = self.segments.values_mut().collect();
        oldest.sort_by_key(|counted| counted.latest);
        for counted in oldest {
            if bytes <= bytes_max {
                return;
            }
            bytes -= counted.bytes;
            Arc::make_mut(&mut counted.part).strip();
            counted.bytes = counted.part.bytes();
            bytes += counted.bytes;
        }
    }
}

/// Counts segments to the end, or until nobody can ask any more.
fn count(vocabulary: &Weak<Vocabulary>, segments: &[Arc<Segment>]) {
    for segment in segments {
        if count_segment(vocabulary, segment).is_none() {
            return;
        }
    }
    if let Some(vocabulary) = vocabulary.upgrade() {
        vocabulary.state().is_counting = false;
        vocabulary.progress.notify_all();
    }
}

/// `None` when nobody can ask any more.
fn count_segment(vocabulary: &Weak<Vocabulary>, segment: &Segment) -> Option<()> {
    let span_count = segment.meta().span_count as u32;
    let windows = span_count.div_ceil(WINDOW_ROWS);
    let mut part = Part::default();
    let (mut done, mut next_publish) = (0_u32, 1_u32);
    for offset in WINDOW_ORDER {
        for window in (offset as u32..windows).step_by(WINDOW_ORDER.len()) {
            let vocabulary = vocabulary.upgrade()?;
            let first = window * WINDOW_ROWS;
            let rows = first..first.saturating_add(WINDOW_ROWS).min(span_count);
            let read = segment.read_rows(SegmentTable::Spans, rows, None);
            let added = read
                .map_err(QueryError::from)
                .and_then(|rows| part.add(&rows, vocabulary.bounds));
            if let Err(error) = added {
                let name = &segment.meta().name;
                tracing::warn!(segment = %name, %error, "its keys cannot be read for completion");
                part.truncated = true;
                vocabulary.publish(segment, part, true);
                return Some(());
            }
            done += 1;
            if done == next_publish {
                next_publish *= 2;
                vocabulary.publish(segment, part.clone(), false);
            }
        }
    }
    vocabulary.upgrade()?.publish(segment, part, true);
    Some(())
}

fn overlaps(segment: &Segment, (start, end): Range) -> bool {
    let (earliest, latest) = segment.meta().start_time;
    earliest <= end && latest >= start
}

/// What the parts know of a key together, but for its values.
#[derive(Debug, Default)]
struct KeySum {
    spans: u64,
    types: Vec<(AttributeType, u64)>,
}

impl KeySum {
    fn add(&mut self, facts: &Facts) {
        self.spans += facts.spans;
        for (kind, count) in &facts.types {
            match self.types.iter_mut().find(|(known, _)| known == kind) {
                Some((_, known)) => *known += count,
                None => self.types.push((*kind, *count)),
            }
        }
    }

    /// The type that its values most often have.
    fn kind(&self) -> AttributeType {
        let most = self
            .types
            .iter()
            .max_by_key(|(kind, count)| (*count, Reverse(kind.letter())));
        most.map_or(AttributeType::String, |(kind, _)| *kind)
    }
}

/// Different values that are counted of a key; of more it is only said that there are.
const VALUES_COUNTED: usize = 100;

/// How many different values a key has, and whether these are all.
fn count_values(parts: &[Arc<Part>], place: Place, key: &str) -> (usize, bool) {
    let known = parts
        .iter()
        .filter_map(|part| part.keys.get(&place)?.get(key));
    let mut values: HashSet<&str> = HashSet::new();
    let mut exact = true;
    for facts in known {
        exact &= !facts.truncated;
        for value in facts.values.keys() {
            if values.len() == VALUES_COUNTED && !values.contains(value.as_str()) {
                return (VALUES_COUNTED, false);
            }
            values.insert(value);
        }
    }
    (values.len(), exact)
}
