//! The store's metrics: every name in one place.
//!
//! Counters end in `_total`; sizes are bytes, times seconds. The limits of queues and windows are gauges beside their fill.

use std::io;

use ::metrics::{counter, gauge, histogram};

use crate::env::Env;
use crate::limits::Limits;
use crate::store::CompactionReport;

/// The limits, so that a fill can be read against them.
pub(crate) fn limits(limits: &Limits) {
    gauge!("clew_wal_queue_bytes_max").set(limits.wal_queue_bytes as f64);
    gauge!("clew_hot_window_bytes_max").set(limits.hot_window_bytes as f64);
    gauge!("clew_tail_spilled_bytes_max").set(limits.tail_spill_bytes as f64);
    gauge!("clew_disk_free_bytes_min").set(limits.disk_free_bytes_min as f64);
    gauge!("clew_recent_payloads_max").set(limits.recent_payloads_max as f64);
}

/// Runs a sync of a log file and notes how long it took.
pub(crate) fn timed_sync(env: &Env, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let start = env.clock.monotonic_ns();
    let result = sync();
    let elapsed_ns = env.clock.monotonic_ns().saturating_sub(start);
    histogram!("clew_wal_fsync_seconds").record(elapsed_ns as f64 / 1e9);
    counter!("clew_wal_fsyncs_total").increment(1);
    result
}

/// A group of `records` payloads was written.
pub(crate) fn wal_written(bytes: usize, records: usize) {
    counter!("clew_wal_written_bytes_total").increment(bytes as u64);
    counter!("clew_wal_records_total").increment(records as u64);
    histogram!("clew_wal_group_records").record(records as f64);
}

/// A log file was given up.
pub(crate) fn wal_failure() {
    counter!("clew_wal_failures_total").increment(1);
}

/// Bytes of log files on disk.
pub(crate) fn wal_bytes(bytes: u64) {
    gauge!("clew_wal_bytes").set(bytes as f64);
}

/// Payload bytes that wait for the writer.
pub(crate) fn queue_bytes(bytes: usize) {
    gauge!("clew_wal_queue_bytes").set(bytes as f64);
}

/// Whether the log can be written.
pub(crate) fn wal_available(available: bool) {
    gauge!("clew_wal_available").set(f64::from(u8::from(available)));
}

/// A payload was refused.
pub(crate) fn refusal(reason: &'static str) {
    counter!("clew_append_refusals_total", "reason" => reason).increment(1);
}

/// A payload was answered from the memory of recent ones.
pub(crate) fn duplicate() {
    counter!("clew_duplicate_payloads_total").increment(1);
}

/// Payloads that are remembered.
pub(crate) fn recent_payloads(count: usize) {
    gauge!("clew_recent_payloads").set(count as f64);
}

/// Fill of the hot window.
pub(crate) fn hot_window(bytes: usize, spans: u64, epochs: usize) {
    gauge!("clew_hot_window_bytes").set(bytes as f64);
    gauge!("clew_hot_window_spans").set(spans as f64);
    gauge!("clew_hot_window_epochs").set(epochs as f64);
}

/// An epoch was flushed in `elapsed_ns`, or could not be.
pub(crate) fn flush(succeeded: bool, elapsed_ns: u64, spans: u64) {
    let outcome = if succeeded { "ok" } else { "error" };
    counter!("clew_flushes_total", "outcome" => outcome).increment(1);
    histogram!("clew_flush_seconds").record(elapsed_ns as f64 / 1e9);
    if succeeded {
        counter!("clew_flush_spans_total").increment(spans);
    }
}

/// What the manifest names.
pub(crate) fn stored(version: u64, segments: usize, spans: u64, bytes: u64) {
    gauge!("clew_manifest_version").set(version as f64);
    gauge!("clew_segments").set(segments as f64);
    gauge!("clew_segment_spans").set(spans as f64);
    gauge!("clew_segments_bytes").set(bytes as f64);
}

/// Segments were dropped by retention.
pub(crate) fn retention(segments: usize, spans: u64) {
    counter!("clew_retention_segments_total").increment(segments as u64);
    counter!("clew_retention_spans_total").increment(spans);
}

/// Files of counts, and their bytes.
pub(crate) fn derived(files: usize, bytes: u64) {
    gauge!("clew_derived_files").set(files as f64);
    gauge!("clew_derived_bytes").set(bytes as f64);
}

/// Calls between services of which one side is yet to come.
pub(crate) fn pending_calls(sides: usize) {
    gauge!("clew_pending_calls").set(sides as f64);
}

/// A merge of segments is done.
pub(crate) fn compaction(report: &CompactionReport, elapsed_ns: u64) {
    counter!("clew_compactions_total", "outcome" => "ok").increment(report.merges);
    histogram!("clew_compaction_seconds").record(elapsed_ns as f64 / 1e9);
    for (direction, segments, spans, bytes) in [
        (
            "in",
            report.input_segments,
            report.input_spans,
            report.input_bytes,
        ),
        (
            "out",
            report.output_segments,
            report.output_spans,
            report.output_bytes,
        ),
    ] {
        counter!("clew_compaction_segments_total", "direction" => direction).increment(segments);
        counter!("clew_compaction_spans_total", "direction" => direction).increment(spans);
        counter!("clew_compaction_bytes_total", "direction" => direction).increment(bytes);
    }
    counter!("clew_compaction_sampled_out_traces_total").increment(report.sampled_out_traces);
    counter!("clew_compaction_copied_spans_total").increment(report.copied_spans);
}

/// Room on the disk.
pub(crate) fn disk(free_bytes: u64, total_bytes: u64) {
    gauge!("clew_disk_free_bytes").set(free_bytes as f64);
    gauge!("clew_disk_bytes").set(total_bytes as f64);
}

/// A merge of segments failed.
pub(crate) fn compaction_failure() {
    counter!("clew_compactions_total", "outcome" => "error").increment(1);
}

/// Damage was found at start-up.
pub(crate) fn recovery_damage(places: usize) {
    gauge!("clew_recovery_damaged_places").set(places as f64);
}

/// What a flush did with the traces and spans of its epoch under tail sampling.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TailFigures {
    /// Dropped and kept.
    traces: [u64; 2],
    spans: [u64; 2],
    late_spans: [u64; 2],
}

impl TailFigures {
    /// A trace was decided about, with so many spans in the epoch.
    pub(crate) fn decided(&mut self, is_kept: bool, spans: u64) {
        self.traces[usize::from(is_kept)] += 1;
        self.spans[usize::from(is_kept)] += spans;
    }

    /// So many spans followed an earlier decision.
    pub(crate) fn late(&mut self, is_kept: bool, spans: u64) {
        self.spans[usize::from(is_kept)] += spans;
        self.late_spans[usize::from(is_kept)] += spans;
    }
}

/// A flush under tail sampling was committed; so many decisions are remembered.
pub(crate) fn tail(figures: &TailFigures, decisions: usize) {
    for (place, decision) in ["dropped", "kept"].into_iter().enumerate() {
        counter!("clew_tail_traces_total", "decision" => decision).increment(figures.traces[place]);
        counter!("clew_tail_spans_total", "decision" => decision).increment(figures.spans[place]);
        counter!("clew_tail_late_spans_total", "decision" => decision)
            .increment(figures.late_spans[place]);
    }
    gauge!("clew_tail_decisions").set(decisions as f64);
}

/// The bound on remembered decisions.
pub(crate) fn tail_limits(decisions_max: usize) {
    gauge!("clew_tail_decisions_max").set(decisions_max as f64);
}

/// Decisions were forgotten because there are too many.
pub(crate) fn tail_forgotten(decisions: usize) {
    counter!("clew_tail_decisions_forgotten_total").increment(decisions as u64);
}

/// An epoch was written to a segment that is decided about later.
pub(crate) fn tail_spilled_epoch() {
    counter!("clew_tail_spilled_epochs_total").increment(1);
}

/// Segments that wait for the decision about their traces, and their bytes.
pub(crate) fn undecided(segments: usize, bytes: u64) {
    gauge!("clew_tail_spilled_segments").set(segments as f64);
    gauge!("clew_tail_spilled_bytes").set(bytes as f64);
}

/// An epoch was decided about before its time.
pub(crate) fn tail_early_epoch() {
    counter!("clew_tail_early_epochs_total").increment(1);
}
