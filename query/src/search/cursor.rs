//! Where a page of a search ended: what its last trace is ordered by, its start and its id, as 64 hex digits; 48 when it is the start
//! that it is ordered by.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use clew_storage::TraceId;

use crate::error::QueryError;

/// A trace's place in the order of a search: the largest key first, then the newest, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// What the search orders by, the largest first.
    pub(crate) key: u64,
    /// Start of the trace, ns since the epoch, as sent.
    pub(crate) start_time: u64,
    /// Its id.
    pub(crate) trace_id: TraceId,
}

impl Place {
    /// A place in the order of newest first.
    pub(crate) fn newest(start_time: u64, trace_id: TraceId) -> Self {
        Self {
            key: start_time,
            start_time,
            trace_id,
        }
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.key, other.start_time)
            .cmp(&(self.key, self.start_time))
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
        if self.key != self.start_time {
            write!(f, "{:016x}", self.key)?;
        }
        write!(f, "{:016x}{}", self.start_time, self.trace_id)
    }
}

impl FromStr for Place {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        let place = || {
            let start = text.len().checked_sub(48)?;
            let (key, rest) = text.is_ascii().then(|| text.split_at(start))?;
            let (start, id) = rest.split_at(16);
            let number = |digits| u64::from_str_radix(digits, 16).ok();
            let start_time = number(start)?;
            let key = match key.len() {
                0 => start_time,
                16 => number(key)?,
                _ => return None,
            };
            Some(Self {
                key,
                start_time,
                trace_id: id.parse().ok()?,
            })
        };
        place().ok_or_else(|| {
            QueryError::invalid_with_hint(
                "the cursor is not one that a search gave out",
                "pass `next_cursor` of the page before, unchanged, or leave the cursor out",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(start_time: u64, id: u8) -> Place {
        Place::newest(start_time, TraceId([id; 16]))
    }

    #[test]
    fn the_largest_key_comes_first_then_the_newest() {
        let place = |key, start, id| Place {
            key,
            ..place(start, id)
        };
        let mut places = [
            place(1, 9, 1),
            place(2, 3, 2),
            place(2, 4, 2),
            place(2, 4, 1),
        ];
        places.sort();
        assert_eq!(
            places,
            [
                place(2, 4, 1),
                place(2, 4, 2),
                place(2, 3, 2),
                place(1, 9, 1)
            ]
        );
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
            Place {
                key: 5,
                ..place(3, 1)
            },
        ] {
            assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
        }
        for text in [
            "",
            "zz",
            &"0".repeat(48),
            &"x".repeat(48),
            &"1".repeat(47),
            &"1".repeat(63),
            &"1".repeat(80),
            &"é".repeat(24),
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
