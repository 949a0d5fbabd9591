//! Being asked to stop by a signal, and being told that the terminal has another size.
//!
//! **Model.** The first signal to stop stops the VM in order; a second one ends the program at once, the terminal
//! restored. What stopped the VM decides the exit status, as shells have it: 128 plus the signal's number.

use crate::terminal::Terminal;
use api::inspect::Guest;
use parking_lot::Mutex;
use sandbox::Kind;
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals as Incoming;
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Weak};
use std::thread;

/// Not a signal that arrives, but what a closed standard output amounts to.
pub(crate) const OUTPUT_CLOSED: i32 = SIGPIPE;

/// What signals are about: the guest and its terminal.
pub(crate) struct Signals {
    /// The first that asked to stop, or 0.
    first: AtomicI32,
    guest: Mutex<Weak<Guest>>,
    terminal: Option<Arc<Terminal>>,
}

impl Signals {
    /// Watches for signals from now on.
    pub(crate) fn watch(terminal: Option<Arc<Terminal>>) -> io::Result<Arc<Self>> {
        let mut incoming = Incoming::new([SIGHUP, SIGINT, SIGTERM, SIGWINCH])?;
        let signals = Arc::new(Self { first: AtomicI32::new(0), guest: Mutex::new(Weak::new()), terminal });
        let watching = Arc::clone(&signals);
        let watch = move || {
            sandbox::keep_to(Kind::Service);
            for signal in &mut incoming {
                watching.handle(signal);
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(watch)?;
        Ok(signals)
    }

    fn handle(&self, signal: i32) {
        let guest = self.guest.lock().upgrade();
        match guest {
            Some(guest) if signal == SIGWINCH => self.tell_size(&guest),
            _ if signal == SIGWINCH => {}
            guest if self.note(signal) => {
                guest.inspect(|guest| guest.vm.stop());
            }
            _ => {
                self.terminal.as_ref().inspect(|terminal| terminal.restore());
                std::process::exit(128 + signal);
            }
        }
    }

    /// Names the guest, and catches up on what came before it.
    pub(crate) fn concern(&self, guest: &Arc<Guest>) {
        *self.guest.lock() = Arc::downgrade(guest);
        self.tell_size(guest);
        if self.first().is_some() {
            guest.vm.stop();
        }
    }

    fn tell_size(&self, guest: &Guest) {
        if let Some((columns, rows)) = self.terminal.as_ref().and_then(|_| Terminal::size()) {
            guest.vm.set_console_size(columns, rows);
        }
    }

    /// Remembers a signal to stop; says whether it is the first.
    pub(crate) fn note(&self, signal: i32) -> bool {
        self.first.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// What asked to stop.
    pub(crate) fn first(&self) -> Option<i32> {
        Some(self.first.load(Ordering::SeqCst)).filter(|&signal| signal != 0)
    }
}
