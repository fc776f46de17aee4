//! The two axes of a heatmap: columns of time and rows of duration.

use std::sync::LazyLock;

/// Steps of a decade of durations: the preferred numbers R20, times 100.
const STEPS: [u64; 20] = [
    100, 112, 125, 140, 160, 180, 200, 224, 250, 280, 315, 355, 400, 450, 500, 560, 630, 710, 800,
    900,
];

/// Decades from 1 ns on; the last one reaches beyond 2^63 ns.
const DECADES: u32 = 19;

/// Upper edge of the last row, ns: longer than any duration.
const BEYOND: u64 = 1 << 63;

/// How many fine rows make one row, the finest first. Each divides the steps of a decade.
const MERGES: [usize; 6] = [1, 2, 4, 5, 10, 20];

/// Lower edges of the fine rows, ns. Below 100 ns some are the same: rows without room.
static EDGES: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let decades = (0..DECADES).map(|decade| 10_u128.pow(decade));
    let edges = decades.flat_map(|decade| {
        STEPS
            .iter()
            .map(move |step| u128::from(*step) * decade / 100)
    });
    edges
        .map(|edge| u64::try_from(edge).unwrap_or(u64::MAX))
        .collect()
});

/// The fine row of a duration; `None` when it is 0 or negative.
pub(super) fn fine_row(duration_ns: i64) -> Option<u16> {
    let ns = u64::try_from(duration_ns).ok().filter(|ns| *ns > 0)?;
    Some((EDGES.partition_point(|edge| *edge <= ns) - 1) as u16)
}

/// The durations, in ns, that fine row `row` is of: the lower edge is in it, the upper one is not.
pub(super) fn fine_edges(row: u16) -> (u64, u64) {
    let row = usize::from(row);
    let upper = EDGES.get(row + 1).copied().unwrap_or(BEYOND);
    (EDGES[row], upper)
}

/// Rows: fine rows put together so that there are not too many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rows {
    /// Fine rows of each row.
    merge: usize,
    /// The first row, counted from 1 ns; `None` when nothing lasts longer than 0.
    first: Option<usize>,
    /// A row for what lasts no time stands before the first.
    has_instant: bool,
    /// Lower edge of each row, and the upper edge of the last; empty when there are no rows.
    pub(super) edges_ns: Vec<u64>,
}

impl Rows {
    /// At most `rows_max` rows (at least 20 are possible) for the fine rows from the first to the last of `used`, and one for what lasts
    /// no time, if something does.
    pub(super) fn new(used: Option<(u16, u16)>, has_instant: bool, rows_max: usize) -> Self {
        let mut edges_ns = Vec::new();
        if has_instant {
            edges_ns.push(0);
        }
        let Some((low, high)) = used else {
            if has_instant {
                edges_ns.push(1);
            }
            return Self {
                merge: 1,
                first: None,
                has_instant,
                edges_ns,
            };
        };
        let (low, high) = (usize::from(low), usize::from(high));
        let room = rows_max.saturating_sub(usize::from(has_instant)).max(1);
        let merge = MERGES
            .into_iter()
            .find(|merge| high / merge - low / merge < room)
            .unwrap_or(STEPS.len());
        for row in low / merge..=high / merge {
            edges_ns.push(fine_edges((row * merge) as u16).0);
        }
        let end = (high / merge + 1) * merge;
        edges_ns.push(EDGES.get(end).copied().unwrap_or(BEYOND));
        Self {
            merge,
            first: Some(low / merge),
            has_instant,
            edges_ns,
        }
    }

    /// The row that a fine row, or what lasts no time, belongs to.
    pub(super) fn of(&self, fine: Option<u16>) -> usize {
        let before = usize::from(self.has_instant);
        match (fine, self.first) {
            (Some(fine), Some(first)) => {
                before + (usize::from(fine) / self.merge).saturating_sub(first)
            }
            _ => 0,
        }
    }
}

/// Columns of time, ns since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// So many columns of `width` from `start` on.
    Fixed { start: u64, width: u64, count: u64 },
    /// Columns whose number is bounded and whose width is a power of two, as small as it may be, so that all times have room.
    Fitting { width: u64, count_max: u64 },
}

/// The narrowest column that fits itself to the times: about a millisecond.
const NARROWEST: u64 = 1 << 20;

impl Columns {
    /// `count` columns over a range, or over the times there are when an end of it is open.
    pub(super) fn new(range: (Option<u64>, Option<u64>), count: usize) -> Self {
        let count = count as u64;
        match range {
            (Some(start), Some(end)) => Self::Fixed {
                start,
                width: end.saturating_sub(start).div_ceil(count).max(1),
                count,
            },
            _ => Self::Fitting {
                width: NARROWEST,
                count_max: count,
            },
        }
    }

    /// The number of the column that `time` is in. What is before a fixed range is in its first column, and after it in its last.
    pub(super) fn of(self, time: u64) -> u64 {
        match self {
            Self::Fixed {
                start,
                width,
                count,
            } => (time.saturating_sub(start) / width).min(count - 1),
            Self::Fitting { width, .. } => time / width,
        }
    }

    /// Twice as wide columns, or `None` when `first` to `last` have room.
    pub(super) fn wider(self, first: u64, last: u64) -> Option<Self> {
        match self {
            Self::Fitting { width, count_max } if last - first >= count_max => {
                let width = width.saturating_mul(2);
                Some(Self::Fitting { width, count_max })
            }
            _ => None,
        }
    }

    /// Number of the first column to show, start of it, width and number of all, given the first and last that are used.
    pub(super) fn shown(self, used: Option<(u64, u64)>) -> Shown {
        match self {
            Self::Fixed {
                start,
                width,
                count,
            } => Shown {
                first: 0,
                start,
                width,
                count,
            },
            Self::Fitting { width, count_max } => {
                let (first, last) = used.unwrap_or((0, 0));
                // What is used stands in the middle.
                let first = first.saturating_sub((count_max - (last - first + 1)) / 2);
                Shown {
                    first,
                    start: first * width,
                    width,
                    count: count_max,
                }
            }
        }
    }
}

/// Columns as they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    /// Number of the first column.
    pub(super) first: u64,
    /// Where it begins, ns since the epoch.
    pub(super) start: u64,
    /// How wide each is, ns.
    pub(super) width: u64,
    /// How many there are.
    pub(super) count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_between_the_edges_of_its_row() {
        let mut durations: Vec<i64> = (1..5_000).collect();
        durations.extend((0..63).flat_map(|bit| {
            let power = 1_i64 << bit;
            [power, power - 1, power.saturating_add(1)]
        }));
        durations.extend([i64::MAX, i64::MAX - 1, 1_000_000_000, 999_999_999]);
        for duration in durations.into_iter().filter(|duration| *duration > 0) {
            let (low, high) = fine_edges(fine_row(duration).unwrap());
            let ns = duration as u64;
            assert!(low <= ns && ns < high, "{low} {duration} {high}");
        }
        assert_eq!((fine_row(0), fine_row(-1)), (None, None));
        assert_eq!(
            fine_edges(fine_row(2_300_000).unwrap()),
            (2_240_000, 2_500_000)
        );
    }

    #[test]
    fn rows_keep_to_their_number_and_hold_what_they_say() {
        let of = |ns| fine_row(ns).unwrap();
        for rows_max in [20, 21, 64, 128] {
            for (low, high) in [
                (1, 1),
                (90, 100_000),
                (1, i64::MAX),
                (5_000_000, 7_000_000_000),
            ] {
                for has_instant in [false, true] {
                    let rows = Rows::new(Some((of(low), of(high))), has_instant, rows_max);
                    let count = rows.edges_ns.len() - 1;
                    assert!(count <= rows_max, "{rows_max} {low} {high} {rows:?}");
                    for ns in [low, high, low + (high - low) / 3] {
                        let row = rows.of(Some(of(ns)));
                        let (from, to) = (rows.edges_ns[row], rows.edges_ns[row + 1]);
                        assert!(from <= ns as u64 && (ns as u64) < to, "{from} {ns} {to}");
                    }
                    assert_eq!(rows.of(None), 0);
                }
            }
        }
        assert!(Rows::new(None, false, 64).edges_ns.is_empty());
        assert_eq!(Rows::new(None, true, 64).edges_ns, [0, 1]);
    }

    #[test]
    fn a_range_is_covered_by_its_columns() {
        let columns = Columns::new((Some(1_000), Some(1_999)), 10);
        assert_eq!(
            [0, 1_000, 1_099, 1_100, 1_998, 5_000].map(|time| columns.of(time)),
            [0, 0, 0, 1, 9, 9]
        );
        let tiny = Columns::new((Some(5), Some(6)), 10);
        assert_eq!(tiny.of(5), 0);
        let empty = Columns::new((Some(5), Some(5)), 10);
        assert_eq!(empty.of(5), 0);
    }

    #[test]
    fn columns_that_fit_themselves_double_until_all_have_room() {
        let columns = Columns::new((None, None), 4);
        let wide = NARROWEST * 4;
        assert_eq!(columns.wider(columns.of(0), columns.of(wide - 1)), None);
        let wider = columns.wider(columns.of(0), columns.of(wide)).unwrap();
        assert_eq!(wider.wider(wider.of(0), wider.of(wide)), None);
        let shown = columns.shown(Some((10, 11)));
        assert_eq!(
            (shown.first, shown.count, shown.start),
            (9, 4, 9 * NARROWEST)
        );
        assert_eq!(columns.shown(None).first, 0);
    }
}
