//! What Zipkin's two JSON formats share: lists of spans read one by one, lenient scalars, bounded lists.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::model::{Endpoint, NS_PER_US};
use super::translate::Translation;
use crate::decode::Translated;
use crate::failure::BodyError;
use crate::limits::{PayloadLimits, ZIPKIN_PARTS_MAX};

/// A span as a format has it.
pub(super) trait JsonSpan<'de>: Deserialize<'de> {
    /// Hands what the span is in v2 to `translation`.
    fn push(self, translation: &mut Translation<'_>) -> Result<(), BodyError>;
}

/// Translates the JSON array of spans in `payload`, each read as an `S`.
///
/// # Errors
/// When it is not UTF-8, not JSON, not of Zipkin's types, or has too many spans.
pub(super) fn translate<'p, S: JsonSpan<'p>>(
    payload: &'p [u8],
    limits: &PayloadLimits,
) -> Result<Translated, BodyError> {
    let malformed =
        |error: &dyn Display| BodyError::malformed(&format_args!("malformed Zipkin JSON: {error}"));
    let text = std::str::from_utf8(payload).map_err(|error| malformed(&error))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut translation = Translation::new(limits);
    let mut failure = None;
    let list = List::<S> {
        translation: &mut translation,
        failure: &mut failure,
        span: PhantomData,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = list
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end());
    match (failure, read) {
        (Some(failure), _) => Err(failure),
        (None, Err(error)) => Err(malformed(&error)),
        (None, Ok(())) => Ok(translation.finish()),
    }
}

/// Reads an array of spans, one in memory at a time.
struct List<'t, 'l, S> {
    translation: &'t mut Translation<'l>,
    /// The error that ended the reading, if it is not one of JSON.
    failure: &'t mut Option<BodyError>,
    span: PhantomData<S>,
}

impl<'de, S: JsonSpan<'de>> DeserializeSeed<'de> for List<'_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, S: JsonSpan<'de>> Visitor<'de> for List<'_, '_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of spans")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(span) = seq.next_element::<S>()? {
            if let Err(failure) = span.push(self.translation) {
                *self.failure = Some(failure);
                return Err(A::Error::custom("too many spans"));
            }
        }
        Ok(())
    }
}

/// Text, borrowed if it has no escapes. Numbers and bools count as their text, `null` as no text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyText;

        impl<'de> Visitor<'de> for AnyText {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(if value { "true" } else { "false" })))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Text<'de>, E> {
                Ok(Text(value.to_string().into()))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Text<'de>, E> {
                Ok(Text(value.to_string().into()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Text<'de>, E> {
                Ok(Text(value.to_string().into()))
            }

            fn visit_unit<E: Error>(self) -> Result<Text<'de>, E> {
                Ok(Text::default())
            }
        }

        deserializer.deserialize_any(AnyText)
    }
}

/// A number of µs, in ns. Fractions of a µs are kept to the ns; what is not above 0 is no time, as in Zipkin itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Micros(Option<Time>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Time {
    Ns(u64),
    /// Beyond 64 bits of ns.
    OutOfRange,
}

impl Micros {
    /// The time in ns, `None` if there is none.
    pub(super) fn ns(self, what: &str) -> Result<Option<u64>, String> {
        match self.0 {
            None => Ok(None),
            Some(Time::Ns(ns)) => Ok(Some(ns)),
            Some(Time::OutOfRange) => Err(format!("{what} is out of range")),
        }
    }

    fn from_us(us: u64, fraction_ns: u64) -> Self {
        let ns = us
            .checked_mul(NS_PER_US)
            .and_then(|ns| ns.checked_add(fraction_ns));
        match ns {
            Some(0) => Self(None),
            Some(ns) => Self(Some(Time::Ns(ns))),
            None => Self(Some(Time::OutOfRange)),
        }
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNumber;

        impl Visitor<'_> for AnyNumber {
            type Value = Micros;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of microseconds")
            }

            fn visit_u64<E: Error>(self, us: u64) -> Result<Micros, E> {
                Ok(Micros::from_us(us, 0))
            }

            fn visit_i64<E: Error>(self, us: i64) -> Result<Micros, E> {
                Ok(Micros::from_us(us.max(0) as u64, 0))
            }

            fn visit_f64<E: Error>(self, us: f64) -> Result<Micros, E> {
                // The whole part of a double up to 2^64 is exact, and so is what is left.
                let fraction_ns = (us.max(0.0).fract() * NS_PER_US as f64).round() as u64;
                if us >= 18_446_744_073_709_551_616.0 {
                    return Ok(Micros(Some(Time::OutOfRange)));
                }
                Ok(Micros::from_us(us.max(0.0) as u64, fraction_ns))
            }

            fn visit_unit<E: Error>(self) -> Result<Micros, E> {
                Ok(Micros(None))
            }
        }

        deserializer.deserialize_any(AnyNumber)
    }
}

/// An endpoint; `null` is one of which nothing is known.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct JsonEndpoint<'a> {
    #[serde(borrow)]
    service_name: Text<'a>,
    #[serde(borrow)]
    ipv4: Text<'a>,
    #[serde(borrow)]
    ipv6: Text<'a>,
    port: Option<i64>,
}

impl<'a> From<JsonEndpoint<'a>> for Endpoint<'a> {
    fn from(endpoint: JsonEndpoint<'a>) -> Self {
        Self {
            service_name: endpoint.service_name.0,
            ipv4: endpoint.ipv4.0,
            ipv6: endpoint.ipv6.0,
            port: endpoint.port.unwrap_or(0),
        }
    }
}

/// A bool; `null` is false.
pub(super) fn bool_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A list of at most [`ZIPKIN_PARTS_MAX`]; `null` is empty.
pub(super) fn bounded_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(BoundedList(PhantomData))
}

/// The entries of an object, in order, at most [`ZIPKIN_PARTS_MAX`]; `null` is empty.
pub(super) fn bounded_entries<'de, D>(
    deserializer: D,
) -> Result<Vec<(Text<'de>, Text<'de>)>, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(BoundedEntries)
}

fn push_bounded<T, E: Error>(list: &mut Vec<T>, part: T) -> Result<(), E> {
    if list.len() == ZIPKIN_PARTS_MAX {
        let message = format_args!("a span has more than {ZIPKIN_PARTS_MAX} tags or annotations");
        return Err(E::custom(message));
    }
    list.push(part);
    Ok(())
}

struct BoundedList<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for BoundedList<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E: Error>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(part) = seq.next_element()? {
            push_bounded(&mut list, part)?;
        }
        Ok(list)
    }
}

struct BoundedEntries;

impl<'de> Visitor<'de> for BoundedEntries {
    type Value = Vec<(Text<'de>, Text<'de>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            push_bounded(&mut entries, entry)?;
        }
        Ok(entries)
    }
}
