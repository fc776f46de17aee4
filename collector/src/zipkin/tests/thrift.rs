//! Thrift of version 1.

use proptest::prelude::*;

use super::*;

/// Writes Thrift's binary protocol.
#[derive(Default)]
struct Thrift(Vec<u8>);

impl Thrift {
    fn field(&mut self, field_type: u8, id: i16, value: &[u8]) -> &mut Self {
        self.0.push(field_type);
        self.0.extend(id.to_be_bytes());
        self.0.extend(value);
        self
    }

    fn string(&mut self, id: i16, text: &[u8]) -> &mut Self {
        let length = (text.len() as i32).to_be_bytes();
        self.field(11, id, &[&length[..], text].concat())
    }

    fn structs(&mut self, id: i16, structs: &[Vec<u8>]) -> &mut Self {
        self.field(15, id, &list(structs))
    }

    fn end(&mut self) -> Vec<u8> {
        self.0.push(0);
        std::mem::take(&mut self.0)
    }
}

fn list(structs: &[Vec<u8>]) -> Vec<u8> {
    let count = (structs.len() as i32).to_be_bytes();
    [&[12][..], &count, &structs.concat()].concat()
}

fn thrift_span() -> Vec<u8> {
    let host = |service: &str| {
        let mut host = Thrift::default();
        host.field(8, 1, &[10, 0, 0, 1])
            .field(6, 2, &(-1i16).to_be_bytes());
        host.string(3, service.as_bytes())
            .string(4, &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
            .end()
    };
    let annotation = |time: i64, value: &str| {
        Thrift::default()
            .field(10, 1, &time.to_be_bytes())
            .string(2, value.as_bytes())
            .field(12, 3, &host("a"))
            .end()
    };
    let binary = |key: &str, value: &[u8], annotation_type: i32| {
        Thrift::default()
            .string(1, key.as_bytes())
            .string(2, value)
            .field(8, 3, &annotation_type.to_be_bytes())
            .field(12, 4, &host(if key == "sa" { "b" } else { "a" }))
            .end()
    };
    let tags = [
        binary("sa", &[1], 0),
        binary("bytes", &[0xff], 1),
        binary("i16", &(-2i16).to_be_bytes(), 2),
        binary("i32", &(-3i32).to_be_bytes(), 3),
        binary("i64", &i64::MIN.to_be_bytes(), 4),
        binary("double", &0.5f64.to_be_bytes(), 5),
        binary("string", "é".as_bytes(), 6),
        binary("short", &[1], 4),
    ];
    Thrift::default()
        .field(10, 1, &1i64.to_be_bytes())
        .field(10, 12, &(-1i64).to_be_bytes())
        .string(3, b"get")
        .field(10, 4, &2i64.to_be_bytes())
        .field(10, 5, &3i64.to_be_bytes())
        .structs(
            6,
            &[
                annotation(10, "cs"),
                annotation(15, "x"),
                annotation(20, "cr"),
            ],
        )
        .structs(8, &tags)
        .field(2, 9, &[1])
        .field(10, 10, &10i64.to_be_bytes())
        .field(10, 11, &10i64.to_be_bytes())
        // What a later version might add.
        .field(
            13,
            99,
            &[
                11, 14, 0, 0, 0, 1, 0, 0, 0, 1, b'k', 8, 0, 0, 0, 1, 0, 0, 0, 0,
            ],
        )
        .end()
}

#[test]
fn all_fields() {
    let payload = list(&[thrift_span()]);
    let (request, rejected) =
        read(thrift_v1::translate(&payload, &PayloadLimits::default()).unwrap());
    assert_eq!(rejected.count(), 0, "{rejected}");
    insta::assert_snapshot!(render(&request));
}

#[test]
fn what_is_cut_or_lies_is_refused() {
    let payload = list(&[thrift_span()]);
    for length in 0..payload.len() {
        assert!(
            thrift_v1::translate(&payload[..length], &PayloadLimits::default()).is_err(),
            "{length}"
        );
    }
    let longer = [&payload[..], &[0]].concat();
    let many = [12, 0x7f, 0xff, 0xff, 0xff];
    let negative = [12, 0xff, 0xff, 0xff, 0xff];
    let strings = [11, 0, 0, 0, 1, 0, 0, 0, 0];
    let deep = [&[12, 0, 0, 0, 1][..], &[12, 0, 1].repeat(100_000)].concat();
    for payload in [&longer[..], &many, &negative, &strings, &deep] {
        assert!(thrift_v1::translate(payload, &PayloadLimits::default()).is_err());
    }
    let empty = thrift_v1::translate(&[12, 0, 0, 0, 0], &PayloadLimits::default());
    assert!(empty.is_ok());
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0..16u8], 0..100)) {
        drop(thrift_v1::translate(&bytes, &PayloadLimits::default()));
        let as_list = [&[12, 0, 0, 0, 2][..], &bytes].concat();
        drop(thrift_v1::translate(&as_list, &PayloadLimits::default()));
    }

    /// A mutated body is translated or refused, never a panic, and what is translated is OTLP.
    #[test]
    fn mutated_bytes_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut payload = list(&[thrift_span(), thrift_span()]);
        let at = at.index(payload.len());
        payload[at] = byte;
        if let Ok(translated) = thrift_v1::translate(&payload, &PayloadLimits::default()) {
            read(translated);
        }
    }
}
