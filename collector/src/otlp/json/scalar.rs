//! Numbers, strings and bytes in the forms that protobuf's JSON mapping allows.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::Context;

/// Integers up to this size are exact in a double.
const EXACT_IN_DOUBLE: f64 = 9_007_199_254_740_992.0;

/// Writes the string that is next in `map`.
pub(super) fn string<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    with_text(map, "a string", |text| {
        context.out.string(field, text);
        Ok(())
    })
}

/// Writes the base64 that is next in `map` as bytes.
pub(super) fn bytes<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    with_text(map, "base64", |text| {
        let bytes = decode_base64(text).map_err(|error| format!("not base64: {error}"))?;
        context.out.bytes(field, &bytes);
        Ok(())
    })
}

fn decode_base64(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);
    if text.contains(['-', '_']) {
        URL_SAFE.decode(text)
    } else {
        STANDARD.decode(text)
    }
}

/// Writes the uint32 that is next in `map`.
pub(super) fn uint32<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    integer(map, |value: u32| context.out.integer(field, value.into()))
}

/// Writes the fixed32 that is next in `map`.
pub(super) fn fixed32<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    integer(map, |value: u32| context.out.fixed32(field, value))
}

/// Writes the fixed64 that is next in `map`.
pub(super) fn fixed64<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    integer(map, |value: u64| context.out.fixed64(field, value))
}

/// Writes the int64 that is next in `map`.
pub(super) fn int64<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    integer(map, |value: i64| context.out.integer(field, value as u64))
}

/// Writes the bool that is next in `map`.
pub(super) fn boolean<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    if let Some(value) = map.next_value::<Option<bool>>()? {
        context.out.integer(field, value.into());
    }
    Ok(())
}

/// Writes the double that is next in `map`.
pub(super) fn double<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    let value = match map.next_value_seed(AnyScalar {
        expected: "a number",
        text: parse_double,
    })? {
        Scalar::Integer(value) => value as f64,
        Scalar::Double(value) => value,
        Scalar::Null | Scalar::Text(_) => return Ok(()),
    };
    context.out.fixed64(field, value.to_bits());
    Ok(())
}

fn parse_double(text: &str) -> Option<Scalar> {
    let value = match text {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        // Rust's own names of these values are not JSON's.
        _ => text.parse().ok().filter(|value: &f64| value.is_finite())?,
    };
    Some(Scalar::Double(value))
}

fn parse_integer(text: &str) -> Option<Scalar> {
    text.parse().ok().map(Scalar::Integer)
}

/// The number of the enum that is next in `map`, told as a number or as one of `names`, whose places are their numbers.
///
/// `Err` has a name that is none of them.
pub(super) fn number_or_name<'de, A: MapAccess<'de>>(
    map: &mut A,
    names: &[&str],
) -> Result<Result<Option<i32>, String>, A::Error> {
    let text = |name: &str| Some(Scalar::Text(name.to_owned()));
    match map.next_value_seed(AnyScalar {
        expected: "an enum's number or name",
        text,
    })? {
        Scalar::Null => Ok(Ok(None)),
        Scalar::Text(text) => Ok(match names.iter().position(|name| *name == text) {
            Some(number) => Ok(Some(number as i32)),
            None => Err(text),
        }),
        number => number.exact().map(|number| Ok(Some(number))),
    }
}

/// Hands the integer that is next in `map` to `write`, unless it is `null`.
fn integer<'de, A: MapAccess<'de>, T: TryFrom<i128>>(
    map: &mut A,
    write: impl FnOnce(T),
) -> Result<(), A::Error> {
    match map.next_value_seed(AnyScalar {
        expected: "an integer",
        text: parse_integer,
    })? {
        Scalar::Null => {}
        scalar => write(scalar.exact()?),
    }
    Ok(())
}

/// Hands the text that is next in `map` to `write`, unless it is `null`.
pub(super) fn with_text<'de, A: MapAccess<'de>>(
    map: &mut A,
    expected: &'static str,
    write: impl FnOnce(&str) -> Result<(), String>,
) -> Result<(), A::Error> {
    map.next_value_seed(Text { expected, write })
}

struct Text<F> {
    expected: &'static str,
    write: F,
}

impl<'de, F: FnOnce(&str) -> Result<(), String>> DeserializeSeed<'de> for Text<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<F: FnOnce(&str) -> Result<(), String>> Visitor<'_> for Text<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        (self.write)(text).map_err(E::custom)
    }
}

/// A JSON value that is no object and no array.
enum Scalar {
    Null,
    Integer(i128),
    Double(f64),
    Text(String),
}

impl Scalar {
    /// The integer, if it is one, no digit of it was lost, and it fits.
    fn exact<T: TryFrom<i128>, E: Error>(self) -> Result<T, E> {
        let value = match self {
            Self::Integer(value) => Some(value),
            Self::Double(value) => {
                let exact = value.fract() == 0.0 && value.abs() <= EXACT_IN_DOUBLE;
                exact.then_some(value as i128)
            }
            Self::Null | Self::Text(_) => None,
        };
        value
            .and_then(|value| T::try_from(value).ok())
            .ok_or_else(|| E::custom("not an integer, out of range, or not told exactly"))
    }
}

/// Reads a [`Scalar`].
struct AnyScalar {
    /// What was expected, for errors.
    expected: &'static str,
    /// What a string stands for, if it stands for anything.
    text: fn(&str) -> Option<Scalar>,
}

impl<'de> DeserializeSeed<'de> for AnyScalar {
    type Value = Scalar;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for AnyScalar {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar::Double(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
        let unexpected = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
        (self.text)(text).ok_or_else(unexpected)
    }
}
