use proptest::prelude::*;

use super::{AttributeType, AttributeValue, NESTING_MAX, ValueRef};

/// Equal bit for bit: NaN payloads and the sign of zero count.
pub(crate) fn same(left: &AttributeValue, right: &AttributeValue) -> bool {
    use AttributeValue::{Array, Double, Map};
    match (left, right) {
        (Double(left), Double(right)) => left.to_bits() == right.to_bits(),
        (Array(left), Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same(l, r))
        }
        (Map(left), Map(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(l, r)| l.0 == r.0 && same(&l.1, &r.1))
        }
        (left, right) => left == right,
    }
}

pub(crate) fn hostile_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z.]{0,12}",
        2 => any::<String>(),
        1 => "[$\"\\\\\u{0}\u{1}\n\t\u{7f}\u{e9}\u{1f600}]{0,8}",
        1 => Just("$double".to_owned()),
        1 => Just("$$bytes".to_owned()),
    ]
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<i64>().prop_map(|value| value as f64),
        (-100_000i32..100_000).prop_map(|value| f64::from(value) / 100.0),
        Just(f64::NAN),
        Just(-f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(0.0),
        Just(-0.0),
        Just(f64::MIN_POSITIVE / 2.0),
    ]
}

pub(crate) fn scalar() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        Just(AttributeValue::Empty),
        hostile_text().prop_map(AttributeValue::String),
        any::<bool>().prop_map(AttributeValue::Bool),
        any::<i64>().prop_map(AttributeValue::Int),
        double().prop_map(AttributeValue::Double),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(AttributeValue::Bytes),
    ]
}

pub(crate) fn value() -> impl Strategy<Value = AttributeValue> {
    scalar().prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(AttributeValue::Array),
            prop::collection::vec((hostile_text(), inner), 0..5).prop_map(AttributeValue::Map),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_reads_back_bit_for_bit(value in value()) {
        let text = value.to_text();
        let back = AttributeValue::from_text(value.attribute_type(), &text).unwrap();
        prop_assert!(same(&value, &back), "{value:?} -> {text} -> {back:?}");
    }

    #[test]
    fn values_of_one_type_differ_in_text_when_they_differ(left in value(), right in value()) {
        let equal = left.attribute_type() == right.attribute_type() && left.to_text() == right.to_text();
        prop_assert_eq!(equal, same(&left, &right));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), letter in prop::sample::select(b"esbidyam".to_vec())) {
        let attribute_type = AttributeType::from_letter(letter).unwrap();
        let _ = AttributeValue::from_text(attribute_type, &text);
    }
}

fn texts(cases: &[(AttributeValue, &str)]) {
    for (value, text) in cases {
        assert_eq!(value.to_text(), *text, "{value:?}");
        assert!(
            same(
                value,
                &AttributeValue::from_text(value.attribute_type(), text).unwrap()
            ),
            "{text}"
        );
    }
}

#[test]
fn doubles_are_short_and_exact() {
    use AttributeValue::Double;
    texts(&[
        (Double(200.0), "200"),
        (Double(-0.0), "-0"),
        (Double(0.0), "0"),
        (Double(0.1), "0.1"),
        (Double(9_007_199_254_740_992.0), "9007199254740992"),
        (Double(9_999_999_999_999_998.0), "9999999999999998"),
        (Double(1e16), "1e16"),
        (Double(1e300), "1e300"),
        (Double(5e-324), "5e-324"),
        (Double(f64::NAN), "NaN"),
        (
            Double(f64::from_bits(0xfff8_0000_0000_0001)),
            "NaN:fff8000000000001",
        ),
        (Double(f64::NEG_INFINITY), "-Infinity"),
    ]);
}

#[test]
fn nested_values_keep_types_apart() {
    use AttributeValue::{Array, Bool, Bytes, Double, Empty, Int, Map, String};
    let text = |text: &str| String(text.to_owned());
    texts(&[
        (Array(vec![]), "[]"),
        (Map(vec![]), "{}"),
        (
            Array(vec![Int(1), Double(1.0), Double(-0.0), Double(1e16)]),
            "[1,1.0,-0.0,1e16]",
        ),
        (
            Array(vec![Int(i64::MIN), Int(i64::MAX)]),
            "[-9223372036854775808,9223372036854775807]",
        ),
        (
            Array(vec![Empty, Bool(true), text("a\"\\\n\u{1}é")]),
            r#"[null,true,"a\"\\\n\u0001é"]"#,
        ),
        (
            Array(vec![Double(f64::INFINITY), Bytes(vec![255])]),
            r#"[{"$double":"Infinity"},{"$bytes":"/w=="}]"#,
        ),
        (
            Map(vec![("$bytes".to_owned(), text("/w=="))]),
            r#"{"$$bytes":"/w=="}"#,
        ),
        (
            Map(vec![("k".to_owned(), Int(1)), ("k".to_owned(), Int(2))]),
            r#"{"k":1,"k":2}"#,
        ),
    ]);
}

#[test]
fn the_deepest_nesting_reads_back() {
    let mut value = AttributeValue::Bytes(vec![1]);
    for depth in 0..NESTING_MAX {
        value = match depth % 2 {
            0 => AttributeValue::Array(vec![value]),
            _ => AttributeValue::Map(vec![("k".to_owned(), value)]),
        };
    }
    let back = AttributeValue::from_text(value.attribute_type(), &value.to_text()).unwrap();
    assert!(same(&value, &back));
}

#[test]
fn foreign_texts_are_refused() {
    use AttributeType::{Array, Bool, Bytes, Double, Empty, Int, Map};
    for (attribute_type, text) in [
        (Empty, "x"),
        (Bool, "1"),
        (Int, "1.5"),
        (Int, "9223372036854775808"),
        (Double, "NaN:0000000000000000"),
        (Double, "one"),
        (Bytes, "a"),
        (Array, "{}"),
        (Map, "[]"),
        (Map, r#"{"$double":"NaN"}"#),
        (Array, "[9223372036854775808]"),
        (Array, r#"[{"$odd":"x"}]"#),
        (Array, r#"[{"$bytes":"AA==","k":1}]"#),
        (Map, r#"{"k":1,"$bytes":"AA=="}"#),
        (Array, "[1"),
    ] {
        assert!(
            AttributeValue::from_text(attribute_type, text).is_err(),
            "{text}"
        );
    }
}

#[test]
fn borrowed_and_owned_values_have_the_same_text() {
    let pairs = [
        (ValueRef::Empty, AttributeValue::Empty),
        (
            ValueRef::String("x"),
            AttributeValue::String("x".to_owned()),
        ),
        (ValueRef::Bool(false), AttributeValue::Bool(false)),
        (ValueRef::Int(-7), AttributeValue::Int(-7)),
        (ValueRef::Double(1.5), AttributeValue::Double(1.5)),
        (ValueRef::Bytes(&[1, 2]), AttributeValue::Bytes(vec![1, 2])),
    ];
    for (borrowed, owned) in pairs {
        let mut text = String::new();
        borrowed.write_text(&mut text).unwrap();
        assert_eq!(text, owned.to_text());
        assert_eq!(borrowed.attribute_type(), owned.attribute_type());
    }
}
