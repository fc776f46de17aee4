//! Zipkin's formats to OTLP protobuf.
//!
//! ```text
//!  v2 JSON, v2 protobuf ──────────────────▶ Span ──▶ translate: one OTLP span, in the group of its service and scope
//!  v1 JSON, v1 Thrift ──▶ v1::Span ──split──▶ Span, once per service that took part
//! ```
//!
//! The rules are those of the OpenTelemetry specification for Zipkin. What it leaves open is decided so that nothing of a
//! span is lost:
//!
//! | Zipkin | OTLP |
//! |---|---|
//! | trace id of 64 bits, short hex | padded with zeros on the left |
//! | `kind` | kind; absent is `INTERNAL`, unless a tag `span.kind` names one |
//! | `timestamp`, `duration`, in µs | start and end in ns, exactly; without a timestamp the earliest annotation, and `otel.zipkin.absentField.startTime` |
//! | `localEndpoint.serviceName` | resource attribute `service.name` |
//! | `localEndpoint` address, port | `network.local.address`, `network.local.port` |
//! | `remoteEndpoint.serviceName` | `peer.service` |
//! | `remoteEndpoint` address, port | `network.peer.address`, `network.peer.port` |
//! | `annotations` | events; `"name": {attributes}`, as OpenTelemetry writes events, is taken apart again |
//! | tag `otel.status_code` | status code |
//! | tag `error` | status `ERROR` with the tag's text as message, unless `otel.status_code` says `OK`; `false` is no error |
//! | tag `otel.status_description` | status message |
//! | tags `otel.scope.*`, `otel.library.*` | scope name and version |
//! | tags `otel.dropped_*_count`, `w3c.tracestate` | the fields of that meaning |
//! | tags of a resource beside `telemetry.sdk.name` | resource attributes: OpenTelemetry's exporters mix them with the span's |
//! | `debug`, `shared` | `zipkin.debug`, `zipkin.shared`; ids stay as sent, the tree rule joins the halves |
//!
//! A tag that has become a field is no attribute any more; every other one is, as text. An endpoint's attribute that a tag
//! of other content has taken goes to `zipkin.local_endpoint.*` or `zipkin.remote_endpoint.*`.
//!
//! A span that cannot be translated (no or invalid ids, unknown kind, times out of range) is left out, counted and named.

mod annotation;
mod json;
pub(crate) mod json_v1;
pub(crate) mod json_v2;
mod model;
pub(crate) mod proto_v2;
mod tags;
pub(crate) mod thrift_v1;
mod translate;
mod v1;

#[cfg(test)]
mod tests;
