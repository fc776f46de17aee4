//! Numbers, sizes and durations, as they are written.

use std::cmp::Ordering;

/// A number that keeps all 64 bits of an integer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// A whole number.
    Int(i64),
    /// Any other; finite.
    Float(f64),
}

/// Sizes and how many bytes they are.
const SIZES: [(&str, f64); 9] = [
    ("KiB", 1_024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
];

/// Units of time and how many ns they are; a unit stands before those that it ends with.
const TIMES: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

impl Number {
    /// The number that `text` reads as, if it does: digits with a sign, a fraction, an exponent.
    pub(crate) fn read(text: &str) -> Option<Self> {
        // What `f64` takes besides, like `inf` and `nan`, is text.
        let first = text.trim_start_matches(['-', '+']).chars().next()?;
        if !(first.is_ascii_digit() || first == '.') {
            return None;
        }
        if let Ok(int) = text.parse() {
            return Some(Self::Int(int));
        }
        let float: f64 = text.parse().ok()?;
        float.is_finite().then_some(Self::Float(float))
    }

    /// As [`Number::read`], with a size behind it or none.
    pub(crate) fn with_size(text: &str) -> Option<Self> {
        if let Some(number) = Self::read(text) {
            return Some(number);
        }
        let sized = SIZES
            .iter()
            .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
        let (number, bytes) = sized.or_else(|| Some((text.strip_suffix('B')?, 1.0)))?;
        match Self::read(number.trim_end())? {
            Self::Int(int) => int.checked_mul(bytes as i64).map(Self::Int),
            Self::Float(float) => Some(Self::Float(float * bytes)),
        }
    }

    /// Compares exactly, also an integer with a fraction.
    pub(crate) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(&b),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Self::Int(a), Self::Float(b)) => int_to_float(a, b),
            (Self::Float(a), Self::Int(b)) => int_to_float(b, a).reverse(),
        }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(int) => int.fmt(f),
            // The shortest text that reads as the same number.
            Self::Float(float) => write!(f, "{float:?}"),
        }
    }
}

/// Compares without rounding the integer.
fn int_to_float(int: i64, float: f64) -> Ordering {
    // 2^63, the first float that no i64 reaches.
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if float >= BOUND {
        return Ordering::Less;
    }
    if float < -BOUND {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    let fraction = float - whole;
    int.cmp(&(whole as i64))
        .then_with(|| 0.0_f64.partial_cmp(&fraction).unwrap_or(Ordering::Equal))
}

/// The ns of a duration like `250ms`, `1.5s` or `1m30s`; `None` when it is none, or longer than 64 bits hold.
pub(crate) fn duration_ns(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|sign: char| !sign.is_ascii_digit() && sign != '.')?;
        let (number, after) = rest.split_at(digits);
        let unit_len = after
            .find(|sign: char| sign.is_ascii_digit() || sign == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        let (_, unit_ns) = TIMES.iter().find(|(known, _)| *known == unit)?;
        total = total.checked_add(part_ns(number, *unit_ns)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

/// `number`, whole or with a fraction, times `unit_ns`; what is less than a ns is cut off.
fn part_ns(number: &str, unit_ns: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: i64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut part: i128 = 0;
    let mut scale: i128 = 1;
    // 20 digits are more than a day has ns.
    for digit in fraction.chars().take(20) {
        part = part * 10 + i128::from(digit.to_digit(10)?);
        scale *= 10;
    }
    let part = i64::try_from(part.checked_mul(i128::from(unit_ns))? / scale).ok()?;
    whole.checked_mul(unit_ns)?.checked_add(part)
}
