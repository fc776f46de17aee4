//! Reads and writes OpenTelemetry's entry of a W3C tracestate: `ot=th:<threshold>;rv:<random value>`.

use clew_storage::sampling::Threshold;

/// OpenTelemetry's entry may have this many characters.
const ENTRY_CHARS_MAX: usize = 256;
/// A tracestate may have this many entries.
const ENTRIES_MAX: usize = 32;
/// Hex digits of 56 bits.
const DIGITS: usize = 14;
/// A threshold that follows from a weight is this close to the one that the weight was made of.
const WEIGHT_ERROR: u64 = 1 << 8;

/// What a tracestate says about sampling. A value that is not well-formed counts as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OtState {
    /// Threshold that was applied before, below 2^56.
    pub(crate) threshold: Option<u64>,
    /// Random bits to use in place of the trace id's.
    pub(crate) random_value: Option<u64>,
}

impl OtState {
    /// Reads `trace_state`.
    pub(crate) fn parse(trace_state: &str) -> Self {
        let entry = ot_entry(trace_state).filter(|entry| entry.len() <= ENTRY_CHARS_MAX);
        let mut state = Self::default();
        for (key, value) in entry
            .iter()
            .flat_map(|e| e.split(';'))
            .filter_map(|m| m.split_once(':'))
        {
            match key {
                "th" => state.threshold = threshold(value),
                "rv" if value.len() == DIGITS => state.random_value = hex(value),
                _ => {}
            }
        }
        state
    }
}

fn ot_entry(trace_state: &str) -> Option<&str> {
    let mut entries = trace_state.split(',');
    entries.find_map(|entry| entry.trim().strip_prefix("ot="))
}

/// `trace_state` with the threshold that `weight` stands for; `None` when it says as much already, or there is no room for it.
///
/// Our entry comes first, as the one changed last. A 33rd entry, the last one, is dropped for it.
pub(crate) fn with_weight(trace_state: &str, weight: f64) -> Option<String> {
    let applied = Threshold::from_weight(weight).rejected();
    if applied == 0 {
        return None;
    }
    let state = OtState::parse(trace_state);
    if applied <= state.threshold.unwrap_or(0).saturating_add(WEIGHT_ERROR) {
        return None;
    }
    let digits = format!("{applied:014x}");
    let mut entry = format!("ot=th:{}", digits.trim_end_matches('0'));
    let others = ot_entry(trace_state).unwrap_or("").split(';');
    for other in others.filter(|other| !other.is_empty() && !other.starts_with("th:")) {
        entry.push(';');
        entry.push_str(other);
    }
    if entry.len() > ENTRY_CHARS_MAX + "ot=".len() {
        return None;
    }
    let rest = trace_state
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty() && !entry.starts_with("ot="));
    for other in rest.take(ENTRIES_MAX - 1) {
        entry.push(',');
        entry.push_str(other);
    }
    Some(entry)
}

/// A threshold has 1 to 14 digits, padded with zeros on the right.
fn threshold(digits: &str) -> Option<u64> {
    let value = (1..=DIGITS)
        .contains(&digits.len())
        .then(|| hex(digits))
        .flatten()?;
    Some(value << (4 * (DIGITS - digits.len())))
}

fn hex(digits: &str) -> Option<u64> {
    digits.chars().try_fold(0, |value, digit| {
        Some(value << 4 | u64::from(digit.to_digit(16)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(trace_state: &str, threshold: Option<u64>, random_value: Option<u64>) {
        assert_eq!(
            OtState::parse(trace_state),
            OtState {
                threshold,
                random_value
            },
            "{trace_state}"
        );
    }

    #[test]
    fn thresholds_are_padded_on_the_right() {
        check("ot=th:0", Some(0), None);
        check("ot=th:c", Some(0xc0_0000_0000_0000), None);
        check("ot=th:fd70a4", Some(0xfd_70a4_0000_0000), None);
        check("ot=th:FFFFFFFFFFFFFF", Some((1 << 56) - 1), None);
    }

    #[test]
    fn the_entry_is_found_among_others() {
        check(
            "a=b, ot=x:1;th:8;rv:00000000000001 ,c=d",
            Some(1 << 55),
            Some(1),
        );
        check("rojo@ot=th:8,not=th:8", None, None);
    }

    #[test]
    fn a_weight_is_written_as_the_threshold_it_stands_for() {
        for (before, weight, after) in [
            ("", 4.0, Some("ot=th:c")),
            ("", 1.0, None),
            ("a=b", 2.0, Some("ot=th:8,a=b")),
            (
                "a=b, ot=rv:00000000000001 ,c=d",
                2.0,
                Some("ot=th:8;rv:00000000000001,a=b,c=d"),
            ),
            ("ot=x:1;th:8;y:2", 4.0, Some("ot=th:c;x:1;y:2")),
            // What the sender says already is left as it is, also when its threshold is the higher one.
            ("a=b,ot=th:c", 4.0, None),
            (
                "ot=th:fd70a4",
                Threshold::new(0xfd_70a4_0000_0000).weight(),
                None,
            ),
            ("ot=th:c", 2.0, None),
        ] {
            assert_eq!(
                with_weight(before, weight).as_deref(),
                after,
                "{before} {weight}"
            );
        }
        for percent in 1..100_u32 {
            let threshold = Threshold::from_probability(f64::from(percent) / 100.0).unwrap();
            let written = with_weight("", threshold.weight()).unwrap();
            let read = OtState::parse(&written).threshold.unwrap();
            assert!(
                read.abs_diff(threshold.rejected()) <= WEIGHT_ERROR,
                "{written}"
            );
        }
    }

    #[test]
    fn room_for_a_threshold_is_made_within_the_limits() {
        let entries = |count: usize| {
            let entries: Vec<_> = (0..count).map(|number| format!("k{number}=v")).collect();
            entries.join(",")
        };
        assert_eq!(
            with_weight(&entries(31), 2.0).unwrap().split(',').count(),
            32
        );
        let full = with_weight(&entries(32), 2.0).unwrap();
        assert!(
            full.starts_with("ot=th:8,k0=v") && full.ends_with("k30=v"),
            "{full}"
        );
        let long = |chars: usize| format!("ot=x:{}", "y".repeat(chars - 2));
        assert!(with_weight(&long(256 - 5), 2.0).is_some());
        assert_eq!(with_weight(&long(256 - 4), 2.0), None);
    }

    #[test]
    fn malformed_values_count_as_absent() {
        for trace_state in [
            "",
            "ot",
            "ot=",
            "ot=th:",
            "ot=th:g",
            "ot=th:+1",
            "ot=th:000000000000000",
            "ot=rv:1",
            "=,;:",
        ] {
            check(trace_state, None, None);
        }
        let at_limit = format!("ot=th:8;x:{}", "y".repeat(256 - 7));
        check(&at_limit, Some(1 << 55), None);
        check(&format!("{at_limit}y"), None, None);
    }
}
