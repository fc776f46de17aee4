//! OpenTelemetry's exponential histogram, of durations that stand for more than one span each.
//!
//! Bucket `i` of scale `s` holds values above `2^(i / 2^s)` up to `2^((i + 1) / 2^s)`. A histogram begins at the finest scale
//! and takes a coarser one, each bucket the sum of two, only when its values spread over more than [`BUCKETS_MAX`] buckets. So
//! its scale follows from its smallest and largest value alone, and merging in any order gives the same histogram.
//!
//! Weights are added up as they are. They become whole numbers at the end, so that each count is off by less than one and
//! their sum is the rounded sum of the weights ([`Histogram::finish`]).

/// Buckets of a histogram.
pub const BUCKETS_MAX: usize = 160;
/// Finest scale.
pub const SCALE_MAX: i32 = 20;
/// Coarsest scale: one bucket holds all values from 2 to 2^1024.
pub const SCALE_MIN: i32 = -10;

/// A histogram that values are added to.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    scale: i32,
    zero: f64,
    /// Index of the first bucket.
    offset: i64,
    /// From the first bucket that was hit to the last one.
    counts: Vec<f64>,
}

/// A histogram as it is stored: see `histogram_fields` of the schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buckets {
    /// Scale.
    pub scale: i32,
    /// Values that are not above 0.
    pub zero_count: u64,
    /// Index of the first bucket.
    pub offset: i32,
    /// Values in each bucket from there on.
    pub counts: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            scale: SCALE_MAX,
            zero: 0.0,
            offset: 0,
            counts: Vec::new(),
        }
    }
}

impl Histogram {
    /// A histogram of these parts, `None` when they are not one: a scale out of range, or an index or a count that no histogram has.
    #[must_use]
    pub fn from_parts(
        scale: i32,
        zero: f64,
        offset: i32,
        counts: impl IntoIterator<Item = f64>,
    ) -> Option<Self> {
        let is_count = |count: &f64| count.is_finite() && *count >= 0.0;
        if !(SCALE_MIN..=SCALE_MAX).contains(&scale) || !is_count(&zero) {
            return None;
        }
        let mut histogram = Self {
            scale,
            zero,
            ..Self::default()
        };
        for (place, count) in counts.into_iter().enumerate() {
            if !is_count(&count) {
                return None;
            }
            if count > 0.0 {
                let index = i64::from(offset) + i64::try_from(place).ok()?;
                is_index(scale, index).then(|| histogram.add(scale, index, count))?;
            }
        }
        Some(histogram)
    }

    /// Counts `value` `weight` times. What is not above 0 is counted as 0.
    pub fn record(&mut self, value: i64, weight: f64) {
        match u64::try_from(value) {
            Ok(value) if value > 0 => self.add(SCALE_MAX, finest_index(value), weight),
            _ => self.zero += weight,
        }
    }

    /// Adds all that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        self.zero += other.zero;
        for (index, count) in (other.offset..).zip(&other.counts) {
            if *count > 0.0 {
                self.add(other.scale, index, *count);
            }
        }
    }

    /// Scale, count of zeros, index of the first bucket, and counts, not rounded.
    #[must_use]
    pub fn parts(&self) -> (i32, f64, i32, &[f64]) {
        (self.scale, self.zero, self.first(), &self.counts)
    }

    /// Bytes that it takes beside itself.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.counts.capacity() * size_of::<f64>()
    }

    /// The histogram in whole numbers. A count is the rounded sum of the weights up to it less that of those before it.
    #[must_use]
    pub fn finish(&self) -> Buckets {
        let (mut sum, mut before) = (0.0, 0_u64);
        let mut whole = |weight: f64| {
            sum += weight;
            let rounded = f64::round(sum) as u64;
            let count = rounded - before;
            before = rounded;
            count
        };
        Buckets {
            scale: self.scale,
            zero_count: whole(self.zero),
            offset: self.first(),
            counts: self.counts.iter().map(|count| whole(*count)).collect(),
        }
    }

    /// The index of the first bucket, which fits: see [`is_index`].
    fn first(&self) -> i32 {
        i32::try_from(self.offset).unwrap_or(i32::MAX)
    }

    /// Adds `weight` to the bucket `index` of `scale`.
    fn add(&mut self, scale: i32, index: i64, weight: f64) {
        if scale < self.scale {
            self.coarsen(self.scale - scale);
        }
        let mut index = index >> (scale - self.scale);
        if self.counts.is_empty() {
            self.offset = index;
        }
        let end = |histogram: &Self| histogram.offset + histogram.counts.len() as i64;
        while index.max(end(self) - 1) - index.min(self.offset) >= BUCKETS_MAX as i64 {
            self.coarsen(1);
            index >>= 1;
        }
        if index < self.offset {
            let more = (self.offset - index) as usize;
            self.counts.splice(0..0, std::iter::repeat_n(0.0, more));
            self.offset = index;
        } else if index >= end(self) {
            let length = (index - self.offset + 1) as usize;
            self.counts.resize(length, 0.0);
        }
        self.counts[(index - self.offset) as usize] += weight;
    }

    /// Goes down by `steps` scales.
    fn coarsen(&mut self, steps: i32) {
        let offset = self.offset >> steps;
        let mut counts: Vec<f64> = Vec::with_capacity(self.counts.len());
        for (index, count) in (self.offset..).zip(&self.counts) {
            let place = ((index >> steps) - offset) as usize;
            if place == counts.len() {
                counts.push(0.0);
            }
            counts[place] += count;
        }
        self.scale -= steps;
        self.offset = offset;
        self.counts = counts;
    }
}

impl Buckets {
    /// How many values there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        let counts = self.counts.iter();
        counts.fold(self.zero_count, |sum, count| sum.saturating_add(*count))
    }

    /// The value that a share of `q` (0 to 1) of all values does not exceed; `None` when there are none.
    ///
    /// Within a bucket values are taken to be spread evenly on a logarithmic axis, as Prometheus does for such histograms. So the result
    /// is off by less than the width of one bucket: a factor of `2^(1 / 2^scale)`.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let rank = q * total as f64;
        let mut before = self.zero_count as f64;
        if self.zero_count > 0 && rank <= before {
            return Some(0.0);
        }
        let mut value = None;
        for (index, count) in (i64::from(self.offset)..).zip(&self.counts) {
            if *count == 0 {
                continue;
            }
            let share = ((rank - before) / *count as f64).clamp(0.0, 1.0);
            value = Some(self.bound(index as f64 + share));
            before += *count as f64;
            if rank <= before {
                break;
            }
        }
        value.or(Some(0.0))
    }

    /// The value at a place between buckets.
    fn bound(&self, place: f64) -> f64 {
        (place * f64::from(-self.scale).exp2()).exp2()
    }
}

/// True when the bucket holds numbers that a `f64` can be, so that some scale has room for all such buckets.
fn is_index(scale: i32, index: i64) -> bool {
    let power = if scale >= 0 {
        index >> scale
    } else {
        index << -scale
    };
    (-1_024..=1_024).contains(&power)
}

/// Index of the bucket at the finest scale.
fn finest_index(value: u64) -> i64 {
    let exponent = i64::from(value.ilog2());
    let first = exponent << SCALE_MAX;
    if value.is_power_of_two() {
        // The upper bound of a bucket belongs to it.
        return first - 1;
    }
    let index = ((value as f64).log2() * f64::from(SCALE_MAX).exp2()).floor() as i64;
    index.clamp(first, first + (1 << SCALE_MAX) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[(i64, f64)]) -> Histogram {
        let mut histogram = Histogram::default();
        for (value, weight) in values {
            histogram.record(*value, *weight);
        }
        histogram
    }

    /// The bucket of a value by the definition, where it can be told in whole numbers: at scales of 0 and below.
    fn index_by_definition(value: u64, scale: i32) -> i64 {
        let width = 1_u32 << -scale;
        let mut index = -1_i64;
        while u128::from(value) > 1_u128 << ((index + 1) as u32 * width).min(127) {
            index += 1;
        }
        index
    }

    #[test]
    fn one_value_keeps_the_finest_scale() {
        let buckets = of(&[(1_000, 1.0), (1_000, 2.0)]).finish();
        assert_eq!((buckets.scale, buckets.counts.as_slice()), (20, &[3][..]));
        // 2^(offset / 2^20) < 1000 <= 2^((offset + 1) / 2^20)
        let bound = |place: f64| (place / f64::from(1 << 20)).exp2();
        let offset = f64::from(buckets.offset);
        assert!(bound(offset) < 1_000.0 && bound(offset + 1.0) >= 1_000.0 - 1e-6);
    }

    #[test]
    fn the_scale_is_the_finest_that_has_room() {
        // From 1 to 2^10 are ten doublings and the bucket that ends at 1: at scale 3 that is 81 buckets, at scale 4 161.
        let buckets = of(&[(1, 1.0), (1 << 10, 1.0)]).finish();
        assert_eq!(
            (buckets.scale, buckets.offset, buckets.counts.len()),
            (3, -1, 81)
        );
        // A hair less, and scale 4 does: buckets 0 to 159.
        let buckets = of(&[(2, 1.0), (2 << 9, 1.0)]).finish();
        assert_eq!((buckets.scale, buckets.counts.len()), (4, 145));
    }

    #[test]
    fn weights_are_rounded_so_that_their_sum_holds() {
        let buckets = of(&[(-5, 0.4), (1, 0.4), (2, 0.4), (4, 0.4)]).finish();
        assert_eq!(buckets.zero_count, 0);
        assert_eq!(buckets.total(), 2);
        assert_eq!(of(&[(0, 2.5), (7, 3.25)]).finish().total(), 6);
    }

    #[test]
    fn quantiles_lie_in_the_bucket_of_their_rank() {
        assert_eq!(Buckets::default().quantile(0.5), None);
        let buckets = of(&[(0, 1.0), (100, 1.0), (200, 1.0), (400, 1.0)]).finish();
        let close = |q: f64, expected: f64| {
            let found = buckets.quantile(q).unwrap();
            let width = (1.0 / f64::from(1 << buckets.scale)).exp2();
            assert!(
                found >= expected / width && found <= expected * width,
                "{q}: {found}"
            );
        };
        assert_eq!(buckets.quantile(0.25), Some(0.0));
        close(0.5, 100.0);
        close(0.75, 200.0);
        close(1.0, 400.0);
        assert_eq!(of(&[(0, 3.0)]).finish().quantile(1.0), Some(0.0));
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        assert!(Histogram::from_parts(21, 0.0, 0, []).is_none());
        assert!(Histogram::from_parts(-11, 0.0, 0, []).is_none());
        assert!(Histogram::from_parts(0, -1.0, 0, []).is_none());
        assert!(Histogram::from_parts(0, 0.0, 0, [f64::NAN]).is_none());
        assert!(Histogram::from_parts(0, 0.0, 1_025, [1.0]).is_none());
        assert!(Histogram::from_parts(0, 0.0, 1_024, [1.0]).is_some());
        assert!(Histogram::from_parts(20, 0.0, i32::MAX, [1.0]).is_none());
        // Any number of buckets at any place is taken, coarser.
        let wide = Histogram::from_parts(0, 0.0, -500, vec![1.0; 1_000]).unwrap();
        let buckets = wide.finish();
        assert!(buckets.counts.len() <= BUCKETS_MAX);
        assert_eq!(buckets.total(), 1_000);
    }

    proptest! {
        #[test]
        fn order_and_parts_do_not_matter(
            values in prop::collection::vec((prop_oneof![0..1_000_i64, any::<i64>()], 1..5_u8), 0..60),
            cut in 0..60_usize,
        ) {
            let values: Vec<_> = values.into_iter().map(|(value, weight)| (value, f64::from(weight))).collect();
            let whole = of(&values);
            let reversed: Vec<_> = values.iter().rev().copied().collect();
            prop_assert_eq!(&of(&reversed), &whole);
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut merged = of(right);
            merged.merge(&of(left));
            prop_assert_eq!(&merged, &whole);
            let (scale, zero, offset, counts) = whole.parts();
            prop_assert_eq!(Histogram::from_parts(scale, zero, offset, counts.iter().copied()).unwrap(), whole.clone());
            let weight: f64 = values.iter().map(|(_, weight)| weight).sum();
            prop_assert_eq!(whole.finish().total(), weight as u64);
        }

        #[test]
        fn every_value_is_in_the_bucket_of_the_definition(value in 1..u64::MAX / 2, scale in -6..=0_i32) {
            prop_assert_eq!(finest_index(value) >> (SCALE_MAX - scale), index_by_definition(value, scale));
        }
    }
}
