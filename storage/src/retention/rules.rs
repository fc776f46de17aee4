//! Rules by which some traces have another term than the rest: "keep `checkout` 30 days, health checks one".
//!
//! A rule is conditions and a term. It fits a trace of which one span meets all conditions; of the rules that fit the first one counts. As text the
//! conditions are `service=checkout`, `name=GET /health*` or `http.route=/healthz`, several of them with ` & ` in between. `service` and
//! `name` are those of the span; everything else is the key of an attribute of the span or its resource.

use std::fmt;

use crate::glob;

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rule {
    /// What one span of a trace must meet; at least one.
    pub(crate) conditions: Vec<Condition>,
    /// How long the trace is kept after its last span arrived, ns.
    pub keep_ns: u64,
}

/// A condition on a span.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Condition {
    /// What is looked at.
    pub(crate) field: Field,
    /// What its text must be; `*` stands for any text, `?` for any one character.
    pub(crate) pattern: String,
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Field {
    /// Name of the service.
    Service,
    /// Name of the span.
    Name,
    /// Attribute of the span or of its resource.
    Attribute(String),
}

impl Rule {
    /// Reads the conditions.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(conditions: &str, keep_ns: u64) -> Result<Self, String> {
        let conditions = conditions.split(" & ").map(Condition::parse);
        Ok(Self {
            conditions: conditions.collect::<Result<_, _>>()?,
            keep_ns,
        })
    }

    /// The conditions as text.
    #[must_use]
    pub fn conditions_text(&self) -> String {
        let texts: Vec<String> = self.conditions.iter().map(ToString::to_string).collect();
        texts.join(" & ")
    }
}

impl Condition {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let Some((field, pattern)) = text.split_once('=') else {
            return Err(format!(
                "`{text}` is not a condition: write service=checkout, name=GET /health or http.route=/healthz"
            ));
        };
        let field = match field.trim() {
            "" => return Err(format!("`{text}` does not say what is to be compared")),
            "service" => Field::Service,
            "name" => Field::Name,
            key => Field::Attribute(key.to_owned()),
        };
        Ok(Self {
            field,
            pattern: pattern.trim().to_owned(),
        })
    }

    pub(super) fn is_met(&self, text: &str) -> bool {
        if self.is_exact() {
            self.pattern == text
        } else {
            glob::matches(&self.pattern, text)
        }
    }

    /// True when one text alone meets it.
    pub(super) fn is_exact(&self) -> bool {
        !self.pattern.contains(['*', '?'])
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = match &self.field {
            Field::Service => "service",
            Field::Name => "name",
            Field::Attribute(key) => key,
        };
        write!(f, "{field}={}", self.pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_shown() {
        let text = "service=checkout & name=GET /a=b* & http.route=/healthz";
        let rule = Rule::parse(text, 7).unwrap();
        assert_eq!(rule.conditions_text(), text);
        let fields: Vec<_> = rule.conditions.iter().map(|c| c.field.clone()).collect();
        let route = Field::Attribute("http.route".to_owned());
        assert_eq!(fields, [Field::Service, Field::Name, route]);
        assert_eq!(rule.conditions[1].pattern, "GET /a=b*");
        assert!(rule.conditions[1].is_met("GET /a=bc") && !rule.conditions[1].is_met("GET /"));
        assert!(rule.conditions[2].is_met("/healthz") && !rule.conditions[2].is_met("/healthz2"));
    }

    #[test]
    fn what_is_no_condition_is_told() {
        for (text, said) in [
            ("checkout", "is not a condition"),
            ("=x", "does not say what"),
            ("service=a & ", "is not a condition"),
        ] {
            let error = Rule::parse(text, 1).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
