//! Ctrl-C while somebody waits. At all other times it ends the program, as ever.

use signal_hook::consts::SIGINT;
use signal_hook::flag::{register, register_conditional_default};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How soon it is noticed.
const NOTICED: Duration = Duration::from_millis(50);

/// Shared with what is called at the signal.
struct Flags {
    /// It ends the program.
    ends: Arc<AtomicBool>,
    seen: Arc<AtomicBool>,
}

/// What is called at a signal stays so for the life of the program.
static FLAGS: OnceLock<Flags> = OnceLock::new();

/// While this lives, Ctrl-C is counted instead of ending the program.
pub(super) struct Interrupts(&'static Flags);

impl Interrupts {
    pub(super) fn watch() -> io::Result<Self> {
        let flags = if let Some(flags) = FLAGS.get() {
            flags
        } else {
            let flags = Flags { ends: Arc::default(), seen: Arc::default() };
            register_conditional_default(SIGINT, Arc::clone(&flags.ends))?;
            register(SIGINT, Arc::clone(&flags.seen))?;
            FLAGS.get_or_init(|| flags)
        };
        flags.seen.store(false, Ordering::SeqCst);
        flags.ends.store(false, Ordering::SeqCst);
        Ok(Self(flags))
    }

    /// Waits for the next.
    pub(super) async fn next(&self) {
        while !self.0.seen.swap(false, Ordering::SeqCst) {
            tokio::time::sleep(NOTICED).await;
        }
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.0.ends.store(true, Ordering::SeqCst);
    }
}
