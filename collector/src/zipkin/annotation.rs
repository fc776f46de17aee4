//! Annotations that OpenTelemetry's exporters made of events with attributes.
//!
//! The specification's form is `"name": {"key": value}`; some exporters put braces around it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// An event that was written as an annotation.
#[derive(Debug, PartialEq)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, Scalar)>,
}

/// The value of an event's attribute.
#[derive(Debug, PartialEq)]
pub(super) enum Scalar {
    Text(String),
    Bool(bool),
    Int(i64),
    Double(f64),
}

impl Event {
    /// The event in `annotation`, if it has one of the forms and values that are no arrays and objects.
    pub(super) fn parse(annotation: &str) -> Option<Self> {
        let text = annotation.trim();
        if !text.ends_with('}') {
            return None;
        }
        if text.starts_with('{') {
            return serde_json::from_str(text).ok();
        }
        text.starts_with('"')
            .then(|| serde_json::from_str(&format!("{{{text}}}")).ok())
            .flatten()
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Entries(mut entries) = Entries::<Entries<Scalar>>::deserialize(deserializer)?;
        match (entries.pop(), entries.is_empty()) {
            (Some((name, Entries(attributes))), true) => Ok(Self { name, attributes }),
            _ => Err(D::Error::custom("not one event")),
        }
    }
}

/// A JSON object in the order of its members.
struct Entries<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Members(std::marker::PhantomData))
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyScalar;

        impl Visitor<'_> for AnyScalar {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number or a bool")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar::Bool(value))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar::Int(value))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
                i64::try_from(value).map(Scalar::Int).map_err(E::custom)
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar::Double(value))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(value.to_owned()))
            }
        }

        deserializer.deserialize_any(AnyScalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_taken_apart() {
        let event = Event {
            name: "not found".into(),
            attributes: vec![
                ("product.id".into(), Scalar::Int(206)),
                ("retry".into(), Scalar::Bool(false)),
                ("a".into(), Scalar::Double(0.5)),
                ("a".into(), Scalar::Text("{".into())),
            ],
        };
        let inner = r#""not found": {"product.id": 206, "retry": false, "a": 0.5, "a": "{"}"#;
        assert_eq!(Event::parse(inner), Some(event));
        let braced = format!("{{{inner}}}");
        assert_eq!(Event::parse(&braced), Event::parse(inner));
    }

    #[test]
    fn other_texts_are_left_alone() {
        for text in [
            "",
            "sr",
            "{}",
            r#"{"a":1}"#,
            r#"{"a":{},"b":{}}"#,
            r#"{"a":{"b":[1]}}"#,
            r#"{"a":{"b":null}}"#,
            r#"{"a":{"b":9223372036854775808}}"#,
            r#""a": {"b":1}}"#,
            r#""a""#,
        ] {
            assert_eq!(Event::parse(text), None, "{text}");
        }
    }
}
