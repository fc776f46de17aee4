//! Trace ids as Zipkin has them: 64 or 128 bits, and, if a site says so, alike when their low 64 bits are.

use std::collections::HashMap;

use clew_storage::TraceId;
use clew_storage::schema;
use clew_storage::segment::SegmentTable;

use crate::error::QueryError;
use crate::rows::Columns;
use crate::service::Reading;
use crate::trace::Trace;

/// Rows of `traces` read at a time.
const CHUNK_ROWS: u32 = 65_536;
/// Digits of a short id.
const SHORT: usize = 16;

/// Reads an id as Zipkin does: lower-case hex, padded on the left.
///
/// # Errors
/// In Zipkin's words.
pub(super) fn parse(text: &str) -> Result<TraceId, QueryError> {
    if text.is_empty() {
        return Err(QueryError::invalid("traceId is empty"));
    }
    if text.len() > 2 * SHORT {
        return Err(QueryError::invalid("traceId.length > 32"));
    }
    let lower_hex = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !lower_hex {
        let shown: String = text.chars().take(80).collect();
        return Err(QueryError::invalid(format!(
            "{shown} should be lower-hex encoded with no prefix"
        )));
    }
    text.parse()
        .map_err(|_| QueryError::invalid("traceId is all zeros"))
}

/// An id's digits: 16 of them when its high half is zero.
pub(super) fn text(id: &[u8]) -> String {
    let text = hex::encode(id);
    match text.strip_prefix("0000000000000000") {
        Some(low) if low.len() == SHORT => low.to_owned(),
        _ => text,
    }
}

/// Which trace ids stand for one trace.
pub(super) struct Ids {
    /// Ids by their low half, where it is that of several; nothing when ids are strict.
    alike: HashMap<[u8; 8], Vec<TraceId>>,
}

impl Ids {
    /// The ids in the snapshot of `reading`.
    ///
    /// # Errors
    /// When the store cannot be read, or holds more traces than may be compared.
    pub(super) fn of(reading: &Reading, strict: bool) -> Result<Self, QueryError> {
        let mut ids = Self {
            alike: HashMap::new(),
        };
        if strict {
            return Ok(ids);
        }
        let mut all = all(reading)?;
        all.sort_unstable_by_key(|id| (low(*id), *id));
        all.dedup();
        for same in all.chunk_by(|a, b| low(*a) == low(*b)) {
            if same.len() > 1 {
                ids.alike.insert(low(same[0]), same.to_vec());
            }
        }
        Ok(ids)
    }

    /// All ids of the trace that `id` is one of.
    pub(super) fn same(&self, id: TraceId) -> Vec<TraceId> {
        self.alike
            .get(&low(id))
            .cloned()
            .unwrap_or_else(|| vec![id])
    }
}

fn low(id: TraceId) -> [u8; 8] {
    let mut low = [0; 8];
    low.copy_from_slice(&id.0[8..]);
    low
}

/// Every trace id that is stored, some of them more than once.
fn all(reading: &Reading) -> Result<Vec<TraceId>, QueryError> {
    let snapshot = &reading.snapshot;
    let max = reading.limits().zipkin_lenient_traces_max;
    let stored = snapshot.segments().iter().map(|s| s.meta().trace_count);
    if stored.sum::<u64>() > max as u64 {
        return Err(QueryError::limit(
            format!("trace ids of 64 and 128 bits can be compared in up to {max} traces"),
            "set zipkin.strict_trace_id",
        ));
    }
    let mut all = Vec::new();
    for batch in snapshot.hot() {
        let (ids, _) = batch.trace_ids().value_data().as_chunks::<16>();
        let runs = ids.chunk_by(|left, right| left == right);
        all.extend(runs.map(|run| TraceId(run[0])));
    }
    let column = schema::traces().index_of("trace_id")?;
    for segment in snapshot.segments() {
        let count = segment.meta().trace_count as u32;
        for first in (0..count).step_by(CHUNK_ROWS as usize) {
            let rows = first..first.saturating_add(CHUNK_ROWS).min(count);
            let rows = segment.read_rows(SegmentTable::Traces, rows, Some(&[column]))?;
            let ids = Columns(&rows).fixed("trace_id")?;
            all.extend(ids.iter().filter_map(|id| TraceId::from_bytes(id?)));
        }
    }
    Ok(all)
}

/// The traces of these ids that are stored.
///
/// # Errors
/// When one cannot be read.
pub(super) fn load(reading: &Reading, ids: &[TraceId]) -> Result<Vec<Trace>, QueryError> {
    let mut traces = Vec::with_capacity(ids.len());
    for id in ids {
        traces.extend(Trace::find(reading, *id)?);
    }
    Ok(traces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_lower_case_hex_of_up_to_128_bits() {
        assert_eq!(text(&parse("abc").unwrap().0), "0000000000000abc");
        let long = "10000000000000abc";
        assert_eq!(text(&parse(long).unwrap().0), format!("{long:0>32}"));
        for (wrong, message) in [
            ("", "traceId is empty"),
            ("000", "traceId is all zeros"),
            ("ABC", "ABC should be lower-hex encoded with no prefix"),
            ("0x1", "0x1 should be lower-hex encoded with no prefix"),
            (&"1".repeat(33), "traceId.length > 32"),
        ] {
            assert_eq!(parse(wrong).unwrap_err().to_string(), message);
        }
        assert!(parse(&"1".repeat(32)).is_ok());
    }
}
