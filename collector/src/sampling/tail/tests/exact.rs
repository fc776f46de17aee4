//! The weights are exact, for random traffic and random policy sets.
//!
//! Two proofs. One by invariance: a kept trace would have the same threshold with any random bits that it keeps, and would be dropped with
//! any other, everything else being equal. So its probability is what the threshold says. One by counting: over many draws of
//! the random bits the mean of the weighted counts is the true count, within six standard errors, which follow from the weights.

use std::fmt::Write;

use clew_storage::sampling::threshold::RANDOM_VALUES;
use proptest::prelude::*;

use super::super::Outcome;
use super::traffic::{Span, Trace, batch};
use super::{decide, policies};

/// A condition, or a share.
fn plain() -> impl Strategy<Value = String> {
    prop_oneof![
        (1..100_u32).prop_map(|percent| format!(
            "type: probabilistic, probabilistic: {{ sampling_percentage: {percent} }}"
        )),
        (1..60_u32).prop_map(|ms| format!("type: latency, latency: {{ threshold_ms: {ms} }}")),
        Just("type: status_code, status_code: { status_codes: [ERROR] }".to_owned()),
        (1..4_u32).prop_map(|n| format!("type: span_count, span_count: {{ min_spans: {n} }}")),
        Just("type: rare, rare: { traces: 2 }".to_owned()),
        Just(
            "type: relative_latency, relative_latency: { quantile: 0.5, min_traces: 3 }".to_owned()
        ),
    ]
}

fn budget() -> impl Strategy<Value = String> {
    prop_oneof![
        (1..40_u32).prop_map(|rate| format!(
            "type: rate_limiting, rate_limiting: {{ spans_per_second: {rate}e-1, burst_capacity: 4 }}"
        )),
        (1..40_u32).prop_map(|rate| format!(
            "type: bytes_limiting, bytes_limiting: {{ bytes_per_second: {rate}0 }}"
        )),
        (1..5_u32).prop_map(|n| format!("type: keep_n_per, keep_n_per: {{ traces: {n}, period_seconds: 20 }}")),
        (1..20_u32).prop_map(|rate| format!(
            "type: dynamic, dynamic: {{ traces_per_second: {rate}e-1, key: [operation] }}"
        )),
        (plain(), 1..30_u32).prop_map(|(first, rate)| format!(
            "type: composite, composite: {{ max_total_spans_per_second: {rate}e-1, composite_sub_policy: [{{ name: a, {first} }}, {{ name: b, type: always_sample }}] }}"
        )),
    ]
}

fn policy() -> impl Strategy<Value = String> {
    prop_oneof![
        plain(),
        plain().prop_map(|inner| format!("type: not, not: {{ not_sub_policy: {{ {inner} }} }}")),
        (plain(), plain()).prop_map(|(first, second)| format!(
            "type: not, not: {{ not_sub_policy: {{ type: and, and: {{ and_sub_policy: [{{ name: a, {first} }}, {{ name: b, {second} }}] }} }} }}"
        )),
        budget(),
        (plain(), budget()).prop_map(|(condition, budget)| format!(
            "type: and, and: {{ and_sub_policy: [{{ name: a, {condition} }}, {{ name: b, {budget} }}] }}"
        )),
        (budget(), plain()).prop_map(|(budget, condition)| format!(
            "type: and, and: {{ and_sub_policy: [{{ name: a, {budget} }}, {{ name: b, {condition} }}] }}"
        )),
    ]
}

fn policy_set() -> impl Strategy<Value = String> {
    let drop = prop::option::of((plain(), plain()));
    (prop::collection::vec(policy(), 1..4), drop).prop_map(|(policies, drop)| {
        let mut yaml = "policies:\n".to_owned();
        for (number, policy) in policies.iter().enumerate() {
            writeln!(yaml, "  - {{ name: p{number}, {policy} }}").unwrap();
        }
        if let Some((first, second)) = drop {
            writeln!(
                yaml,
                "  - {{ type: drop, drop: {{ drop_sub_policy: [{{ name: a, {first} }}, {{ name: b, {second} }}] }} }}"
            )
            .unwrap();
        }
        yaml
    })
}

fn trace() -> impl Strategy<Value = Trace> {
    let spans = (1..5_usize, 0..3_u8, 1..80_i64, prop::bool::weighted(0.2));
    spans.prop_map(|(count, operation, duration_ms, is_error)| {
        let span = Span {
            service: "shop".to_owned(),
            name: format!("operation {operation}"),
            duration_ms: Some(duration_ms),
            status: i32::from(is_error) * 2,
            ..Span::default()
        };
        Trace::of(0, vec![span; count])
    })
}

/// Traces of two batches, ten seconds apart.
fn traffic() -> impl Strategy<Value = [Vec<Trace>; 2]> {
    let batch = || prop::collection::vec(trace(), 1..12);
    [batch(), batch()].prop_map(|mut batches| {
        for (number, trace) in batches.iter_mut().flatten().enumerate() {
            trace.number = number as u64;
        }
        batches
    })
}

/// The outcomes of all traces, decided batch by batch by a set that knows nothing.
fn run(yaml: &str, batches: &[Vec<Trace>; 2]) -> Vec<Outcome> {
    let policies = policies(yaml);
    let mut outcomes = decide(&policies, &batch(&batches[0], 0));
    outcomes.extend(decide(&policies, &batch(&batches[1], 10)));
    outcomes
}

fn draw(batches: &mut [Vec<Trace>; 2], bits: &mut impl FnMut() -> u64) {
    for trace in batches.iter_mut().flatten() {
        trace.random_bits = bits() & (RANDOM_VALUES - 1);
    }
}

fn splitmix(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_kept_trace_has_the_probability_that_its_threshold_says(
        yaml in policy_set(),
        batches in traffic(),
        seed in any::<u64>(),
        raise in 0.0..1.0_f64,
    ) {
        let mut batches = batches;
        draw(&mut batches, &mut splitmix(seed));
        let before = run(&yaml, &batches);
        for (place, outcome) in before.iter().enumerate() {
            if !outcome.is_kept {
                continue;
            }
            let threshold = outcome.threshold.rejected();
            let with = |random_bits: u64| {
                let mut other = batches.clone();
                other.iter_mut().flatten().nth(place).unwrap().random_bits = random_bits;
                run(&yaml, &other)[place]
            };
            let above = with(threshold + ((RANDOM_VALUES - 1 - threshold) as f64 * raise) as u64);
            prop_assert!(above.is_kept, "{yaml}");
            prop_assert_eq!(above.threshold.rejected(), threshold, "{}", yaml);
            if threshold > 0 {
                let below = with(((threshold - 1) as f64 * raise) as u64);
                prop_assert!(!below.is_kept, "{yaml}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn weighted_counts_are_the_true_counts_on_average(
        yaml in policy_set(),
        batches in traffic(),
        seed in any::<u64>(),
    ) {
        const DRAWS: u32 = 400;
        let yaml = format!("{yaml}  - {{ name: floor, type: probabilistic, probabilistic: {{ sampling_percentage: 10 }} }}\n");
        // What a drop policy can drop whole has no weight to stand for it.
        prop_assume!(!yaml.contains("drop_sub_policy"));
        let mut batches = batches;
        let mut bits = splitmix(seed);
        let spans: Vec<f64> = batches.iter().flatten().map(|trace| trace.spans.len() as f64).collect();
        let (mut estimates, mut variance) = (0.0, 0.0);
        for _ in 0..DRAWS {
            draw(&mut batches, &mut bits);
            for (outcome, spans) in run(&yaml, &batches).iter().zip(&spans) {
                if outcome.is_kept {
                    let weight = outcome.threshold.weight();
                    estimates += spans * weight;
                    variance += spans * spans * weight * (weight - 1.0);
                }
            }
        }
        let truth: f64 = spans.iter().sum();
        let mean = estimates / f64::from(DRAWS);
        let standard_error = (variance.sqrt() / f64::from(DRAWS)).max(1e-9);
        prop_assert!((mean - truth).abs() <= 6.0 * standard_error, "{} {} {}\n{}", mean, truth, standard_error, yaml);
    }
}

#[test]
fn errors_are_kept_whole_whatever_else_there_is() {
    let yaml = "policies:\n  - { type: status_code, status_code: { status_codes: [ERROR] } }\n  \
                - { type: rate_limiting, rate_limiting: { spans_per_second: 1 } }\n";
    let mut bits = splitmix(7);
    let mut batches = [Vec::new(), Vec::new()];
    for number in 0..400 {
        let span = Span {
            status: i32::from(number % 7 == 0) * 2,
            ..Span::default()
        };
        batches[number as usize % 2].push(Trace::of(number, vec![span]));
    }
    batches[1]
        .iter_mut()
        .for_each(|trace| trace.number += 1_000);
    draw(&mut batches, &mut bits);
    let outcomes = run(yaml, &batches);
    let traces: Vec<_> = batches.iter().flatten().collect();
    let errors = outcomes
        .iter()
        .zip(&traces)
        .filter(|(_, trace)| trace.spans[0].status == 2);
    let mut count = 0;
    for (outcome, _) in errors {
        assert!(outcome.is_kept && outcome.threshold.weight() <= 1.0);
        assert_eq!(outcome.policy, Some(0));
        count += 1;
    }
    assert_eq!(count, 58);
    assert!(outcomes.iter().filter(|outcome| outcome.is_kept).count() < 100);
}

#[test]
fn what_head_sampling_did_is_counted_in() {
    let yaml = "policies:\n  - { type: dynamic, dynamic: { traces_per_second: 0.1 } }\n";
    let mut batches = [Vec::new(), Vec::new()];
    let mut bits = splitmix(3);
    while batches[0].len() < 200 {
        // Half of the traces came through.
        let random_bits = bits() & (RANDOM_VALUES - 1);
        if random_bits >= RANDOM_VALUES / 2 {
            let mut trace = Trace::of(batches[0].len() as u64, vec![Span::default()]);
            (trace.random_bits, trace.weight) = (random_bits, 2.0);
            batches[0].push(trace);
        }
    }
    let policies = policies(yaml);
    let outcomes = decide(&policies, &batch(&batches[0], 0));
    // The bucket holds six traces, so the share is 6 of 200 of what is here, and half of that of all there was.
    let probability = outcomes[0].threshold.probability();
    assert!((probability - 0.015).abs() < 1e-9, "{probability}");
}
