use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use super::*;
use crate::budget::Budget;

const CODINGS: [Coding; 3] = [Coding::Gzip, Coding::Deflate, Coding::Zstd];

fn deflated(coding: Coding, bytes: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Identity => bytes.to_vec(),
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Zstd => zstd::encode_all(bytes, 3).unwrap(),
    }
}

fn inflate(coding: Coding, compressed: &[u8], max: usize) -> Result<Vec<u8>, InflateError> {
    coding.inflate(compressed, max, &mut Budget::new(1 << 30).lease())
}

#[test]
fn as_much_as_the_limit_comes_out_and_not_a_byte_more() {
    for coding in CODINGS {
        for length in [0, 1, 100, STEP_BYTES_MIN - 1, STEP_BYTES_MIN, 1_000_000] {
            let bytes = vec![7; length];
            let compressed = deflated(coding, &bytes);
            assert_eq!(
                inflate(coding, &compressed, length).unwrap(),
                bytes,
                "{coding:?} {length}"
            );
            if length > 0 {
                let over = inflate(coding, &compressed, length - 1);
                assert!(
                    matches!(over, Err(InflateError::TooLarge)),
                    "{coding:?} {length}"
                );
            }
        }
    }
}

#[test]
fn a_bomb_holds_no_more_than_the_limit() {
    let bomb = vec![0; 64 << 20];
    for coding in CODINGS {
        let compressed = deflated(coding, &bomb);
        let budget = Budget::new(2 << 20);
        let mut lease = budget.lease();
        let result = coding.inflate(&compressed, 1 << 20, &mut lease);
        assert!(matches!(result, Err(InflateError::TooLarge)), "{coding:?}");
        assert!(!budget.has((1 << 20) + 1) && budget.has((1 << 20) - 1));
    }
}

#[test]
fn what_comes_out_is_leased() {
    let compressed = deflated(Coding::Zstd, &vec![0; 1 << 20]);
    let mut lease = Budget::new(1 << 19).lease();
    let result = Coding::Zstd.inflate(&compressed, 1 << 21, &mut lease);
    assert!(matches!(result, Err(InflateError::Exhausted)));
}

#[test]
fn cut_bodies_are_malformed() {
    let bytes: Vec<u8> = (0..5000u32).flat_map(|n| (n * n).to_le_bytes()).collect();
    for coding in CODINGS {
        let compressed = deflated(coding, &bytes);
        for length in 1..compressed.len() {
            let result = inflate(coding, &compressed[..length], bytes.len());
            assert!(
                matches!(result, Err(InflateError::Malformed(_))),
                "{coding:?} {length}"
            );
        }
    }
}

#[test]
fn garbage_after_the_end_is_malformed() {
    for coding in CODINGS {
        let compressed = [&deflated(coding, b"abc")[..], b"garbage"].concat();
        let result = inflate(coding, &compressed, 100);
        assert!(
            matches!(result, Err(InflateError::Malformed(_))),
            "{coding:?}"
        );
    }
}

#[test]
fn concatenated_members_are_one_body_where_the_format_has_members() {
    for coding in [Coding::Gzip, Coding::Zstd] {
        let compressed = [deflated(coding, b"abc"), deflated(coding, b"def")].concat();
        assert_eq!(inflate(coding, &compressed, 6).unwrap(), b"abcdef");
        assert!(matches!(
            inflate(coding, &compressed, 5),
            Err(InflateError::TooLarge)
        ));
    }
    let twice = deflated(Coding::Deflate, b"abc").repeat(2);
    assert!(matches!(
        inflate(Coding::Deflate, &twice, 100),
        Err(InflateError::Malformed(_))
    ));
}

#[test]
fn zstd_frames_that_lie_about_their_size_or_ask_for_a_large_window_are_malformed() {
    // Magic number, a descriptor with an eight-byte content size in a single segment, the size, and no block.
    let lying = [
        &[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..],
        &(1u64 << 40).to_le_bytes(),
    ]
    .concat();
    assert!(matches!(
        inflate(Coding::Zstd, &lying, 100),
        Err(InflateError::Malformed(_))
    ));
    let with_window = |log: u32| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(log).unwrap();
        encoder.write_all(b"abc").unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(
        inflate(Coding::Zstd, &with_window(ZSTD_WINDOW_LOG_MAX), 3).unwrap(),
        b"abc"
    );
    let result = inflate(Coding::Zstd, &with_window(ZSTD_WINDOW_LOG_MAX + 1), 3);
    assert!(matches!(result, Err(InflateError::Malformed(_))));
}

#[test]
fn headers() {
    let coding = |text: &'static str| Coding::from_header(Some(&HeaderValue::from_static(text)));
    assert_eq!(Coding::from_header(None), Some(Coding::Identity));
    assert_eq!(coding(" GZIP "), Some(Coding::Gzip));
    assert_eq!(coding("deflate"), Some(Coding::Deflate));
    assert_eq!(coding("zstd"), Some(Coding::Zstd));
    for other in ["br", "gzip, gzip", "snappy"] {
        assert_eq!(coding(other), None);
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for coding in CODINGS {
            drop(inflate(coding, &bytes, 1000));
        }
    }
}
