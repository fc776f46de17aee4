//! OTLP's trace messages: the JSON members, what writes them, and as which fields.

use serde::de::{IgnoredAny, MapAccess};

use super::Context;
use super::message::{Message, list, message, single};
use super::scalar::{boolean, bytes, double, fixed32, fixed64, int64, string, uint32};
use super::span;
use crate::otlp::fields;
use crate::protobuf::writer::Mark;

message! {
    /// `ExportTraceServiceRequest`.
    Request {
        "resourceSpans" => list::<_, ResourceSpans>, fields::request::RESOURCE_SPANS;
    }
}

message! {
    ResourceSpans {
        "resource" => single::<_, Resource>, fields::resource_spans::RESOURCE;
        "scopeSpans" => list::<_, ScopeSpans>, fields::resource_spans::SCOPE_SPANS;
        "schemaUrl" => string, fields::resource_spans::SCHEMA_URL;
    }
}

message! {
    Resource {
        "attributes" => list::<_, KeyValue>, fields::resource::ATTRIBUTES;
        "droppedAttributesCount" => uint32, fields::resource::DROPPED_ATTRIBUTES_COUNT;
    }
}

message! {
    ScopeSpans {
        "scope" => single::<_, Scope>, fields::scope_spans::SCOPE;
        "spans" => list::<_, Span>, fields::scope_spans::SPANS;
        "schemaUrl" => string, fields::scope_spans::SCHEMA_URL;
    }
}

message! {
    /// `InstrumentationScope`.
    Scope {
        "name" => string, fields::scope::NAME;
        "version" => string, fields::scope::VERSION;
        "attributes" => list::<_, KeyValue>, fields::scope::ATTRIBUTES;
        "droppedAttributesCount" => uint32, fields::scope::DROPPED_ATTRIBUTES_COUNT;
    }
}

message! {
    Span {
        "traceId" => span::trace_id, fields::span::TRACE_ID;
        "spanId" => span::span_id, fields::span::SPAN_ID;
        "parentSpanId" => span::parent_span_id, fields::span::PARENT_SPAN_ID;
        "traceState" => string, fields::span::TRACE_STATE;
        "flags" => fixed32, fields::span::FLAGS;
        "name" => span::name, fields::span::NAME;
        "kind" => span::kind, fields::span::KIND;
        "startTimeUnixNano" => fixed64, fields::span::START_TIME_UNIX_NANO;
        "endTimeUnixNano" => fixed64, fields::span::END_TIME_UNIX_NANO;
        "attributes" => list::<_, KeyValue>, fields::span::ATTRIBUTES;
        "droppedAttributesCount" => uint32, fields::span::DROPPED_ATTRIBUTES_COUNT;
        "events" => list::<_, Event>, fields::span::EVENTS;
        "droppedEventsCount" => uint32, fields::span::DROPPED_EVENTS_COUNT;
        "links" => list::<_, Link>, fields::span::LINKS;
        "droppedLinksCount" => uint32, fields::span::DROPPED_LINKS_COUNT;
        "status" => single::<_, Status>, fields::span::STATUS;
    }
    end span::end;
}

message! {
    Event {
        "timeUnixNano" => fixed64, fields::event::TIME_UNIX_NANO;
        "name" => string, fields::event::NAME;
        "attributes" => list::<_, KeyValue>, fields::event::ATTRIBUTES;
        "droppedAttributesCount" => uint32, fields::event::DROPPED_ATTRIBUTES_COUNT;
    }
}

message! {
    Link {
        "traceId" => span::link_trace_id, fields::link::TRACE_ID;
        "spanId" => span::link_span_id, fields::link::SPAN_ID;
        "traceState" => string, fields::link::TRACE_STATE;
        "attributes" => list::<_, KeyValue>, fields::link::ATTRIBUTES;
        "droppedAttributesCount" => uint32, fields::link::DROPPED_ATTRIBUTES_COUNT;
        "flags" => fixed32, fields::link::FLAGS;
    }
}

message! {
    Status {
        "message" => string, fields::status::MESSAGE;
        "code" => span::status_code, fields::status::CODE;
    }
}

message! {
    KeyValue {
        "key" => string, fields::key_value::KEY;
        "value" => single::<_, AnyValue>, fields::key_value::VALUE;
    }
}

message! {
    AnyValue {
        "stringValue" => string, fields::any_value::STRING;
        "boolValue" => boolean, fields::any_value::BOOL;
        "intValue" => int64, fields::any_value::INT;
        "doubleValue" => double, fields::any_value::DOUBLE;
        "arrayValue" => single::<_, ArrayValue>, fields::any_value::ARRAY;
        "kvlistValue" => single::<_, KeyValueList>, fields::any_value::KVLIST;
        "bytesValue" => bytes, fields::any_value::BYTES;
    }
}

message! {
    ArrayValue {
        "values" => list::<_, AnyValue>, fields::list::VALUES;
    }
}

message! {
    KeyValueList {
        "values" => list::<_, KeyValue>, fields::list::VALUES;
    }
}
