//! Figures of many measurements.

use std::time::Duration;

use crate::clock::ms;

/// The value below which the share `share` of all lies; 0 of none.
pub(crate) fn quantile(times: &[Duration], share: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() as f64 * share) as usize;
    let last = sorted.len().saturating_sub(1);
    sorted.get(place.min(last)).copied().unwrap_or_default()
}

/// `p50 / p99 / max`, ms.
pub(crate) fn spread_ms(times: &[Duration]) -> String {
    let at = |share| format!("{:.0}", ms(quantile(times, share)));
    format!("{} / {} / {}", at(0.5), at(0.99), at(1.0))
}

/// A count with a comma after each three digits.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Upper bound of a rate of which no case was seen in `trials`, with 95 % confidence, in percent.
pub(crate) fn bound_percent(trials: u64) -> f64 {
    100.0 * (1.0 - 0.05_f64.powf(1.0 / trials.max(1) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_what_they_are_called() {
        let times: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(spread_ms(&times), "51 / 100 / 100");
        assert_eq!(spread_ms(&[]), "0 / 0 / 0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
        // The rule of three: about 3 in n.
        assert!((bound_percent(1000) - 0.2991).abs() < 0.0005);
        assert!((bound_percent(1) - 95.0).abs() < 0.0001);
    }
}
