//! Field numbers of the OTLP trace messages, one module a message.

/// `ExportTraceServiceRequest`.
pub(crate) mod request {
    pub(crate) const RESOURCE_SPANS: u32 = 1;
}

/// `ResourceSpans`.
pub(crate) mod resource_spans {
    pub(crate) const RESOURCE: u32 = 1;
    pub(crate) const SCOPE_SPANS: u32 = 2;
    pub(crate) const SCHEMA_URL: u32 = 3;
}

/// `Resource`.
pub(crate) mod resource {
    pub(crate) const ATTRIBUTES: u32 = 1;
    pub(crate) const DROPPED_ATTRIBUTES_COUNT: u32 = 2;
    pub(crate) const ENTITY_REFS: u32 = 3;
}

/// `EntityRef`.
pub(crate) mod entity_ref {
    pub(crate) const SCHEMA_URL: u32 = 1;
    pub(crate) const TYPE: u32 = 2;
    pub(crate) const ID_KEYS: u32 = 3;
    pub(crate) const DESCRIPTION_KEYS: u32 = 4;
}

/// `ScopeSpans`.
pub(crate) mod scope_spans {
    pub(crate) const SCOPE: u32 = 1;
    pub(crate) const SPANS: u32 = 2;
    pub(crate) const SCHEMA_URL: u32 = 3;
}

/// `InstrumentationScope`.
pub(crate) mod scope {
    pub(crate) const NAME: u32 = 1;
    pub(crate) const VERSION: u32 = 2;
    pub(crate) const ATTRIBUTES: u32 = 3;
    pub(crate) const DROPPED_ATTRIBUTES_COUNT: u32 = 4;
}

/// `Span`.
pub(crate) mod span {
    pub(crate) const TRACE_ID: u32 = 1;
    pub(crate) const SPAN_ID: u32 = 2;
    pub(crate) const TRACE_STATE: u32 = 3;
    pub(crate) const PARENT_SPAN_ID: u32 = 4;
    pub(crate) const NAME: u32 = 5;
    pub(crate) const KIND: u32 = 6;
    pub(crate) const START_TIME_UNIX_NANO: u32 = 7;
    pub(crate) const END_TIME_UNIX_NANO: u32 = 8;
    pub(crate) const ATTRIBUTES: u32 = 9;
    pub(crate) const DROPPED_ATTRIBUTES_COUNT: u32 = 10;
    pub(crate) const EVENTS: u32 = 11;
    pub(crate) const DROPPED_EVENTS_COUNT: u32 = 12;
    pub(crate) const LINKS: u32 = 13;
    pub(crate) const DROPPED_LINKS_COUNT: u32 = 14;
    pub(crate) const STATUS: u32 = 15;
    pub(crate) const FLAGS: u32 = 16;
}

/// `Span.Event`.
pub(crate) mod event {
    pub(crate) const TIME_UNIX_NANO: u32 = 1;
    pub(crate) const NAME: u32 = 2;
    pub(crate) const ATTRIBUTES: u32 = 3;
    pub(crate) const DROPPED_ATTRIBUTES_COUNT: u32 = 4;
}

/// `Span.Link`.
pub(crate) mod link {
    pub(crate) const TRACE_ID: u32 = 1;
    pub(crate) const SPAN_ID: u32 = 2;
    pub(crate) const TRACE_STATE: u32 = 3;
    pub(crate) const ATTRIBUTES: u32 = 4;
    pub(crate) const DROPPED_ATTRIBUTES_COUNT: u32 = 5;
    pub(crate) const FLAGS: u32 = 6;
}

/// `Status`.
pub(crate) mod status {
    pub(crate) const MESSAGE: u32 = 2;
    pub(crate) const CODE: u32 = 3;
}

/// `KeyValue`.
pub(crate) mod key_value {
    pub(crate) const KEY: u32 = 1;
    pub(crate) const VALUE: u32 = 2;
    /// Index into a table that only profiles have.
    pub(crate) const KEY_STRINDEX: u32 = 3;
}

/// `AnyValue`.
pub(crate) mod any_value {
    pub(crate) const STRING: u32 = 1;
    pub(crate) const BOOL: u32 = 2;
    pub(crate) const INT: u32 = 3;
    pub(crate) const DOUBLE: u32 = 4;
    pub(crate) const ARRAY: u32 = 5;
    pub(crate) const KVLIST: u32 = 6;
    pub(crate) const BYTES: u32 = 7;
    /// Index into a table that only profiles have.
    pub(crate) const STRING_STRINDEX: u32 = 8;
}

/// `ArrayValue` and `KeyValueList`.
pub(crate) mod list {
    pub(crate) const VALUES: u32 = 1;
}

/// `SpanKind`.
pub(crate) mod span_kind {
    pub(crate) const INTERNAL: u64 = 1;
    pub(crate) const SERVER: u64 = 2;
    pub(crate) const CLIENT: u64 = 3;
    pub(crate) const PRODUCER: u64 = 4;
    pub(crate) const CONSUMER: u64 = 5;
}

/// `StatusCode`.
pub(crate) mod status_code {
    pub(crate) const UNSET: u64 = 0;
    pub(crate) const OK: u64 = 1;
    pub(crate) const ERROR: u64 = 2;
}
