//! What each kind of text reads, refuses and shows.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn durations() {
    let check = |input: &str, ms: u64| {
        assert_eq!(
            duration::read(&text(input)),
            Ok(Duration::from_millis(ms)),
            "{input}"
        );
    };
    check("0s", 0);
    check("250ms", 250);
    check("90s", 90_000);
    check("1h30m", 5_400_000);
    check("14d", 14 * 86_400_000);
    check("2w", 14 * 86_400_000);
    for input in [
        "",
        "30",
        "30 s",
        "s",
        "1x",
        "-1s",
        "1.5h",
        "99999999999999999999s",
        "999999999999999w",
    ] {
        assert!(duration::read(&text(input)).is_err(), "{input}");
    }
    assert_eq!(duration::show(&Duration::from_secs(90)), "1m30s");
    assert_eq!(duration::show(&Duration::from_hours(14 * 24)), "14d");
}

#[test]
fn sizes() {
    let check = |input: &str, bytes: u64| {
        assert_eq!(size::read::<u64>(&text(input)), Ok(bytes), "{input}");
    };
    check("64MiB", 64 << 20);
    check("64 mib", 64 << 20);
    check("1GB", 1_000_000_000);
    check("100B", 100);
    for input in ["", "64", "MiB", "64M", "-1B", "1.5MiB", "99999999999TiB"] {
        assert!(size::read::<u64>(&text(input)).is_err(), "{input}");
    }
    assert!(size::read::<u32>(&text("4GiB")).is_err());
    assert_eq!(size::show(&(64_usize << 20)), "64MiB");
    assert_eq!(size::show(&1_000_u64), "1000B");
}

#[test]
fn numbers_ports_and_switches() {
    assert_eq!(count::read::<usize>(&text("12")), Ok(12));
    assert!(count::read::<u8>(&text("256")).is_err());
    assert!(count::read::<usize>(&text("-1")).is_err());
    assert_eq!(port::read(&text("off")), Ok(None));
    assert_eq!(port::read(&text("0")), Ok(Some(0)));
    assert!(port::read(&text("65536")).is_err());
    assert_eq!(switch::read(&text("on")), Ok(true));
    assert!(switch::read(&text("maybe")).is_err());
}

#[test]
fn rules_need_a_service_and_what_to_keep() {
    let read = |input: &str| rules::read(&text(input)).map(|rules| rules::show(&rules));
    assert_eq!(read("a=b=0.5").as_deref(), Ok("a=b=0.5"));
    assert_eq!(read("*=1e-3, b|c=10/s").as_deref(), Ok("*=0.001,b|c=10/s"));
    for input in [
        "cart",
        "=0.5",
        "cart=",
        "cart=1.01",
        "cart=-0.1",
        "cart=NaN",
        "cart=half",
        "cart=0/s",
    ] {
        assert!(read(input).is_err(), "{input}");
    }
}

#[test]
fn a_list_where_one_value_is_wanted_is_refused() {
    let list = Value::List(vec!["30s".to_owned()]);
    assert!(duration::read(&list).is_err());
    assert!(size::read::<u64>(&list).is_err());
}

proptest! {
    #[test]
    fn a_shown_duration_reads_back(ms in 0_u64..4_000_000_000_000) {
        let duration = Duration::from_millis(ms);
        prop_assert_eq!(duration::read(&text(&duration::show(&duration))), Ok(duration));
    }

    #[test]
    fn a_shown_size_reads_back(bytes in any::<u64>()) {
        prop_assert_eq!(size::read::<u64>(&text(&size::show(&bytes))), Ok(bytes));
    }
}
