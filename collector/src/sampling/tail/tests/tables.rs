//! The tables beside this file.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::traffic::{Span, Trace, batch};
use super::{TailPolicies, decide};
use crate::limits::{TAIL_NESTING_MAX, TAIL_POLICIES_MAX, TAIL_REGEX_BYTES_MAX};
use crate::sampling::tail::{PolicyConfig, PolicySetConfig};

#[derive(Deserialize)]
struct PolicyCases {
    policy: PolicyConfig,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    is: String,
    spans: Vec<Span>,
    kept: bool,
}

#[test]
fn every_policy_says_what_the_table_says() {
    let tables: Vec<PolicyCases> = serde_saphyr::from_str(include_str!("cases.yaml")).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for PolicyCases { policy, cases } in tables {
        for case in cases {
            let set = PolicySetConfig {
                policies: vec![policy.clone()],
                other: BTreeMap::new(),
            };
            let policies = TailPolicies::new(&set).unwrap();
            let outcome = decide(&policies, &batch(&[Trace::of(0, case.spans)], 0))[0];
            count += 1;
            if outcome.is_kept != case.kept {
                wrong.push(format!("{:?}: {}", policy.r#type, case.is));
            }
        }
    }
    assert!(count > 100, "{count}");
    assert_eq!(wrong, Vec::<String>::new());
}

fn refusal(text: &str) -> Option<String> {
    match serde_saphyr::from_str::<PolicySetConfig>(text) {
        Err(error) => Some(error.to_string()),
        Ok(config) => TailPolicies::new(&config)
            .err()
            .map(|error| error.to_string()),
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    #[derive(Deserialize)]
    struct Fault {
        text: String,
        says: String,
    }
    let faults: Vec<Fault> = serde_saphyr::from_str(include_str!("faults.yaml")).unwrap();
    for Fault { text, says } in faults {
        let message = refusal(&text).unwrap_or_else(|| panic!("is not refused:\n{text}"));
        assert!(message.contains(&says), "{message}\n{text}");
    }
}

#[test]
fn an_error_of_the_text_names_the_line() {
    let message = refusal("policies:\n  - { type: always_sample }\n  - { type: latenzy }\n");
    let message = message.unwrap();
    assert!(message.contains("line 3"), "{message}");
}

fn nested(depth: usize) -> String {
    let mut policy = "{ type: always_sample }".to_owned();
    for _ in 1..depth {
        policy = format!("{{ type: and, and: {{ and_sub_policy: [{policy}] }} }}");
    }
    format!("policies: [{policy}]")
}

#[test]
fn policies_at_the_bounds_are_taken_and_beyond_refused() {
    assert_eq!(refusal(&nested(TAIL_NESTING_MAX)), None);
    let deeper = refusal(&nested(TAIL_NESTING_MAX + 1)).unwrap();
    assert!(deeper.contains("deep"), "{deeper}");
    let many = |count: usize| {
        let policy = |number| format!("  - {{ name: p{number}, type: always_sample }}\n");
        let policies: String = (0..count).map(policy).collect();
        format!("policies:\n{policies}")
    };
    assert_eq!(refusal(&many(TAIL_POLICIES_MAX)), None);
    let more = refusal(&many(TAIL_POLICIES_MAX + 1)).unwrap();
    assert!(more.contains("at most 256"), "{more}");
    let regex = |repeat: usize| {
        format!(
            "policies: [{{ type: string_attribute, string_attribute: {{ key: a, enabled_regex_matching: true, values: ['(ab|c){{{repeat}}}'] }} }}]"
        )
    };
    assert_eq!(refusal(&regex(100)), None);
    let large = refusal(&regex(TAIL_REGEX_BYTES_MAX / 8)).unwrap();
    assert!(large.contains("size limit"), "{large}");
}
