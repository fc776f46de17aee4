//! Head sampling: which spans are kept, decided on each span alone.
//!
//! The first rule that fits a span's service and name decides. It keeps a share, or so many spans a second of each service. A rate is made a share
//! too: the rate over the number of spans that came in the last whole second, or in this one if it is more already. So the share of a span
//! follows from those before it and not from its own random bits, and its weight is exact. A sudden rise lets through a few times the rate for a
//! second; the next second meets it.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clew_storage::glob;
use clew_storage::sampling::Threshold;

use crate::limits::HEAD_SERVICES_MAX;

/// Rule that decides which spans are kept: as text `service=0.1`, `service=100/s` or `service|operation=0.1`.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingRule {
    /// Service name; `*` stands for any text, `?` for any one character.
    pub service: String,
    /// Name of the span, in the same way; every span of the service without it.
    pub operation: Option<String>,
    /// What is kept.
    pub keep: Keep,
}

/// What a rule keeps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Keep {
    /// Probability from 0 (none) to 1 (all).
    Share(f64),
    /// Spans a second of each service, about; above 0.
    SpansPerSecond(f64),
}

impl fmt::Display for SamplingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.service)?;
        if let Some(operation) = &self.operation {
            write!(f, "|{operation}")?;
        }
        match self.keep {
            Keep::Share(share) => write!(f, "={share}"),
            Keep::SpansPerSecond(rate) => write!(f, "={rate}/s"),
        }
    }
}

impl FromStr for SamplingRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, keep) = text
            .rsplit_once('=')
            .filter(|(what, _)| !what.is_empty() && !what.starts_with('|'))
            .ok_or_else(|| {
                format!("`{text}` is not a rule: write service=0.1, service=100/s or service|operation=0.1")
            })?;
        let (service, operation) = match what.split_once('|') {
            Some((service, operation)) => (service, Some(operation.to_owned())),
            None => (what, None),
        };
        Ok(Self {
            service: service.to_owned(),
            operation,
            keep: keep.trim().parse()?,
        })
    }
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rate) = text.strip_suffix("/s") {
            let rate = rate.trim().parse::<f64>().ok();
            return rate
                .filter(|rate| *rate > 0.0 && rate.is_finite())
                .map(Self::SpansPerSecond)
                .ok_or_else(|| format!("`{text}` is not a rate: write a number above 0 and /s"));
        }
        text.parse()
            .ok()
            .filter(|share| (0.0..=1.0).contains(share))
            .map(Self::Share)
            .ok_or_else(|| format!("`{text}` is not a probability: write a number from 0 to 1, or a rate such as 100/s"))
    }
}

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("sampling rule {number} (`{rule}`): {reason}")]
pub struct InvalidRule {
    number: usize,
    rule: String,
    reason: &'static str,
}

/// Head sampling by service and operation: the first rule that fits decides; where none does, every span is kept.
#[derive(Debug, Default)]
pub struct Sampler {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    service: String,
    operation: Option<String>,
    keep: Kept,
}

#[derive(Debug)]
enum Kept {
    Share(Threshold),
    Rate {
        per_second: f64,
        /// By service; those beyond the bound share one, under the empty name.
        services: Mutex<HashMap<String, Arc<Rate>>>,
    },
}

/// What the rules say about the spans of one service.
#[derive(Debug, Default)]
pub(crate) struct ServiceRules<'a>(Vec<(Option<&'a str>, ServiceKept)>);

#[derive(Debug)]
enum ServiceKept {
    Share(Threshold),
    Rate(Arc<Rate>),
}

impl Sampler {
    /// A sampler with `rules`, tried in order.
    ///
    /// # Errors
    /// When a probability is not between 0 and 1, or a rate not above 0.
    pub fn new(rules: &[SamplingRule]) -> Result<Self, InvalidRule> {
        let compile = |(index, rule): (usize, &SamplingRule)| {
            let invalid = |reason| InvalidRule {
                number: index + 1,
                rule: rule.to_string(),
                reason,
            };
            let keep = match rule.keep {
                Keep::Share(share) => Threshold::from_probability(share)
                    .map(Kept::Share)
                    .ok_or_else(|| invalid("the probability is not between 0 and 1"))?,
                Keep::SpansPerSecond(per_second) if per_second > 0.0 && per_second.is_finite() => {
                    Kept::Rate {
                        per_second,
                        services: Mutex::default(),
                    }
                }
                Keep::SpansPerSecond(_) => return Err(invalid("the rate is not above 0")),
            };
            Ok(Rule {
                service: rule.service.clone(),
                operation: rule.operation.clone(),
                keep,
            })
        };
        let rules = rules.iter().enumerate().map(compile);
        Ok(Self {
            rules: rules.collect::<Result<_, _>>()?,
        })
    }

    /// The rules that may fit spans of `service`.
    pub(crate) fn of_service(&self, service: &str) -> ServiceRules<'_> {
        let mut fitting = Vec::new();
        for rule in &self.rules {
            if !glob::matches(&rule.service, service) {
                continue;
            }
            let keep = match &rule.keep {
                Kept::Share(threshold) => ServiceKept::Share(*threshold),
                Kept::Rate {
                    per_second,
                    services,
                } => ServiceKept::Rate(rate_of(services, service, *per_second)),
            };
            fitting.push((rule.operation.as_deref(), keep));
            if rule.operation.is_none() {
                break;
            }
        }
        ServiceRules(fitting)
    }
}

fn rate_of(
    services: &Mutex<HashMap<String, Arc<Rate>>>,
    service: &str,
    per_second: f64,
) -> Arc<Rate> {
    let mut services = services.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(rate) = services.get(service) {
        return Arc::clone(rate);
    }
    let name = if services.len() < HEAD_SERVICES_MAX {
        service
    } else {
        ""
    };
    let rate = services
        .entry(name.to_owned())
        .or_insert_with(|| Arc::new(Rate::new(per_second)));
    Arc::clone(rate)
}

impl ServiceRules<'_> {
    /// The threshold of a span named `name` that arrived at `now_unix_nano`; counts it.
    pub(crate) fn threshold(&self, name: &str, now_unix_nano: u64) -> Threshold {
        let fits =
            |pattern: Option<&str>| pattern.is_none_or(|pattern| glob::matches(pattern, name));
        let rule = self.0.iter().find(|(pattern, _)| fits(*pattern));
        match rule {
            None => Threshold::KEEP_ALL,
            Some((_, ServiceKept::Share(threshold))) => *threshold,
            Some((_, ServiceKept::Rate(rate))) => rate.threshold(now_unix_nano),
        }
    }
}

/// Spans a second of one service.
#[derive(Debug)]
struct Rate {
    per_second: f64,
    seen: Mutex<Seen>,
}

/// Spans that came, in seconds since the epoch.
#[derive(Debug, Default)]
struct Seen {
    second: u64,
    /// In that second so far.
    count: u64,
    /// In the second before it.
    before: u64,
}

impl Rate {
    fn new(per_second: f64) -> Self {
        Self {
            per_second,
            seen: Mutex::default(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn threshold(&self, now_unix_nano: u64) -> Threshold {
        let second = now_unix_nano / 1_000_000_000;
        let mut seen = self.seen();
        // A clock that goes back stays in the second that it was in.
        if second > seen.second {
            seen.before = if second == seen.second + 1 {
                seen.count
            } else {
                0
            };
            (seen.second, seen.count) = (second, 0);
        }
        seen.count += 1;
        let came = seen.count.max(seen.before);
        Threshold::KEEP_ALL.tightened(self.per_second / came as f64)
    }
}
