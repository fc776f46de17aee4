//! Checks that need more than one value, and the reading of token files. Every fault is one line that says what to do.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use clew_collector::SamplingRule;

use super::model::{Config, TokenSource};
use super::secret::Secret;
use super::{policies, strategies};

/// Room in a record of the log for what is kept beside the payload.
const RECORD_HEAD_BYTES: usize = 8 << 20;

/// Retention rules at most.
const RETENTION_RULES_MAX: usize = 64;

/// Shortest term of a retention rule.
const RETENTION_RULE_MIN: Duration = Duration::from_mins(1);

/// Shortest time between two looks for old spans.
const RETENTION_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Shortest age at which stored traces are sampled.
const STORED_AGE_MIN: Duration = Duration::from_secs(1);

/// Shortest interval of remote sampling.
const REMOTE_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Shortest window of merged segments.
const COMPACTION_WINDOW_MIN: Duration = Duration::from_mins(1);

/// Largest file of tokens, in bytes.
const TOKEN_FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads token files into `config` and collects faults and warnings.
pub(crate) fn finish(config: &mut Config, faults: &mut Vec<String>, warnings: &mut Vec<String>) {
    // Without all of its tokens a configuration would look more open than it is meant to be.
    if token_files(config, faults) {
        access(config, faults, warnings);
    }
    ports(config, faults);
    tls(config, faults);
    names(config, faults);
    retention_rules(config, faults);
    bounds(config, faults);
    tail_policies(config, faults);
    stored_policies(config, faults, warnings);
    remote_strategies(config, faults);
}

/// Reads the policies of tail sampling.
fn tail_policies(config: &mut Config, faults: &mut Vec<String>) {
    let tail = &mut config.sampling.tail;
    let Some(path) = &tail.policy_file else {
        return;
    };
    match policies::read(path) {
        Ok(read) => tail.policies = Some(read),
        Err(why) => faults.push(format!(
            "sampling.tail.policy_file: {}: {why}",
            path.display()
        )),
    }
}

/// Reads the policies by which old traces are sampled.
fn stored_policies(config: &mut Config, faults: &mut Vec<String>, warnings: &mut Vec<String>) {
    let stored = &mut config.sampling.stored;
    let Some(path) = &stored.policy_file else {
        return;
    };
    match policies::read_for_stored(path) {
        Ok(read) => stored.policies = Some(read),
        Err(why) => faults.push(format!(
            "sampling.stored.policy_file: {}: {why}",
            path.display()
        )),
    }
    if stored.after < STORED_AGE_MIN {
        faults.push("sampling.stored.after is shorter than 1s: what has just arrived is for `sampling.tail`".to_owned());
    }
    if !config.storage.compaction.enabled {
        warnings.push(
            "sampling.stored.policy_file is set, but compaction.enabled is false: traces are sampled by `clew compact` alone"
                .to_owned(),
        );
    }
}

/// Reads the strategies of remote sampling, and checks what the adaptive ones aim at.
fn remote_strategies(config: &mut Config, faults: &mut Vec<String>) {
    let remote = &mut config.sampling.remote;
    if let Some(path) = &remote.strategy_file {
        match strategies::read(path) {
            Ok(read) => remote.strategies = read,
            Err(why) => faults.push(format!(
                "sampling.remote.strategy_file: {}: {why}",
                path.display()
            )),
        }
    }
    let options = &remote.options;
    let is_share = |share: f64| share > 0.0 && share <= 1.0;
    for (name, share) in [
        ("initial_share", options.initial_share),
        ("share_min", options.share_min),
    ] {
        if !is_share(share) {
            faults.push(format!(
                "sampling.remote.{name} is {share}, not above 0 and at most 1"
            ));
        }
    }
    if options.target_per_second <= 0.0 {
        faults.push("sampling.remote.target_per_second is not above 0".to_owned());
    }
    for (name, interval) in [
        ("interval", Some(remote.interval)),
        ("reload_interval", remote.reload_interval),
    ] {
        if interval.is_some_and(|interval| interval < REMOTE_INTERVAL_MIN) {
            faults.push(format!("sampling.remote.{name} is shorter than 1s"));
        }
    }
}

/// True when every file could be read.
fn token_files(config: &mut Config, faults: &mut Vec<String>) -> bool {
    let before = faults.len();
    let auth = &mut config.auth;
    let sources = [
        ("ingest", &mut auth.ingest),
        ("query", &mut auth.query),
        ("admin", &mut auth.admin),
    ];
    for (class, source) in sources {
        if let Some(path) = source.file.clone()
            && let Err(why) = read_tokens(&path, source)
        {
            let path = path.display();
            faults.push(format!("auth.{class}_tokens_file: {path}: {why}"));
        }
    }
    faults.len() == before
}

fn read_tokens(path: &Path, source: &mut TokenSource) -> Result<(), String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if metadata.len() > TOKEN_FILE_BYTES_MAX {
        return Err(format!(
            "the file is larger than {TOKEN_FILE_BYTES_MAX} bytes"
        ));
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let before = source.tokens.len();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            let token = Secret::new(line.to_owned());
            source
                .tokens
                .push(token.map_err(|why| format!("line {}: {why}", index + 1))?);
        }
    }
    if source.tokens.len() == before {
        return Err("the file has no token; write one a line".to_owned());
    }
    Ok(())
}

fn access(config: &Config, faults: &mut Vec<String>, warnings: &mut Vec<String>) {
    let auth = &config.auth;
    let address = config.server.host.0;
    if auth.any() && auth.admin.tokens.is_empty() {
        for (class, source) in [("ingest", &auth.ingest), ("query", &auth.query)] {
            if source.tokens.is_empty() {
                faults.push(format!(
                    "some doors have tokens, but none opens {class}: set auth.{class}_tokens_file or auth.admin_tokens_file"
                ));
            }
        }
    }
    if address.is_loopback() {
        return;
    }
    if !auth.any() && !config.server.insecure {
        faults.push(open_address(address));
    } else if !auth.any() {
        warnings.push(format!(
            "{address} is open to everybody who can reach it (insecure is set)"
        ));
    } else if config.tls.cert.is_none() {
        warnings.push(format!(
            "tokens travel unencrypted to {address}: set tls.cert and tls.key, or put a TLS proxy in front"
        ));
    }
}

fn open_address(address: IpAddr) -> String {
    format!(
        "host {address} can be reached from other machines, and no door has a token. Do one of these:\n    \
         - make a token: `openssl rand -hex 32 > clew.token`, and set auth.admin_tokens_file (or \
         --auth-admin-tokens-file, or CLEW_AUTH_ADMIN_TOKENS) to it;\n    \
         - listen on this machine only: leave host at 127.0.0.1;\n    \
         - trust the whole network: --insecure"
    )
}

fn ports(config: &Config, faults: &mut Vec<String>) {
    let ports = &config.server.ports;
    let all = [
        ("ports.otlp_grpc", ports.otlp_grpc),
        ("ports.otlp_http", ports.otlp_http),
        ("ports.zipkin", ports.zipkin),
        ("ports.http", ports.http),
        ("ports.grpc", ports.grpc),
        ("ports.sampling", ports.sampling),
    ];
    if all.iter().all(|(_, port)| port.is_none()) {
        faults.push("every port is off: there is nothing to serve".to_owned());
    }
    for (index, (name, port)) in all.iter().enumerate() {
        let taken = all[..index]
            .iter()
            .find(|(_, other)| other == port && port.is_some_and(|port| port != 0));
        if let Some((other, _)) = taken {
            faults.push(format!(
                "{name} and {other} are the same port; each door needs its own"
            ));
        }
    }
}

fn tls(config: &Config, faults: &mut Vec<String>) {
    match (&config.tls.cert, &config.tls.key) {
        (Some(_), None) => faults.push("tls.cert is set, but tls.key is not".to_owned()),
        (None, Some(_)) => faults.push("tls.key is set, but tls.cert is not".to_owned()),
        _ => {}
    }
}

fn names(config: &Config, faults: &mut Vec<String>) {
    for origin in &config.cors_origins {
        if origin != "*" && !is_origin(origin) {
            faults.push(format!(
                "cors.origins: `{origin}` is not an origin: write https://shop.example or *"
            ));
        }
    }
    for host in &config.server.allowed_hosts {
        if host.is_empty()
            || host.contains(['/', ' ', '*'])
            || host.parse::<u16>().is_ok()
            || has_port(host)
        {
            faults.push(format!("server.allowed_hosts: `{host}` is not a host name: write clew.example, without scheme or port"));
        }
    }
    let rules = &config.sampling.rules;
    for (index, rule) in rules.iter().enumerate() {
        let same = |other: &SamplingRule| {
            (&other.service, &other.operation) == (&rule.service, &rule.operation)
        };
        if rules[..index].iter().any(same) {
            let of = rule.operation.as_ref();
            let of = of.map_or_else(String::new, |operation| format!("|{operation}"));
            faults.push(format!(
                "sampling.head.rules: there are two rules for `{}{of}`",
                rule.service
            ));
        }
    }
}

/// True for `scheme://host` or `scheme://host:port` without a path, as a browser sends it.
fn is_origin(text: &str) -> bool {
    text.parse::<http::Uri>().is_ok_and(|uri| {
        uri.scheme().is_some() && uri.authority().is_some() && text.matches('/').count() == 2
    })
}

fn has_port(host: &str) -> bool {
    host.parse::<IpAddr>().is_err() && host.contains(':')
}

fn retention_rules(config: &Config, faults: &mut Vec<String>) {
    let rules = &config.retention.rules;
    if rules.len() > RETENTION_RULES_MAX {
        faults.push("retention.rules has more than 64 rules".to_owned());
    }
    for rule in rules {
        if Duration::from_nanos(rule.keep_ns) < RETENTION_RULE_MIN {
            faults.push(format!(
                "retention.rules: `{}` keeps its traces shorter than 1m, less than it takes to write them",
                rule.conditions_text()
            ));
        }
    }
}

fn bounds(config: &Config, faults: &mut Vec<String>) {
    let mut check = |holds: bool, what: &str| {
        if !holds {
            faults.push(what.to_owned());
        }
    };
    let storage = &config.storage;
    check(
        storage.epoch_bytes <= storage.hot_window_bytes,
        "storage.epoch_size is larger than storage.hot_window_size: an epoch would never be written",
    );
    check(
        config.collector.body_bytes_max <= config.collector.in_flight_bytes_max,
        "collector.body_size_max is larger than collector.in_flight_size_max: such a body would never be taken",
    );
    check(
        config
            .collector
            .body_bytes_max
            .saturating_add(RECORD_HEAD_BYTES)
            <= storage.wal_record_bytes_max,
        "collector.body_size_max is larger than 64MiB, the largest record of the log",
    );
    check(
        config
            .retention
            .interval
            .is_none_or(|interval| interval >= RETENTION_INTERVAL_MIN),
        "retention.interval is shorter than 1s",
    );
    let compaction = &storage.compaction;
    check(
        compaction.window >= COMPACTION_WINDOW_MIN,
        "compaction.window is shorter than 1m",
    );
    check(
        (1..=100).contains(&compaction.cpu_percent),
        "compaction.cpu_percent is not between 1 and 100",
    );
    check(
        compaction.fan_in >= 2 && compaction.fan_in <= compaction.inputs_max,
        "compaction.fan_in is not between 2 and 32",
    );
    check(
        compaction.segment_bytes > 0 && compaction.bytes_per_second > 0,
        "compaction.segment_size or compaction.rate is 0: nothing would be merged",
    );
    for (name, number) in [
        ("server.connections_max", config.server.connections_max),
        ("server.streams_max", config.server.streams_max as usize),
        ("storage.epoch_size", storage.epoch_bytes),
        ("storage.wal_queue_size", storage.wal_queue_bytes),
        ("collector.body_size_max", config.collector.body_bytes_max),
        ("query.reads_running_max", config.query.reads_running_max),
        ("query.sql.running_max", config.query.sql.running_max),
        ("query.sql.threads", config.query.sql.threads),
        (
            "sampling.tail.decisions_max",
            config.sampling.tail.decisions_max,
        ),
    ] {
        check(number > 0, &format!("{name} is 0: nothing would be taken"));
    }
}
