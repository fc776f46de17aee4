//! Shares that follow the traffic, so that of each operation about so many traces a second are sampled.
//!
//! Every interval the true rate of an operation is estimated from its sampled roots and their weights, and its share becomes target / rate. A root that says
//! nothing about its weight is taken to be sampled with the share that was told last, if its service asks for shares, else to be one of all.
//!
//! - A share falls at once. It rises by half an interval at most as long as few roots speak for it.
//! - A difference below [`TOLERANCE`] changes nothing.
//! - An operation that is not seen keeps its share, and is forgotten after [`UNSEEN_MAX`] intervals.

use std::collections::{BTreeMap, HashMap};

use super::observed::Roots;
use super::strategies::Strategy;
use crate::limits::{REMOTE_OPERATIONS_MAX, REMOTE_SERVICES_MAX};

/// Relative difference between what is wanted and what holds that is let pass.
const TOLERANCE: f64 = 0.3;
/// The largest rise while fewer than [`ROOTS_ENOUGH`] roots are seen.
const RISE_MAX: f64 = 1.5;
const ROOTS_ENOUGH: u64 = 30;
/// Intervals.
const UNSEEN_MAX: u32 = 60;
/// A service that has not asked for so many intervals does not obey what it is told.
const ASKED_MAX: u32 = 5;

/// What adaptive sampling aims at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptiveOptions {
    /// Traces a second of each operation.
    pub target_per_second: f64,
    /// Share of an operation of which nothing is known.
    pub initial_share: f64,
    /// The least share.
    pub share_min: f64,
    /// So many traces a second of each operation are sampled whatever its share.
    pub per_second_min: f64,
}

#[derive(Debug, Clone, Copy)]
struct Operation {
    share: f64,
    unseen: u32,
}

#[derive(Debug, Default)]
struct Service {
    operations: BTreeMap<String, Operation>,
    /// Intervals since it asked; `None` if it never did.
    asked: Option<u32>,
}

/// The shares.
#[derive(Debug)]
pub(super) struct Adaptive {
    options: AdaptiveOptions,
    services: BTreeMap<String, Service>,
}

impl Adaptive {
    pub(super) fn new(options: AdaptiveOptions) -> Self {
        Self {
            options,
            services: BTreeMap::new(),
        }
    }

    /// Number of operations that have a share.
    pub(super) fn len(&self) -> usize {
        let services = self.services.values();
        services.map(|service| service.operations.len()).sum()
    }

    /// What `service` is told, which asks.
    pub(super) fn told(&mut self, service: &str) -> Strategy {
        let AdaptiveOptions {
            initial_share,
            per_second_min,
            ..
        } = self.options;
        let strategy = Strategy::share(initial_share);
        let Some(known) = self.known(service) else {
            return strategy.with_operations(initial_share, per_second_min, []);
        };
        known.asked = Some(0);
        let operations = known.operations.iter();
        let shares = operations.map(|(name, operation)| (name.clone(), operation.share));
        strategy.with_operations(initial_share, per_second_min, shares)
    }

    fn known(&mut self, service: &str) -> Option<&mut Service> {
        if !self.services.contains_key(service) {
            if self.services.len() >= REMOTE_SERVICES_MAX {
                return None;
            }
            self.services.insert(service.to_owned(), Service::default());
        }
        self.services.get_mut(service)
    }

    /// Makes the shares those that fit what was seen in the last `seconds`.
    pub(super) fn adapt(
        &mut self,
        observed: BTreeMap<String, HashMap<String, Roots>>,
        seconds: f64,
    ) {
        for service in self.services.values_mut() {
            service.asked = service.asked.map(|asked| asked.saturating_add(1));
            service.operations.retain(|_, operation| {
                operation.unseen += 1;
                operation.unseen <= UNSEEN_MAX
            });
        }
        let options = self.options;
        for (name, operations) in observed {
            let Some(service) = self.known(&name) else {
                continue;
            };
            let obeys = service.asked.is_some_and(|asked| asked <= ASKED_MAX);
            for (name, roots) in operations {
                let before = service.operations.get(&name).map(|known| known.share);
                let room = service.operations.len() < REMOTE_OPERATIONS_MAX;
                if before.is_some() || room {
                    let share = next(&options, before, &roots, seconds, obeys);
                    let operation = Operation { share, unseen: 0 };
                    service.operations.insert(name, operation);
                }
            }
        }
        self.services.retain(|_, service| {
            !service.operations.is_empty() || service.asked.is_some_and(|asked| asked <= UNSEEN_MAX)
        });
    }
}

/// The share that follows `before`, given the roots of the last `seconds`.
fn next(
    options: &AdaptiveOptions,
    before: Option<f64>,
    roots: &Roots,
    seconds: f64,
    obeys: bool,
) -> f64 {
    let told = before.unwrap_or(options.initial_share);
    let each = if obeys { 1.0 / told } else { 1.0 };
    let count = roots.weight + roots.unweighted as f64 * each;
    let rate = count / seconds;
    // Without a root by share there were few: the limit has let some through.
    let wanted = if rate > 0.0 {
        options.target_per_second / rate
    } else {
        1.0
    };
    let wanted = wanted.clamp(options.share_min, 1.0);
    let seen = roots.weighted + roots.unweighted;
    if wanted < 1.0 && before.is_some() && (wanted / told - 1.0).abs() < TOLERANCE {
        return told;
    }
    if wanted > told && seen < ROOTS_ENOUGH {
        return wanted.min(told * RISE_MAX);
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: AdaptiveOptions = AdaptiveOptions {
        target_per_second: 1.0,
        initial_share: 0.01,
        share_min: 0.0001,
        per_second_min: 0.1,
    };

    fn roots(weighted: u64, weight: f64) -> Roots {
        Roots {
            weighted,
            weight,
            ..Roots::default()
        }
    }

    fn share_of(adaptive: &mut Adaptive, service: &str) -> f64 {
        let told = serde_json::to_value(adaptive.told(service)).unwrap();
        let operations = &told["operationSampling"]["perOperationStrategies"];
        let share = &operations[0]["probabilisticSampling"]["samplingRate"];
        share.as_f64().unwrap()
    }

    fn check(before: Option<f64>, roots: Roots, obeys: bool, expected: f64) {
        let found = next(&OPTIONS, before, &roots, 60.0, obeys);
        assert!(
            (found - expected).abs() < 1e-12,
            "{roots:?}: {found}, not {expected}"
        );
    }

    #[test]
    fn a_share_becomes_what_the_rate_asks_for() {
        // A hundred a second, whatever they were sampled with.
        check(None, roots(60, 6_000.0), true, 0.01);
        check(Some(0.5), roots(3_000, 6_000.0), true, 0.01);
        check(Some(0.001), roots(60, 6_000.0), true, 0.01);
        // By few roots it rises by half, and falls at once.
        check(Some(0.001), roots(6, 6_000.0), true, 0.0015);
        check(Some(0.5), roots(6, 6_000.0), true, 0.01);
        // About right is right; a rare operation is sampled whole, and the share has a bottom.
        check(Some(0.012), roots(72, 6_000.0), true, 0.012);
        check(Some(0.9), roots(50, 55.0), true, 1.0);
        check(Some(0.01), roots(60_000, 6e9), true, 0.0001);
        let by_limit = Roots {
            by_limit: 6,
            ..Roots::default()
        };
        check(Some(0.01), by_limit, true, 0.015);
    }

    #[test]
    fn a_root_without_a_weight_stands_for_what_its_service_was_told() {
        let unweighted = Roots {
            unweighted: 600,
            ..Roots::default()
        };
        check(Some(0.1), unweighted, true, 0.01);
        check(Some(0.1), unweighted, false, 0.1);
    }

    #[test]
    fn shares_settle_where_the_target_is_met_and_are_forgotten_when_nothing_comes() {
        let mut adaptive = Adaptive::new(OPTIONS);
        adaptive.told("cart");
        let mut share = OPTIONS.initial_share;
        for _ in 0..8 {
            let seen = (500.0 * 60.0 * share) as u64;
            let observed = HashMap::from([(
                "add".to_owned(),
                Roots {
                    unweighted: seen,
                    ..Roots::default()
                },
            )]);
            adaptive.adapt(BTreeMap::from([("cart".to_owned(), observed)]), 60.0);
            share = share_of(&mut adaptive, "cart");
        }
        // Five hundred a second.
        assert!((share * 500.0 - 1.0).abs() < TOLERANCE, "{share}");
        for _ in 0..UNSEEN_MAX {
            adaptive.adapt(BTreeMap::new(), 60.0);
        }
        assert_eq!(adaptive.len(), 1);
        adaptive.adapt(BTreeMap::new(), 60.0);
        assert_eq!(adaptive.len(), 0);
    }

    #[test]
    fn no_more_services_are_known_than_allowed() {
        let mut adaptive = Adaptive::new(OPTIONS);
        let all = |count: usize| {
            let operations = HashMap::from([("o".to_owned(), roots(60, 60.0))]);
            let one = |number: usize| (number.to_string(), operations.clone());
            (0..count).map(one).collect()
        };
        adaptive.adapt(all(REMOTE_SERVICES_MAX), 60.0);
        assert_eq!(adaptive.len(), REMOTE_SERVICES_MAX);
        adaptive.adapt(all(REMOTE_SERVICES_MAX + 1), 60.0);
        assert_eq!(adaptive.len(), REMOTE_SERVICES_MAX);
        let one_more = serde_json::to_value(adaptive.told("one more")).unwrap();
        assert_eq!(
            one_more["operationSampling"]["defaultSamplingProbability"],
            0.01
        );
    }
}
