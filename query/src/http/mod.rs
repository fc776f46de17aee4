//! What all HTTP doors share: parameters, JSON answers, streamed documents, and turns at the readers.

pub(crate) mod json;
pub(crate) mod params;
pub(crate) mod stream;
