//! Does a piece of work once, for a tool that counts: `clew-cost "decode small" 10000`, with some 10,000 spans at most. Prints how many
//! units of work it was.

use anyhow::{Context, Result};
use clew_cost::{Case, measured};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next();
    let name = name.with_context(|| format!("name one of the cases {:?}", Case::NAMES))?;
    let spans_max = match arguments.next() {
        Some(number) => number.parse().context("the number of spans")?,
        None => usize::MAX,
    };
    let mut case = Case::prepare(&name, spans_max)?;
    measured(&mut case)?;
    println!("{}", case.units.1);
    Ok(())
}
