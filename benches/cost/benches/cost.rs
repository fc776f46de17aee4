//! Time of each piece of work, as units a second.

use clew_cost::{Case, measured};
use criterion::{Criterion, Throughput};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for name in Case::NAMES {
        let mut case = Case::prepare(name, usize::MAX).expect("test data of this repository");
        let (unit, count) = case.units;
        let mut group = criterion.benchmark_group(unit);
        group.throughput(Throughput::Elements(count));
        group.bench_function(name, |bencher| {
            bencher.iter(|| measured(&mut case).expect("work that was done before"));
        });
        group.finish();
    }
    criterion.final_summary();
}
