//! Zipkin's query API: recorded spans come back as they were sent, and searches find what Zipkin's own rule says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::corpus::{testdata, unzstd};
use crate::support::http::{self, Response};
use crate::support::random::Random;
use crate::support::server::{DataDir, Server};

/// A range that holds everything.
const ALL: &str = "endTs=9000000000000&lookback=9000000000000";

fn get(server: &Server, path: &str) -> Response {
    http::get(server.addresses().zipkin, path)
}

fn json(server: &Server, path: &str) -> Value {
    let answer = get(server, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    serde_json::from_slice(&answer.body).expect("JSON")
}

fn post(server: &Server, spans: &Value) {
    let answer = http::request(
        server.addresses().zipkin,
        "POST",
        "/api/v2/spans",
        &[("content-type", "application/json")],
        spans.to_string().as_bytes(),
    );
    assert_eq!(answer.status, 202, "{}", answer.text());
}

/// Spans of every recorded file in Zipkin's v2 form.
fn recorded() -> Vec<Value> {
    let mut spans = Vec::new();
    for name in [
        "lens-envoy.json",
        "lens-messaging.json",
        "lens-skew.json",
        "lens-malformed.json",
        "bench-chinese.json",
        "v2-single.json",
        "lens-smartthings-mobile-web-install.json.zst",
    ] {
        let path = testdata().join("zipkin").join(name);
        let text = if path.extension().is_some_and(|ending| ending == "zst") {
            unzstd(&path)
        } else {
            std::fs::read(&path).expect("a file")
        };
        let file: Value = serde_json::from_slice(&text).expect("JSON");
        match file {
            Value::Array(list) => spans.extend(list),
            one => spans.push(one),
        }
    }
    spans
}

fn text<'a>(span: &'a Value, name: &str) -> &'a str {
    span[name].as_str().unwrap_or_default()
}

/// A trace id as Zipkin writes it: 16 digits, or 32 if the high half is not zero.
fn trace_id(span: &Value) -> String {
    let id = format!("{:0>32}", text(span, "traceId"));
    id.strip_prefix("0000000000000000")
        .unwrap_or(&id)
        .to_owned()
}

fn service(span: &Value) -> String {
    text(&span["localEndpoint"], "serviceName").to_lowercase()
}

fn remote(span: &Value) -> String {
    text(&span["remoteEndpoint"], "serviceName").to_lowercase()
}

/// A span as Zipkin keeps it: ids padded, names in lower case, nothing empty.
fn kept(span: &Value) -> Value {
    let mut kept = span.clone();
    let members = kept.as_object_mut().expect("an object");
    members.insert("traceId".into(), trace_id(span).into());
    for name in ["id", "parentId"] {
        if let Some(id) = span[name].as_str() {
            members.insert(name.into(), format!("{id:0>16}").into());
        }
    }
    if let Some(name) = span["name"].as_str() {
        members.insert("name".into(), name.to_lowercase().into());
    }
    for name in ["localEndpoint", "remoteEndpoint"] {
        if let Some(endpoint) = members.get_mut(name).and_then(Value::as_object_mut) {
            if let Some(service) = endpoint.get("serviceName").and_then(Value::as_str) {
                let service = service.to_lowercase();
                endpoint.insert("serviceName".into(), service.into());
            }
            endpoint
                .retain(|_, value| !value.is_null() && *value != json!("") && *value != json!(0));
        }
    }
    members.retain(|_, value| {
        let empty = [
            json!(null),
            json!(""),
            json!(0),
            json!(false),
            json!([]),
            json!({}),
        ];
        !empty.contains(value)
    });
    kept
}

/// What must not differ, and the tags apart.
fn core(span: &Value) -> (Value, BTreeMap<String, Value>) {
    let mut core = kept(span);
    let members = core.as_object_mut().expect("an object");
    let tags = members.remove("tags").unwrap_or_default();
    if let Some(annotations) = members.get_mut("annotations").and_then(Value::as_array_mut) {
        annotations.sort_by_key(Value::to_string);
    }
    let tags = tags.as_object().cloned().unwrap_or_default();
    (core, tags.into_iter().collect())
}

fn compare(sent: &[Value], got: &[Value]) {
    let sort = |spans: &[Value]| {
        let mut cores: Vec<_> = spans.iter().map(core).collect();
        cores.sort_by_key(|(core, _)| core.to_string());
        cores.dedup();
        cores
    };
    let (sent, got) = (sort(sent), sort(got));
    assert_eq!(sent.len(), got.len());
    for ((sent, sent_tags), (got, mut got_tags)) in sent.into_iter().zip(got) {
        assert_eq!(sent, got);
        // The status is told in OpenTelemetry's way too; an empty text of an error comes back as `true`.
        if !sent_tags.contains_key("otel.status_code") {
            got_tags.remove("otel.status_code");
        }
        let mut expected = sent_tags;
        if let Some(error) = expected.get_mut("error").filter(|text| **text == json!("")) {
            *error = json!("true");
        }
        assert_eq!(expected, got_tags, "{sent}");
    }
}

#[test]
fn recorded_spans_come_back_as_they_were_sent() {
    let server = Server::start(&[]);
    let sent = recorded();
    post(&server, &Value::Array(sent.clone()));
    let mut traces: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for span in sent {
        traces.entry(trace_id(&span)).or_default().push(span);
    }
    for (id, spans) in &traces {
        let got = json(&server, &format!("/api/v2/trace/{id}"));
        compare(spans, got.as_array().expect("a list"));
    }
    let ids: Vec<&str> = traces.keys().map(String::as_str).collect();
    let many = json(
        &server,
        &format!("/api/v2/traceMany?traceIds={}", ids.join(",")),
    );
    assert_eq!(many.as_array().expect("a list").len(), traces.len());

    let spans: Vec<&Value> = traces.values().flatten().collect();
    let named = |spans: &[&Value], name: fn(&Value) -> String| {
        let names: BTreeSet<String> = spans.iter().map(|span| name(span)).collect();
        json!(
            names
                .into_iter()
                .filter(|name| !name.is_empty())
                .collect::<Vec<_>>()
        )
    };
    let services = json(&server, "/api/v2/services");
    assert_eq!(services, named(&spans, service));
    for name in services.as_array().expect("a list") {
        let name = name.as_str().expect("a name");
        let own: Vec<&Value> = spans
            .iter()
            .copied()
            .filter(|span| service(span) == name)
            .collect();
        let encoded: String = url(name);
        let got = json(&server, &format!("/api/v2/spans?serviceName={encoded}"));
        assert_eq!(
            got,
            named(&own, |span| text(span, "name").to_lowercase()),
            "{name}"
        );
        let got = json(
            &server,
            &format!("/api/v2/remoteServices?serviceName={encoded}"),
        );
        assert_eq!(got, named(&own, remote), "{name}");
    }
    let cached = get(&server, "/api/v2/services");
    assert_eq!(
        cached.header("cache-control"),
        Some("max-age=300, must-revalidate")
    );
}

fn url(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// A search: its parameters.
type Query = BTreeMap<&'static str, String>;

/// Whether a trace meets a search, by the rule of Zipkin's own `QueryRequest.test`, read from what was sent.
fn meets(query: &Query, spans: &[Value]) -> bool {
    let number = |name: &str| {
        query
            .get(name)
            .map(|text| text.parse::<u64>().expect("a number"))
    };
    let time = |span: &Value| span["timestamp"].as_u64().unwrap_or(0);
    let timed = || spans.iter().filter(|span| time(span) > 0);
    let root = timed().find(|span| span["parentId"].is_null());
    let timestamp = root.map(time).or_else(|| timed().map(time).min());
    let (end, lookback) = (
        number("endTs").expect("a range"),
        number("lookback").expect("a range"),
    );
    let range = end.saturating_sub(lookback) * 1_000..=end * 1_000;
    if !timestamp.is_some_and(|time| range.contains(&time)) {
        return false;
    }
    let of_service = |span: &&Value| {
        query
            .get("serviceName")
            .is_none_or(|name| service(span) == *name)
    };
    let own: Vec<&Value> = spans.iter().filter(of_service).collect();
    let any = |test: &dyn Fn(&Value) -> bool| own.iter().any(|span| test(span));
    let terms = query
        .get("annotationQuery")
        .map(String::as_str)
        .unwrap_or_default();
    let met = |term: &str| match term.split_once('=') {
        Some((key, value)) => any(&|span| span["tags"][key] == json!(value)),
        None => any(&|span| {
            let mut annotations = span["annotations"].as_array().into_iter().flatten();
            !span["tags"][term].is_null() || annotations.any(|a| a["value"] == json!(term))
        }),
    };
    let duration = |span: &Value| span["duration"].as_u64().unwrap_or(0);
    let (min, max) = (
        number("minDuration"),
        number("maxDuration").unwrap_or(u64::MAX),
    );
    !own.is_empty()
        && query
            .get("spanName")
            .is_none_or(|name| any(&|span| text(span, "name").to_lowercase() == *name))
        && query
            .get("remoteServiceName")
            .is_none_or(|name| any(&|span| remote(span) == *name))
        && terms
            .split(" and ")
            .filter(|term| !term.is_empty())
            .all(met)
        && min.is_none_or(|min| any(&|span| (min..=max).contains(&duration(span))))
}

/// A search that some span of the recorded ones had part in.
fn query(random: &mut Random, spans: &[Value]) -> Query {
    let mut pick = |chance: usize| random.below(chance) == 0;
    let chosen: Vec<bool> = (0..7).map(|n| pick(if n == 0 { 2 } else { 3 })).collect();
    let mut some = || &spans[random.below(spans.len())];
    let mut query = Query::new();
    let mut put = |name: &'static str, value: String| {
        if !value.is_empty() {
            query.insert(name, value);
        }
    };
    let span = some().clone();
    if chosen[0] {
        put("serviceName", service(&span));
    }
    let other = if chosen[6] { some().clone() } else { span };
    if chosen[1] {
        put("spanName", text(&other, "name").to_lowercase());
    }
    if chosen[2] {
        put("remoteServiceName", remote(some()));
    }
    if chosen[3] {
        let tags = some()["tags"].as_object().cloned().unwrap_or_default();
        // Keys and values that the query's own syntax cannot hold cannot be asked for.
        let sound = |text: &str| {
            !text.contains(['=', '"', '{']) && !text.contains(" and ") && text.trim() == text
        };
        let tag = tags.iter().find(|(key, value)| {
            value
                .as_str()
                .is_some_and(|value| sound(key) && sound(value) && !value.is_empty())
        });
        if let Some((key, value)) = tag {
            let value = value.as_str().expect("text");
            put(
                "annotationQuery",
                if chosen[4] {
                    key.clone()
                } else {
                    format!("{key}={value}")
                },
            );
        }
    }
    if chosen[5] {
        let duration = some()["duration"].as_u64().unwrap_or(1).max(1);
        put("minDuration", duration.to_string());
        if chosen[4] {
            put("maxDuration", (2 * duration).to_string());
        }
    }
    let time = some()["timestamp"].as_u64().unwrap_or(0) / 1_000;
    let (end, lookback): (u64, u64) = if chosen[6] {
        (time.max(1) + 1, 5_000)
    } else {
        (9_000_000_000_000, 9_000_000_000_000)
    };
    query.insert("endTs", end.to_string());
    query.insert("lookback", lookback.to_string());
    query
}

#[test]
fn generated_searches_find_what_zipkins_rule_says() {
    let server = Server::start(&[]);
    let sent = recorded();
    let (hot, stored) = sent.split_at(sent.len() / 3);
    post(&server, &Value::Array(stored.to_vec()));
    let flushed = server.data().run(&["flush"]);
    assert!(flushed.status.success(), "{flushed:?}");
    post(&server, &Value::Array(hot.to_vec()));
    let mut traces: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for span in &sent {
        traces.entry(trace_id(span)).or_default().push(span.clone());
    }
    let mut random = Random::seeded(7);
    let (mut found, mut empty) = (0, 0);
    for _ in 0..300 {
        let query = query(&mut random, &sent);
        let expected: BTreeSet<&str> = traces
            .iter()
            .filter(|(_, spans)| meets(&query, spans))
            .map(|(id, _)| id.as_str())
            .collect();
        let parameters: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", url(value)))
            .collect();
        let got = json(
            &server,
            &format!("/api/v2/traces?limit=100&{}", parameters.join("&")),
        );
        let ids = got
            .as_array()
            .expect("a list")
            .iter()
            .map(|trace| text(&trace[0], "traceId"));
        assert_eq!(ids.collect::<BTreeSet<_>>(), expected, "{query:?}");
        if expected.is_empty() {
            empty += 1;
        } else {
            found += 1;
        }
    }
    assert!(
        found > 50 && empty > 20,
        "{found} searches found something, {empty} nothing"
    );
}

/// A span of a small trace.
fn span(trace: &str, id: u64, parent: Option<u64>, service: &str, at_us: u64) -> Value {
    let mut span = json!({
        "traceId": trace, "id": format!("{id:x}"), "name": "Op", "timestamp": at_us, "duration": 10,
        "localEndpoint": {"serviceName": service},
    });
    if let Some(parent) = parent {
        span["parentId"] = json!(format!("{parent:x}"));
    }
    span
}

fn ids(traces: &Value) -> Vec<String> {
    let traces = traces.as_array().expect("a list").iter();
    traces
        .map(|trace| text(&trace[0], "traceId").to_owned())
        .collect()
}

#[test]
fn the_newest_traces_come_first_and_the_limit_is_exact() {
    let server = Server::start(&[]);
    let spans = (1..=30).map(|n| span(&format!("{n:016x}"), n, None, "Web", 1_000_000 + n * 1_000));
    post(&server, &Value::Array(spans.collect()));
    let found = json(
        &server,
        &format!("/api/v2/traces?serviceName=WEB&limit=3&{ALL}"),
    );
    assert_eq!(
        ids(&found),
        ["000000000000001e", "000000000000001d", "000000000000001c"]
    );
    assert_eq!(
        json(&server, &format!("/api/v2/traces?{ALL}"))
            .as_array()
            .map(Vec::len),
        Some(10)
    );
    // Both ends of the range belong to it.
    let found = json(&server, "/api/v2/traces?endTs=1010&lookback=2");
    assert_eq!(
        ids(&found),
        ["000000000000000a", "0000000000000009", "0000000000000008"]
    );
    assert_eq!(found[0][0]["name"], "op");
    assert_eq!(found[0][0]["localEndpoint"]["serviceName"], "web");
    // Now is years after these.
    assert_eq!(json(&server, "/api/v2/traces"), json!([]));
}

#[test]
fn ids_that_differ_in_their_high_half_are_apart_unless_told_otherwise() {
    let (short, long) = ("000000000000000a", "000000000000000b000000000000000a");
    let spans = json!([
        span(short, 1, None, "web", 5_000_000),
        span(long, 2, Some(1), "db", 5_000_001),
        span("c", 3, None, "web", 5_000_002),
    ]);
    let server = Server::start(&[]);
    post(&server, &spans);
    let one = |server: &Server, id: &str| {
        json(server, &format!("/api/v2/trace/{id}"))
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(
        (one(&server, short), one(&server, "a"), one(&server, long)),
        (Some(1), Some(1), Some(1))
    );
    assert_eq!(
        json(&server, &format!("/api/v2/traces?{ALL}"))
            .as_array()
            .map(Vec::len),
        Some(3)
    );

    let lenient = DataDir::new(&[("ZIPKIN_STRICT_TRACE_ID", "false")]).start();
    post(&lenient, &spans);
    assert_eq!(
        (
            one(&lenient, short),
            one(&lenient, long),
            one(&lenient, "c")
        ),
        (Some(2), Some(2), Some(1))
    );
    let found = json(
        &lenient,
        &format!("/api/v2/traces?serviceName=db&spanName=op&{ALL}"),
    );
    assert_eq!(found[0].as_array().map(Vec::len), Some(2));
    let many = json(
        &lenient,
        &format!("/api/v2/traceMany?traceIds={short},{long},c"),
    );
    assert_eq!(many.as_array().map(Vec::len), Some(2));
}

#[test]
fn errors_are_a_line_of_text() {
    let server = Server::start(&[]);
    for (path, status, message) in [
        ("/api/v2/trace/a", 404, "000000000000000a not found"),
        (
            "/api/v2/trace/XYZ",
            400,
            "XYZ should be lower-hex encoded with no prefix",
        ),
        (
            "/api/v2/traceMany?traceIds=",
            400,
            "traceIds parameter is empty",
        ),
        ("/api/v2/spans", 400, "serviceName parameter is required"),
        (
            "/api/v2/remoteServices",
            400,
            "serviceName parameter is required",
        ),
        (
            "/api/v2/autocompleteValues",
            400,
            "key parameter is required",
        ),
        ("/api/v2/dependencies", 400, "endTs parameter is required"),
        (
            "/api/v2/traces?maxDuration=5",
            400,
            "maxDuration is only valid with minDuration",
        ),
    ] {
        let answer = get(&server, path);
        assert_eq!(
            (answer.status, answer.text().trim()),
            (status, message),
            "{path}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
    }
}

#[test]
fn dependencies_and_chosen_tags_are_listed() {
    let server = DataDir::new(&[("ZIPKIN_AUTOCOMPLETE_KEYS", "env,absent")]).start();
    let mut spans = [
        span("a", 1, None, "Web", 5_000_000),
        span("a", 2, Some(1), "DB", 5_000_001),
        span("b", 3, None, "Web", 69_000_000),
        span("b", 4, Some(3), "DB", 69_000_001),
    ];
    for (span, env) in spans.iter_mut().zip(["prod", "prod", "it's", ""]) {
        span["tags"] = json!({"env": env, "other": "x"});
    }
    post(&server, &json!(spans));
    let link = |calls: u64| json!([{"parent": "web", "child": "db", "callCount": calls}]);
    assert_eq!(
        json(&server, &format!("/api/v2/dependencies?{ALL}")),
        link(2)
    );
    assert_eq!(
        json(&server, "/api/v2/dependencies?endTs=6000&lookback=3000"),
        link(1)
    );
    assert_eq!(
        json(&server, "/api/v2/autocompleteKeys"),
        json!(["absent", "env"])
    );
    assert_eq!(
        json(&server, "/api/v2/autocompleteValues?key=env"),
        json!(["it's", "prod"])
    );
    // Not chosen, so not offered.
    assert_eq!(
        json(&server, "/api/v2/autocompleteValues?key=other"),
        json!([])
    );
}
