use datafusion::prelude::{col, lit};

use super::*;

fn attribute(key: &str, value: &str) -> Filter {
    Filter::Attribute {
        level: Level::Any,
        key: key.into(),
        value: value.into(),
    }
}

#[test]
fn special_keys_become_columns() {
    let error = Filter::Text(TextField::Status, "error".into());
    assert_eq!(tags::tag("error", "true"), error);
    assert_eq!(tags::tag("error", "false"), Filter::Not(Box::new(error)));
    assert_eq!(tags::tag("error", "timeout"), attribute("error", "timeout"));
    assert_eq!(
        tags::tag("span.kind", "SERVER"),
        Filter::Text(TextField::Kind, "server".into())
    );
    assert_eq!(
        tags::tag("span.status", "Ok"),
        Filter::Text(TextField::Status, "ok".into())
    );
    assert_eq!(
        tags::tag("scope.name", "Lib"),
        Filter::Text(TextField::ScopeName, "Lib".into())
    );
    assert_eq!(
        tags::tag("resource.k8s.pod", "a"),
        Filter::Attribute {
            level: Level::Resource,
            key: "k8s.pod".into(),
            value: "a".into()
        }
    );
}

#[test]
fn json_tags_take_numbers_as_text_and_refuse_nesting() {
    let filters = tags::from_json(r#"{"a":"x","b":123,"c":72.5,"d":true}"#).unwrap();
    let expected = [
        attribute("a", "x"),
        attribute("b", "123"),
        attribute("c", "72.5"),
        attribute("d", "true"),
    ];
    assert_eq!(filters, expected);
    assert!(tags::from_json(r#"{"a":["x"]}"#).is_err());
    assert!(tags::from_json(r#"["a"]"#).is_err());
    assert!(tags::from_json("a=b").is_err());
}

#[test]
fn a_condition_without_bounds_is_true() {
    assert_eq!(Filter::All(vec![]).expr(), lit(true));
    assert_eq!(
        Filter::Start {
            min: None,
            max: None
        }
        .expr(),
        lit(true)
    );
}

#[test]
fn every_prunable_condition_is_found_in_the_expression() {
    let filter = Filter::All(vec![
        Filter::Text(TextField::Service, "cart".into()),
        Filter::Text(TextField::Name, "GET".into()),
        Filter::Start {
            min: Some(5),
            max: Some(9),
        },
        attribute("k", "v"),
    ]);
    let pair = || Prune::Attribute("k".into(), "v".into());
    let expected = Prune::All(vec![
        Prune::All(vec![
            Prune::All(vec![
                Prune::Service(vec!["cart".into()]),
                Prune::Name(vec!["GET".into()]),
            ]),
            Prune::All(vec![Prune::Start(5, i64::MAX), Prune::Start(i64::MIN, 8)]),
        ]),
        Prune::Any(vec![
            Prune::Any(vec![
                Prune::Any(vec![Prune::Any(vec![pair(), pair()]), pair()]),
                pair(),
            ]),
            pair(),
        ]),
    ]);
    assert_eq!(Prune::new([&filter.expr()]), expected);
}

#[test]
fn what_is_not_understood_prunes_nothing() {
    let unknown = col("status_message").eq(lit("x"));
    let service = col("service_name").eq(lit("cart"));
    assert_eq!(Prune::new([&unknown]), Prune::Unknown);
    assert_eq!(
        Prune::new([&unknown.clone().or(service.clone())]),
        Prune::Unknown
    );
    assert_eq!(
        Prune::new([&unknown.and(service.clone())]),
        Prune::Service(vec!["cart".into()])
    );
    assert_eq!(Prune::new([&!service.clone()]), Prune::Unknown);
    assert_eq!(
        Prune::new([&lit("cart").eq(col("service_name"))]),
        Prune::Service(vec!["cart".into()])
    );
    assert_eq!(Prune::new([&service.is_null()]), Prune::Unknown);
}
