//! OTLP: the wire decoder, which every payload goes through in the end, and the translation of OTLP/JSON into what it reads.

pub(crate) mod fields;
pub(crate) mod json;
pub(crate) mod wire;
