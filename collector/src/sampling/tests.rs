use super::*;

fn sampler(rules: &[(&str, f64)]) -> Sampler {
    let rules: Vec<_> = rules
        .iter()
        .map(|&(service, probability)| SamplingRule {
            service: service.into(),
            probability,
        })
        .collect();
    Sampler::new(&rules).unwrap()
}

fn id(low: u64) -> TraceId {
    TraceId((u128::MAX << 56 | u128::from(low)).to_be_bytes())
}

const HALF: u64 = 1 << 55;

#[test]
fn the_first_matching_rule_decides() {
    let sampler = sampler(&[("shop-?", 0.5), ("shop*", 0.0), ("*z", 1.0)]);
    assert_eq!(sampler.threshold("shop-a"), Threshold(HALF));
    assert_eq!(sampler.threshold("shop-ab"), Threshold(RANDOM_VALUES));
    assert_eq!(sampler.threshold("other"), Threshold::KEEP_ALL);
}

fn check(threshold: u64, low: u64, trace_state: &str, expected: f64) {
    let weight = Threshold(threshold).weigh(id(low), trace_state);
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
fn probabilities_outside_0_to_1_are_refused() {
    for probability in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let rule = SamplingRule {
            service: "a".into(),
            probability,
        };
        let error = Sampler::new(&[rule]).unwrap_err().to_string();
        assert!(
            error.starts_with("sampling rule 1 (service `a`)"),
            "{error}"
        );
    }
}

/// Weights estimate the number of all spans without bias: over evenly spread random bits they add up to it.
#[test]
fn weights_add_up_to_the_number_of_spans() {
    const SPANS: u64 = 10_000;
    for probability in [1.0, 0.5, 0.1, 0.001] {
        let threshold = Threshold::from_probability(probability).unwrap();
        let spread = (0..SPANS).map(|n| id((2 * n + 1) * (RANDOM_VALUES / SPANS / 2)));
        let sum: f64 = spread.map(|id| threshold.weigh(id, "")).sum();
        let error = (sum / SPANS as f64 - 1.0).abs();
        assert!(error < 0.01, "{probability}: {sum}");
    }
}
