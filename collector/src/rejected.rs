//! The account of spans that a payload held and that cannot be stored.

use std::fmt::{self, Write};

/// How many rejected spans are named.
const NAMED_MAX: usize = 5;
/// Characters of a span's name that are shown.
const NAME_CHARS_MAX: usize = 80;

/// Rejected spans: how many, and the first few by number, name and reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejected {
    count: u64,
    total: u64,
    named: String,
    named_count: usize,
}

impl Rejected {
    /// Number of rejected spans.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Number of spans in the payload, rejected ones included.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// True when there were spans and none of them can be stored.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.count > 0 && self.count == self.total
    }

    /// Notes the span that is the `number`th of the payload, counted from 1.
    pub(crate) fn add(&mut self, number: u64, name: &str, reason: &str) {
        self.count += 1;
        if self.named_count == NAMED_MAX {
            return;
        }
        self.named_count += 1;
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        write!(self.named, "; span {number} ({name:?}): {reason}")
            .expect("writing to a string cannot fail");
    }

    /// Says how many spans the payload had.
    pub(crate) fn set_total(&mut self, total: u64) {
        self.total = total;
    }

    /// Adds what the wire decoder met and rejected in a payload from which the spans of `self` had been left out before.
    pub(crate) fn merge_decoded(mut self, decoded: &Self) -> Self {
        // The spans that were left out, and those that the wire decoder met.
        self.total = self.count + decoded.total;
        self.count += decoded.count;
        if self.named_count < NAMED_MAX {
            self.named.push_str(&decoded.named);
            self.named_count += decoded.named_count;
        }
        self
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} spans rejected{}",
            self.count, self.total, self.named
        )?;
        let unnamed = self.count - self.named_count as u64;
        if unnamed > 0 {
            write!(f, "; and {unnamed} more")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_five_are_named_and_the_rest_counted() {
        let mut rejected = Rejected::default();
        for number in 1..=7 {
            rejected.add(number, "a\nb", "no id");
        }
        rejected.set_total(9);
        let text = rejected.to_string();
        assert!(
            text.starts_with(r#"7 of 9 spans rejected; span 1 ("a\nb"): no id; span 2 "#),
            "{text}"
        );
        assert!(
            text.ends_with("; span 5 (\"a\\nb\"): no id; and 2 more"),
            "{text}"
        );
    }

    #[test]
    fn long_names_are_cut() {
        let mut rejected = Rejected::default();
        rejected.add(1, &"é".repeat(10_000), "x");
        rejected.set_total(1);
        assert!(rejected.to_string().len() < 300);
        assert!(rejected.is_everything());
    }
}
