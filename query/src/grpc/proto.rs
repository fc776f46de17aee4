//! Jaeger's messages, services and clients, compiled from `proto/` by `build.rs`, in modules named like their packages.
#![allow(
    clippy::all,
    clippy::pedantic,
    missing_docs,
    rustdoc::all,
    unreachable_pub,
    unused_qualifications,
    reason = "generated code"
)]

/// Jaeger's services and what they are made of, for reflection.
pub(crate) const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The same for Flight, whose service is not made here.
pub(crate) const FLIGHT_DESCRIPTORS: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/flight.bin"));

pub mod api_v3 {
    tonic::include_proto!("jaeger.api_v3");
}

pub mod storage {
    pub mod v2 {
        tonic::include_proto!("jaeger.storage.v2");
    }
}

pub mod expression {
    pub mod v1 {
        tonic::include_proto!("jaeger.expression.v1");
    }
}
