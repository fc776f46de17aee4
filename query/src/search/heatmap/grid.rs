//! Counts by time and duration, with an example of each cell.

use std::collections::BTreeMap;

use clew_storage::TraceId;

use super::axis::{self, Columns, Rows};

/// Something that happened at a time and lasted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    /// Its trace.
    pub(super) trace_id: TraceId,
    /// Start, ns since the epoch, as sent.
    pub(super) start_time: u64,
    /// How long it lasted, ns.
    pub(super) duration_ns: i64,
    /// It has an error.
    pub(super) is_error: bool,
}

/// What a cell counts. The example is one with an error if there is one, and of those alike the least id, so that it is the same
/// whatever is read first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) count: u64,
    pub(super) error_count: u64,
    pub(super) example: TraceId,
}

impl Cell {
    fn add(&mut self, other: Self) {
        self.example = match (self.error_count > 0, other.error_count > 0) {
            (true, false) => self.example,
            (false, true) => other.example,
            _ => self.example.min(other.example),
        };
        self.count += other.count;
        self.error_count += other.error_count;
    }
}

/// Fine rows of one column; `None` is for what lasts no time.
type Column = BTreeMap<Option<u16>, Cell>;

/// A grid that is being filled.
#[derive(Debug)]
pub(super) struct Grid {
    columns: Columns,
    cells: BTreeMap<u64, Column>,
    /// What has no time that can be shown.
    pub(super) untimed: u64,
    pub(super) count: u64,
    pub(super) error_count: u64,
}

impl Grid {
    /// An empty grid.
    pub(super) fn new(columns: Columns) -> Self {
        Self {
            columns,
            cells: BTreeMap::new(),
            untimed: 0,
            count: 0,
            error_count: 0,
        }
    }

    /// Counts a point. One without a start time, or with one beyond 2^63, is counted but has no place.
    pub(super) fn add(&mut self, point: Point) {
        let error_count = u64::from(point.is_error);
        self.count += 1;
        self.error_count += error_count;
        if point.start_time == 0 || i64::try_from(point.start_time).is_err() {
            self.untimed += 1;
            return;
        }
        let cell = Cell {
            count: 1,
            error_count,
            example: point.trace_id,
        };
        let column = self.columns.of(point.start_time);
        self.put(column, axis::fine_row(point.duration_ns), cell);
        self.fit();
    }

    fn put(&mut self, column: u64, row: Option<u16>, cell: Cell) {
        let rows = self.cells.entry(column).or_default();
        rows.entry(row)
            .and_modify(|known| known.add(cell))
            .or_insert(cell);
    }

    /// Makes columns wider until there are not too many.
    fn fit(&mut self) {
        while let Some((first, last)) = self.used() {
            let Some(wider) = self.columns.wider(first, last) else {
                return;
            };
            self.columns = wider;
            for (column, rows) in std::mem::take(&mut self.cells) {
                for (row, cell) in rows {
                    self.put(column / 2, row, cell);
                }
            }
        }
    }

    fn used(&self) -> Option<(u64, u64)> {
        let first = self.cells.first_key_value()?.0;
        Some((*first, *self.cells.last_key_value()?.0))
    }

    /// Takes the counts of another grid, which began as this one did.
    pub(super) fn merge(&mut self, mut other: Self) {
        self.untimed += other.untimed;
        self.count += other.count;
        self.error_count += other.error_count;
        // Both as wide as the wider one.
        while self.columns != other.columns {
            let narrower = if self.width() < other.width() {
                &mut *self
            } else {
                &mut other
            };
            narrower.widen();
        }
        for (column, rows) in other.cells {
            for (row, cell) in rows {
                self.put(column, row, cell);
            }
        }
        self.fit();
    }

    fn width(&self) -> u64 {
        match self.columns {
            Columns::Fixed { width, .. } | Columns::Fitting { width, .. } => width,
        }
    }

    fn widen(&mut self) {
        if let Columns::Fitting { width, .. } = &mut self.columns {
            *width *= 2;
        }
        for (column, rows) in std::mem::take(&mut self.cells) {
            for (row, cell) in rows {
                self.put(column / 2, row, cell);
            }
        }
    }

    /// The duration below which `share` of all that lasts some time lies, ns: interpolated between the edges of its fine row, which are
    /// 12 % apart.
    pub(super) fn quantile(&self, share: f64) -> Option<u64> {
        let mut counts: BTreeMap<u16, u64> = BTreeMap::new();
        for (row, cell) in self.cells.values().flatten() {
            if let Some(row) = row {
                *counts.entry(*row).or_default() += cell.count;
            }
        }
        let total: u64 = counts.values().sum();
        let wanted = share * total as f64;
        let mut below = 0_u64;
        for (row, count) in counts {
            if (below + count) as f64 >= wanted {
                let (low, high) = axis::fine_edges(row);
                let part = (wanted - below as f64) / count as f64;
                return Some((low as f64 + (high - low) as f64 * part) as u64);
            }
            below += count;
        }
        None
    }

    /// The grid as it is shown, with at most `rows_max` rows.
    pub(super) fn finish(&self, rows_max: usize) -> Finished {
        let fine = || self.cells.values().flat_map(BTreeMap::keys);
        let lasting = || fine().filter_map(|row| *row);
        let used = lasting().min().zip(lasting().max());
        let rows = Rows::new(used, fine().any(Option::is_none), rows_max);
        let shown = self.columns.shown(self.used());
        let mut cells: BTreeMap<(u32, u32), Cell> = BTreeMap::new();
        for (column, of_column) in &self.cells {
            for (fine, cell) in of_column {
                let place = ((column - shown.first) as u32, rows.of(*fine) as u32);
                cells
                    .entry(place)
                    .and_modify(|known| known.add(*cell))
                    .or_insert(*cell);
            }
        }
        Finished {
            start_time: shown.start,
            column_ns: shown.width,
            column_count: shown.count as usize,
            row_edges_ns: rows.edges_ns,
            cells,
        }
    }
}

/// A grid that is full.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Where the first column begins, ns since the epoch.
    pub(crate) start_time: u64,
    /// How wide each column is, ns.
    pub(crate) column_ns: u64,
    /// Columns.
    pub(crate) column_count: usize,
    /// Lower edge of each row and the upper one of the last, ns; 0 begins a row for what lasts no time.
    pub(crate) row_edges_ns: Vec<u64>,
    /// By column and row.
    pub(super) cells: BTreeMap<(u32, u32), Cell>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(id: u8, start_time: u64, duration_ns: i64, is_error: bool) -> Point {
        Point {
            trace_id: TraceId([id; 16]),
            start_time,
            duration_ns,
            is_error,
        }
    }

    #[test]
    fn points_are_counted_where_they_are_and_an_error_is_the_example() {
        let mut grid = Grid::new(Columns::new((Some(1_000), Some(2_000)), 10));
        for point in [
            point(3, 1_000, 50, false),
            point(1, 1_099, 50, false),
            point(2, 1_050, 50, true),
            point(1, 1_999, 0, false),
            point(9, 0, 50, false),
            point(9, u64::MAX, 50, true),
        ] {
            grid.add(point);
        }
        assert_eq!((grid.count, grid.error_count, grid.untimed), (6, 2, 2));
        let finished = grid.finish(64);
        let cells: Vec<_> = finished
            .cells
            .iter()
            .map(|((column, row), cell)| (*column, *row, cell.count, cell.example.0[0]))
            .collect();
        assert_eq!(cells, [(0, 1, 3, 2), (9, 0, 1, 1)]);
        assert_eq!(finished.row_edges_ns[0], 0);
    }

    #[test]
    fn parts_add_up_to_the_same_grid_in_any_order() {
        let points: Vec<_> = (1..200_u64)
            .map(|n| point(n as u8, n * n * 100_000_000, (n * n * n) as i64, n % 7 == 0))
            .collect();
        let fill = |points: &[Point]| {
            let mut grid = Grid::new(Columns::new((None, None), 16));
            for point in points {
                grid.add(*point);
            }
            grid
        };
        let whole = fill(&points);
        for cut in [0, 1, 50, 198, 199] {
            let mut parts = fill(&points[cut..]);
            parts.merge(fill(&points[..cut]));
            assert_eq!(parts.cells, whole.cells, "{cut}");
            assert_eq!(parts.columns, whole.columns);
        }
        let finished = whole.finish(20);
        let total: u64 = finished.cells.values().map(|cell| cell.count).sum();
        assert_eq!(total, 199);
        assert!(finished.row_edges_ns.len() <= 21);
    }

    #[test]
    fn quantiles_are_near_the_true_ones() {
        let mut grid = Grid::new(Columns::new((None, None), 16));
        for n in 1..=1_000 {
            grid.add(point(1, 1_000 + n, n as i64 * 1_000_000, false));
        }
        for (share, expected) in [(0.5, 500e6), (0.95, 950e6), (0.99, 990e6)] {
            let found = grid.quantile(share).unwrap() as f64;
            assert!((found / expected - 1.0).abs() < 0.03, "{share}: {found}");
        }
        assert_eq!(Grid::new(Columns::new((None, None), 4)).quantile(0.5), None);
    }
}
