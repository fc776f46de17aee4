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

#[test]
fn random_bits_at_the_threshold_are_kept_and_below_it_dropped() {
    let half = Threshold(HALF);
    assert_eq!(half.weigh(id(HALF), ""), 2.0);
    assert_eq!(half.weigh(id(HALF - 1), ""), 0.0);
    assert_eq!(
        Threshold(RANDOM_VALUES).weigh(id(RANDOM_VALUES - 1), ""),
        0.0
    );
    assert_eq!(Threshold::KEEP_ALL.weigh(id(0), ""), 1.0);
}

#[test]
fn an_explicit_random_value_overrides_the_id() {
    let half = Threshold(HALF);
    assert_eq!(half.weigh(id(0), "ot=rv:80000000000000"), 2.0);
    assert_eq!(half.weigh(id(HALF), "ot=rv:7fffffffffffff"), 0.0);
}

#[test]
fn the_higher_threshold_gives_the_weight() {
    assert_eq!(Threshold::KEEP_ALL.weigh(id(u64::MAX >> 8), "ot=th:c"), 4.0);
    assert_eq!(Threshold(HALF).weigh(id(u64::MAX >> 8), "ot=th:c"), 4.0);
    assert_eq!(Threshold(HALF).weigh(id(u64::MAX >> 8), "ot=th:4"), 2.0);
}

#[test]
fn what_a_sender_kept_against_its_own_threshold_is_kept() {
    assert_eq!(Threshold::KEEP_ALL.weigh(id(0), "ot=th:c"), 4.0);
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
