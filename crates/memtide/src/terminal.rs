//! The terminal a VM's console is on.
//!
//! **Model.** While the guest has the terminal it is *raw*: every key goes to the guest, and the guest moves the
//! cursor itself. While the monitor has it, it is *line by line*: the host echoes and lets a line be
//! edited. It is *restored* once, on whatever way the program ends, and then stays so.

use parking_lot::Mutex;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr,
};
use std::io::{self, stdin};

/// Ctrl-]: leads to the monitor; a second one goes to the guest.
pub(crate) const ESCAPE: u8 = 0x1d;
/// Ctrl-C.
pub(crate) const CANCEL: u8 = 0x03;

/// The terminal on standard input. Dropping it restores it.
pub(crate) struct Terminal {
    before: Termios,
    restored: Mutex<bool>,
}

impl Terminal {
    /// Takes the terminal over, as raw; `None` if standard input is not one.
    pub(crate) fn open() -> io::Result<Option<Self>> {
        if !isatty(stdin()) {
            return Ok(None);
        }
        let terminal = Self { before: tcgetattr(stdin())?, restored: Mutex::new(false) };
        terminal.raw()?;
        Ok(Some(terminal))
    }

    /// Gives the terminal to the guest.
    pub(crate) fn raw(&self) -> io::Result<()> {
        let mut raw = self.before.clone();
        raw.make_raw();
        self.set(&raw)
    }

    /// Gives the terminal to the monitor. Ctrl-C and Ctrl-] end a line at once and are part of it.
    pub(crate) fn line_by_line(&self) -> io::Result<()> {
        let mut line = self.before.clone();
        line.local_modes.remove(LocalModes::ISIG);
        line.special_codes[SpecialCodeIndex::VEOL] = CANCEL;
        line.special_codes[SpecialCodeIndex::VEOL2] = ESCAPE;
        self.set(&line)
    }

    /// At once, without waiting for output, which may be stopped for ever.
    fn set(&self, mode: &Termios) -> io::Result<()> {
        let restored = self.restored.lock();
        if *restored {
            return Ok(());
        }
        Ok(tcsetattr(stdin(), OptionalActions::Now, mode)?)
    }

    /// Columns and rows of the terminal on standard input, if it has a size.
    pub(crate) fn size() -> Option<(u16, u16)> {
        let size = tcgetwinsize(stdin()).ok()?;
        Some((size.ws_col, size.ws_row)).filter(|&(columns, rows)| columns > 0 && rows > 0)
    }

    /// Leaves the terminal as it was found, for good.
    pub(crate) fn restore(&self) {
        let mut restored = self.restored.lock();
        if !*restored {
            *restored = true;
            // If this fails the terminal is gone.
            let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.restore();
    }
}
