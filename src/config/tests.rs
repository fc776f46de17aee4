//! Layers, faults, cross-checks and what is printed.

use std::fs;
use std::path::Path;

use super::layers::{Loaded, load};
use super::value::Value;
use super::{keys, print, units};

struct Given<'a> {
    file: &'a str,
    environment: &'a [(&'a str, &'a str)],
    flags: &'a [(&'a str, &'a str)],
}

const NOTHING: Given<'_> = Given {
    file: "",
    environment: &[],
    flags: &[],
};

fn attempt(given: &Given<'_>) -> anyhow::Result<Loaded> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clew.yaml");
    fs::write(&path, given.file).unwrap();
    let environment = given
        .environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let flags = given
        .flags
        .iter()
        .map(|(name, value)| (keys::find(name).unwrap(), Value::Text((*value).to_owned())));
    load(Some(&path), environment, flags.collect())
}

fn loaded(given: &Given<'_>) -> Loaded {
    attempt(given).unwrap()
}

/// The message of a configuration that must be refused, with the file's directory cut off.
fn refused(given: &Given<'_>) -> String {
    let message = format!("{:#}", attempt(given).expect_err("is refused"));
    let file_line = |line: &str| match line.split_once("/clew.yaml") {
        Some((_, rest)) => format!("clew.yaml{rest}"),
        None => line.trim().to_owned(),
    };
    message
        .lines()
        .skip(1)
        .map(file_line)
        .collect::<Vec<_>>()
        .join("\n")
}

fn file(text: &str) -> Given<'_> {
    Given {
        file: text,
        ..NOTHING
    }
}

fn shown(loaded: &Loaded, name: &str) -> (String, String) {
    let key = keys::find(name).unwrap();
    ((key.show)(&loaded.config), loaded.origin(key).to_string())
}

#[test]
fn the_later_layer_wins_and_is_named() {
    let given = Given {
        file: "storage:\n  epoch_size: 10MiB\n  epoch_age: 5s\n  cache_size: 1MiB\n",
        environment: &[
            ("CLEW_STORAGE_EPOCH_SIZE", "20MiB"),
            ("CLEW_STORAGE_EPOCH_AGE", "6s"),
        ],
        flags: &[("storage.epoch_size", "30MiB")],
    };
    let loaded = loaded(&given);
    assert_eq!(
        shown(&loaded, "storage.epoch_size"),
        ("30MiB".into(), "--storage-epoch-size".into())
    );
    assert_eq!(
        shown(&loaded, "storage.epoch_age"),
        ("6s".into(), "CLEW_STORAGE_EPOCH_AGE".into())
    );
    let (value, origin) = shown(&loaded, "storage.cache_size");
    assert_eq!(value, "1MiB");
    assert!(origin.ends_with("clew.yaml:4"), "{origin}");
    assert_eq!(
        shown(&loaded, "host"),
        ("127.0.0.1".into(), "default".into())
    );
}

#[test]
fn an_empty_file_and_an_empty_variable_are_nothing() {
    let given = Given {
        environment: &[("CLEW_HOST", "")],
        ..file("# only a comment\n")
    };
    assert_eq!(shown(&loaded(&given), "host").1, "default");
}

#[test]
fn lists_and_rules_come_in_every_spelling() {
    let check = |given: Given<'_>| {
        let loaded = loaded(&given);
        assert_eq!(
            shown(&loaded, "cors.origins").0,
            "https://a.example,http://b.example:81"
        );
        assert_eq!(shown(&loaded, "sampling.head.rules").0, "cart=0.1,*=0.5");
    };
    check(file(
        "cors:\n  origins: [https://a.example, 'http://b.example:81']\nsampling:\n  head:\n    rules:\n      cart: 0.1\n      '*': 0.5\n",
    ));
    check(file(
        "cors: { origins: 'https://a.example, http://b.example:81' }\nsampling: { head: { rules: [cart=0.1, '*=0.5'] } }\n",
    ));
    check(Given {
        environment: &[
            ("CLEW_CORS_ORIGINS", "https://a.example,http://b.example:81"),
            ("CLEW_SAMPLING_HEAD_RULES", "cart=0.1,*=0.5"),
        ],
        ..NOTHING
    });
}

#[test]
fn retention_rules_come_in_every_spelling() {
    let expected = "service=checkout=30d,name=GET /a=*&service=web=1h30m";
    let check = |given: Given<'_>| {
        let loaded = loaded(&given);
        assert_eq!(
            shown(&loaded, "retention.rules").0,
            expected.replace('&', " & ")
        );
    };
    check(file(
        "retention:\n  rules:\n    service=checkout: 30d\n    name=GET /a=* & service=web: 90m\n",
    ));
    check(file(
        "retention: { rules: [service=checkout=30d, 'name=GET /a=* & service=web=90m'] }\n",
    ));
    check(Given {
        environment: &[(
            "CLEW_RETENTION_RULES",
            "service=checkout=30d, name=GET /a=* & service=web=90m",
        )],
        ..NOTHING
    });
    for (text, said) in [
        ("checkout: 30d", "is not a condition"),
        ("service=checkout: 30", "is not a duration"),
        ("service=checkout: 0s", "shorter than"),
    ] {
        let text = format!("retention: {{ rules: {{ {text} }} }}");
        let refused = refused(&file(&text));
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn yaml_words_for_off_close_a_door() {
    for off in ["off", "false", "'off'"] {
        let text = format!("ports:\n  zipkin: {off}\nretention:\n  max_age: {off}\n");
        let config = loaded(&file(&text)).config;
        assert_eq!(config.server.ports.zipkin, None, "{off}");
        assert_eq!(config.retention.max_age, None, "{off}");
    }
}

#[test]
fn an_unknown_setting_is_refused_with_the_nearest_one() {
    assert_eq!(
        refused(&file("storage:\n  epoch_sise: 1MiB\n")),
        "clew.yaml:2: `storage.epoch_sise` is not a setting; did you mean `storage.epoch_size`?"
    );
    assert_eq!(
        refused(&file("strage:\n  epoch_size: 1MiB\n")),
        "clew.yaml:2: `strage` is not a setting; did you mean `storage`?"
    );
    assert_eq!(
        refused(&file("kafka: x\n")),
        "clew.yaml:1: `kafka` is not a setting"
    );
    assert_eq!(
        refused(&file("storage: 3\n")),
        "clew.yaml:1: `storage` is a section, not a setting"
    );
}

#[test]
fn every_fault_of_a_file_is_told_at_once() {
    let text = "storage:\n  epoch_age: 30\n  epoch_size: big\nports:\n  zipkin: 70000\n";
    assert_eq!(
        refused(&file(text)).lines().count(),
        3,
        "{}",
        refused(&file(text))
    );
}

#[test]
fn yaml_that_is_none_is_refused_with_its_place() {
    let message = format!("{:#}", attempt(&file("host: [1, 2\nports:\n")).unwrap_err());
    assert!(
        message.contains("line 2") || message.contains(":2"),
        "{message}"
    );
    assert!(attempt(&file("host: a\nhost: b\n")).is_err(), "a key twice");
}

#[test]
fn a_file_that_is_not_there_is_refused() {
    let error = load(Some(Path::new("/nonexistent/clew.yaml")), [], Vec::new()).unwrap_err();
    assert!(format!("{error:#}").contains("there is no file /nonexistent/clew.yaml"));
}

#[test]
fn an_address_that_others_reach_needs_tokens() {
    let message = refused(&file("host: 0.0.0.0\n"));
    for advice in ["openssl rand", "127.0.0.1", "--insecure"] {
        assert!(message.contains(advice), "{message}");
    }
    for host in ["127.0.0.2", "'::1'", "localhost"] {
        loaded(&file(&format!("host: {host}\n")));
    }
    assert_eq!(
        loaded(&file("host: '::'\ninsecure: true\n")).warnings.len(),
        1
    );
    let with_token = "host: 0.0.0.0\nauth:\n  admin_tokens: 0123456789abcdef\n";
    assert!(loaded(&file(with_token)).warnings[0].contains("unencrypted"));
}

#[test]
fn a_class_of_doors_that_no_token_opens_is_refused() {
    let message = refused(&file("auth:\n  ingest_tokens: 0123456789abcdef\n"));
    assert!(message.contains("none opens query"), "{message}");
    loaded(&file(
        "auth:\n  ingest_tokens: 0123456789abcdef\n  admin_tokens: fedcba9876543210\n",
    ));
}

#[test]
fn token_files_are_read_and_their_faults_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tokens");
    let text = format!("auth:\n  admin_tokens_file: {}\n", path.display());
    assert!(refused(&file(&text)).contains("No such file"));
    fs::write(&path, "# none yet\n\n").unwrap();
    assert!(refused(&file(&text)).contains("has no token"));
    fs::write(&path, "short\n").unwrap();
    assert!(refused(&file(&text)).contains("line 1: a token has 16 to"));
    fs::write(
        &path,
        "# two of them\n0123456789abcdef\n  fedcba9876543210  \n",
    )
    .unwrap();
    assert_eq!(loaded(&file(&text)).config.auth.admin.tokens.len(), 2);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let check = |text: &str, expected: &str| {
        let message = refused(&file(text));
        assert!(message.contains(expected), "{message}");
    };
    check(
        "ports: { zipkin: 4317 }",
        "ports.zipkin and ports.otlp_grpc are the same port",
    );
    check(
        "ports: { zipkin: off, http: off, otlp_http: off, otlp_grpc: off, grpc: off, sampling: off }",
        "nothing to serve",
    );
    for (setting, expected) in [
        ("initial_share: 0", "initial_share is 0, not above 0"),
        ("initial_share: 1.5", "initial_share is 1.5"),
        ("share_min: 0", "share_min is 0, not above 0"),
        ("target_per_second: 0", "target_per_second is not above 0"),
        (
            "interval: 999ms",
            "sampling.remote.interval is shorter than 1s",
        ),
        (
            "reload_interval: 999ms",
            "sampling.remote.reload_interval is shorter than 1s",
        ),
        ("per_second_min: -1", "not a number of 0 or more"),
    ] {
        let text = format!("sampling: {{ remote: {{ {setting} }} }}");
        check(&text, expected);
    }
    check("tls: { cert: a.pem }", "tls.key is not");
    check("tls: { key: a.pem }", "tls.cert is not");
    check("storage: { epoch_size: 1GiB }", "epoch_size is larger");
    check("collector: { body_size_max: 65MiB }", "largest record");
    check("cors: { origins: shop.example }", "is not an origin");
    check(
        "cors: { origins: 'https://shop.example/' }",
        "is not an origin",
    );
    check(
        "server: { allowed_hosts: 'clew.example:443' }",
        "is not a host name",
    );
    check(
        "server: { connections_max: 0 }",
        "server.connections_max is 0",
    );
    check(
        "sampling: { head: { rules: [a=1, a=0.5] } }",
        "two rules for `a`",
    );
    check("retention: { interval: 999ms }", "shorter than 1s");
    loaded(&file("ports: { zipkin: 0, http: 0 }"));
    loaded(&file("retention: { interval: 1s }"));
}

#[test]
fn foreign_variables_warn_only_when_they_look_meant() {
    let given = Given {
        environment: &[
            ("CLEW_STORAGE_EPOCH_SIZ", "1MiB"),
            ("CLEW_SERVICE_HOST", "10.0.0.1"),
            ("CLEW_PORT_4317_TCP_ADDR", "10.0.0.1"),
            ("CLEW_URL", "http://localhost:16686"),
            ("HOME", "/root"),
        ],
        ..NOTHING
    };
    let warnings = loaded(&given).warnings;
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("did you mean CLEW_STORAGE_EPOCH_SIZE")),
        "{warnings:?}"
    );
    assert!(
        !warnings
            .iter()
            .any(|warning| warning.contains("CLEW_URL") || warning.contains("HOME"))
    );
}

#[test]
fn what_print_writes_loads_again_and_shows_no_secret() {
    let given = Given {
        file: "sampling: { head: { rules: { cart: 0.25, '*': 1 } } }\nretention: { rules: { 'http.route=/healthz & service=a': 36h } }\nauth: { admin_tokens: 0123456789abcdef }\nports: { zipkin: off }\n",
        ..NOTHING
    };
    let first = loaded(&given);
    let text = print::print(&first);
    assert!(
        !text.contains("0123456789abcdef") && text.contains("1 secret"),
        "{text}"
    );
    let again = loaded(&file(&text));
    for key in keys::KEYS
        .iter()
        .filter(|key| key.kind != units::tokens::KIND)
    {
        assert_eq!(
            (key.show)(&first.config),
            (key.show)(&again.config),
            "{}",
            key.name
        );
    }
}

#[test]
fn a_secret_is_in_no_error_and_in_no_debug_text() {
    let secret = "canary-canary-canary";
    let text = format!("auth:\n  ingest_tokens: {secret}\n");
    assert!(!refused(&file(&text)).contains(secret));
    let short = refused(&file("auth:\n  admin_tokens: canary\n"));
    assert!(!short.contains("canary"), "{short}");
    let config = loaded(&file(&format!("auth:\n  admin_tokens: {secret}\n"))).config;
    assert!(!format!("{config:?}").contains(secret));
}
