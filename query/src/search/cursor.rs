//! Where a page of a search ended: the start and id of its last trace, as 48 hex digits.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use clew_storage::TraceId;

use crate::error::QueryError;

/// A trace's place in the order of a search: newest first, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Start of the trace, ns since the epoch, as sent.
    pub(crate) start_time: u64,
    /// Its id.
    pub(crate) trace_id: TraceId,
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .start_time
            .cmp(&self.start_time)
            .then_with(|| self.trace_id.cmp(&other.trace_id))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{}", self.start_time, self.trace_id)
    }
}

impl FromStr for Place {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        let invalid = || {
            QueryError::invalid_with_hint(
                "the cursor is not one that a search gave out",
                "pass `next_cursor` of the page before, unchanged, or leave the cursor out",
            )
        };
        if text.len() != 48 || !text.is_ascii() {
            return Err(invalid());
        }
        let (start, id) = text.split_at(16);
        let start_time = u64::from_str_radix(start, 16).map_err(|_| invalid())?;
        Ok(Self {
            start_time,
            trace_id: id.parse().map_err(|_| invalid())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(start_time: u64, id: u8) -> Place {
        Place {
            start_time,
            trace_id: TraceId([id; 16]),
        }
    }

    #[test]
    fn newest_comes_first_and_ties_go_by_id() {
        let mut places = [place(1, 1), place(3, 2), place(0, 1), place(3, 1)];
        places.sort();
        assert_eq!(places, [place(3, 1), place(3, 2), place(1, 1), place(0, 1)]);
    }

    #[test]
    fn a_cursor_reads_back_and_anything_else_is_refused() {
        for place in [
            place(1_700_000_000_123_456_789, 7),
            place(0, 255),
            place(u64::MAX, 1),
        ] {
            assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
        }
        for text in [
            "",
            "zz",
            &"0".repeat(48),
            &"x".repeat(48),
            &"1".repeat(47),
            &"é".repeat(24),
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
