//! The table of all settings: one line each, from which the file format, the environment variables, the flags, the printed
//! configuration and `docs/configuration.md` are made.
//!
//! A setting `storage.epoch_size` is `epoch_size` under `storage` in the file, `CLEW_STORAGE_EPOCH_SIZE` in the environment
//! and `--storage-epoch-size` on the command line. Its default is what [`Config::default`] holds, stated nowhere else.

use super::Config;
use super::units;
use super::value::Value;

/// One setting.
pub(crate) struct Key {
    /// Dotted path in the file.
    pub(crate) name: &'static str,
    /// What kind of text it takes.
    pub(crate) kind: &'static str,
    /// What it does.
    pub(crate) help: &'static str,
    /// Text of the effective value; secrets are not shown.
    pub(crate) show: fn(&Config) -> String,
    /// Reads a value into the configuration.
    pub(crate) set: fn(&mut Config, &Value) -> Result<(), String>,
}

impl Key {
    /// Name of the environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("CLEW_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// Name of the flag, without the dashes.
    pub(crate) fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    /// True for what help, reference and the printed configuration leave out.
    pub(crate) fn is_hidden(&self) -> bool {
        self.name.starts_with("unsafe_")
    }

    /// The part of the file that it stands in; empty at the top.
    pub(crate) fn section(&self) -> &'static str {
        self.name
            .rsplit_once('.')
            .map_or("", |(section, _)| section)
    }

    /// True for a setting that a flag alone switches on.
    pub(crate) fn is_switch(&self) -> bool {
        self.kind == units::switch::KIND
    }
}

macro_rules! keys {
    ($($name:literal: $unit:ident = $($field:ident).+, $help:literal;)*) => {
        /// All settings, in the order of the reference.
        pub(crate) const KEYS: &[Key] = &[$(Key {
            name: $name,
            kind: units::$unit::KIND,
            help: $help,
            show: |config| units::$unit::show(&config.$($field).+),
            set: |config, value| {
                config.$($field).+ = units::$unit::read(value)?;
                Ok(())
            },
        }),*];
    };
}

keys! {
    "data_dir": path = data_dir, "Directory that holds all data. Made if absent.";
    "host": word = server.host, "Address that every door listens on. Any but a loopback address needs tokens.";
    "insecure": switch = server.insecure, "Listen on any address without tokens. Everybody who reaches a port can then read and write.";

    "ports.otlp_grpc": port = server.ports.otlp_grpc, "OTLP over gRPC, with health and reflection. Every port: 0 takes any free one, off closes the door.";
    "ports.otlp_http": port = server.ports.otlp_http, "OTLP over HTTP, `/v1/traces`, protobuf and JSON.";
    "ports.zipkin": port = server.ports.zipkin, "Zipkin, reporting and query API.";
    "ports.http": port = server.ports.http, "Web UI, Jaeger API, SQL, Clew's own API, health and metrics.";
    "ports.sampling": port = server.ports.sampling, "Remote sampling: Jaeger's `/sampling?service=` for SDKs.";
    "ports.grpc": port = server.ports.grpc, "Jaeger's query and storage API and Flight SQL over gRPC, with health and reflection.";

    "server.allowed_hosts": list = server.allowed_hosts, "Names that a request's Host header may carry besides localhost and loopback addresses, without a port. Checked on a loopback address always, on another one if the list is not empty.";
    "server.connections_max": count = server.connections_max, "Open connections per door; one more is closed at once.";
    "server.streams_max": count = server.streams_max, "Concurrent HTTP/2 streams per connection.";
    "server.header_timeout": duration = server.header_timeout, "Time for a TLS handshake, and for the first request's head after connecting.";
    "server.idle_timeout": duration = server.idle_timeout, "Time after which an idle HTTP/1 connection is closed.";
    "server.drain_timeout": duration = server.drain_timeout, "Time that requests in flight get at shutdown.";

    "auth.ingest_tokens": tokens = auth.ingest.tokens, "Bearer tokens for sending spans.";
    "auth.ingest_tokens_file": path_or_off = auth.ingest.file, "File with more of them, one a line; `#` starts a comment.";
    "auth.query_tokens": tokens = auth.query.tokens, "Bearer tokens for reading: query APIs, SQL, metrics.";
    "auth.query_tokens_file": path_or_off = auth.query.file, "File with more of them.";
    "auth.admin_tokens": tokens = auth.admin.tokens, "Bearer tokens that open every door.";
    "auth.admin_tokens_file": path_or_off = auth.admin.file, "File with more of them.";

    "tls.cert": path_or_off = tls.cert, "Certificate chain, PEM. With `tls.key`, every door speaks TLS unless it is switched off below.";
    "tls.key": path_or_off = tls.key, "Private key, PEM.";
    "tls.otlp_grpc": switch = tls.otlp_grpc, "TLS on the OTLP gRPC door, if there is a certificate.";
    "tls.otlp_http": switch = tls.otlp_http, "TLS on the OTLP HTTP door, if there is a certificate.";
    "tls.zipkin": switch = tls.zipkin, "TLS on the Zipkin door, if there is a certificate.";
    "tls.http": switch = tls.http, "TLS on the web door, if there is a certificate.";
    "tls.sampling": switch = tls.sampling, "TLS on the door for remote sampling, if there is a certificate.";
    "tls.grpc": switch = tls.grpc, "TLS on the gRPC door for queries, if there is a certificate.";

    "cors.origins": list = cors_origins, "Web origins, such as `https://shop.example`, whose pages may send spans and read the APIs; `*` stands for any text. Pages of other origins are refused.";

    "collector.body_size_max": size = collector.body_bytes_max, "One request body, compressed or not.";
    "collector.in_flight_size_max": size = collector.in_flight_bytes_max, "Bodies of all requests in flight; beyond it senders are told to try again.";
    "collector.body_timeout": duration = collector.body_timeout, "Time that one body may take to arrive.";
    "collector.spans_max": count = collector.payload.spans_max, "Spans in one request.";

    "sampling.head.rules": rules = sampling.rules, "What to keep of the spans that arrive: a share, `cart=0.1`, or so many spans a second of each service, `cart=100/s`; of one operation, `cart|GET /health=0.01`. `*` stands for any text; the first rule that fits decides, and without one all are kept. A share hangs on the trace id alone, so that every service and every instance decides alike. Weights of kept spans are stored.";

    "sampling.tail.policy_file": path_or_off = sampling.tail.policy_file, "YAML file of the policies by which whole traces are kept or dropped when they leave memory, as docs/sampling.md describes them; off keeps all.";
    "sampling.tail.decision_wait": duration = sampling.tail.decision_wait, "How long spans wait for the rest of their traces before these are decided about. They are durable and can be queried meanwhile.";
    "sampling.tail.decision_age": duration = sampling.tail.decision_age, "For how long spans that come late follow the decision about their trace.";
    "sampling.tail.spill_size": size = storage.tail_spill_bytes, "Bytes of segments in which spans wait for the decision when memory fills up; beyond it the oldest traces are decided about early. 0B writes none.";
    "sampling.tail.decisions_max": count = sampling.tail.decisions_max, "Decisions that are remembered for it, some 40 bytes each.";

    "sampling.stored.policy_file": path_or_off = sampling.stored.policy_file, "YAML file of the policies by which stored traces are sampled once more when they are old; off keeps all of them until they are dropped.";
    "sampling.stored.after": duration = sampling.stored.after, "Age, counted from the arrival of the newest span of a segment, at which its traces are sampled by them. It is done when segments are merged.";

    "sampling.remote.strategy_file": path_or_off = sampling.remote.strategy_file, "JSON file, in Jaeger's format, of what SDKs are told to sample; docs/sampling.md describes it.";
    "sampling.remote.reload_interval": duration_or_off = sampling.remote.reload_interval, "How often it is looked at for changes; off never. What makes no sense is logged, and what held before goes on.";
    "sampling.remote.adaptive": switch = sampling.remote.adaptive, "Tell SDKs of services that the file does not name shares which follow their traffic. Without it they are told the file's default, else to sample everything.";
    "sampling.remote.interval": duration = sampling.remote.interval, "How often these shares are adapted.";
    "sampling.remote.target_per_second": decimal = sampling.remote.options.target_per_second, "So many traces a second of each operation are aimed at.";
    "sampling.remote.initial_share": decimal = sampling.remote.options.initial_share, "Share of an operation that was not seen before.";
    "sampling.remote.share_min": decimal = sampling.remote.options.share_min, "The least share.";
    "sampling.remote.per_second_min": decimal = sampling.remote.options.per_second_min, "So many traces a second of each operation SDKs sample whatever the share.";

    "storage.epoch_size": size = storage.epoch_bytes, "Memory of recent spans at which they are written to a segment.";
    "storage.epoch_age": duration = storage.epoch_age, "Age of recent spans at which they are written to a segment. They can be queried from the start.";
    "storage.hot_window_size": size = storage.hot_window_bytes, "Memory of all spans that are not in a segment yet; beyond it senders are told to try again.";
    "storage.wal_file_size": size = storage.wal_segment_bytes, "Size of one file of the write-ahead log.";
    "storage.wal_queue_size": size = storage.wal_queue_bytes, "Payload bytes that may wait for the log's writer; beyond it senders are told to try again.";
    "storage.dedup_age": duration = storage.recent_payload_age, "Time for which a repeated request is recognised and not stored twice.";
    "storage.dedup_payloads_max": count = storage.recent_payloads_max, "Requests that are remembered for it.";
    "storage.cache_size": size = storage.segment_cache_bytes, "Memory for footers and indexes of segments.";
    "storage.disk_free_min": size = storage.disk_free_bytes_min, "When less is free on the disk, senders are told to try again until there is a quarter more.";
    "storage.unlink_grace": duration = storage.unlink_grace, "Time between dropping a segment and removing its files.";

    "compaction.enabled": switch = storage.compaction.enabled, "Merge small segments into few large ones, each of one window of time, while the server runs.";
    "compaction.window": duration = storage.compaction.window, "Length of the windows, counted from 1970. A trace lies in the window in which it begins, however late it arrives.";
    "compaction.segment_size": size = storage.compaction.segment_bytes, "A merged segment ends with the trace that makes it this large.";
    "compaction.fan_in": count = storage.compaction.fan_in, "So many new segments, or merged ones of one size, are merged.";
    "compaction.settle": duration = storage.compaction.settle, "Once a window is over and nothing has arrived in it for so long, all of it is merged.";
    "compaction.memory_size": size = storage.compaction.held_bytes, "Memory of a merge for spans of traces whose other spans have not been read yet. About as much again goes into reading and writing.";
    "compaction.cpu_percent": count = storage.compaction.cpu_percent, "Share of one processor core that merging may take on average.";
    "compaction.rate": size = storage.compaction.bytes_per_second, "Bytes a second that merging may read and write on average.";

    "retention.max_age": duration_or_off = retention.max_age, "Spans older than this, counted from their arrival, are dropped; off keeps them for ever.";
    "retention.rules": terms = retention.rules, "Other terms for some traces, such as `service=checkout: 30d`, `http.route=/healthz: 1d` or `service=web & name=GET /health*: 1d`. A rule fits a trace of which one span meets all conditions, on the service, the name of the span or an attribute; `*` stands for any text. The first rule that fits counts.";
    "retention.max_size": size_or_off = retention.max_bytes, "When all segments together are larger, the ones whose spans arrived first are dropped.";
    "retention.disk_free": size = storage.disk_free_bytes_kept, "When less is free on the disk, the segments whose spans arrived first are dropped until it is; 0B drops none.";
    "retention.interval": duration_or_off = retention.interval, "How often the server looks for them; off leaves it to `clew retention`.";

    "retention.metrics_max_age": duration = storage.derived_age, "How long counts of spans by minute are kept, `span_metrics` and `service_edges`. They outlive the spans.";

    "query.trace_spans_max": count = storage.trace_spans_max, "Spans of one trace that an answer holds; the rest is reported as cut off.";
    "query.search_timeout": duration = query.search_time, "Time that a search may take before it answers with what it has.";
    "query.grpc_request_size_max": size = query.grpc_request_bytes_max, "One message of a request over gRPC, compressed or not.";
    "query.reads_running_max": count = query.reads_running_max, "Searches and trace look-ups that run at the same time.";
    "query.sql.timeout": duration = query.sql.time, "Time that a SQL statement may take.";
    "query.sql.rows_max": count = query.sql.rows_max, "Rows of a SQL result; the rest is cut off and reported as such.";
    "query.sql.result_size_max": size = query.sql.result_bytes_max, "Bytes of a SQL result; the rest is cut off and reported as such.";
    "query.sql.memory_size": size = query.sql.memory_bytes, "Memory of one SQL statement.";
    "query.sql.running_max": count = query.sql.running_max, "SQL statements that run at the same time.";
    "query.sql.threads": count = query.sql.threads, "Threads that run SQL statements.";

    "zipkin.strict_trace_id": switch = zipkin.strict_trace_id, "Whether Zipkin's clients see traces apart whose ids are alike in their low 64 bits only. Off joins spans of 64-bit and 128-bit ids, as during a migration, and makes queries read all trace ids.";
    "zipkin.lookback": duration = zipkin.lookback, "How far back a request of Zipkin's clients looks that does not say.";
    "zipkin.autocomplete_keys": list = zipkin.autocomplete_keys, "Tags whose values Zipkin's clients complete; all that are known if none is named.";

    "ui.dir": path_or_off = ui_dir, "Serve the web app from this directory instead of the one built in.";

    "unsafe_no_wal": switch = unsafe_no_wal, "Write no log, so that a crash loses acknowledged spans. For tests of crashes only.";

    "unsafe_test_purge": switch = unsafe_test_purge, "Serve `POST /test/purge`, which drops every span. For tests of storage only.";

    "log.level": word = log.level, "Log filter: error, warn, info, debug or trace, also by module: `info,clew_storage=debug`.";
    "log.format": word = log.format, "Log lines as `text` or `json`.";
}

/// The setting of that name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The name that is most like `name`, if any is like it.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_variables_and_flags_are_unique() {
        for spelling in [|key: &Key| key.name.to_owned(), Key::variable, Key::flag] {
            let distinct: BTreeSet<_> = KEYS.iter().map(spelling).collect();
            assert_eq!(distinct.len(), KEYS.len());
        }
    }

    /// Kubernetes sets these in every pod next to a service called `clew`.
    #[test]
    fn no_variable_is_one_that_kubernetes_sets() {
        let variables: BTreeSet<_> = KEYS.iter().map(Key::variable).collect();
        for taken in ["CLEW_PORT", "CLEW_SERVICE_HOST", "CLEW_SERVICE_PORT"] {
            assert!(!variables.contains(taken), "{taken}");
        }
        assert!(
            !variables
                .iter()
                .any(|variable| variable.starts_with("CLEW_PORT_"))
        );
    }

    #[test]
    fn what_show_writes_set_takes_back() {
        for key in KEYS.iter().filter(|key| key.kind != units::tokens::KIND) {
            let mut config = Config::default();
            let text = (key.show)(&config);
            (key.set)(&mut config, &Value::Text(text.clone())).expect(key.name);
            assert_eq!((key.show)(&config), text, "{}", key.name);
        }
    }

    #[test]
    fn the_nearest_name_is_found_but_no_far_one() {
        let names = || KEYS.iter().map(|key| key.name);
        assert_eq!(
            nearest("storage.epoch_siez", names()),
            Some("storage.epoch_size")
        );
        assert_eq!(nearest("data-dir", names()), Some("data_dir"));
        assert_eq!(nearest("kafka.brokers", names()), None);
    }
}
