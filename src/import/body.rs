//! One request on its way to the server.

use bytes::Bytes;

/// Bytes of a request that readers aim for when they put small pieces together.
pub(crate) const BODY_BYTES_AIM: usize = 2 << 20;

/// Bytes beyond which a document is split where its format allows it. Half of what a server takes by default.
pub(crate) const BODY_BYTES_MAX: usize = 32 << 20;

/// Which door a body goes to, and as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// OTLP over HTTP, protobuf.
    OtlpProtobuf,
    /// OTLP over HTTP, JSON.
    OtlpJson,
    /// Zipkin v2 JSON.
    ZipkinV2,
    /// Zipkin v1 JSON.
    ZipkinV1,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    /// Where it goes.
    pub(crate) door: Door,
    /// What is sent.
    pub(crate) bytes: Bytes,
    /// Spans in it.
    pub(crate) spans: u64,
}

impl Door {
    /// Path of the request.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::OtlpProtobuf | Self::OtlpJson => "/v1/traces",
            Self::ZipkinV2 => "/api/v2/spans",
            Self::ZipkinV1 => "/api/v1/spans",
        }
    }

    /// Content type of the request.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OtlpProtobuf => "application/x-protobuf",
            Self::OtlpJson | Self::ZipkinV2 | Self::ZipkinV1 => "application/json",
        }
    }

    /// True for the Zipkin door.
    pub(crate) fn is_zipkin(self) -> bool {
        matches!(self, Self::ZipkinV2 | Self::ZipkinV1)
    }
}
