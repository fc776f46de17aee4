use clew_storage::sampling::threshold::RANDOM_VALUES;

use super::*;
use crate::limits::HEAD_SERVICES_MAX;

fn sampler(rules: &[&str]) -> Sampler {
    let rules: Vec<_> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    Sampler::new(&rules).unwrap()
}

fn id(low: u64) -> TraceId {
    TraceId((u128::MAX << 56 | u128::from(low)).to_be_bytes())
}

const HALF: u64 = 1 << 55;

const SECOND: u64 = 1_000_000_000;

#[test]
fn the_first_matching_rule_decides() {
    let sampler = sampler(&["shop-?=0.5", "shop*=0", "*z=1"]);
    let threshold = |service| sampler.of_service(service).threshold("any", 0);
    assert_eq!(threshold("shop-a"), Threshold::new(HALF));
    assert_eq!(threshold("shop-ab"), Threshold::KEEP_NONE);
    assert_eq!(threshold("other"), Threshold::KEEP_ALL);
}

#[test]
fn a_rule_may_ask_for_the_operation_too() {
    let sampler = sampler(&["shop|GET /health*=0", "*|GET *=0.5", "shop=0.25"]);
    let threshold = |service, name| sampler.of_service(service).threshold(name, 0);
    assert_eq!(threshold("shop", "GET /healthz"), Threshold::KEEP_NONE);
    assert_eq!(threshold("shop", "GET /cart"), Threshold::new(HALF));
    assert_eq!(
        threshold("shop", "POST /cart"),
        Threshold::new(HALF / 2 * 3)
    );
    assert_eq!(threshold("till", "POST /cart"), Threshold::KEEP_ALL);
    assert_eq!(threshold("till", "GET /health"), Threshold::new(HALF));
}

#[test]
fn a_rate_is_the_share_of_what_came_in_the_second_before() {
    let sampler = sampler(&["*=10/s"]);
    let shop = sampler.of_service("shop");
    let share = |now: u64| shop.threshold("any", now).probability();
    // In the first second the share falls as spans come.
    let shares: Vec<f64> = (0..100).map(|_| share(SECOND)).collect();
    assert!(
        shares[..10]
            .iter()
            .all(|share| share.to_bits() == 1_f64.to_bits())
    );
    assert!((shares[99] - 0.1).abs() < 1e-9);
    // A hundred came, so one of ten is kept of the next hundred.
    let kept: f64 = (0..100).map(|_| share(2 * SECOND)).sum();
    assert!((kept - 10.0).abs() < 1e-9, "{kept}");
    // After a quiet second all are kept again, and every service has a rate of its own.
    assert!((share(4 * SECOND) - 1.0).abs() < 1e-9);
    let other = sampler.of_service("till").threshold("any", 2 * SECOND);
    assert_eq!(other, Threshold::KEEP_ALL);
}

#[test]
fn weights_of_a_rate_add_up_to_what_came() {
    let sampler = sampler(&["*=20/s"]);
    let mut random = 1_u64;
    let (mut estimate, mut variance) = (0.0, 0.0);
    let came = 60 * 200;
    for number in 0..came {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let low = (random >> 8) & (RANDOM_VALUES - 1);
        let now = SECOND + number * SECOND / 200;
        let threshold = sampler.of_service("shop").threshold("any", now);
        let weight = weigh(threshold, id(low), "");
        estimate += weight;
        variance += weight * (weight - 1.0).max(0.0);
    }
    let error = (estimate - came as f64).abs();
    assert!(error < 6.0 * variance.sqrt(), "{estimate} {variance}");
}

#[test]
fn one_service_more_than_the_bound_shares_a_rate() {
    let sampler = sampler(&["*=1/s"]);
    let first = |service: String| sampler.of_service(&service).threshold("any", SECOND);
    for number in 0..HEAD_SERVICES_MAX {
        assert_eq!(first(format!("s{number}")), Threshold::KEEP_ALL);
    }
    assert_eq!(
        first("x".to_owned()),
        Threshold::KEEP_ALL,
        "the first that shares"
    );
    assert_eq!(first("y".to_owned()), Threshold::new(HALF), "the second");
    assert_eq!(
        first("s0".to_owned()),
        Threshold::new(HALF),
        "its own second span"
    );
}

#[test]
fn rules_are_read_as_they_are_written() {
    for text in ["shop=0.1", "*=0", "a b|GET /x=1=0.5", "shop|*=12.5/s"] {
        let rule: SamplingRule = text.parse().unwrap();
        assert_eq!(rule.to_string(), text);
    }
    for (text, says) in [
        ("shop", "is not a rule"),
        ("=0.1", "is not a rule"),
        ("|x=0.1", "is not a rule"),
        ("shop=1.1", "is not a probability"),
        ("shop=often", "is not a probability"),
        ("shop=0/s", "is not a rate"),
        ("shop=-1/s", "is not a rate"),
        ("shop=inf/s", "is not a rate"),
    ] {
        let error = text.parse::<SamplingRule>().unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
}

fn check(threshold: u64, low: u64, trace_state: &str, expected: f64) {
    let weight = weigh(Threshold::new(threshold), id(low), trace_state);
    assert_eq!(
        weight.to_bits(),
        expected.to_bits(),
        "{threshold:x} {low:x} {trace_state}: {weight}"
    );
}

#[test]
fn random_bits_at_the_threshold_are_kept_and_below_it_dropped() {
    check(HALF, HALF, "", 2.0);
    check(HALF, HALF - 1, "", 0.0);
    check(RANDOM_VALUES, RANDOM_VALUES - 1, "", 0.0);
    check(0, 0, "", 1.0);
}

#[test]
fn an_explicit_random_value_overrides_the_id() {
    check(HALF, 0, "ot=rv:80000000000000", 2.0);
    check(HALF, HALF, "ot=rv:7fffffffffffff", 0.0);
}

#[test]
fn the_higher_threshold_gives_the_weight() {
    let all_ones = RANDOM_VALUES - 1;
    check(0, all_ones, "ot=th:c", 4.0);
    check(HALF, all_ones, "ot=th:c", 4.0);
    check(HALF, all_ones, "ot=th:4", 2.0);
    check(0, all_ones, "ot=th:0", 1.0);
}

#[test]
fn what_a_sender_kept_against_its_own_threshold_is_kept() {
    check(0, 0, "ot=th:c", 4.0);
}

#[test]
fn shares_and_rates_that_are_none_are_refused() {
    let shares = [-0.1, 1.1, f64::NAN, f64::INFINITY].map(Keep::Share);
    let rates = [0.0, -1.0, f64::NAN, f64::INFINITY].map(Keep::SpansPerSecond);
    for keep in shares.into_iter().chain(rates) {
        let rule = SamplingRule {
            service: "a".into(),
            operation: None,
            keep,
        };
        let error = Sampler::new(&[rule]).unwrap_err().to_string();
        assert!(error.starts_with("sampling rule 1 (`a="), "{error}");
    }
}

/// Weights estimate the number of all spans without bias: over evenly spread random bits they add up to it.
#[test]
fn weights_add_up_to_the_number_of_spans() {
    const SPANS: u64 = 10_000;
    for probability in [1.0, 0.5, 0.1, 0.001] {
        let threshold = Threshold::from_probability(probability).unwrap();
        let spread = (0..SPANS).map(|n| id((2 * n + 1) * (RANDOM_VALUES / SPANS / 2)));
        let sum: f64 = spread.map(|id| weigh(threshold, id, "")).sum();
        let error = (sum / SPANS as f64 - 1.0).abs();
        assert!(error < 0.01, "{probability}: {sum}");
    }
}
