//! The protobuf wire format, read and written without message structs.
//!
//! ```text
//!  message  = { field }
//!  field    = key value            key = varint(number << 3 | wire type)
//!  value    = varint               wire type 0: integers, bool, enum
//!           | 8 bytes              wire type 1: fixed64, double
//!           | varint(length) bytes wire type 2: string, bytes, message
//!           | { field } end-key    wire type 3 .. 4: group, only ever skipped
//!           | 4 bytes              wire type 5: fixed32
//! ```
//!
//! Invariants:
//! - a [`Reader`] never reads outside its message and never panics on input;
//! - messages and groups nest at most [`NESTING_MAX`](reader::NESTING_MAX) deep, as in every protobuf library;
//! - it gives the same verdict on the same bytes as `prost`, which the tests use as the oracle.

pub(crate) mod reader;
pub(crate) mod writer;

pub(crate) use reader::{Reader, WireError};
pub(crate) use writer::Writer;
