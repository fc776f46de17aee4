//! A set of policies as it is written: names and parameters as OpenTelemetry's Collector has them for `tail_sampling`, and a few more.
//!
//! ```yaml
//! policies:
//!   - name: errors
//!     type: status_code
//!     status_code: { status_codes: [ERROR] }
//! ```
//!
//! The types here say what may be written; what it means is in [`super::compile`].

use std::collections::BTreeMap;

use serde::Deserialize;

/// All policies.
#[derive(Debug, Clone, Deserialize)]
pub struct PolicySetConfig {
    /// The policies; a trace that one of them keeps is kept, unless a `drop` policy drops it.
    pub policies: Vec<PolicyConfig>,
    /// What does not belong here.
    #[serde(flatten)]
    pub(super) other: BTreeMap<String, serde_json::Value>,
}

/// One policy: its name, its type, and under the name of the type its parameters.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// Name, for metrics and messages; the type if none is given.
    #[serde(default)]
    pub name: String,
    /// Type.
    pub r#type: PolicyType,
    /// Parameters of `latency`.
    pub latency: Option<LatencyConfig>,
    /// Parameters of `status_code`.
    pub status_code: Option<StatusCodeConfig>,
    /// Parameters of `string_attribute`.
    pub string_attribute: Option<StringAttributeConfig>,
    /// Parameters of `numeric_attribute`.
    pub numeric_attribute: Option<NumericAttributeConfig>,
    /// Parameters of `boolean_attribute`.
    pub boolean_attribute: Option<BooleanAttributeConfig>,
    /// Parameters of `probabilistic`.
    pub probabilistic: Option<ProbabilisticConfig>,
    /// Parameters of `rate_limiting`.
    pub rate_limiting: Option<RateLimitingConfig>,
    /// Parameters of `bytes_limiting`.
    pub bytes_limiting: Option<BytesLimitingConfig>,
    /// Parameters of `span_count`.
    pub span_count: Option<SpanCountConfig>,
    /// Parameters of `trace_state`.
    pub trace_state: Option<TraceStateConfig>,
    /// Parameters of `and`.
    pub and: Option<AndConfig>,
    /// Parameters of `not`.
    pub not: Option<NotConfig>,
    /// Parameters of `drop`.
    pub drop: Option<DropConfig>,
    /// Parameters of `composite`.
    pub composite: Option<CompositeConfig>,
    /// Parameters of `keep_n_per`.
    pub keep_n_per: Option<KeepNPerConfig>,
    /// Parameters of `dynamic`.
    pub dynamic: Option<DynamicConfig>,
    /// Parameters of `relative_latency`.
    pub relative_latency: Option<RelativeLatencyConfig>,
    /// Parameters of `rare`.
    pub rare: Option<RareConfig>,
}

/// Type of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the names are the documentation: docs/sampling.md says what each does"
)]
pub enum PolicyType {
    AlwaysSample,
    Latency,
    StatusCode,
    StringAttribute,
    NumericAttribute,
    BooleanAttribute,
    Probabilistic,
    RateLimiting,
    BytesLimiting,
    SpanCount,
    TraceState,
    TraceFlags,
    And,
    Not,
    Drop,
    Composite,
    KeepNPer,
    Dynamic,
    RelativeLatency,
    Rare,
}

impl PolicyType {
    /// The type as it is written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AlwaysSample => "always_sample",
            Self::Latency => "latency",
            Self::StatusCode => "status_code",
            Self::StringAttribute => "string_attribute",
            Self::NumericAttribute => "numeric_attribute",
            Self::BooleanAttribute => "boolean_attribute",
            Self::Probabilistic => "probabilistic",
            Self::RateLimiting => "rate_limiting",
            Self::BytesLimiting => "bytes_limiting",
            Self::SpanCount => "span_count",
            Self::TraceState => "trace_state",
            Self::TraceFlags => "trace_flags",
            Self::And => "and",
            Self::Not => "not",
            Self::Drop => "drop",
            Self::Composite => "composite",
            Self::KeepNPer => "keep_n_per",
            Self::Dynamic => "dynamic",
            Self::RelativeLatency => "relative_latency",
            Self::Rare => "rare",
        }
    }
}

impl PolicyConfig {
    /// Names of the parameter blocks that are written.
    pub(super) fn blocks(&self) -> Vec<&'static str> {
        let blocks = [
            ("latency", self.latency.is_some()),
            ("status_code", self.status_code.is_some()),
            ("string_attribute", self.string_attribute.is_some()),
            ("numeric_attribute", self.numeric_attribute.is_some()),
            ("boolean_attribute", self.boolean_attribute.is_some()),
            ("probabilistic", self.probabilistic.is_some()),
            ("rate_limiting", self.rate_limiting.is_some()),
            ("bytes_limiting", self.bytes_limiting.is_some()),
            ("span_count", self.span_count.is_some()),
            ("trace_state", self.trace_state.is_some()),
            ("and", self.and.is_some()),
            ("not", self.not.is_some()),
            ("drop", self.drop.is_some()),
            ("composite", self.composite.is_some()),
            ("keep_n_per", self.keep_n_per.is_some()),
            ("dynamic", self.dynamic.is_some()),
            ("relative_latency", self.relative_latency.is_some()),
            ("rare", self.rare.is_some()),
        ];
        let written = blocks.into_iter().filter(|(_, is_written)| *is_written);
        written.map(|(name, _)| name).collect()
    }
}

/// Keeps traces that took longer than a time, from the first start to the last end.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyConfig {
    /// A trace has to take longer than this, ms.
    pub threshold_ms: u64,
    /// And at most this, ms; 0 is no bound.
    #[serde(default)]
    pub upper_threshold_ms: u64,
}

/// Keeps traces with a span of one of these status codes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusCodeConfig {
    /// `OK`, `ERROR` or `UNSET`.
    pub status_codes: Vec<String>,
}

/// Keeps traces where a span or resource has a text attribute of one of these values.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StringAttributeConfig {
    /// Key.
    pub key: String,
    /// Values, or regular expressions.
    pub values: Vec<String>,
    /// Whether the values are regular expressions that are looked for anywhere in the text.
    #[serde(default)]
    pub enabled_regex_matching: bool,
    /// Understood, without effect: there is no cache.
    #[serde(default)]
    pub cache_max_size: u64,
    /// Keeps the other traces instead.
    #[serde(default)]
    pub invert_match: bool,
}

/// Keeps traces where a span or resource has a number in a range, both ends included.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericAttributeConfig {
    /// Key.
    pub key: String,
    /// Smallest number.
    pub min_value: Option<f64>,
    /// Largest number.
    pub max_value: Option<f64>,
    /// Keeps the other traces instead.
    #[serde(default)]
    pub invert_match: bool,
}

/// Keeps traces where a span or resource has this truth value.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BooleanAttributeConfig {
    /// Key.
    pub key: String,
    /// Value.
    pub value: bool,
    /// Keeps the other traces instead.
    #[serde(default)]
    pub invert_match: bool,
}

/// Keeps a share of the traces.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbabilisticConfig {
    /// Share in percent; 100 and more keep all.
    pub sampling_percentage: f64,
    /// Not supported: only there to say so.
    #[serde(default)]
    pub hash_salt: String,
}

/// Keeps so many spans a second.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitingConfig {
    /// Spans a second.
    pub spans_per_second: f64,
    /// Spans that may be kept beyond the rate after a quiet time; twice the rate if not given.
    pub burst_capacity: Option<f64>,
}

/// Keeps so many bytes a second.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BytesLimitingConfig {
    /// Bytes a second.
    pub bytes_per_second: f64,
    /// Bytes that may be kept beyond the rate after a quiet time; twice the rate if not given.
    pub burst_capacity: Option<f64>,
}

/// Keeps traces of so many spans.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpanCountConfig {
    /// At least so many.
    #[serde(default)]
    pub min_spans: u64,
    /// At most so many; 0 is no bound.
    #[serde(default)]
    pub max_spans: u64,
}

/// Keeps traces with a span whose tracestate has one of these values.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceStateConfig {
    /// Key of the entry.
    pub key: String,
    /// Values.
    pub values: Vec<String>,
}

/// Keeps what all of its policies keep.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AndConfig {
    /// The policies, tried in order.
    pub and_sub_policy: Vec<PolicyConfig>,
}

/// Keeps what its policy does not keep.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotConfig {
    /// The policy.
    pub not_sub_policy: Box<PolicyConfig>,
}

/// Drops what all of its policies keep, whatever other policies say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropConfig {
    /// The policies.
    pub drop_sub_policy: Vec<PolicyConfig>,
}

/// Shares a number of spans a second among policies; the first one that fits a trace decides about it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompositeConfig {
    /// Spans a second of all together.
    pub max_total_spans_per_second: f64,
    /// Names of the policies in the order in which they are tried.
    #[serde(default)]
    pub policy_order: Vec<String>,
    /// The policies.
    pub composite_sub_policy: Vec<PolicyConfig>,
    /// Share of each; those without one have the rest in equal parts.
    #[serde(default)]
    pub rate_allocation: Vec<RateAllocationConfig>,
}

/// Share of one policy of a [`CompositeConfig`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateAllocationConfig {
    /// Name of the policy.
    pub policy: String,
    /// Percent of all spans a second.
    pub percent: f64,
}

/// Keeps so many traces of each kind in a time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepNPerConfig {
    /// Traces of each kind.
    pub traces: u64,
    /// What makes a kind: `service`, `operation` and `status` of the root span, or keys of attributes.
    #[serde(default = "operation_key")]
    pub key: Vec<String>,
    /// The time, in seconds.
    #[serde(default = "minute")]
    pub period_seconds: f64,
}

/// Keeps so many traces a second in all, most kinds in part and rare kinds whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DynamicConfig {
    /// Traces a second, over all kinds.
    pub traces_per_second: f64,
    /// What makes a kind, as in [`KeepNPerConfig`].
    #[serde(default = "operation_key")]
    pub key: Vec<String>,
}

/// Keeps traces that took long compared with what their operation took lately.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelativeLatencyConfig {
    /// Which quantile of the operation's durations is the measure, 0 to 1.
    #[serde(default = "p99")]
    pub quantile: f64,
    /// How many times as long a trace has to take.
    #[serde(default = "one")]
    pub factor: f64,
    /// How many traces of the operation have to be known first.
    #[serde(default = "hundred")]
    pub min_traces: u64,
    /// For how long durations count, in seconds.
    #[serde(default = "ten_minutes")]
    pub window_seconds: f64,
}

/// Keeps traces of a kind that was seldom seen lately.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RareConfig {
    /// A kind is rare until so many traces of it were seen in the window.
    #[serde(default = "ten")]
    pub traces: u64,
    /// What makes a kind, as in [`KeepNPerConfig`].
    #[serde(default = "operation_key")]
    pub key: Vec<String>,
    /// The window, in seconds.
    #[serde(default = "hour")]
    pub window_seconds: f64,
}

fn operation_key() -> Vec<String> {
    vec!["service".to_owned(), "operation".to_owned()]
}

fn minute() -> f64 {
    60.0
}

fn ten_minutes() -> f64 {
    600.0
}

fn hour() -> f64 {
    3_600.0
}

fn p99() -> f64 {
    0.99
}

fn one() -> f64 {
    1.0
}

fn ten() -> u64 {
    10
}

fn hundred() -> u64 {
    100
}
