//! From policies as written to policies that decide; every fault is told with the names that lead to it.

use clew_storage::sampling::Threshold;
use clew_storage::span::status_text;
use regex::RegexSetBuilder;

use super::config::{
    AndConfig, BooleanAttributeConfig, BytesLimitingConfig, CompositeConfig, DropConfig,
    DynamicConfig, KeepNPerConfig, LatencyConfig, NotConfig, NumericAttributeConfig, PolicyConfig,
    PolicySetConfig, PolicyType, ProbabilisticConfig, RareConfig, RateLimitingConfig,
    RelativeLatencyConfig, SpanCountConfig, StatusCodeConfig, StringAttributeConfig,
    TraceStateConfig,
};
use super::keyed::{Dynamic, KeepNPer, Key};
use super::learned::{Rare, RelativeLatency};
use super::policy::{Limit, Part, Policy, Unit};
use super::predicate::{Predicate, TextValues};
use super::{State, TailPolicies};
use crate::limits::{TAIL_NESTING_MAX, TAIL_POLICIES_MAX, TAIL_REGEX_BYTES_MAX};

/// A policy that cannot be used: which one, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}{message}")]
pub struct InvalidPolicy {
    place: String,
    message: String,
    policy: Option<usize>,
}

impl InvalidPolicy {
    /// Which policy of the file it is, counted from 0; `None` when it is the whole of them.
    #[must_use]
    pub fn policy(&self) -> Option<usize> {
        self.policy
    }
}

/// The settings of the Collector's processor that have no meaning here, and what there is instead.
const FOREIGN: [(&str, &str); 4] = [
    (
        "decision_wait",
        "set `sampling.tail.decision_wait` in clew.yaml",
    ),
    (
        "decision_cache",
        "set `sampling.tail.decisions_max` in clew.yaml",
    ),
    (
        "num_traces",
        "leave it out: what is undecided is bounded by `storage.hot_window_size`, and none of it is forgotten",
    ),
    (
        "expected_new_traces_per_sec",
        "leave it out: nothing is allocated ahead",
    ),
];

type Compiled<T> = Result<T, String>;

pub(super) fn compile(config: &PolicySetConfig) -> Result<TailPolicies, InvalidPolicy> {
    let whole = |message: String| InvalidPolicy {
        place: String::new(),
        message,
        policy: None,
    };
    if let Some(name) = config.other.keys().next() {
        let foreign = FOREIGN.iter().find(|(known, _)| known == name);
        return Err(whole(foreign.map_or_else(
            || {
                format!(
                    "`{name}` is not understood; a policy file has `policies:` and nothing else"
                )
            },
            |(_, advice)| format!("`{name}` is no part of a policy file: {advice}"),
        )));
    }
    if config.policies.is_empty() {
        return Err(whole(
            "there is no policy, so every trace would be dropped; to keep all, write one of type `always_sample`"
                .to_owned(),
        ));
    }
    let written = config.policies.iter().map(count).sum::<usize>();
    if written > TAIL_POLICIES_MAX {
        return Err(whole(format!(
            "there are {written} policies, at most {TAIL_POLICIES_MAX} are allowed"
        )));
    }
    let mut names = Vec::new();
    let mut state = State {
        policies: Vec::new(),
        drops: Vec::new(),
    };
    for (place, policy) in config.policies.iter().enumerate() {
        let name = name_of(policy);
        let fault = |message| InvalidPolicy {
            place: format!("policy {} (`{name}`): ", place + 1),
            message,
            policy: Some(place),
        };
        if names.contains(&name) {
            return Err(fault(
                "another policy has this name; give each its own `name`".to_owned(),
            ));
        }
        if policy.r#type == PolicyType::Drop {
            state.drops.push(drop_policy(policy).map_err(fault)?);
        } else {
            state.policies.push(one(policy, 1).map_err(fault)?);
            names.push(name);
        }
    }
    if state.policies.is_empty() {
        return Err(whole(
            "there are only `drop` policies, so every trace would be dropped; add one of type `always_sample`"
                .to_owned(),
        ));
    }
    Ok(TailPolicies {
        names,
        state: state.into(),
    })
}

/// Refuses policies that count or learn from other traces. `state` is what was made of `config`.
pub(super) fn alone(config: &PolicySetConfig, state: &State) -> Result<(), InvalidPolicy> {
    let mut drops = state.drops.iter();
    let mut others = state.policies.iter();
    for (place, policy) in config.policies.iter().enumerate() {
        let is_alone = if policy.r#type == PolicyType::Drop {
            drops
                .next()
                .is_none_or(|drop| drop.iter().all(Policy::is_alone))
        } else {
            others.next().is_none_or(Policy::is_alone)
        };
        if !is_alone {
            return Err(InvalidPolicy {
                place: format!("policy {} (`{}`): ", place + 1, name_of(policy)),
                message: "for stored traces there are conditions and shares alone; rate_limiting, bytes_limiting, composite, keep_n_per, dynamic, \
                          relative_latency and rare look at what comes beside a trace. At least one trace of each kind stays in any case"
                    .to_owned(),
                policy: Some(place),
            });
        }
    }
    Ok(())
}

fn name_of(policy: &PolicyConfig) -> String {
    if policy.name.is_empty() {
        policy.r#type.name().to_owned()
    } else {
        policy.name.clone()
    }
}

/// Number of policies, those inside included.
fn count(policy: &PolicyConfig) -> usize {
    let and = policy.and.iter().flat_map(|and| &and.and_sub_policy);
    let drop = policy.drop.iter().flat_map(|drop| &drop.drop_sub_policy);
    let not = policy.not.iter().map(|not| &*not.not_sub_policy);
    let composite = policy.composite.iter();
    let composite = composite.flat_map(|composite| &composite.composite_sub_policy);
    1 + and
        .chain(drop)
        .chain(not)
        .chain(composite)
        .map(count)
        .sum::<usize>()
}

/// A policy inside of another one.
fn inside(policy: &PolicyConfig, depth: usize) -> Compiled<Policy> {
    one(policy, depth + 1).map_err(|message| format!("`{}`: {message}", name_of(policy)))
}

fn inside_all(policies: &[PolicyConfig], depth: usize) -> Compiled<Vec<Policy>> {
    if policies.is_empty() {
        return Err("there is no policy in it".to_owned());
    }
    policies
        .iter()
        .map(|policy| inside(policy, depth))
        .collect()
}

fn one(policy: &PolicyConfig, depth: usize) -> Compiled<Policy> {
    if depth > TAIL_NESTING_MAX {
        return Err(format!(
            "policies may stand {TAIL_NESTING_MAX} deep inside each other, not deeper"
        ));
    }
    let name = policy.r#type.name();
    if let Some(stray) = policy.blocks().into_iter().find(|block| *block != name) {
        return Err(format!(
            "it has parameters of `{stray}`, but its type is `{name}`"
        ));
    }
    match policy.r#type {
        PolicyType::AlwaysSample => Ok(Policy::Matches(Predicate::Always)),
        PolicyType::TraceFlags => Ok(Policy::Matches(Predicate::Sampled)),
        PolicyType::Latency => latency(given(policy.latency.as_ref(), name)?),
        PolicyType::StatusCode => status_code(given(policy.status_code.as_ref(), name)?),
        PolicyType::StringAttribute => string(given(policy.string_attribute.as_ref(), name)?),
        PolicyType::NumericAttribute => numeric(given(policy.numeric_attribute.as_ref(), name)?),
        PolicyType::BooleanAttribute => {
            Ok(boolean(given(policy.boolean_attribute.as_ref(), name)?))
        }
        PolicyType::Probabilistic => probabilistic(given(policy.probabilistic.as_ref(), name)?),
        PolicyType::RateLimiting => rate_limiting(given(policy.rate_limiting.as_ref(), name)?),
        PolicyType::BytesLimiting => bytes_limiting(given(policy.bytes_limiting.as_ref(), name)?),
        PolicyType::SpanCount => span_count(given(policy.span_count.as_ref(), name)?),
        PolicyType::TraceState => Ok(trace_state(given(policy.trace_state.as_ref(), name)?)),
        PolicyType::And => and(given(policy.and.as_ref(), name)?, depth),
        PolicyType::Not => not(given(policy.not.as_ref(), name)?, depth),
        PolicyType::Drop => Err("`drop` cannot stand inside another policy".to_owned()),
        PolicyType::Composite => composite(given(policy.composite.as_ref(), name)?, depth),
        PolicyType::KeepNPer => keep_n_per(given(policy.keep_n_per.as_ref(), name)?),
        PolicyType::Dynamic => dynamic(given(policy.dynamic.as_ref(), name)?),
        PolicyType::RelativeLatency => {
            relative_latency(given(policy.relative_latency.as_ref(), name)?)
        }
        PolicyType::Rare => rare(given(policy.rare.as_ref(), name)?),
    }
}

fn given<'a, T>(block: Option<&'a T>, name: &str) -> Compiled<&'a T> {
    block.ok_or_else(|| format!("its parameters are missing: write them under `{name}:`"))
}

fn matches(predicate: Predicate, inverted: bool) -> Policy {
    Policy::Matches(if inverted {
        Predicate::Not(Box::new(predicate))
    } else {
        predicate
    })
}

/// A number above 0.
fn positive(number: f64, what: &str) -> Compiled<f64> {
    if number > 0.0 && number.is_finite() {
        Ok(number)
    } else {
        Err(format!("`{what}` is {number}, it has to be above 0"))
    }
}

fn latency(config: &LatencyConfig) -> Compiled<Policy> {
    let LatencyConfig {
        threshold_ms,
        upper_threshold_ms,
    } = *config;
    if upper_threshold_ms > 0 && upper_threshold_ms <= threshold_ms {
        return Err(format!(
            "`upper_threshold_ms` is {upper_threshold_ms}, not above `threshold_ms`, which is {threshold_ms}"
        ));
    }
    let ns = |ms: u64| ms.saturating_mul(1_000_000);
    let upper = (upper_threshold_ms > 0).then(|| ns(upper_threshold_ms));
    Ok(Policy::Matches(Predicate::Latency(ns(threshold_ms), upper)))
}

fn status_code(config: &StatusCodeConfig) -> Compiled<Policy> {
    const CODES: [(&str, i32); 3] = [("UNSET", 0), ("OK", 1), ("ERROR", 2)];
    if config.status_codes.is_empty() {
        return Err("`status_codes` is empty; name OK, ERROR or UNSET".to_owned());
    }
    let code = |name: &String| {
        let known = CODES.iter().find(|(known, _)| known == name);
        let (_, number) = known
            .ok_or_else(|| format!("`{name}` is no status code; there are OK, ERROR and UNSET"))?;
        match status_text(*number) {
            std::borrow::Cow::Borrowed(text) => Ok(text),
            std::borrow::Cow::Owned(_) => Err(format!("`{name}` is no status code")),
        }
    };
    let codes = config.status_codes.iter().map(code);
    Ok(Policy::Matches(Predicate::Status(
        codes.collect::<Result<_, _>>()?,
    )))
}

fn string(config: &StringAttributeConfig) -> Compiled<Policy> {
    let values = if config.enabled_regex_matching {
        let set = RegexSetBuilder::new(&config.values)
            .size_limit(TAIL_REGEX_BYTES_MAX)
            .build();
        TextValues::Regex(set.map_err(|error| format!("`values`: {error}"))?)
    } else {
        TextValues::Exact(config.values.clone())
    };
    let key = config.key.clone();
    Ok(matches(
        Predicate::String { key, values },
        config.invert_match,
    ))
}

fn numeric(config: &NumericAttributeConfig) -> Compiled<Policy> {
    if config.min_value.is_none() && config.max_value.is_none() {
        return Err("neither `min_value` nor `max_value` is given".to_owned());
    }
    let min = config.min_value.unwrap_or(f64::NEG_INFINITY);
    let max = config.max_value.unwrap_or(f64::INFINITY);
    if min.is_nan() || max.is_nan() || min > max {
        return Err(format!(
            "no number is between `min_value`, which is {min}, and `max_value`, which is {max}"
        ));
    }
    let key = config.key.clone();
    let predicate = Predicate::Numeric { key, min, max };
    Ok(matches(predicate, config.invert_match))
}

fn boolean(config: &BooleanAttributeConfig) -> Policy {
    let key = config.key.clone();
    let value = config.value;
    matches(Predicate::Boolean { key, value }, config.invert_match)
}

fn probabilistic(config: &ProbabilisticConfig) -> Compiled<Policy> {
    if !config.hash_salt.is_empty() {
        return Err(
            "`hash_salt` is not supported: all decisions hang on the random bits of the trace, so that the weights are exact. \
             Leave it out"
                .to_owned(),
        );
    }
    let percent = config.sampling_percentage;
    if percent.is_nan() || percent < 0.0 {
        return Err(format!("`sampling_percentage` is {percent}, below 0"));
    }
    let threshold = Threshold::from_probability((percent / 100.0).min(1.0));
    Ok(Policy::Share(threshold.unwrap_or(Threshold::KEEP_ALL)))
}

fn limit(unit: Unit, rate: f64, burst: Option<f64>, name: &str) -> Compiled<Limit> {
    let rate = positive(rate, name)?;
    let burst = match burst {
        None | Some(0.0) => 2.0 * rate,
        Some(burst) => positive(burst, "burst_capacity")?,
    };
    Ok(Limit {
        unit,
        rate,
        burst,
        bucket: None,
    })
}

fn rate_limiting(config: &RateLimitingConfig) -> Compiled<Policy> {
    let (rate, burst) = (config.spans_per_second, config.burst_capacity);
    limit(Unit::Spans, rate, burst, "spans_per_second").map(Policy::Limit)
}

fn bytes_limiting(config: &BytesLimitingConfig) -> Compiled<Policy> {
    let (rate, burst) = (config.bytes_per_second, config.burst_capacity);
    limit(Unit::Bytes, rate, burst, "bytes_per_second").map(Policy::Limit)
}

fn span_count(config: &SpanCountConfig) -> Compiled<Policy> {
    let SpanCountConfig {
        min_spans,
        max_spans,
    } = *config;
    if min_spans == 0 && max_spans == 0 {
        return Err("neither `min_spans` nor `max_spans` is given".to_owned());
    }
    if max_spans > 0 && max_spans < min_spans {
        return Err(format!(
            "`max_spans` is {max_spans}, less than `min_spans`, which is {min_spans}"
        ));
    }
    let max = (max_spans > 0).then_some(max_spans);
    Ok(Policy::Matches(Predicate::SpanCount(min_spans, max)))
}

fn trace_state(config: &TraceStateConfig) -> Policy {
    Policy::Matches(Predicate::TraceState {
        key: config.key.clone(),
        values: config.values.clone(),
    })
}

fn and(config: &AndConfig, depth: usize) -> Compiled<Policy> {
    inside_all(&config.and_sub_policy, depth).map(Policy::All)
}

fn not(config: &NotConfig, depth: usize) -> Compiled<Policy> {
    let policy = inside(&config.not_sub_policy, depth)?;
    without_budget(&policy, "inverted")?;
    Ok(Policy::Complement(Box::new(policy)))
}

fn drop_policy(policy: &PolicyConfig) -> Compiled<Vec<Policy>> {
    let name = policy.r#type.name();
    if let Some(stray) = policy.blocks().into_iter().find(|block| *block != name) {
        return Err(format!(
            "it has parameters of `{stray}`, but its type is `{name}`"
        ));
    }
    let DropConfig { drop_sub_policy } = given(policy.drop.as_ref(), name)?;
    let policies = inside_all(drop_sub_policy, 1)?;
    for policy in &policies {
        without_budget(policy, "dropped")?;
    }
    Ok(policies)
}

fn without_budget(policy: &Policy, what: &str) -> Compiled<()> {
    if policy.has_budget() {
        return Err(format!(
            "what a budget keeps (rate_limiting, bytes_limiting, composite, keep_n_per, dynamic) cannot be {what}; use conditions and \
             `probabilistic`"
        ));
    }
    Ok(())
}

fn composite(config: &CompositeConfig, depth: usize) -> Compiled<Policy> {
    let total = positive(
        config.max_total_spans_per_second,
        "max_total_spans_per_second",
    )?;
    let names: Vec<_> = config.composite_sub_policy.iter().map(name_of).collect();
    let place = |name: &String, whence: &str| {
        let place = names.iter().position(|known| known == name);
        place.ok_or_else(|| {
            format!("`{whence}` names `{name}`, which is not in `composite_sub_policy`")
        })
    };
    let mut order = Vec::new();
    for name in &config.policy_order {
        let place = place(name, "policy_order")?;
        if order.contains(&place) {
            return Err(format!("`policy_order` names `{name}` twice"));
        }
        order.push(place);
    }
    if order.is_empty() {
        order.extend(0..names.len());
    } else if order.len() < names.len() {
        return Err(
            "`policy_order` does not name every policy of `composite_sub_policy`".to_owned(),
        );
    }
    let mut percents = vec![None; names.len()];
    for allocation in &config.rate_allocation {
        let percent = positive(allocation.percent, "percent")?;
        percents[place(&allocation.policy, "rate_allocation")?] = Some(percent);
    }
    let given_percent: f64 = percents.iter().flatten().sum();
    if given_percent > 100.0 + 1e-9 {
        return Err(format!(
            "`rate_allocation` gives away {given_percent} percent"
        ));
    }
    let without = percents.iter().filter(|percent| percent.is_none()).count();
    let rest = (100.0 - given_percent) / without.max(1) as f64;
    let mut policies: Vec<_> = inside_all(&config.composite_sub_policy, depth)?
        .into_iter()
        .map(Some)
        .collect();
    let mut parts = Vec::new();
    for place in order {
        let Some(policy) = policies[place].take() else {
            continue;
        };
        if policy.has_budget() {
            return Err(format!(
                "`{}`: a composite shares out its own budget, so there can be no other budget in it",
                names[place]
            ));
        }
        let percent = percents[place].unwrap_or(rest);
        if percent <= 0.0 {
            return Err(format!(
                "`rate_allocation` leaves nothing for `{}`",
                names[place]
            ));
        }
        let rate = total * percent / 100.0;
        let limit = limit(Unit::Spans, rate, Some(rate), "percent")?;
        parts.push(Part { policy, limit });
    }
    Ok(Policy::Composite(parts))
}

fn key(parts: &[String]) -> Compiled<Key> {
    if parts.is_empty() || parts.iter().any(String::is_empty) {
        return Err(
            "`key` is empty: name `service`, `operation`, `status` or keys of attributes"
                .to_owned(),
        );
    }
    Ok(Key::new(parts))
}

fn keep_n_per(config: &KeepNPerConfig) -> Compiled<Policy> {
    Ok(Policy::KeepNPer(KeepNPer {
        key: key(&config.key)?,
        traces: positive(config.traces as f64, "traces")?,
        period_s: positive(config.period_seconds, "period_seconds")?,
        buckets: std::collections::HashMap::new(),
    }))
}

fn dynamic(config: &DynamicConfig) -> Compiled<Policy> {
    Ok(Policy::Dynamic(Dynamic {
        key: key(&config.key)?,
        traces_per_second: positive(config.traces_per_second, "traces_per_second")?,
        bucket: None,
    }))
}

fn relative_latency(config: &RelativeLatencyConfig) -> Compiled<Policy> {
    if !(config.quantile > 0.0 && config.quantile <= 1.0) {
        return Err(format!(
            "`quantile` is {}, not above 0 and at most 1; write 0.99 for p99",
            config.quantile
        ));
    }
    Ok(Policy::RelativeLatency(RelativeLatency::new(
        config.quantile,
        positive(config.factor, "factor")?,
        config.min_traces,
        positive(config.window_seconds, "window_seconds")?,
    )))
}

fn rare(config: &RareConfig) -> Compiled<Policy> {
    positive(config.traces as f64, "traces")?;
    Ok(Policy::Rare(Rare::new(
        key(&config.key)?,
        config.traces,
        positive(config.window_seconds, "window_seconds")?,
    )))
}
