//! Pieces of work whose cost is watched, over test data of this repository: `benches/cost.rs` takes their time.
//!
//! `tests/budget.rs` counts their instructions under valgrind, which are the same on a busy machine, and holds them against `budget.json`.

mod data;
pub mod layout;
mod stored;
mod work;

pub use work::Case;

/// Does the work of `case` once. Only what happens in here is counted, so it must not be inlined.
///
/// # Errors
/// When the work fails.
#[inline(never)]
pub fn measured(case: &mut Case) -> anyhow::Result<()> {
    case.run()
}
