use std::path::Path;
use std::time::Duration;

use super::{Claimed, Content, Known, PayloadHash, Recent, read, write};
use crate::env::testing::SimEnv;
use crate::sampling::decisions::Decision;

fn hash(number: u64) -> PayloadHash {
    PayloadHash::of("default", 1, &number.to_le_bytes())
}

fn store(recent: &Recent, number: u64, now: u64) {
    assert!(matches!(recent.claim(hash(number), now), Claimed::New(_)));
    recent.settle(hash(number), Some(now));
}

#[test]
fn a_stored_payload_is_known_for_its_age_and_not_longer() {
    let recent = Recent::new(Duration::from_nanos(100), 10);
    store(&recent, 1, 1000);
    assert!(matches!(recent.claim(hash(1), 1100), Claimed::Known));
    assert!(matches!(recent.claim(hash(1), 1101), Claimed::New(_)));
    assert_eq!(recent.len(), 0);
}

#[test]
fn the_oldest_is_forgotten_when_there_is_one_too_many() {
    let recent = Recent::new(Duration::from_secs(1), 3);
    (1..=3).for_each(|number| store(&recent, number, 0));
    assert!(matches!(recent.claim(hash(1), 0), Claimed::Known));
    store(&recent, 4, 0);
    assert_eq!(recent.len(), 3);
    assert!(matches!(recent.claim(hash(2), 0), Claimed::Known));
    assert!(matches!(recent.claim(hash(1), 0), Claimed::New(_)));
}

#[test]
fn a_pending_payload_is_waited_for_and_a_given_up_one_is_new_again() {
    let recent = Recent::new(Duration::from_secs(1), 3);
    let Claimed::New(_outcome) = recent.claim(hash(1), 0) else {
        panic!("nobody has it");
    };
    assert!(matches!(recent.claim(hash(1), 0), Claimed::Pending(_)));
    recent.settle(hash(1), None);
    assert!(matches!(recent.claim(hash(1), 0), Claimed::New(_)));
}

#[test]
fn tenant_kind_and_payload_tell_payloads_apart() {
    let hashes = [
        PayloadHash::of("a", 1, b"bc"),
        PayloadHash::of("ab", 1, b"c"),
        PayloadHash::of("a", 2, b"bc"),
        PayloadHash::of("a", 1, b"bd"),
    ];
    for (place, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..place].contains(hash));
    }
    assert_eq!(hashes[0], PayloadHash::of("a", 1, b"bc"));
}

#[test]
fn a_file_is_read_back_and_any_damage_is_found() {
    let sim = SimEnv::new(1);
    let path = Path::new("/r");
    for count in [0, 1, 5] {
        let known: Vec<_> = (0..count)
            .map(|number| Known {
                hash: hash(number),
                at_unix_nano: u64::MAX - number,
            })
            .collect();
        let decision = |number| Decision {
            hash: number << 40,
            rejected: number,
        };
        let content = Content {
            known,
            decided_at_unix_nano: 7,
            decisions: (0..count / 2).map(decision).collect(),
        };
        let (known, decisions) = (&content.known, &content.decisions);
        write(&sim.env(), path, known, 7, decisions).unwrap();
        assert_eq!(read(&sim.env(), path).unwrap(), content);
        let whole = sim.fs.contents(path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            sim.fs.set_contents(path, &flipped);
            assert!(read(&sim.env(), path).is_err(), "bit {bit}");
        }
        for cut in 0..whole.len() {
            sim.fs.set_contents(path, &whole[..cut]);
            assert!(read(&sim.env(), path).is_err(), "cut at {cut}");
        }
        sim.env().fs.remove_file(path).unwrap();
    }
}

#[test]
fn a_file_of_the_first_format_is_read() {
    let sim = SimEnv::new(1);
    let known = [Known {
        hash: hash(3),
        at_unix_nano: 5,
    }];
    let mut bytes = b"CLEWREC\0".to_vec();
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    for number in [known[0].hash.0[0], known[0].hash.0[1], 5] {
        bytes.extend(number.to_le_bytes());
    }
    let crc = crc32fast::hash(&bytes);
    bytes.extend(crc.to_le_bytes());
    sim.fs.set_contents(Path::new("/r"), &bytes);
    let content = read(&sim.env(), Path::new("/r")).unwrap();
    assert_eq!(
        (&content.known[..], content.decisions),
        (&known[..], vec![])
    );
}
