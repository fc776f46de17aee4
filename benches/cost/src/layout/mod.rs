//! What other ways to lay a segment out would cost: the same spans written in each way, and what is asked of them.
//!
//! ```text
//!   data set ──in flushes──▶ segments of one variant ──▶ bytes of each file
//!   (sets)                   (variants, stored)          CPU to write them, to read traces by id, to search an attribute (search)
//! ```
//!
//! Variants take turns: each round writes and asks all of them once, and of all rounds the cheapest counts, so that what else the
//! machine does meets all of them and as little of it as possible is in the figures. Times are those that the thread was on a processor.
//! `benches/layout.py` makes `docs/segment-layout.md` of the report.

mod search;
mod sets;
mod stored;
mod variants;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clew_storage::TraceId;
use serde::Serialize;

use search::Questions;
use sets::DataSet;
pub use sets::NAMES as DATA_SETS;
use stored::{ColumnBytes, Stored};
use variants::Variant;

/// What is measured, and how often.
#[derive(Debug)]
pub struct Study {
    /// Folder of the streams, whole or cut.
    pub corpus: PathBuf,
    /// Where segments are written; the system's folder for temporary files if absent.
    pub work: Option<PathBuf>,
    /// Only variants whose name contains one of these, and the default; all if empty.
    pub only: Vec<String>,
    /// Spans of the data set `rich`.
    pub rich_spans: usize,
    /// Spans of a flush at most.
    pub flush_spans: usize,
    /// How often everything is done.
    pub rounds: usize,
    /// Traces that are read.
    pub traces: usize,
}

/// What came of one data set.
#[derive(Debug, Serialize)]
pub struct SetReport {
    name: String,
    spans: usize,
    segments: usize,
    /// Traces that were read.
    traces: usize,
    /// Spans of these traces.
    trace_spans: usize,
    questions: Questions,
    /// Spans that match each question.
    matches: [usize; 2],
    /// What the columns of the default take, the largest first.
    columns: Vec<ColumnBytes>,
    /// The default first.
    variants: Vec<VariantReport>,
}

/// What came of one variant; bytes are those of all segments.
#[derive(Debug, Serialize)]
struct VariantReport {
    name: &'static str,
    spans_bytes: u64,
    traces_bytes: u64,
    index_bytes: u64,
    write_ns_per_span: f64,
    /// Median of the traces.
    trace_us: f64,
    /// Bytes that were read from files for a trace, on average.
    trace_read_bytes: f64,
    /// Of each question.
    search_us_per_100k_rows: [f64; 2],
}

impl Study {
    /// Measures the data set `name`.
    ///
    /// # Errors
    /// When data cannot be read or written, or a variant gives other answers than the default.
    pub fn run(&self, name: &str) -> Result<SetReport> {
        let set = DataSet::load(name, self)?;
        let questions = search::choose(&set)?;
        let ids = set.trace_ids(self.traces);
        let variants: Vec<_> = variants::all()
            .into_iter()
            .filter(|variant| variant.is_wanted(&self.only))
            .collect();
        let mut report = SetReport {
            name: name.to_owned(),
            spans: set.spans(),
            segments: set.flushes.len(),
            traces: ids.len(),
            trace_spans: 0,
            questions,
            matches: [0; 2],
            columns: Vec::new(),
            variants: Vec::new(),
        };
        for round in 1..=self.rounds {
            for (place, variant) in variants.iter().enumerate() {
                eprintln!("{name}: round {round}, {}", variant.name);
                let stored = Stored::write(&set, &variant.shape, self.work.as_deref())?;
                let measured = report.measure(&stored, variant, &ids)?;
                match report.variants.get_mut(place) {
                    Some(so_far) => so_far.take_best(&measured),
                    None => report.variants.push(measured),
                }
            }
        }
        Ok(report)
    }
}

impl SetReport {
    /// Asks `stored` everything.
    fn measure(
        &mut self,
        stored: &Stored,
        variant: &Variant,
        ids: &BTreeSet<TraceId>,
    ) -> Result<VariantReport> {
        let look_ups = stored.look_up(ids)?;
        let [frequent, rare] = self.questions.each();
        let (frequent, rare) = (stored.search(frequent)?, stored.search(rare)?);
        let matches = [frequent.matches, rare.matches];
        if self.variants.is_empty() {
            self.columns = stored.columns()?;
            (self.matches, self.trace_spans) = (matches, look_ups.spans);
        }
        ensure!(
            (matches, look_ups.spans) == (self.matches, self.trace_spans),
            "{}: {} finds other spans than the default",
            self.name,
            variant.name
        );
        let per_100k_rows = 1e5 / self.spans as f64;
        let [spans_bytes, traces_bytes, index_bytes] = stored.file_bytes();
        Ok(VariantReport {
            name: variant.name,
            spans_bytes,
            traces_bytes,
            index_bytes,
            write_ns_per_span: stored.write_ns / self.spans as f64,
            trace_us: look_ups.median_us,
            trace_read_bytes: look_ups.read_bytes as f64 / ids.len() as f64,
            search_us_per_100k_rows: [frequent.us * per_100k_rows, rare.us * per_100k_rows],
        })
    }
}

impl VariantReport {
    /// Takes the times of another round where they are shorter.
    fn take_best(&mut self, other: &Self) {
        self.write_ns_per_span = self.write_ns_per_span.min(other.write_ns_per_span);
        self.trace_us = self.trace_us.min(other.trace_us);
        for (best, us) in self
            .search_us_per_100k_rows
            .iter_mut()
            .zip(other.search_us_per_100k_rows)
        {
            *best = best.min(us);
        }
    }
}
