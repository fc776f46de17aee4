//! Strategies from a file in Jaeger's format, and the form in which a client is told of one.
//!
//! ```json
//! {
//!   "service_strategies": [
//!     { "service": "cart", "type": "probabilistic", "param": 0.1,
//!       "operation_strategies": [{ "operation": "GET /health", "type": "probabilistic", "param": 0.01 }] },
//!     { "service": "batch", "type": "ratelimiting", "param": 5 }
//!   ],
//!   "default_strategy": { "type": "probabilistic", "param": 0.5 }
//! }
//! ```
//!
//! As in Jaeger an operation can have a share of its own, no rate, and the shares of the default strategy's operations hold for a service by shares that names
//! none. Unlike Jaeger, a type that is not known or a share that is none is a fault of the file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What Jaeger tells for operations of a service that is limited by a rate.
const OPERATION_SHARE_DEFAULT: f64 = 0.001;

/// The strategies of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Strategies {
    services: BTreeMap<String, Strategy>,
    default: Option<Strategy>,
}

/// A strategy as Jaeger's clients read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Strategy {
    #[serde(rename = "strategyType")]
    kind: StrategyType,
    #[serde(skip_serializing_if = "Option::is_none")]
    probabilistic_sampling: Option<Share>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limiting_sampling: Option<Rate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_sampling: Option<Operations>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum StrategyType {
    Probabilistic,
    RateLimiting,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Share {
    sampling_rate: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rate {
    /// Jaeger's clients take a whole number.
    max_traces_per_second: i32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Operations {
    default_sampling_probability: f64,
    default_lower_bound_traces_per_second: f64,
    per_operation_strategies: Vec<OperationShare>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationShare {
    operation: String,
    probabilistic_sampling: Share,
}

impl Strategy {
    /// One share for all.
    pub(super) fn share(share: f64) -> Self {
        Self {
            kind: StrategyType::Probabilistic,
            probabilistic_sampling: Some(Share {
                sampling_rate: share,
            }),
            rate_limiting_sampling: None,
            operation_sampling: None,
        }
    }

    fn rate(per_second: f64) -> Self {
        Self {
            kind: StrategyType::RateLimiting,
            probabilistic_sampling: None,
            rate_limiting_sampling: Some(Rate {
                max_traces_per_second: per_second as i32,
            }),
            operation_sampling: None,
        }
    }

    /// A share for each operation, and one for all others, but at least so many traces a second of each.
    pub(super) fn with_operations(
        mut self,
        others: f64,
        per_second_min: f64,
        operations: impl IntoIterator<Item = (String, f64)>,
    ) -> Self {
        let operation = |(operation, share)| OperationShare {
            operation,
            probabilistic_sampling: Share {
                sampling_rate: share,
            },
        };
        self.operation_sampling = Some(Operations {
            default_sampling_probability: others,
            default_lower_bound_traces_per_second: per_second_min,
            per_operation_strategies: operations.into_iter().map(operation).collect(),
        });
        self
    }
}

#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    service_strategies: Vec<OfService>,
    default_strategy: Option<Written>,
}

#[derive(Debug, Deserialize)]
struct OfService {
    service: String,
    #[serde(flatten)]
    written: Written,
}

#[derive(Debug, Deserialize)]
struct Written {
    r#type: String,
    param: f64,
    #[serde(default)]
    operation_strategies: Vec<OfOperation>,
}

#[derive(Debug, Deserialize)]
struct OfOperation {
    operation: String,
    r#type: String,
    param: f64,
}

impl Strategies {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// When it is not of Jaeger's format; tells where and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let default = file.default_strategy.as_ref();
        let default_operations = default
            .map(|written| operations(&written.operation_strategies))
            .transpose()
            .map_err(|why| format!("default_strategy: {why}"))?
            .unwrap_or_default();
        let default = default
            .map(|written| written.strategy(&default_operations))
            .transpose()
            .map_err(|why| format!("default_strategy: {why}"))?;
        let mut services = BTreeMap::new();
        for OfService { service, written } in &file.service_strategies {
            let fault = |why: String| format!("service `{service}`: {why}");
            if service.is_empty() {
                return Err("a service has no name".to_owned());
            }
            let mut own = operations(&written.operation_strategies).map_err(fault)?;
            if own.is_empty() && written.r#type == PROBABILISTIC {
                own.clone_from(&default_operations);
            }
            let strategy = written.strategy(&own).map_err(fault)?;
            if services.insert(service.clone(), strategy).is_some() {
                return Err(fault("it is there twice".to_owned()));
            }
        }
        Ok(Self { services, default })
    }

    /// What the file says of `service` by name.
    pub(super) fn of_service(&self, service: &str) -> Option<&Strategy> {
        self.services.get(service)
    }

    /// What it says of all others.
    pub(super) fn of_others(&self) -> Option<&Strategy> {
        self.default.as_ref()
    }

    /// How many services it names.
    #[must_use]
    pub fn service_count(&self) -> usize {
        self.services.len()
    }
}

const PROBABILISTIC: &str = "probabilistic";
const RATE_LIMITING: &str = "ratelimiting";

impl Written {
    fn strategy(&self, operations: &[(String, f64)]) -> Result<Strategy, String> {
        let (strategy, others) = match self.r#type.as_str() {
            PROBABILISTIC => (Strategy::share(share(self.param)?), self.param),
            RATE_LIMITING if self.param >= 0.0 => {
                (Strategy::rate(self.param), OPERATION_SHARE_DEFAULT)
            }
            RATE_LIMITING => return Err(format!("the rate {} is below 0", self.param)),
            other => return Err(unknown(other)),
        };
        if operations.is_empty() {
            return Ok(strategy);
        }
        Ok(strategy.with_operations(others, 0.0, operations.iter().cloned()))
    }
}

/// Those by shares; others are of no use to a client and are left out, as Jaeger does.
fn operations(written: &[OfOperation]) -> Result<Vec<(String, f64)>, String> {
    let mut found = Vec::new();
    for of in written {
        let fault = |why: String| format!("operation `{}`: {why}", of.operation);
        match of.r#type.as_str() {
            PROBABILISTIC => found.push((of.operation.clone(), share(of.param).map_err(fault)?)),
            RATE_LIMITING => {
                tracing::warn!(
                    operation = of.operation,
                    "a strategy of an operation can be a share alone; its rate is left out"
                );
            }
            other => return Err(fault(unknown(other))),
        }
    }
    Ok(found)
}

fn share(param: f64) -> Result<f64, String> {
    if (0.0..=1.0).contains(&param) {
        Ok(param)
    } else {
        Err(format!("the share {param} is not between 0 and 1"))
    }
}

fn unknown(r#type: &str) -> String {
    format!("type `{type}` is not known; there are `{PROBABILISTIC}` and `{RATE_LIMITING}`")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const FILE: &str = r#"{
        "service_strategies": [
            { "service": "cart", "type": "probabilistic", "param": 0.8, "operation_strategies": [
                { "operation": "add", "type": "probabilistic", "param": 0.2 },
                { "operation": "limited", "type": "ratelimiting", "param": 5 } ] },
            { "service": "plain", "type": "probabilistic", "param": 0.25 },
            { "service": "batch", "type": "ratelimiting", "param": 5 } ],
        "default_strategy": { "type": "probabilistic", "param": 0.5, "operation_strategies": [
            { "operation": "/health", "type": "probabilistic", "param": 0.0 } ] }
    }"#;

    fn told(strategy: Option<&Strategy>) -> Value {
        serde_json::to_value(strategy.expect("a strategy")).unwrap()
    }

    #[test]
    fn a_file_says_what_jaeger_would_say() {
        let strategies = Strategies::parse(FILE).unwrap();
        assert_eq!(
            told(strategies.of_service("cart")),
            json!({
                "strategyType": "PROBABILISTIC",
                "probabilisticSampling": { "samplingRate": 0.8 },
                "operationSampling": {
                    "defaultSamplingProbability": 0.8,
                    "defaultLowerBoundTracesPerSecond": 0.0,
                    "perOperationStrategies": [
                        { "operation": "add", "probabilisticSampling": { "samplingRate": 0.2 } }
                    ]
                }
            })
        );
        assert_eq!(
            told(strategies.of_service("batch")),
            json!({ "strategyType": "RATE_LIMITING", "rateLimitingSampling": { "maxTracesPerSecond": 5 } })
        );
        let of_default = json!([
            { "operation": "/health", "probabilisticSampling": { "samplingRate": 0.0 } }
        ]);
        let plain = told(strategies.of_service("plain"));
        let operations = &plain["operationSampling"];
        assert_eq!(operations["perOperationStrategies"], of_default);
        assert_eq!(operations["defaultSamplingProbability"], 0.25);
        let default = told(strategies.of_others());
        assert_eq!(default["probabilisticSampling"]["samplingRate"], 0.5);
        assert_eq!(strategies.of_service("other"), None);
        assert_eq!(Strategies::parse("{}").unwrap(), Strategies::default());
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told() {
        let cases = [
            ("", "EOF"),
            (
                r#"{"default_strategy": {"type": "probabilistic"}}"#,
                "missing field `param`",
            ),
            (
                r#"{"default_strategy": {"type": "probabilistic", "param": 1.5}}"#,
                "default_strategy: the share 1.5",
            ),
            (
                r#"{"default_strategy": {"type": "adaptive", "param": 1}}"#,
                "type `adaptive` is not known",
            ),
            (
                r#"{"service_strategies": [{"service": "a", "type": "ratelimiting", "param": -1}]}"#,
                "service `a`: the rate -1 is below 0",
            ),
            (
                r#"{"service_strategies": [{"service": "a", "type": "probabilistic", "param": 1,
                    "operation_strategies": [{"operation": "o", "type": "probabilistic", "param": -0.1}]}]}"#,
                "service `a`: operation `o`: the share -0.1",
            ),
            (
                r#"{"service_strategies": [{"service": "a", "type": "probabilistic", "param": 1},
                    {"service": "a", "type": "probabilistic", "param": 1}]}"#,
                "service `a`: it is there twice",
            ),
            (
                r#"{"service_strategies": [{"service": "", "type": "probabilistic", "param": 1}]}"#,
                "no name",
            ),
        ];
        for (text, said) in cases {
            let error = Strategies::parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
