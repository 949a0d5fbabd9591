//! The program on a terminal of its own.

use super::{Running, SOON};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OutputModes, Termios, Winsize, tcgetattr, tcsetwinsize};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A program whose input, output and errors are a terminal of 80 columns and 24 rows.
pub(crate) struct OnTerminal {
    pub(crate) program: Running,
    master: File,
    slave: File,
}

impl OnTerminal {
    pub(crate) fn start(command: Command) -> Self {
        Self::start_with(command, None)
    }

    /// The same with another standard output.
    pub(crate) fn start_with(mut command: Command, output: Option<Stdio>) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, size(80, 24)).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let open =
            || File::options().read(true).write(true).open(OsStr::from_bytes(name.as_bytes())).unwrap();
        let output = output.unwrap_or_else(|| open().into());
        let child = command.stdin(open()).stdout(output).stderr(open()).spawn().unwrap();
        let master = File::from(master);
        let program = Running::on(child, master.try_clone().unwrap());
        Self { program, master, slave: open() }
    }

    /// Gives the terminal another size, and tells the program.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        tcsetwinsize(&self.master, size(columns, rows)).unwrap();
        self.program.signal(Signal::WINCH);
    }

    fn modes(&self) -> Termios {
        tcgetattr(&self.slave).unwrap()
    }

    pub(crate) fn is_raw(&self) -> bool {
        let modes = self.modes();
        !modes.local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
            && !modes.output_modes.contains(OutputModes::OPOST)
    }

    #[track_caller]
    pub(crate) fn becomes_raw(&self) {
        let deadline = Instant::now() + SOON;
        while !self.is_raw() {
            assert!(Instant::now() < deadline, "the guest does not get the terminal");
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn is_as_found(&self) -> bool {
        let modes = self.modes();
        modes.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
            && modes.output_modes.contains(OutputModes::OPOST)
    }

    pub(crate) fn type_in(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }
}

const fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
