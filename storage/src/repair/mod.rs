//! What can be done about damage, and what cannot.
//!
//! | damaged | remedy | loses |
//! |---|---|---|
//! | a segment's index, or its `traces` | both are made again from `spans` | nothing |
//! | a segment's `spans`, the index sound | the rows that can be read are written anew | the others |
//! | `spans` and the index, or the footer of `spans` | the segment is taken out of the store | all of its spans, which could not be read before either |
//! | one of the two copies in a manifest file | it is copied from the other one | nothing |
//! | a file of recent payload hashes | it is taken out of the store | a payload that was flushed lately and is sent again may be stored twice |
//! | a file of counts | it is taken out of the store | the counts of the minutes that it holds, which could not be read before either |
//! | the log | set aside at the next start, which reads on behind it | the damaged records |
//! | both copies of a manifest file that a start needs | none: it is not known what belongs to the store. Restore a backup | |
//!
//! Files that nothing names need no repair: each start removes them. The files of a segment that loses spans are kept in `quarantine/`, with the reason beside them. Nothing is done to a segment of another
//! format, nor to one that cannot be read because the disk fails: that is for a person to look at.

mod examine;
mod others;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::env::Env;
use crate::error::StoreError;
use crate::lock::DirLock;
use crate::segment::{Segment, SegmentCache};
use crate::verify::{self, Problem, Progress, VerifyReport};
pub(crate) use examine::{Finding, Rows, examine};
pub(crate) use others::Others;

/// Footers and indexes that a look for damage keeps in memory, bytes.
const CACHE_BYTES: usize = 16 << 20;

/// What is done about damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Made again of what is sound; nothing is lost.
    Rebuilt,
    /// What can be read is written anew; the damaged files are kept in `quarantine/`.
    Reduced,
    /// Taken out of the store; the damaged files are kept in `quarantine/`.
    SetAside,
}

/// One repair.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Repair {
    /// The damaged file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: String,
    /// What is done.
    pub remedy: Remedy,
    /// Spans that stay.
    pub spans_kept: u64,
    /// Spans that cannot be read.
    pub spans_lost: u64,
}

/// What a repair has found and done, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RepairReport {
    /// True when it was done, false when it was only looked at.
    pub applied: bool,
    /// Segments read.
    pub segments: u64,
    /// Spans in them.
    pub spans: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What start-up has found and set aside, the log's damage above all.
    #[serde(default)]
    pub at_start: Vec<String>,
    /// What can be repaired, or was.
    pub repairs: Vec<Repair>,
    /// What is damaged and stays so, with what to do about it.
    pub remaining: Vec<Problem>,
}

impl RepairReport {
    /// True when nothing is damaged any more, and nothing was lost.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let mut remedies = self.repairs.iter().map(|repair| repair.remedy);
        let lost = remedies.any(|remedy| remedy != Remedy::Rebuilt) || !self.at_start.is_empty();
        self.remaining.is_empty() && !lost && (self.applied || self.repairs.is_empty())
    }

    /// Notes what start-up has found, but for what was repaired afterwards.
    pub fn note_start(&mut self, damaged: Vec<String>) {
        let is_repaired = |text: &String| {
            let mut repairs = self.repairs.iter();
            repairs.any(|repair| text.contains(&*repair.file.to_string_lossy()))
        };
        self.at_start = damaged
            .into_iter()
            .filter(|text| !is_repaired(text))
            .collect();
    }

    /// Counts a segment that was read.
    pub(crate) fn count(&mut self, segment: &Segment) {
        let meta = segment.meta();
        self.segments += 1;
        self.spans += meta.span_count;
        self.bytes += meta.file_bytes.iter().sum::<u64>();
    }

    /// Notes what is wrong beside the segments and is not repaired.
    pub(crate) fn note(&mut self, problems: Vec<Problem>) {
        let is_repaired = |problem: &Problem| {
            let mut repairs = self.repairs.iter();
            repairs.any(|repair| repair.file == problem.file)
        };
        let left = problems.into_iter().filter(|problem| !is_repaired(problem));
        let left: Vec<Problem> = left.collect();
        self.remaining.extend(left);
    }

    pub(crate) fn add(&mut self, segment: &Segment, finding: &Finding) {
        let (kept, remedy) = match &finding.rows {
            Rows::All => (segment.meta().span_count, Remedy::Rebuilt),
            Rows::Some(rows) => (
                rows.iter().map(|range| range.len() as u64).sum(),
                Remedy::Reduced,
            ),
            Rows::None => (0, Remedy::SetAside),
        };
        self.repairs.push(Repair {
            file: finding.file.clone(),
            problem: finding.problem.clone(),
            remedy,
            spans_kept: kept,
            spans_lost: segment.meta().span_count.saturating_sub(kept),
        });
    }
}

/// Says what a repair of the data directory of a store that does not run would do. Writes nothing.
///
/// # Errors
/// [`StoreError::Locked`] when a process uses the directory: ask that one. Otherwise when a directory cannot be read at all.
pub fn plan_dir(
    env: &Env,
    data_dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<RepairReport, StoreError> {
    let _lock = DirLock::take_if_used(env, data_dir)?;
    let mut report = RepairReport::default();
    let mut found = VerifyReport::default();
    let state = verify::verify_others(env, data_dir, &mut found)?;
    if let Some(state) = &state {
        report.repairs = Others::of(env, data_dir, state)?.repairs();
    }
    report.note(found.problems);
    let Some(state) = state else {
        return Ok(report);
    };
    let cache = Arc::new(SegmentCache::new(CACHE_BYTES));
    let segments: Vec<_> = state
        .segments
        .iter()
        .map(|meta| Segment::open(env, data_dir, meta.clone(), &cache))
        .collect();
    let total_bytes = state.file_bytes();
    for segment in &segments {
        progress(Progress {
            done_bytes: report.bytes,
            total_bytes,
        });
        report.count(segment);
        match examine(segment) {
            Ok(None) => {}
            Ok(Some(finding)) => report.add(segment, &finding),
            Err(problem) => report.remaining.push(problem),
        }
    }
    progress(Progress {
        done_bytes: total_bytes,
        total_bytes,
    });
    Ok(report)
}
