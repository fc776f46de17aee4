//! The allocator, and the threads that it lets keep what they have freed.
//!
//! How much it keeps otherwise, and for how long, is set at build time, in `.cargo/config.toml`.

use tikv_jemalloc_ctl::{Access, AsName, Result};

/// Gives back what others keep: spans are freed by another thread than the one that received them.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long memory that an arena has freed waits to be used again, ms.
const REUSE_MS: isize = 1_000;

/// Gives the calling thread an arena of its own that keeps freed memory for a second.
///
/// A statement decodes column after column into large buffers that live for a moment. When what they lay in goes back to the system between two of
/// them, every page is asked for and zeroed again: a fifth of the time of a long statement. What spans are kept in is freed once and for all, and
/// goes back soon.
pub(crate) fn reuse_on_this_thread() {
    // Nothing is lost without it but time.
    if let Err(error) = own_arena() {
        tracing::debug!(%error, "a thread has no arena of its own");
    }
}

fn own_arena() -> Result<()> {
    let arena: u32 = "arenas.create\0".name().read()?;
    let decay = format!("arena.{arena}.dirty_decay_ms\0");
    decay.as_str().name().write(REUSE_MS)?;
    "thread.arena\0".name().write(arena)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_gets_an_arena_that_keeps_what_it_frees() {
        let arena_of = || {
            let arena: u32 = "thread.arena\0".name().read().unwrap();
            let decay = format!("arena.{arena}.dirty_decay_ms\0");
            let decay: isize = decay.as_str().name().read().unwrap();
            (arena, decay)
        };
        let before = arena_of();
        let other = std::thread::spawn(move || {
            own_arena().unwrap();
            arena_of()
        });
        let (arena, decay) = other.join().unwrap();
        assert_ne!(arena, before.0);
        assert_eq!(decay, REUSE_MS);
        assert_eq!(arena_of(), before);
    }
}
