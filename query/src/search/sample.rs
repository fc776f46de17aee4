//! Which rows of a scan are looked at, where all of them would take too long.

use std::ops::Range;

use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

/// Which rows are looked at: all, or one run of [`RUN_ROWS`] of every `every`, spread evenly over the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Of so many runs one is looked at; 1 is all.
    every: usize,
}

/// Rows that are looked at together: fewer cost as much to read, more are less alike all rows.
const RUN_ROWS: usize = 1_024;

impl Sample {
    /// All rows.
    pub(crate) const ALL: Self = Self { every: 1 };

    /// Few enough of `rows` rows that at most about `rows_max` are looked at.
    pub(crate) fn of(rows: u64, rows_max: u64) -> Self {
        let every = rows.div_ceil(rows_max.max(1)).max(1);
        Self {
            every: usize::try_from(every).unwrap_or(usize::MAX),
        }
    }

    /// How many rows each one that is looked at stands for.
    pub(crate) fn weight(self) -> u64 {
        self.every as u64
    }

    /// True when all rows are looked at.
    pub(crate) fn is_all(self) -> bool {
        self.every == 1
    }

    /// True for the run that row `row` of a segment or of the hot window is in.
    pub(crate) fn picks(self, row: usize) -> bool {
        (row / RUN_ROWS).is_multiple_of(self.every)
    }

    /// The rows of row groups that are looked at; `None` when that is all of them.
    pub(super) fn selection(
        self,
        groups: impl Iterator<Item = Range<usize>>,
    ) -> Option<RowSelection> {
        let mut selectors = Vec::new();
        groups.for_each(|rows| self.select(rows, &mut selectors));
        (!self.is_all()).then(|| selectors.into())
    }

    fn select(self, rows: Range<usize>, selectors: &mut Vec<RowSelector>) {
        let mut row = rows.start;
        while row < rows.end {
            let end = ((row / RUN_ROWS + 1) * RUN_ROWS).min(rows.end);
            selectors.push(if self.picks(row) {
                RowSelector::select(end - row)
            } else {
                RowSelector::skip(end - row)
            });
            row = end;
        }
    }
}
