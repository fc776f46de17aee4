//! Rows of a derived table: counts, errors and durations by minute and a few texts.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Float64Builder, Int32Builder, Int64Builder, ListBuilder, RecordBatch,
    StringViewBuilder, TimestampNanosecondBuilder,
};
use arrow::datatypes::{
    DataType, Field, Float64Type, Int32Type, Int64Type, SchemaRef, TimestampNanosecondType,
};
use serde::{Deserialize, Serialize};

use super::file::DerivedTable;
use crate::fast::FastMap;
use crate::histogram::Histogram;
use crate::schema;

/// Stands for the texts of rows beyond the bound.
pub const OVERFLOW: &str = "(other)";

const MINUTE_NS: i64 = 60_000_000_000;
const ONE_SCHEMA: &str = "a value of every column for every row";

/// What a row counts.
#[derive(Debug, Clone, Default)]
struct Counts {
    count: f64,
    errors: f64,
    sum_ns: f64,
    min_ns: i64,
    max_ns: i64,
    histogram: Histogram,
}

impl Counts {
    fn merge(&mut self, other: &Self) {
        let (min_ns, max_ns) = if self.count > 0.0 {
            (self.min_ns.min(other.min_ns), self.max_ns.max(other.max_ns))
        } else {
            (other.min_ns, other.max_ns)
        };
        (self.min_ns, self.max_ns) = (min_ns, max_ns);
        self.count += other.count;
        self.errors += other.errors;
        self.sum_ns += other.sum_ns;
        self.histogram.merge(&other.histogram);
    }

    /// Buckets of the histogram.
    fn buckets(&self) -> usize {
        self.histogram.parts().3.len()
    }
}

/// What lies on the called side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// Another service, called at once.
    Rpc,
    /// Another service, by a message.
    Messaging,
    /// A database, known from the caller's attributes.
    Database,
    /// A queue or topic, known from the producer's attributes, whose messages no known service took.
    Queue,
    /// Something that sends no spans, known from the caller's attributes.
    External,
}

impl EdgeKind {
    /// As the column `kind` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rpc => "rpc",
            Self::Messaging => "messaging",
            Self::Database => "database",
            Self::Queue => "queue",
            Self::External => "external",
        }
    }

    /// True for a call between two services that both send spans.
    #[must_use]
    pub fn is_between_services(name: &str) -> bool {
        name == Self::Rpc.name() || name == Self::Messaging.name()
    }
}

/// One span, or one call, to count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Event {
    /// Start, ns since the epoch; wraps beyond 2^63 as everywhere.
    pub(super) start_time: i64,
    /// Below 0 counts as 0.
    pub(super) duration_ns: i64,
    pub(super) is_error: bool,
    pub(super) weight: f64,
}

type Key<const N: usize> = (i64, [u32; N]);

/// A derived table with `N` columns of text, on its way.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    schema: SchemaRef,
    rows_max: usize,
    /// Which texts give way to [`OVERFLOW`] when there are too many rows; beyond twice as many all do.
    gives_way: [bool; N],
    rows: FastMap<Key<N>, Counts>,
    numbers: FastMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Table<4> {
    /// `span_metrics`.
    pub(super) fn span_metrics(rows_max: usize) -> Self {
        Self::new(
            DerivedTable::SpanMetrics.schema(),
            rows_max,
            [false, true, false, false],
        )
    }
}

impl Table<3> {
    /// `service_edges`.
    pub(super) fn service_edges(rows_max: usize) -> Self {
        Self::new(
            DerivedTable::ServiceEdges.schema(),
            rows_max,
            [true, true, false],
        )
    }
}

impl<const N: usize> Table<N> {
    fn new(schema: SchemaRef, rows_max: usize, gives_way: [bool; N]) -> Self {
        Self {
            schema,
            rows_max,
            gives_way,
            rows: FastMap::default(),
            numbers: FastMap::default(),
            texts: Vec::new(),
        }
    }

    /// Counts an event.
    pub(super) fn add(&mut self, texts: [&str; N], event: Event) {
        let minute = event.start_time.div_euclid(MINUTE_NS) * MINUTE_NS;
        let duration_ns = event.duration_ns.max(0);
        let counts = self.row(minute, texts);
        if counts.count > 0.0 {
            counts.min_ns = counts.min_ns.min(duration_ns);
            counts.max_ns = counts.max_ns.max(duration_ns);
        } else {
            (counts.min_ns, counts.max_ns) = (duration_ns, duration_ns);
        }
        counts.count += event.weight;
        if event.is_error {
            counts.errors += event.weight;
        }
        counts.sum_ns += duration_ns as f64 * event.weight;
        counts.histogram.record(duration_ns, event.weight);
    }

    fn row(&mut self, minute: i64, texts: [&str; N]) -> &mut Counts {
        let mut key = (minute, texts.map(|text| self.number(text)));
        if self.rows.len() >= self.rows_max && !self.rows.contains_key(&key) {
            let all = self.rows.len() >= self.rows_max.saturating_mul(2);
            let other = self.number(OVERFLOW);
            for (text, gives_way) in key.1.iter_mut().zip(self.gives_way) {
                if all || gives_way {
                    *text = other;
                }
            }
        }
        self.rows.entry(key).or_default()
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let (text, number): (Arc<str>, _) = (text.into(), self.texts.len() as u32);
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    /// Adds the rows of a finished table; those that are no histogram are left out.
    pub(super) fn merge(&mut self, rows: &RecordBatch) {
        let column = |place: usize| rows.column(place);
        let time = column(0).as_primitive::<TimestampNanosecondType>();
        let of_text = |place: usize| column(1 + place).as_string_view();
        let sums = |place: usize| column(1 + N + place).as_primitive::<Float64Type>();
        let whole = |place: usize| column(1 + N + place).as_primitive::<Int64Type>();
        let small = |place: usize| column(1 + N + place).as_primitive::<Int32Type>();
        let buckets = column(9 + N).as_list::<i32>();
        for row in 0..rows.num_rows() {
            let list = buckets.value(row);
            let list = list.as_primitive::<Float64Type>().values().iter().copied();
            let (scale, offset) = (small(5).value(row), small(7).value(row));
            let zero = sums(6).value(row);
            let Some(histogram) = Histogram::from_parts(scale, zero, offset, list) else {
                continue;
            };
            let other = Counts {
                count: sums(0).value(row),
                errors: sums(1).value(row),
                sum_ns: sums(2).value(row),
                min_ns: whole(3).value(row),
                max_ns: whole(4).value(row),
                histogram,
            };
            let texts = std::array::from_fn(|place| of_text(place).value(row));
            self.row(time.value(row), texts).merge(&other);
        }
    }

    /// The rows, sorted. What a row was counted in is let go as soon as it is written.
    pub(super) fn finish(self) -> RecordBatch {
        let bucket_field = self.bucket_field();
        let text = |number: u32| &*self.texts[number as usize];
        let mut order: Vec<_> = self.rows.into_iter().collect();
        order.sort_unstable_by_key(|((minute, texts), _)| (*minute, texts.map(text)));
        let mut minutes = TimestampNanosecondBuilder::with_capacity(order.len())
            .with_data_type(schema::timestamp());
        let mut texts = [(); N]
            .map(|()| StringViewBuilder::with_capacity(order.len()).with_deduplicate_strings());
        let mut figures = Figures::new(&order, bucket_field);
        for ((minute, of_row), counts) in order {
            minutes.append_value(minute);
            for (builder, number) in texts.iter_mut().zip(of_row) {
                builder.append_value(text(number));
            }
            figures.append(&counts);
        }
        let mut columns: Vec<ArrayRef> = vec![Arc::new(minutes.finish())];
        let texts = texts.iter_mut();
        columns.extend(texts.map(|texts| Arc::new(texts.finish()) as ArrayRef));
        columns.extend(figures.finish());
        RecordBatch::try_new(self.schema, columns).expect(ONE_SCHEMA)
    }

    fn bucket_field(&self) -> Arc<Field> {
        let last = self.schema.field(self.schema.fields().len() - 1);
        let DataType::List(item) = last.data_type() else {
            unreachable!("the counts of a histogram are a list")
        };
        Arc::clone(item)
    }
}

/// The columns of what is counted.
struct Figures {
    /// Count, errors, sum of durations.
    sums: [Float64Builder; 3],
    /// Least and greatest duration.
    extremes: [Int64Builder; 2],
    scale: Int32Builder,
    zero: Float64Builder,
    offset: Int32Builder,
    buckets: ListBuilder<Float64Builder>,
}

impl Figures {
    /// With room for `rows`.
    fn new<K>(rows: &[(K, Counts)], bucket_field: Arc<Field>) -> Self {
        let (count, buckets) = (rows.len(), rows.iter().map(|(_, counts)| counts.buckets()));
        let buckets = Float64Builder::with_capacity(buckets.sum());
        Self {
            sums: [(); 3].map(|()| Float64Builder::with_capacity(count)),
            extremes: [(); 2].map(|()| Int64Builder::with_capacity(count)),
            scale: Int32Builder::with_capacity(count),
            zero: Float64Builder::with_capacity(count),
            offset: Int32Builder::with_capacity(count),
            buckets: ListBuilder::with_capacity(buckets, count).with_field(bucket_field),
        }
    }

    fn append(&mut self, counts: &Counts) {
        let sums = [counts.count, counts.errors, counts.sum_ns];
        for (builder, sum) in self.sums.iter_mut().zip(sums) {
            builder.append_value(sum);
        }
        for (builder, value) in self.extremes.iter_mut().zip([counts.min_ns, counts.max_ns]) {
            builder.append_value(value);
        }
        let (scale, zero, offset, buckets) = counts.histogram.parts();
        self.scale.append_value(scale);
        self.zero.append_value(zero);
        self.offset.append_value(offset);
        self.buckets.values().append_slice(buckets);
        self.buckets.append(true);
    }

    fn finish(mut self) -> Vec<ArrayRef> {
        let [count, errors, sum] = self
            .sums
            .map(|mut sums| Arc::new(sums.finish()) as ArrayRef);
        let [least, most] = self
            .extremes
            .map(|mut values| Arc::new(values.finish()) as ArrayRef);
        vec![
            count,
            errors,
            sum,
            least,
            most,
            Arc::new(self.scale.finish()),
            Arc::new(self.zero.finish()),
            Arc::new(self.offset.finish()),
            Arc::new(self.buckets.finish()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(start_time: i64, duration_ns: i64, weight: f64) -> Event {
        Event {
            start_time,
            duration_ns,
            is_error: duration_ns > 100,
            weight,
        }
    }

    /// A column of weights, in halves, so that they can be compared as whole numbers.
    fn halves(rows: &RecordBatch, place: usize) -> Vec<u64> {
        let weights = rows.column(place).as_primitive::<Float64Type>();
        let halves = weights.values().iter();
        halves.map(|weight| (weight * 2.0) as u64).collect()
    }

    fn texts(rows: &RecordBatch, place: usize) -> Vec<&str> {
        rows.column(place)
            .as_string_view()
            .iter()
            .flatten()
            .collect()
    }

    #[test]
    fn events_are_counted_by_minute_and_texts() {
        let mut table = Table::span_metrics(100);
        for (start, duration, weight) in [(0, 50, 1.0), (59, 150, 2.5), (-1, 7, 1.0), (60, -9, 1.0)]
        {
            let start = if start == 60 { MINUTE_NS } else { start };
            table.add(
                ["shop", "get", "server", "ok"],
                event(start, duration, weight),
            );
        }
        let rows = table.finish();
        let minutes = rows.column(0).as_primitive::<TimestampNanosecondType>();
        assert_eq!(minutes.values(), &[-MINUTE_NS, 0, MINUTE_NS]);
        assert_eq!(halves(&rows, 5), [2, 7, 2]);
        assert_eq!(halves(&rows, 6), [0, 5, 0]);
        let sums = rows.column(7).as_primitive::<Float64Type>();
        assert_eq!(sums.value(1).to_bits(), 425_f64.to_bits());
        let extremes = |place: usize| {
            let values = rows.column(place).as_primitive::<Int64Type>();
            values.values().to_vec()
        };
        assert_eq!(
            (extremes(8), extremes(9)),
            (vec![7, 50, 0], vec![7, 150, 0])
        );
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let spans: Vec<_> = (0..200_i64)
            .map(|n| (n * 997_000_000, n * n * 31 % 5_000, n % 3))
            .collect();
        let add = |table: &mut Table<3>, span: &(i64, i64, i64)| {
            let callee = format!("s{}", span.2);
            table.add(["web", &callee, "rpc"], event(span.0, span.1, 1.0));
        };
        let mut whole = Table::service_edges(1_000);
        let mut parts = [Table::service_edges(1_000), Table::service_edges(1_000)];
        for (place, span) in spans.iter().enumerate() {
            add(&mut whole, span);
            add(&mut parts[place % 2], span);
        }
        let mut merged = Table::service_edges(1_000);
        for part in parts {
            merged.merge(&part.finish());
        }
        assert_eq!(merged.finish(), whole.finish());
    }

    #[test]
    fn rows_beyond_the_bound_are_named_other() {
        let mut table = Table::span_metrics(2);
        for name in ["a", "b", "c", "d", "a"] {
            table.add(["shop", name, "server", "ok"], event(0, 1, 1.0));
        }
        table.add(["till", "x", "server", "ok"], event(0, 1, 1.0));
        table.add(["bank", "x", "server", "ok"], event(0, 1, 1.0));
        let rows = table.finish();
        assert_eq!(texts(&rows, 1), ["(other)", "shop", "shop", "shop", "till"]);
        assert_eq!(texts(&rows, 2), ["(other)", "(other)", "a", "b", "(other)"]);
        assert_eq!(halves(&rows, 5), [2, 4, 4, 2, 2]);
    }
}
