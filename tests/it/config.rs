//! The configuration as a person meets it: what is refused before anything starts, and what is shown.

use std::fs;

use crate::support::command::clew;

#[test]
fn a_wrong_configuration_is_refused_before_anything_starts() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let file = home.path().join("clew.yaml");
    let data = home.path().join("data");
    fs::write(
        &file,
        format!(
            "data_dir: {}\nstorage:\n  epoch_sise: 1MiB\n",
            data.display()
        ),
    )
    .expect("written");
    let path = file.to_str().expect("a path of our own");
    for command in [
        &["serve", "--config", path][..],
        &["config", "check", "--config", path],
        &["--config", path],
    ] {
        let complaint = clew(command, &[]).bad(2);
        assert!(
            complaint.contains("clew.yaml:3: `storage.epoch_sise`"),
            "{complaint}"
        );
        assert!(
            complaint.contains("did you mean `storage.epoch_size`?"),
            "{complaint}"
        );
    }
    assert!(!data.exists(), "nothing was begun");
}

#[test]
fn an_open_address_without_a_token_is_refused() {
    let complaint = clew(&["serve", "--host", "0.0.0.0"], &[]).bad(2);
    assert!(
        complaint.contains("--insecure") && complaint.contains("openssl rand"),
        "{complaint}"
    );
}

#[test]
fn print_shows_values_and_origins_but_no_secret() {
    let secret = "canary-canary-canary-canary";
    let variables = [
        ("CLEW_AUTH_ADMIN_TOKENS", secret),
        ("CLEW_PORTS_HTTP", "off"),
    ];
    let shown = clew(
        &["config", "print", "--storage-epoch-age", "7s"],
        &variables,
    )
    .good();
    let line = |name: &str| {
        shown
            .lines()
            .find(|line| line.trim_start().starts_with(name))
            .unwrap_or_default()
    };
    assert!(
        line("http:").contains("off") && line("http:").contains("# CLEW_PORTS_HTTP"),
        "{shown}"
    );
    assert!(
        line("epoch_age:").contains("7s") && line("epoch_age:").contains("# --storage-epoch-age"),
        "{shown}"
    );
    assert!(
        line("zipkin:").contains("9411") && line("zipkin:").contains("# default"),
        "{shown}"
    );
    assert!(!shown.contains(secret), "{shown}");
}

#[test]
fn a_file_that_print_wrote_is_right() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let file = home.path().join("printed.yaml");
    fs::write(&file, clew(&["config", "print"], &[]).good()).expect("written");
    let path = file.to_str().expect("a path of our own");
    let said = clew(&["config", "check", "--config", path], &[]).good();
    assert!(said.contains("the configuration is right"), "{said}");
}

#[test]
fn the_example_for_deployment_has_known_settings_only() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/clew.yaml");
    // Its token files are not here; anything else would be a fault of the example.
    let complaint = clew(&["config", "check", "--config", example], &[]).bad(2);
    let faults = complaint
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("    "));
    for fault in faults {
        assert!(fault.contains("_tokens_file: /etc/clew/"), "{complaint}");
    }
}
