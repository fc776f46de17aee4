//! What an import came to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::body::Body;
use super::send::Delivery;

/// Distinct reasons that are kept; a reason beyond them counts under "other reasons".
const REASONS_MAX: usize = 20;

/// Counts of spans and requests by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Spans that were stored.
    pub(crate) accepted: u64,
    /// Spans of requests that the server had stored before.
    pub(crate) duplicate: u64,
    /// Spans that the server or the conversion refused.
    pub(crate) rejected: u64,
    /// Spans of requests that were refused whole or could not be sent.
    pub(crate) failed: u64,
    /// Requests.
    pub(crate) requests: u64,
    /// Files that could not be read to their end, and why.
    pub(crate) broken_files: Vec<String>,
    reasons: BTreeMap<String, u64>,
}

impl Summary {
    /// Counts a body.
    pub(crate) fn add(&mut self, body: &Body, delivery: &Delivery) {
        self.requests += 1;
        match delivery {
            Delivery::Taken {
                rejected,
                message,
                duplicate,
            } => {
                let taken = body.spans.saturating_sub(*rejected);
                *if *duplicate {
                    &mut self.duplicate
                } else {
                    &mut self.accepted
                } += taken;
                self.reject(*rejected, message);
            }
            Delivery::Refused(why) => {
                self.failed += body.spans;
                self.reason(why, body.spans);
            }
        }
    }

    /// Counts `spans` that were refused for a reason.
    pub(crate) fn reject(&mut self, spans: u64, why: &str) {
        if spans > 0 {
            self.rejected += spans;
            self.reason(why, spans);
        }
    }

    fn reason(&mut self, why: &str, spans: u64) {
        let known = self.reasons.contains_key(why) || self.reasons.len() < REASONS_MAX;
        let why = if known { why } else { "other reasons" };
        *self.reasons.entry(why.to_owned()).or_default() += spans;
    }

    /// True when everything that the files hold is stored.
    pub(crate) fn is_complete(&self) -> bool {
        self.rejected == 0
            && self.failed == 0
            && self.broken_files.is_empty()
            && self.reasons.is_empty()
    }

    /// The summary for a person.
    pub(crate) fn report(&self, elapsed: Duration) -> String {
        let rate = (self.accepted + self.duplicate) as f64 / elapsed.as_secs_f64().max(0.001);
        format!(
            "{self}\n{} requests in {:.1} s, {rate:.0} spans/s",
            self.requests,
            elapsed.as_secs_f64()
        )
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            accepted,
            duplicate,
            rejected,
            failed,
            ..
        } = self;
        write!(
            f,
            "{accepted} spans accepted, {duplicate} duplicates, {rejected} rejected, {failed} not sent"
        )?;
        for (why, spans) in &self.reasons {
            write!(f, "\n  {spans} spans: {why}")?;
        }
        for file in &self.broken_files {
            write!(f, "\n  {file}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::import::body::Door;

    fn body(spans: u64) -> Body {
        Body {
            door: Door::OtlpJson,
            bytes: Bytes::new(),
            spans,
        }
    }

    #[test]
    fn every_span_is_counted_once() {
        let taken = |rejected, duplicate| Delivery::Taken {
            rejected,
            message: "bad id".into(),
            duplicate,
        };
        let mut summary = Summary::default();
        summary.add(&body(10), &taken(0, false));
        assert!(summary.is_complete());
        summary.add(&body(5), &taken(0, true));
        assert!(summary.is_complete());
        summary.add(&body(7), &taken(2, false));
        summary.add(&body(3), &Delivery::Refused("400: no".into()));
        let Summary {
            accepted,
            duplicate,
            rejected,
            failed,
            ..
        } = summary;
        assert_eq!((accepted, duplicate, rejected, failed), (15, 5, 2, 3));
        assert!(!summary.is_complete());
        assert!(summary.to_string().contains("2 spans: bad id"));
    }

    #[test]
    fn reasons_are_bounded() {
        let mut summary = Summary::default();
        (0..=REASONS_MAX + 5).for_each(|n| summary.reject(1, &n.to_string()));
        assert_eq!(summary.reasons.len(), REASONS_MAX + 1);
        assert_eq!(summary.reasons["other reasons"], 6);
    }
}
