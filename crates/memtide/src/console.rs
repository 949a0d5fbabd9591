//! The guest's console: what it prints goes to standard output, what is typed goes to its serial port.
//!
//! **Model.**
//!
//! ```text
//!   vCPU -> Printer -> bounded pipe -> output thread -> Screen (shown or held) -> standard output
//!   standard input -> input thread -> serial port
//!                                  -> Ctrl-]: hold the screen, monitor, show it again
//! ```
//!
//! **Failure.** Standard output may be slow or stopped: the pipe then fills up, and what does not fit is dropped and
//! counted, since a vCPU does not wait for a terminal. If standard output is gone, so is the point of the VM, and it
//! is stopped.

use crate::current::Current;
use crate::monitor::{self, Typed};
use crate::signals::{OUTPUT_CLOSED, Signals};
use crate::terminal::{ESCAPE, Terminal};
use devices::{OutputReader, OutputWriter};
use parking_lot::{Condvar, Mutex};
use sandbox::Kind;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Output held back for a slow terminal, or while the monitor is shown.
const CAPACITY: usize = 1 << 20;
/// How soon to try again when a peer takes no bytes.
const RETRY: Duration = Duration::from_millis(5);

/// Where a VM's devices print to. Clones print to the same place.
#[derive(Clone)]
pub(crate) struct Printer(Arc<Mutex<OutputWriter>>);

impl Write for Printer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A printer, and where what it prints comes out once all its clones are gone, or before.
pub(crate) fn printer() -> (Printer, OutputReader) {
    let (writer, reader) = devices::output_pipe(CAPACITY);
    (Printer(Arc::new(Mutex::new(writer))), reader)
}

/// Whether guest output is shown at present.
#[derive(Default)]
pub(crate) struct Screen {
    held: Mutex<bool>,
    changed: Condvar,
}

impl Screen {
    /// Returns once no output is being written; none will be until [`Screen::show`].
    pub(crate) fn hold(&self) {
        *self.held.lock() = true;
    }

    pub(crate) fn show(&self) {
        *self.held.lock() = false;
        self.changed.notify_all();
    }

    fn write(&self, mut output: impl Write, bytes: &[u8]) -> io::Result<()> {
        let mut held = self.held.lock();
        while *held {
            self.changed.wait(&mut held);
        }
        let mut left = bytes;
        while !left.is_empty() {
            match output.write(left) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => left = &left[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Someone who shares the terminal made it non-blocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Starts the thread that shows what the guest prints; it ends with the printer, and says how much was dropped.
pub(crate) fn spawn_output(
    mut reader: OutputReader,
    screen: Arc<Screen>,
    guest: Current,
    signals: Arc<Signals>,
) -> io::Result<JoinHandle<u64>> {
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let show = move || {
        sandbox::keep_to(Kind::Guest);
        let mut bytes = [0; 4096];
        while let Ok(count) = reader.read(&mut bytes) {
            if count == 0 {
                break;
            }
            if screen.write(&mut output, &bytes[..count]).is_err() {
                signals.note(OUTPUT_CLOSED);
                guest.upgrade().inspect(|guest| guest.vm.stop());
                break;
            }
        }
        reader.dropped()
    };
    thread::Builder::new().name("console-output".to_owned()).spawn(show)
}

/// Standard input, which is never closed in order: the program ends while this still reads.
pub(crate) struct Keyboard {
    pub(crate) guest: Current,
    pub(crate) screen: Arc<Screen>,
    /// Set if Ctrl-] leads to the monitor.
    pub(crate) terminal: Option<Arc<Terminal>>,
}

impl Keyboard {
    /// Starts the thread that hands on what is typed.
    pub(crate) fn spawn(self) -> io::Result<JoinHandle<()>> {
        thread::Builder::new().name("console-input".to_owned()).spawn(move || {
            sandbox::keep_to(Kind::Service);
            // The end of the input, or an error, is merely the end of what there is to hand on.
            let _ = self.run();
        })
    }

    fn run(&self) -> io::Result<()> {
        let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let mut bytes = [0; 1024];
        loop {
            let count = match input.read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::sleep(RETRY);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut typed = bytes[..count].to_vec();
            if let Some(terminal) = &self.terminal {
                while let Some(at) = typed.iter().position(|&byte| byte == ESCAPE) {
                    self.send(&typed[..at]);
                    typed = self.monitor(terminal, typed.split_off(at + 1), &mut input)?;
                }
            }
            self.send(&typed);
        }
    }

    /// Hands bytes to the guest as fast as it takes them.
    fn send(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let Some(guest) = self.guest.upgrade() else { return };
            bytes = &bytes[guest.vm.type_in(bytes)..];
            drop(guest);
            if !bytes.is_empty() {
                thread::sleep(RETRY);
            }
        }
    }

    /// Lets the user talk with the monitor, which may have begun with `typed`; gives what it did not take.
    fn monitor(&self, terminal: &Terminal, typed: Vec<u8>, input: &mut File) -> io::Result<Vec<u8>> {
        self.screen.hold();
        terminal.line_by_line()?;
        let mut typed = Typed::new(typed, input);
        let left = monitor::converse(&self.guest, &mut typed, &mut io::stderr());
        terminal.raw()?;
        self.screen.show();
        if left? == monitor::Left::WithEscape {
            self.send(&[ESCAPE]);
        }
        Ok(typed.rest())
    }
}
