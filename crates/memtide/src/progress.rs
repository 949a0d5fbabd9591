//! A line on the terminal that says what is going on, while something takes long.
//!
//! **Model.** It is on standard error, only if that is a terminal, and only after [`SOON`]; it is gone before anything else is
//! said. So programs never see it, and people only if they wait.

use std::io::{IsTerminal, Write, stderr};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use vm::plain::plain;

/// What takes less is not worth a word.
const SOON: Duration = Duration::from_secs(1);

/// The line. It goes when this does.
pub(crate) struct Line {
    begun: Instant,
    /// Somebody may see it.
    seen: bool,
    shown: bool,
}

impl Line {
    /// Of something that begins now.
    pub(crate) fn begin() -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { begun: Instant::now(), seen: stderr().is_terminal() && !dumb, shown: false }
    }

    /// Says how it is going, and for how long.
    pub(crate) fn show(&mut self, text: &str) {
        let passed = self.begun.elapsed();
        if self.seen && passed >= SOON {
            self.shown = true;
            let _ = write!(stderr(), "\r\x1b[K{}, {} s", plain(text), passed.as_secs());
            let _ = stderr().flush();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(stderr(), "\r\x1b[K");
            let _ = stderr().flush();
        }
    }
}

/// Does something, and says what while it goes on.
pub(crate) fn during<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (working, done) = channel::<()>();
    thread::scope(|scope| {
        // Where there is no thread to be had, nobody says it.
        let _ = thread::Builder::new().spawn_scoped(scope, move || {
            let mut line = Line::begin();
            while done.recv_timeout(SOON) == Err(RecvTimeoutError::Timeout) {
                line.show(what);
            }
        });
        let result = work();
        drop(working);
        result
    })
}
