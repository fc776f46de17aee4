//! Jaeger JSON to OTLP, by the rules of OpenTelemetry's own translation of Jaeger spans, read backwards.
//!
//! | Jaeger | OTLP |
//! |---|---|
//! | process, its tags | resource, its attributes; `serviceName` is `service.name` |
//! | tags `otel.scope.name`, `otel.scope.version` (or `otel.library.…`) | instrumentation scope |
//! | tag `span.kind` | kind |
//! | tag `error` = true | status error, message from `otel.status_description` |
//! | tags `otel.status_code`, `otel.status_description` | status |
//! | tag `w3c.tracestate` | trace state |
//! | first `CHILD_OF` inside the trace, else first `FOLLOWS_FROM` inside the trace | parent |
//! | every other reference | link, its kind in `opentracing.ref_type` |
//! | log, its field `event` | event, its name |
//! | warnings | attribute `@jaeger@warnings`, the key that Jaeger itself uses |
//!
//! A tag that became a field of the span is not kept as an attribute as well; one that could not be read as such is kept.
//! Times are µs in Jaeger, so nanoseconds that were lost there stay lost.

mod convert;
mod model;
mod tags;

pub(crate) use convert::convert;
pub(crate) use model::read;

#[cfg(test)]
mod tests;
