use proptest::prelude::*;

use super::quantity::{Number, duration_ns};
use super::*;
use crate::error::QueryError;
use crate::filter::Level;

/// The cases that the page's parser has to meet too.
fn cases() -> serde_json::Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../testdata/query-language/cases.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn read(text: &str) -> Result<(Node, Compiled), QueryError> {
    let node = parse(text)?;
    let compiled = compile(&node)?;
    Ok((node, compiled))
}

#[test]
fn accepted_cases_have_one_canonical_text() {
    for case in cases()["accepted"].as_array().unwrap() {
        let (query, canonical) = (
            case["query"].as_str().unwrap(),
            case["canonical"].as_str().unwrap(),
        );
        let (node, _) = read(query).unwrap_or_else(|error| panic!("{query}: {error:?}"));
        assert_eq!(node.to_string(), canonical, "{query}");
        assert_eq!(parse(canonical).unwrap(), node, "{query}");
    }
}

#[test]
fn refused_cases_tell_the_place() {
    for case in cases()["refused"].as_array().unwrap() {
        let query = case["query"].as_str().unwrap();
        let error = read(query).expect_err(query);
        assert_eq!(
            error.position(),
            case["position"].as_u64(),
            "{query}: {error}"
        );
        assert!(error.hint().is_some(), "{query}: {error}");
    }
}

#[test]
fn limits_hold_at_the_limit_and_not_beyond() {
    let long = |bytes: usize| format!("k=\"{}\"", "x".repeat(bytes - 4));
    assert!(parse(&long(TEXT_BYTES_MAX)).is_ok());
    assert!(matches!(
        parse(&long(TEXT_BYTES_MAX + 1)),
        Err(QueryError::Limit { .. })
    ));
    let terms = |count: usize| vec!["error"; count].join(" ");
    assert!(parse(&terms(TERMS_MAX)).is_ok());
    assert!(matches!(
        parse(&terms(TERMS_MAX + 1)),
        Err(QueryError::Limit { .. })
    ));
    let values = |count: usize| format!("k in ({})", vec!["1"; count].join(","));
    assert!(parse(&values(TERMS_MAX)).is_ok());
    assert!(matches!(
        parse(&values(TERMS_MAX + 1)),
        Err(QueryError::Limit { .. })
    ));
    let deep = |depth: usize| format!("{}error{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&deep(DEPTH_MAX)).is_ok());
    assert!(matches!(
        parse(&deep(DEPTH_MAX + 1)),
        Err(QueryError::Limit { .. })
    ));
    assert!(parse(&format!("{}error", "!".repeat(DEPTH_MAX))).is_ok());
    assert!(parse(&format!("{}error", "!".repeat(DEPTH_MAX + 1))).is_err());
    assert!(read("name~\"x{100}\"").is_ok());
    let error = read("name~\"(x{1000}){1000}\"").unwrap_err();
    assert!(error.to_string().contains("over"), "{error}");
}

#[test]
fn durations_are_exact() {
    for (text, ns) in [
        ("0s", Some(0)),
        ("250ms", Some(250_000_000)),
        ("1.5s", Some(1_500_000_000)),
        (".5us", Some(500)),
        ("1m30s", Some(90_000_000_000)),
        ("2µs", Some(2_000)),
        ("1.000000001s", Some(1_000_000_001)),
        ("106751d", Some(106_751 * 86_400_000_000_000)),
        ("106752d", None),
        ("5", None),
        ("ms", None),
        (".s", None),
        ("-5ms", None),
        ("5 ms", None),
        ("1.2.3s", None),
        ("", None),
    ] {
        assert_eq!(duration_ns(text), ns, "{text}");
    }
}

#[test]
fn numbers_keep_all_bits() {
    assert_eq!(
        Number::read("9223372036854775807"),
        Some(Number::Int(i64::MAX))
    );
    assert_eq!(Number::with_size("2KiB"), Some(Number::Int(2048)));
    assert_eq!(Number::with_size("1.5kB"), Some(Number::Float(1500.0)));
    assert_eq!(Number::with_size("7B"), Some(Number::Int(7)));
    for text in [
        "", "inf", "nan", "NaN", "infinity", "1e999", "0x10", "abc", "-", "1_000",
    ] {
        assert_eq!(Number::read(text), None, "{text}");
    }
    let compare = |a: &str, b: &str| Number::read(a).unwrap().compare(Number::read(b).unwrap());
    // 2^53 + 1 is no float; as floats both would be equal.
    assert!(compare("9007199254740993", "9007199254740992.0").is_gt());
    assert!(compare("9223372036854775807", "9223372036854775808").is_lt());
    assert!(compare("-9223372036854775808", "-9223372036854775808.0").is_eq());
    assert!(compare("1", "1.5").is_lt());
    assert!(compare("-1", "-1.5").is_gt());
    assert!(compare("1.5", "1").is_gt());
    assert!(compare("500", "5e2").is_eq());
}

#[test]
fn a_condition_of_the_trace_stands_apart() {
    let (_, compiled) = read("error trace.spans>=3").unwrap();
    assert_eq!(
        compiled.span,
        crate::filter::Filter::All(vec![crate::filter::Filter::Text(
            crate::filter::TextField::Status,
            "error".into()
        )])
    );
    let trace = compiled.trace.unwrap();
    let mut summary = crate::trace::summary::Summary {
        root_service_name: "a".into(),
        root_name: "GET".into(),
        start_time: 1,
        duration_ns: 5_000_000,
        span_count: 2,
        error_count: 1,
        orphan_count: 0,
        services: vec![crate::trace::summary::ServiceCount {
            name: "cart".into(),
            span_count: 2,
            error_count: 1,
        }],
        complete: true,
    };
    assert!(!trace.matches(&summary));
    summary.span_count = 3;
    assert!(trace.matches(&summary));
    for (query, holds) in [
        ("trace.duration>4ms", true),
        ("trace.duration>5ms", false),
        ("trace.duration=5ms", true),
        ("trace.duration!=5ms", false),
        ("trace.services=cart", true),
        ("trace.services=car*", true),
        ("trace.services=car", false),
        ("trace.services!=cart", false),
        ("trace.root.service=a trace.root.name~^G", true),
        ("trace.spans=3", true),
        ("trace.spans in (1, 3)", true),
        ("trace.spans!=3|4", false),
        ("trace.errors>=1 not trace.orphans>0", true),
        ("trace.complete or trace.spans>99", true),
        ("not trace.complete", false),
    ] {
        let trace = read(query).unwrap().1.trace.unwrap();
        assert_eq!(trace.matches(&summary), holds, "{query}");
    }
}

fn term() -> impl Strategy<Value = Node> {
    let level = prop::sample::select(vec![
        Level::Any,
        Level::Span,
        Level::Resource,
        Level::Scope,
        Level::Event,
        Level::Link,
    ]);
    let op = prop::sample::select(vec![
        Op::Is,
        Op::IsNot,
        Op::Matches,
        Op::Order(Order::AtLeast),
    ]);
    let value = (any::<String>(), any::<bool>()).prop_map(|(text, quoted)| Value {
        at: 0,
        // What is not quoted is a word.
        quoted: quoted
            || !text
                .chars()
                .all(|sign| sign.is_ascii_alphanumeric() || sign == '*'),
        text,
    });
    let value = value.prop_map(|value| Value {
        quoted: value.quoted || value.text.is_empty(),
        ..value
    });
    let attribute = (
        level,
        "\\PC{1,8}|service|or|has:x|trace.x",
        op,
        prop::collection::vec(value, 1..4),
    );
    attribute.prop_map(|(level, key, op, mut values)| {
        if !matches!(op, Op::Is | Op::IsNot) {
            values.truncate(1);
            values[0].quoted = true;
        }
        Node::Term(Term {
            at: 0,
            subject: Subject::Attribute(level, key),
            test: Test::Compare(op, values),
        })
    })
}

fn tree() -> impl Strategy<Value = Node> {
    term().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Node::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Node::Any),
            inner.prop_map(|node| Node::Not(Box::new(node))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(node in tree()) {
        let text = node.to_string();
        match parse(&text) {
            Ok(read) => prop_assert_eq!(read, node, "{}", text),
            Err(QueryError::Limit { .. }) => {}
            Err(error) => prop_assert!(false, "{}: {:?}", text, error),
        }
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_in_it(text in "\\PC{0,60}|[a-z()|=!<>~,\"' -]{0,60}") {
        match read(&text) {
            Ok((node, _)) => prop_assert_eq!(&parse(&node.to_string()).unwrap(), &node),
            Err(error) => {
                let position = error.position().unwrap_or(0) as usize;
                prop_assert!(position <= text.len() && text.is_char_boundary(position), "{}", error);
            }
        }
    }
}
