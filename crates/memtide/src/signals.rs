//! Being asked to stop by a signal.
//!
//! **Model.** The first signal stops the VM in order; a second one ends the program at once, the terminal restored.
//! What stopped it decides the exit status, as shells have it: 128 plus the signal's number.

use crate::guest::Guest;
use crate::terminal::Terminal;
use parking_lot::Mutex;
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM};
use signal_hook::iterator::Signals as Incoming;
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Weak};
use std::thread;

/// Not a signal that arrived, but what a closed standard output amounts to.
pub(crate) const OUTPUT_CLOSED: i32 = SIGPIPE;

/// Which signal came first.
#[derive(Default)]
pub(crate) struct Signals {
    first: AtomicI32,
    guest: Mutex<Weak<Guest>>,
}

impl Signals {
    /// Watches for signals from now on, to stop the guest named later by [`Signals::stop`].
    pub(crate) fn watch(terminal: Option<Arc<Terminal>>) -> io::Result<Arc<Self>> {
        let mut incoming = Incoming::new([SIGHUP, SIGINT, SIGTERM])?;
        let signals = Arc::new(Self::default());
        let watching = Arc::clone(&signals);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in &mut incoming {
                if !watching.note(signal) {
                    terminal.as_ref().inspect(|terminal| terminal.restore());
                    std::process::exit(128 + signal);
                }
                watching.guest.lock().upgrade().inspect(|guest| guest.vm.stop());
            }
        })?;
        Ok(signals)
    }

    /// Names the guest to stop, and stops it if a signal came already.
    pub(crate) fn stop(&self, guest: &Arc<Guest>) {
        *self.guest.lock() = Arc::downgrade(guest);
        if self.first().is_some() {
            guest.vm.stop();
        }
    }

    /// Remembers a signal; says whether it is the first.
    pub(crate) fn note(&self, signal: i32) -> bool {
        self.first.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    pub(crate) fn first(&self) -> Option<i32> {
        Some(self.first.load(Ordering::SeqCst)).filter(|&signal| signal != 0)
    }
}
