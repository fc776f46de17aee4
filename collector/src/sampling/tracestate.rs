//! Reads OpenTelemetry's entry of a W3C tracestate: `ot=th:<threshold>;rv:<random value>`.

/// OpenTelemetry's entry may have this many characters.
const ENTRY_CHARS_MAX: usize = 256;
/// Hex digits of 56 bits.
const DIGITS: usize = 14;

/// What a tracestate says about sampling. A value that is not well-formed counts as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct OtState {
    /// Threshold that was applied before, below 2^56.
    pub(super) threshold: Option<u64>,
    /// Random bits to use in place of the trace id's.
    pub(super) random_value: Option<u64>,
}

impl OtState {
    /// Reads `trace_state`.
    pub(super) fn parse(trace_state: &str) -> Self {
        let entry = trace_state
            .split(',')
            .find_map(|entry| entry.trim().strip_prefix("ot="))
            .filter(|entry| entry.len() <= ENTRY_CHARS_MAX);
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
