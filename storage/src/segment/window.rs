//! Time windows, counted from the Unix epoch, so that every merge at any time cuts time at the same places.

/// A stretch of time that begins at a multiple of its length.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct TimeWindow {
    /// Which multiple of the length it begins at.
    pub number: i64,
    /// Length, ns; not 0.
    pub length_ns: u64,
}

impl TimeWindow {
    /// The window of length `length_ns` that `time_ns` (signed ns since the epoch) lies in.
    ///
    /// # Panics
    /// When the length is 0.
    #[must_use]
    pub fn of(time_ns: i64, length_ns: u64) -> Self {
        let number = i128::from(time_ns).div_euclid(i128::from(length_ns));
        Self {
            number: number as i64,
            length_ns,
        }
    }

    /// When it begins, ns since the epoch.
    #[must_use]
    pub fn start_ns(&self) -> i128 {
        i128::from(self.number) * i128::from(self.length_ns)
    }

    /// When it ends, ns since the epoch: the first moment that is no more in it.
    #[must_use]
    pub fn end_ns(&self) -> i128 {
        self.start_ns() + i128::from(self.length_ns)
    }

    /// The window `factor` times as long around it.
    #[must_use]
    pub fn wider(&self, factor: u64) -> Self {
        Self {
            number: self.number.div_euclid(factor.max(1) as i64),
            length_ns: self.length_ns.saturating_mul(factor.max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_time_lies_in_its_window_and_in_the_wider_ones(
            time in any::<i64>(), length in 1..1u64 << 50, factor in 1..100u64,
        ) {
            let window = TimeWindow::of(time, length);
            let time = i128::from(time);
            prop_assert!(window.start_ns() <= time && time < window.end_ns());
            let wider = window.wider(factor);
            prop_assert_eq!(wider, TimeWindow::of(time as i64, length * factor));
            prop_assert!(wider.start_ns() <= window.start_ns() && window.end_ns() <= wider.end_ns());
        }
    }
}
