//! Running totals of spans since the process began, for metrics that a scraper reads.
//!
//! They grow when spans leave the hot window. Durations are put into fixed buckets by the middle of the exponential bucket that they were
//! counted in, so a duration near a bound may be counted on its other side: off by less than one exponential bucket.

use std::collections::BTreeMap;
use std::sync::Mutex;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int32Type};

use super::exemplars::{BUCKETS, Exemplar};
use super::table::OVERFLOW;
use crate::limits::TOTALS_SERIES_MAX;

/// Upper bounds of the buckets, ms; one more bucket is above all of them.
pub const TOTAL_BOUNDS_MS: [f64; 16] = [
    2.0, 4.0, 6.0, 8.0, 10.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1_000.0, 1_400.0, 2_000.0, 5_000.0,
    10_000.0, 15_000.0,
];

/// What a series is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TotalKey {
    /// Service.
    pub service_name: String,
    /// Name of the span.
    pub name: String,
    /// Kind, as the column `kind` has it.
    pub kind: String,
    /// Status, as the column `status_code` has it.
    pub status_code: String,
}

/// Totals of one series: sums of weights.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Total {
    /// Spans.
    pub count: f64,
    /// Durations, ns.
    pub duration_sum_ns: f64,
    /// Spans by duration: those up to each bound and above the one before, and those above all.
    pub buckets: [f64; TOTAL_BOUNDS_MS.len() + 1],
    /// A span of each bucket, the newest that was looked for; see [`Store::span_totals_with_exemplars`](crate::Store::span_totals_with_exemplars).
    pub exemplars: [Option<Exemplar>; TOTAL_BOUNDS_MS.len() + 1],
}

/// Totals of all series; beyond [`TOTALS_SERIES_MAX`] names are counted as [`OVERFLOW`], beyond twice as many everything is.
#[derive(Debug, Default)]
pub(crate) struct Totals(Mutex<BTreeMap<TotalKey, Total>>);

impl Totals {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<TotalKey, Total>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The series of this moment.
    pub(crate) fn series(&self) -> Vec<(TotalKey, Total)> {
        let series = self.lock();
        series
            .iter()
            .map(|(key, total)| (key.clone(), total.clone()))
            .collect()
    }

    /// Takes exemplars, of series that are there.
    pub(crate) fn exemplify(&self, found: Vec<(TotalKey, [Option<Exemplar>; BUCKETS])>) {
        let mut series = self.lock();
        for (key, exemplars) in found {
            let Some(total) = series.get_mut(&key) else {
                continue;
            };
            for (place, exemplar) in total.exemplars.iter_mut().zip(exemplars) {
                *place = exemplar.or(*place);
            }
        }
    }

    /// Adds rows of `span_metrics`.
    pub(crate) fn add(&self, rows: &RecordBatch) {
        let text = |place: usize, row: usize| {
            let column = rows.column(place).as_string_view();
            column.value(row).to_owned()
        };
        let sum = |place: usize| rows.column(place).as_primitive::<Float64Type>();
        let small = |place: usize| rows.column(place).as_primitive::<Int32Type>();
        let counts = rows.column(13).as_list::<i32>();
        let mut series = self.lock();
        for row in 0..rows.num_rows() {
            let key = TotalKey {
                service_name: text(1, row),
                name: text(2, row),
                kind: text(3, row),
                status_code: text(4, row),
            };
            let total = entry(&mut series, key);
            total.count += sum(5).value(row);
            total.duration_sum_ns += sum(7).value(row);
            total.buckets[0] += sum(11).value(row);
            let width = f64::from(-small(10).value(row)).exp2();
            let first = f64::from(small(12).value(row)) + 0.5;
            let counts = counts.value(row);
            let counts = counts.as_primitive::<Float64Type>().values().iter();
            for (place, count) in counts.enumerate() {
                let middle_ms = ((first + place as f64) * width).exp2() / 1e6;
                let bucket = TOTAL_BOUNDS_MS.partition_point(|bound| *bound < middle_ms);
                total.buckets[bucket] += count;
            }
        }
    }
}

fn entry(series: &mut BTreeMap<TotalKey, Total>, mut key: TotalKey) -> &mut Total {
    let count = series.len();
    if count >= TOTALS_SERIES_MAX && !series.contains_key(&key) {
        OVERFLOW.clone_into(&mut key.name);
        if count >= TOTALS_SERIES_MAX * 2 && !series.contains_key(&key) {
            key.service_name.clone_from(&key.name);
            key.kind.clone_from(&key.name);
            key.status_code.clone_from(&key.name);
        }
    }
    series.entry(key).or_default()
}

#[cfg(test)]
mod tests {
    use super::super::table::{Event, Table};
    use super::*;

    fn event(duration_ms: i64, weight: f64) -> Event {
        Event {
            start_time: 0,
            duration_ns: duration_ms * 1_000_000,
            is_error: false,
            weight,
        }
    }

    #[test]
    fn totals_grow_and_durations_find_their_buckets() {
        let totals = Totals::default();
        for _ in 0..2 {
            let mut table = Table::span_metrics(10);
            for (duration_ms, weight) in [(0, 1.0), (1, 1.0), (9, 2.5), (300, 1.0), (60_000, 1.0)] {
                table.add(
                    ["shop", "get", "server", "unset"],
                    event(duration_ms, weight),
                );
            }
            totals.add(&table.finish());
        }
        let series = totals.series();
        assert_eq!(series.len(), 1);
        let (key, total) = &series[0];
        assert_eq!((key.name.as_str(), key.kind.as_str()), ("get", "server"));
        let tenths = |value: f64| (value * 10.0).round() as u64;
        assert_eq!(tenths(total.count), 130);
        assert_eq!(
            tenths(total.duration_sum_ns / 1e6),
            2 * (10 + 225 + 3_000 + 600_000)
        );
        let hit: Vec<_> = total
            .buckets
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0.0)
            .map(|(place, count)| (place, tenths(*count)))
            .collect();
        assert_eq!(hit, [(0, 40), (4, 50), (8, 20), (16, 20)]);
    }

    #[test]
    fn series_are_bounded_and_the_rest_is_named() {
        let totals = Totals::default();
        let add = |service: &str, name: &str| {
            let mut table = Table::span_metrics(10);
            table.add([service, name, "server", "unset"], event(1, 1.0));
            totals.add(&table.finish());
        };
        for number in 0..TOTALS_SERIES_MAX {
            add("shop", &number.to_string());
        }
        assert_eq!(totals.series().len(), TOTALS_SERIES_MAX);
        add("shop", "one more");
        add("shop", "another");
        add("shop", "0");
        let other = |service: &str, name: &str| {
            let series = totals.series();
            let found = series
                .iter()
                .find(|(key, _)| key.service_name == service && key.name == name);
            found.map(|(_, total)| total.count as u64)
        };
        assert_eq!(totals.series().len(), TOTALS_SERIES_MAX + 1);
        assert_eq!(other("shop", OVERFLOW), Some(2));
        assert_eq!(other("shop", "0"), Some(2));
        for number in 0..TOTALS_SERIES_MAX {
            add(&number.to_string(), "x");
        }
        assert!(totals.series().len() <= TOTALS_SERIES_MAX * 2 + 1);
        assert!(other(OVERFLOW, OVERFLOW) >= Some(1));
    }
}
