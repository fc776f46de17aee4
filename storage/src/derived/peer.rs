//! What a span calls that sends no spans itself: databases, queues and outside services, by the attributes of the caller, in the old and
//! the new semantic conventions.

use std::net::IpAddr;

use arrow::array::AsArray;
use serde::{Deserialize, Serialize};

use super::table::EdgeKind;
use crate::attributes::entries;
use crate::batch::SpanBatch;
use crate::schema::column;

/// The called side, as its caller knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Peer {
    pub(super) name: Box<str>,
    pub(super) kind: EdgeKind,
}

/// Attributes that name the called service.
const SERVICE: [&str; 2] = ["service.peer.name", "peer.service"];
const DATABASE_SYSTEM: [&str; 2] = ["db.system.name", "db.system"];
const DATABASE_NAME: [&str; 2] = ["db.namespace", "db.name"];
const MESSAGING_SYSTEM: [&str; 1] = ["messaging.system"];
const DESTINATION: [&str; 2] = ["messaging.destination.name", "messaging.destination"];
const ADDRESS: [&str; 3] = ["server.address", "net.peer.name", "http.host"];

impl Peer {
    /// What the span in row `row` calls, if its attributes tell.
    pub(super) fn of(batch: &SpanBatch, row: usize) -> Option<Self> {
        let own = batch.own();
        let letters = own.column(column::ATTRIBUTE_TYPES).as_string_view();
        let map = own.column(column::ATTRIBUTES).as_map();
        let kind = own.column(column::KIND).as_string_view().value(row);
        let attributes: Vec<(&str, &str)> = entries(map, row, letters.value(row))
            .map(|(key, _, value)| (key, value))
            .collect();
        Self::of_attributes(&attributes, kind == "producer")
    }

    fn of_attributes(attributes: &[(&str, &str)], is_producer: bool) -> Option<Self> {
        let first = |keys: &[&str]| {
            let value = |key: &&str| {
                let found = attributes.iter().find(|(other, _)| other == key)?;
                (!found.1.is_empty()).then_some(found.1)
            };
            keys.iter().find_map(value)
        };
        let service = first(&SERVICE);
        let (name, kind) = if let Some(system) = first(&DATABASE_SYSTEM) {
            // Redis and others number their databases: that is no name.
            let database = first(&DATABASE_NAME);
            let database = database.filter(|name| !name.bytes().all(|byte| byte.is_ascii_digit()));
            let name = service.or(database).unwrap_or(system);
            (name, EdgeKind::Database)
        } else if is_producer || first(&MESSAGING_SYSTEM).is_some() {
            let name = service.or_else(|| first(&DESTINATION));
            (name.or_else(|| first(&MESSAGING_SYSTEM))?, EdgeKind::Queue)
        } else {
            // Addresses are too many, and tell too little, to be names.
            let address = first(&ADDRESS).filter(|address| !is_ip(address));
            (service.or(address)?, EdgeKind::External)
        };
        Some(Self {
            name: name.into(),
            kind,
        })
    }
}

/// True for an IP address, with or without a port.
fn is_ip(address: &str) -> bool {
    let host = match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.parse::<u16>().is_ok() => host,
        _ => address,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok() || address.starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(attributes: &[(&str, &str)], is_producer: bool) -> Option<(String, EdgeKind)> {
        let peer = Peer::of_attributes(attributes, is_producer)?;
        Some((peer.name.into(), peer.kind))
    }

    #[test]
    fn peers_are_known_by_old_and_new_names() {
        use EdgeKind::{Database, External, Queue};
        for (attributes, expected) in [
            (
                vec![("db.system", "postgresql"), ("db.name", "orders")],
                Some(("orders", Database)),
            ),
            (
                vec![
                    ("db.system.name", "postgresql"),
                    ("db.namespace", "orders|public"),
                ],
                Some(("orders|public", Database)),
            ),
            (
                vec![("db.system", "redis"), ("db.namespace", "0")],
                Some(("redis", Database)),
            ),
            (
                vec![
                    ("db.system", "mysql"),
                    ("server.address", "10.0.0.1"),
                    ("peer.service", "ledger"),
                ],
                Some(("ledger", Database)),
            ),
            (
                vec![
                    ("messaging.system", "kafka"),
                    ("messaging.destination.name", "paid"),
                ],
                Some(("paid", Queue)),
            ),
            (
                vec![
                    ("messaging.system", "kafka"),
                    ("messaging.destination", "paid"),
                ],
                Some(("paid", Queue)),
            ),
            (vec![("messaging.system", "kafka")], Some(("kafka", Queue))),
            (
                vec![
                    ("server.address", "pay.example"),
                    ("service.peer.name", "bank"),
                ],
                Some(("bank", External)),
            ),
            (vec![("peer.service", "bank")], Some(("bank", External))),
            (
                vec![("net.peer.name", "pay.example")],
                Some(("pay.example", External)),
            ),
            (vec![("server.address", "10.0.0.1")], None),
            (vec![("http.host", "10.0.0.1:8080")], None),
            (vec![("server.address", "[::1]:80")], None),
            (vec![("server.address", "fe80::1")], None),
            (vec![("peer.service", "")], None),
            (vec![], None),
        ] {
            let expected = expected.map(|(name, kind)| (name.to_owned(), kind));
            assert_eq!(peer(&attributes, false), expected, "{attributes:?}");
        }
        assert_eq!(
            peer(&[("messaging.destination", "paid")], true),
            Some(("paid".to_owned(), Queue))
        );
        assert_eq!(peer(&[("server.address", "broker")], true), None);
    }
}
