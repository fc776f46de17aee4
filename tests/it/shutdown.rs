//! SIGTERM under load: requests under way are answered, everything acknowledged is stored, the server ends by itself.

use crate::support::load::{Fate, Ledger, Load};
use crate::support::random::Random;
use crate::support::server::{Server, wait_for};

#[test]
fn a_shutdown_under_load_loses_nothing() {
    let (mut random, seed) = Random::fresh();
    println!("CLEW_TEST_SEED={seed}");
    let mut server = Server::start(&[]);
    for round in 0..5 {
        let ledger = Ledger::new(&format!("round-{round}"));
        let load = Load::start(server.addresses(), &ledger, &mut random);
        wait_for("acknowledged batches", || {
            ledger.count(Fate::Acknowledged) >= 50
        });
        server.terminate();
        let (data, status) = server.wait();
        load.finish();
        assert!(status.success(), "{status}");
        assert_eq!(data.log_lines("ERROR"), Vec::<String>::new());

        server = data.start();
        assert_eq!(
            server.status().at("hot_spans").count(),
            0,
            "the shutdown left spans unflushed"
        );
        let found = ledger.compare(server.addresses().http, 10, &mut random);
        let found = found.unwrap_or_else(|faults| panic!("seed {seed}: {faults:#?}"));
        assert!(found.acknowledged >= 50);
    }
}
