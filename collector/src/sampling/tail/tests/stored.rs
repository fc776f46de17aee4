//! Policies for stored traces: what they say hangs on the trace alone.

use clew_storage::sampling::{SpanSet, StoredSampler, Threshold, TraceView};

use super::TailPolicies;
use super::traffic::{Span, Trace, batch};

const POLICIES: &str = "
policies:
  - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
  - { name: rest, type: probabilistic, probabilistic: { sampling_percentage: 25 } }
  - { type: drop, drop: { drop_sub_policy: [{ name: a, type: latency, latency: { threshold_ms: 50 } }, { name: b, type: probabilistic, probabilistic: { sampling_percentage: 50 } }] } }
";

#[test]
fn a_kind_has_one_threshold_whatever_its_random_bits() {
    let span = |duration_ms: i64, status: i32| Span {
        duration_ms: Some(duration_ms),
        status,
        ..Span::default()
    };
    let mut traces = Vec::new();
    for (kind, of_kind) in [span(1, 0), span(1, 2), span(60, 2), span(60, 0)]
        .iter()
        .enumerate()
    {
        for (number, random_bits) in [0, 1 << 54, 3 << 54, (1 << 56) - 1].into_iter().enumerate() {
            let mut trace = Trace::of((4 * kind + number) as u64, vec![of_kind.clone()]);
            trace.random_bits = random_bits;
            traces.push(trace);
        }
    }
    let batches = [batch(&traces, 0)];
    let set = SpanSet::of(&batches);
    let traces: Vec<TraceView<'_>> = set.traces().collect();
    let policies = serde_saphyr::from_str(POLICIES).unwrap();
    let thresholds = TailPolicies::for_stored(&policies)
        .unwrap()
        .thresholds(&traces);
    // Long ones lose a half, errors or not.
    let expected = [0.25, 1.0, 0.5, 0.25].map(|share| Threshold::from_probability(share).unwrap());
    for (found, expected) in thresholds.chunks(4).zip(expected) {
        assert_eq!(found, [expected; 4]);
    }
}

#[test]
fn what_counts_or_learns_from_other_traces_is_refused() {
    for (policy, place) in [
        (
            "{ type: rate_limiting, rate_limiting: { spans_per_second: 5 } }",
            0,
        ),
        (
            "{ type: bytes_limiting, bytes_limiting: { bytes_per_second: 5 } }",
            0,
        ),
        ("{ type: keep_n_per, keep_n_per: { traces: 5 } }", 0),
        ("{ type: dynamic, dynamic: { traces_per_second: 5 } }", 0),
        ("{ type: relative_latency, relative_latency: {} }", 0),
        ("{ type: rare, rare: {} }", 0),
        (
            "{ type: always_sample }, { type: and, and: { and_sub_policy: [{ name: a, type: rare, rare: {} }] } }",
            1,
        ),
        (
            "{ type: always_sample }, { type: drop, drop: { drop_sub_policy: [{ name: a, type: rare, rare: {} }] } }",
            1,
        ),
        (
            "{ type: not, not: { not_sub_policy: { type: rare, rare: {} } } }",
            0,
        ),
        (
            "{ type: composite, composite: { max_total_spans_per_second: 5, composite_sub_policy: [{ name: a, type: always_sample }] } }",
            0,
        ),
    ] {
        let policies = serde_saphyr::from_str(&format!("policies: [{policy}]")).unwrap();
        assert!(TailPolicies::new(&policies).is_ok(), "{policy}");
        let error = TailPolicies::for_stored(&policies).unwrap_err();
        assert_eq!(error.policy(), Some(place), "{policy}");
        assert!(error.to_string().contains("for stored traces"), "{error}");
    }
}
