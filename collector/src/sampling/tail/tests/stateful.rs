//! Policies that remember: budgets over time, rare kinds, slow operations.

use super::traffic::{Span, Trace, batch};
use super::{decide, policies};
use crate::limits::{TAIL_KEYS_MAX, TAIL_OPERATIONS_MAX};

/// Traces of one span, alike but for their random bits, which are spread evenly.
fn traces(count: u64, span: &Span) -> Vec<Trace> {
    let trace = |number: u64| {
        let mut trace = Trace::of(number, vec![span.clone()]);
        trace.random_bits = (number * 7_919 % count) * ((1 << 56) / count);
        trace
    };
    (0..count).map(trace).collect()
}

fn kept(yaml: &super::TailPolicies, traces: &[Trace], arrived_s: u64) -> usize {
    let outcomes = decide(yaml, &batch(traces, arrived_s));
    outcomes.iter().filter(|outcome| outcome.is_kept).count()
}

fn named(name: &str) -> Span {
    Span {
        service: "shop".to_owned(),
        name: name.to_owned(),
        ..Span::default()
    }
}

#[test]
fn a_rate_is_kept_over_batches_and_a_burst_after_a_quiet_time() {
    let policies = policies(
        "policies: [{ type: rate_limiting, rate_limiting: { spans_per_second: 10, burst_capacity: 50 } }]",
    );
    let many = traces(500, &named("a"));
    assert_eq!(kept(&policies, &many, 0), 50);
    // Ten seconds later the bucket is full again, and holds no more than the burst.
    assert_eq!(kept(&policies, &many, 10), 50);
    assert_eq!(kept(&policies, &many, 12), 20);
    assert_eq!(kept(&policies, &many, 1_000), 50);
}

#[test]
fn n_of_each_kind_are_kept_and_rare_kinds_whole() {
    let policies =
        policies("policies: [{ type: keep_n_per, keep_n_per: { traces: 5, period_seconds: 60 } }]");
    let mut all = traces(100, &named("frequent"));
    for number in 0..3 {
        all.push(Trace::of(1_000 + number, vec![named("rare")]));
    }
    let outcomes = decide(&policies, &batch(&all, 0));
    let kept: Vec<_> = outcomes.iter().map(|outcome| outcome.is_kept).collect();
    assert_eq!(kept[..100].iter().filter(|kept| **kept).count(), 5);
    assert_eq!(kept[100..], [true; 3]);
    // The five that are kept stand for all hundred, by their threshold.
    let weight = outcomes
        .iter()
        .zip(&kept)
        .find(|(_, kept)| **kept)
        .unwrap()
        .0
        .threshold
        .weight();
    // The sixth highest of evenly spread bits is at 94 %.
    assert!((weight - 100.0 / 6.0).abs() < 0.01, "{weight}");
}

#[test]
fn one_kind_more_than_the_bound_shares_a_budget() {
    let policies = policies(
        "policies: [{ type: keep_n_per, keep_n_per: { traces: 1, period_seconds: 3600 } }]",
    );
    let all: Vec<_> = (0..TAIL_KEYS_MAX as u64 + 2)
        .map(|number| {
            let mut trace = Trace::of(number, vec![named(&format!("operation {number}"))]);
            trace.random_bits = number;
            trace
        })
        .collect();
    // As many as there is room for, and one of the two that share a place.
    assert_eq!(kept(&policies, &all, 0), TAIL_KEYS_MAX + 1);
    assert_eq!(
        kept(
            &super::policies("policies: [{ type: rare, rare: {} }]"),
            &all,
            0
        ),
        TAIL_KEYS_MAX
    );
}

#[test]
fn a_target_rate_is_met_over_kinds() {
    let policies = policies(
        "policies: [{ type: dynamic, dynamic: { traces_per_second: 1, key: [service, operation] } }]",
    );
    let mut all = traces(2_000, &named("frequent"));
    for mut trace in traces(100, &named("less")) {
        trace.number += 5_000;
        all.push(trace);
    }
    all.push(Trace::of(9_000, vec![named("once")]));
    // The bucket holds a minute's worth.
    let outcomes = decide(&policies, &batch(&all, 0));
    let kept = outcomes.iter().filter(|outcome| outcome.is_kept).count();
    assert!((50..70).contains(&kept), "{kept}");
    assert!(outcomes[2_100].is_kept);
    assert!(outcomes[0].threshold > outcomes[2_000].threshold);
}

#[test]
fn a_kind_is_rare_until_it_was_seen_often_enough_in_the_window() {
    let policies = policies(
        "policies: [{ type: rare, rare: { traces: 3, window_seconds: 100, key: [http.route] } }]",
    );
    let routed = |route: &str| {
        let mut span = named("request");
        span.attributes
            .insert("http.route".to_owned(), route.into());
        span
    };
    assert_eq!(kept(&policies, &traces(2, &routed("/a")), 0), 2);
    assert_eq!(kept(&policies, &traces(5, &routed("/a")), 1), 1);
    assert_eq!(kept(&policies, &traces(5, &routed("/b")), 2), 3);
    // In the next window what was seen in the one before counts still, and is forgotten after it.
    assert_eq!(kept(&policies, &traces(1, &routed("/a")), 110), 0);
    assert_eq!(kept(&policies, &traces(1, &routed("/a")), 400), 1);
}

#[test]
fn slow_is_what_is_slower_than_the_operation_was_lately() {
    let policies = policies(
        "policies: [{ type: relative_latency, relative_latency: { quantile: 0.9, factor: 2, min_traces: 100, window_seconds: 100 } }]",
    );
    let took = |name: &str, ms: i64| Span {
        duration_ms: Some(ms),
        ..named(name)
    };
    assert_eq!(kept(&policies, &traces(99, &took("fast", 10)), 0), 0);
    assert_eq!(
        kept(&policies, &traces(1, &took("fast", 900)), 1),
        0,
        "too few are known"
    );
    assert_eq!(kept(&policies, &traces(100, &took("slow", 1_000)), 1), 0);
    assert_eq!(kept(&policies, &traces(1, &took("fast", 21)), 2), 1);
    assert_eq!(kept(&policies, &traces(1, &took("fast", 19)), 2), 0);
    assert_eq!(kept(&policies, &traces(1, &took("slow", 1_900)), 2), 0);
    assert_eq!(
        kept(&policies, &traces(1, &took("fast", 21)), 500),
        0,
        "all is forgotten"
    );
}

#[test]
fn operations_beyond_the_bound_are_never_slow() {
    let policies = policies(
        "policies: [{ type: relative_latency, relative_latency: { min_traces: 1, quantile: 1 } }]",
    );
    let all: Vec<_> = (0..=TAIL_OPERATIONS_MAX as u64)
        .map(|number| Trace::of(number, vec![named(&format!("operation {number}"))]))
        .collect();
    assert_eq!(kept(&policies, &all, 0), 0);
    let mut slow = all.clone();
    for trace in &mut slow {
        trace.spans[0].duration_ms = Some(1_000);
    }
    assert_eq!(kept(&policies, &slow, 1), TAIL_OPERATIONS_MAX);
}

#[test]
fn a_drop_wins_and_does_not_use_up_the_budget_of_others() {
    let policies = policies(
        "policies:\n  \
         - { type: drop, drop: { drop_sub_policy: [{ type: string_attribute, string_attribute: { key: url.path, values: [/health] } }, { type: probabilistic, probabilistic: { sampling_percentage: 75 } }] } }\n  \
         - { type: rate_limiting, rate_limiting: { spans_per_second: 5 } }\n",
    );
    let mut health = named("health");
    health
        .attributes
        .insert("url.path".to_owned(), "/health".into());
    let mut all = traces(40, &health);
    for mut trace in traces(5, &named("real")) {
        trace.number += 100;
        all.push(trace);
    }
    let outcomes = decide(&policies, &batch(&all, 0));
    let of_health = outcomes[..40]
        .iter()
        .filter(|outcome| outcome.is_kept)
        .count();
    let of_real = outcomes[40..]
        .iter()
        .filter(|outcome| outcome.is_kept)
        .count();
    // A quarter of the health checks may pass; ten spans are kept of those and the others together.
    assert_eq!(of_health + of_real, 10);
    assert!(
        outcomes[..40]
            .iter()
            .all(|outcome| outcome.threshold.probability() <= 0.25)
    );
}
