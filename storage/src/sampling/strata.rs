//! Sampling of stored traces: of each stratum, traces of which the policies keep one share, as many are drawn as the share says, and stand for all.
//!
//! ```text
//!  N traces of one root operation, kept with probability p ──▶ k = N p, at least one ──▶ weights times N / k
//! ```
//!
//! The sizes are known, so the weights are exact counts and not estimates: within a stratum the weights of the traces that stay sum up to what they were
//! before. Which ones stay is drawn by a hash of the trace id that no stage before has asked. So each trace of a stratum has the same chance whatever was
//! sampled before, with whatever weights; and a part of a trace in another segment is drawn alike.
//!
//! Strata of which less than one trace would stay are put together by root service, and what is then still too small all together, so that the share is met
//! and nothing is without a chance.
//!
//! Memory: 32 bytes a trace that may go.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{Threshold, TraceView};
use crate::ids::TraceId;
use crate::policy::{FlushPolicy, TraceFacts, Weighing};

/// Keeps the draw apart from other uses of hashes of trace ids.
const DRAW_SEED: u64 = 0x7374_7261_7461;

/// Says what is to be kept of stored traces.
pub trait StoredSampler: Send + Sync {
    /// For each of `traces` the threshold of the kind of trace that it is: the same for all that are alike, whatever their random bits.
    fn thresholds(&self, traces: &[TraceView<'_>]) -> Vec<Threshold>;
}

/// How stored traces are sampled once more when they are old.
#[derive(Clone)]
pub struct StoredSampling {
    /// Says what is to be kept.
    pub sampler: Arc<dyn StoredSampler>,
    /// Segments whose newest span arrived longer ago than this are sampled.
    pub after: Duration,
}

impl fmt::Debug for StoredSampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSampling")
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}

/// What makes a stratum: root service and root operation, as hashes, what the traces were kept with before, and what they are to be kept with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Stratum {
    applied: u64,
    rejected: u64,
    service: u64,
    operation: u64,
}

impl Stratum {
    /// The share of it that stays.
    fn share(&self) -> f64 {
        let [kept, before] = [self.rejected, self.applied].map(|t| Threshold::new(t).probability());
        (kept / before).min(1.0)
    }

    /// The larger stratum that it is put into when it is too small.
    fn wider(&self) -> Option<Self> {
        let of_service = Self {
            operation: 0,
            ..*self
        };
        let all = Self {
            service: 0,
            ..of_service
        };
        [of_service, all].into_iter().find(|wider| wider != self)
    }
}

/// Traces that may go, until it is drawn which.
#[derive(Debug, Default)]
pub(crate) struct Strata {
    numbers: HashMap<Stratum, u32>,
    kinds: Vec<Stratum>,
    /// Each with the number of its stratum.
    traces: Vec<(TraceId, u32)>,
    gone: Vec<TraceId>,
}

impl Strata {
    /// Takes traces that are to be kept with `thresholds`, but for those that `stays` whatever the thresholds say.
    pub(crate) fn take(
        &mut self,
        traces: &[TraceView<'_>],
        thresholds: &[Threshold],
        stays: impl Fn(TraceId) -> bool,
    ) {
        for (trace, threshold) in traces.iter().zip(thresholds) {
            let id = trace.trace_id();
            let applied = trace.applied();
            if *threshold <= applied || stays(id) {
                continue;
            }
            if *threshold == Threshold::KEEP_NONE {
                self.gone.push(id);
                continue;
            }
            let root = trace.root();
            let service = xxh3_64(root.service_name().as_bytes()).max(1);
            let stratum = Stratum {
                applied: applied.rejected(),
                rejected: threshold.rejected(),
                service,
                operation: xxh3_64_with_seed(root.name().as_bytes(), service).max(1),
            };
            let number = self.number(stratum);
            self.traces.push((id, number));
        }
    }

    fn number(&mut self, stratum: Stratum) -> u32 {
        *self.numbers.entry(stratum).or_insert_with(|| {
            self.kinds.push(stratum);
            self.kinds.len() as u32 - 1
        })
    }

    /// Draws which traces stay.
    pub(crate) fn draw(self) -> Draw {
        let mut strata: BTreeMap<Stratum, Vec<TraceId>> = BTreeMap::new();
        for (id, number) in self.traces {
            let stratum = self.kinds[number as usize];
            strata.entry(stratum).or_default().push(id);
        }
        let mut weights: Vec<(TraceId, f64)> = self.gone.iter().map(|id| (*id, 0.0)).collect();
        // From operations to services to all.
        for _ in 0..2 {
            let mut wider: BTreeMap<Stratum, Vec<TraceId>> = BTreeMap::new();
            for (stratum, mut ids) in strata {
                let is_small = (ids.len() as f64) * stratum.share() < 1.0;
                let into = stratum.wider().filter(|_| is_small).unwrap_or(stratum);
                wider.entry(into).or_default().append(&mut ids);
            }
            strata = wider;
        }
        for (stratum, ids) in strata {
            draw_from(ids, stratum.share(), &mut weights);
        }
        weights.sort_unstable_by_key(|(id, _)| *id);
        Draw(weights)
    }
}

/// Draws the share of `ids` that stays, at least one.
fn draw_from(mut ids: Vec<TraceId>, share: f64, weights: &mut Vec<(TraceId, f64)>) {
    let size = ids.len() as f64;
    let stay = ((size * share).round() as usize).clamp(1, ids.len());
    ids.sort_by_cached_key(|id| (xxh3_64_with_seed(&id.0, DRAW_SEED), *id));
    let factor = size / stay as f64;
    let drawn = ids.into_iter().enumerate();
    weights.extend(drawn.map(|(place, id)| (id, if place < stay { factor } else { 0.0 })));
}

/// What was drawn: by id, the factor of the weights of each trace that was in question, 0 for one that goes.
#[derive(Debug, Default)]
pub(crate) struct Draw(Vec<(TraceId, f64)>);

impl Draw {
    /// How many traces go.
    pub(crate) fn gone_count(&self) -> u64 {
        let gone = self.0.iter().filter(|(_, factor)| *factor == 0.0);
        gone.count() as u64
    }

    /// Whether the trace `id` goes.
    pub(crate) fn goes(&self, id: TraceId) -> bool {
        self.factor(id) == Some(0.0)
    }

    fn factor(&self, id: TraceId) -> Option<f64> {
        let place = self.0.binary_search_by_key(&id, |(id, _)| *id);
        place.ok().map(|place| self.0[place].1)
    }
}

impl FlushPolicy for Draw {
    fn decide(&self, trace: &TraceFacts<'_>) -> Option<Weighing> {
        match self.factor(trace.trace_id) {
            None => Some(Weighing::UNCHANGED),
            Some(0.0) => None,
            Some(factor) => Some(Weighing::times(factor)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::attributes::AttributeValue;
    use crate::sampling::SpanSet;
    use crate::testing::{TestSpan, batch};

    fn half() -> Threshold {
        Threshold::new(1 << 55)
    }

    /// A trace of one span: its service and operation, the weight that it has, and what it is to be kept with.
    #[derive(Debug, Clone)]
    struct Case {
        service: u8,
        operation: u8,
        /// Below 1 / 4 for what half of it was kept before.
        weight: f64,
        share: f64,
    }

    fn id(seed: u64, number: usize) -> TraceId {
        let high = xxh3_64_with_seed(&number.to_be_bytes(), seed);
        TraceId((u128::from(high) << 64 | number as u128 | 1 << 63).to_be_bytes())
    }

    /// By id, the weight that stays of each case; 0 of what goes.
    fn run(cases: &[Case], seed: u64, pinned: &[usize]) -> Vec<f64> {
        let span = |(number, case): (usize, &Case)| {
            let mut span = TestSpan {
                trace_id: id(seed, number).0,
                span_id: [1; 8],
                name: format!("operation {}", case.operation),
                weight: case.weight,
                ..TestSpan::default()
            };
            let service = AttributeValue::String(format!("service {}", case.service));
            span.group.resource = vec![("service.name".to_owned(), service)];
            span
        };
        let spans: Vec<TestSpan> = cases.iter().enumerate().map(span).collect();
        let batches = [Arc::new(batch(&spans, 1))];
        let set = SpanSet::of(&batches);
        let traces: Vec<TraceView<'_>> = set.traces().collect();
        let number = |id: TraceId| (u128::from_be_bytes(id.0) as u64 & !(1 << 63)) as usize;
        let share = |trace: &TraceView<'_>| cases[number(trace.trace_id())].share;
        let threshold = |trace| Threshold::from_probability(share(trace)).unwrap();
        let thresholds: Vec<Threshold> = traces.iter().map(threshold).collect();
        let mut strata = Strata::default();
        // In pieces, as a segment is read.
        for (traces, thresholds) in traces.chunks(7).zip(thresholds.chunks(7)) {
            strata.take(traces, thresholds, |id| pinned.contains(&number(id)));
        }
        let drawn = strata.draw();
        let weight = |number: usize| match drawn.factor(id(seed, number)) {
            None => cases[number].weight,
            Some(factor) => cases[number].weight * factor,
        };
        (0..cases.len()).map(weight).collect()
    }

    fn alike(count: usize, service: u8, operation: u8, share: f64) -> Vec<Case> {
        let case = Case {
            service,
            operation,
            weight: 1.0,
            share,
        };
        vec![case; count]
    }

    fn stay(weights: &[f64]) -> usize {
        weights.iter().filter(|weight| **weight > 0.0).count()
    }

    #[test]
    fn a_stratum_keeps_its_share_and_its_count_exactly() {
        let weights = run(&alike(47, 1, 1, 0.1), 3, &[]);
        assert_eq!(stay(&weights), 5);
        assert!((weights.iter().sum::<f64>() - 47.0).abs() < 1e-9);
        let [all, none] = [1.0, 0.0].map(|share| run(&alike(5, 1, 1, share), 3, &[]));
        assert_eq!((stay(&all), stay(&none)), (5, 0));
        assert!(
            all.iter()
                .all(|weight| weight.to_bits() == 1.0_f64.to_bits())
        );
    }

    #[test]
    fn what_was_kept_with_less_before_stays_as_it_is() {
        let mut cases = alike(40, 1, 1, 0.25);
        cases[..20].iter_mut().for_each(|case| case.weight = 4.0);
        cases[20..30].iter_mut().for_each(|case| case.weight = 2.0);
        let weights = run(&cases, 3, &[]);
        assert!(
            weights[..20]
                .iter()
                .all(|weight| weight.to_bits() == 4.0_f64.to_bits())
        );
        // Half of the half was kept before, so half of what is left goes.
        assert_eq!(stay(&weights[20..30]), 5);
        assert!((weights[20..30].iter().sum::<f64>() - 20.0).abs() < 1e-9);
        // 10 / 4 is rounded.
        assert_eq!(stay(&weights[30..]), 3);
        assert!((weights[30..].iter().sum::<f64>() - 10.0).abs() < 1e-9);
    }

    #[test]
    fn small_strata_are_put_together_and_pinned_traces_stay() {
        // Forty operations of one service, three traces of each; one trace of each of thirty services.
        let mut cases: Vec<Case> = (0..40).flat_map(|n| alike(3, 1, n, 0.1)).collect();
        cases.extend((2..32).flat_map(|service| alike(1, service, 0, 0.1)));
        let weights = run(&cases, 9, &[]);
        assert_eq!((stay(&weights[..120]), stay(&weights[120..])), (12, 3));
        assert!((weights.iter().sum::<f64>() - 150.0).abs() < 1e-9);
        let weights = run(&alike(20, 1, 1, 0.1), 9, &[3, 4]);
        assert_eq!(
            (weights[3].to_bits(), weights[4].to_bits()),
            (1.0_f64.to_bits(), 1.0_f64.to_bits())
        );
        assert_eq!(stay(&weights), 2 + 2);
        assert!((weights.iter().sum::<f64>() - 20.0).abs() < 1e-9);
        assert_eq!(stay(&run(&alike(1, 1, 1, 0.001), 9, &[])), 1, "never none");
    }

    fn case() -> impl Strategy<Value = Case> {
        let weights = prop_oneof![Just(1.0), Just(1.0), Just(2.0), Just(3.0)];
        let shares = prop_oneof![Just(0.1), Just(0.5), Just(1.0)];
        (0..3_u8, 0..4_u8, weights, shares).prop_map(|(service, operation, weight, share)| Case {
            service,
            operation,
            weight,
            share,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Of anything that a trace has, here a number, the weighted sum is right on average, within six standard errors.
        #[test]
        fn weighted_sums_are_right_on_average(
            cases in prop::collection::vec((case(), 0..100_u32), 1..60),
            seed in any::<u64>(),
        ) {
            const DRAWS: u64 = 400;
            let (cases, values): (Vec<Case>, Vec<u32>) = cases.into_iter().unzip();
            let truth: f64 = cases.iter().zip(&values).map(|(case, value)| case.weight * f64::from(*value)).sum();
            let count: f64 = cases.iter().map(|case| case.weight).sum();
            let mut sums = Vec::new();
            for draw in 0..DRAWS {
                let weights = run(&cases, seed.wrapping_add(draw), &[]);
                let of_draw: f64 = weights.iter().zip(&values).map(|(weight, value)| weight * f64::from(*value)).sum();
                sums.push(of_draw);
                // All traces of a stratum have one weight here, so that counts are exact whatever is drawn.
                let of_draw: f64 = weights.iter().sum();
                prop_assert!((of_draw - count).abs() < 1e-6 * count, "{} {}", of_draw, count);
            }
            let mean = sums.iter().sum::<f64>() / DRAWS as f64;
            let variance = sums.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>() / (DRAWS - 1) as f64;
            let standard_error = (variance / DRAWS as f64).sqrt().max(1e-9 * truth.max(1.0));
            prop_assert!((mean - truth).abs() <= 6.0 * standard_error, "{} {} {}", mean, truth, standard_error);
        }
    }

    #[test]
    fn shares_are_of_what_is_left() {
        let stratum = |applied: Threshold, threshold: Threshold| Stratum {
            applied: applied.rejected(),
            rejected: threshold.rejected(),
            service: 1,
            operation: 1,
        };
        let quarter = Threshold::from_probability(0.25).unwrap();
        assert!((stratum(half(), quarter).share() - 0.5).abs() < 1e-12);
        assert!((stratum(Threshold::KEEP_ALL, quarter).share() - 0.25).abs() < 1e-12);
        assert!((stratum(quarter, half()).share() - 1.0).abs() < 1e-12);
        let wider = stratum(half(), quarter).wider().unwrap();
        assert_eq!((wider.service, wider.operation), (1, 0));
        let widest = wider.wider().unwrap();
        assert_eq!(
            (widest.service, widest.operation, widest.wider()),
            (0, 0, None)
        );
    }
}
