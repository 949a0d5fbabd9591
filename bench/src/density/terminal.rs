//! A guest's console: what it says, line by line, and what is typed to it.
//!
//! **Concurrency.** A thread per console reads and hands lines over; it ends with the console.

use crate::interrupt::Interrupt;
use host::{Console, Host, HostError};
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::ChildStdin;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that a guest may be silent: many of them share few processors.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often a wait looks whether it is to be given up.
const LOOK: Duration = Duration::from_millis(200);
/// Lines kept for messages.
const KEPT: usize = 10;

/// Types bytes to a guest.
type Keyboard = Box<dyn FnMut(&[u8]) -> Result<(), String>>;

/// A guest's console.
pub(crate) struct Terminal {
    lines: Receiver<String>,
    keyboard: Keyboard,
    last: VecDeque<String>,
    /// Goes with the terminal, which whoever reads for it notices.
    _wanted: Arc<()>,
}

impl Terminal {
    /// Of a process that has its console on its standard streams.
    pub(crate) fn of_process(output: impl Read + Send + 'static, mut input: ChildStdin) -> Self {
        let keyboard = move |bytes: &[u8]| input.write_all(bytes).map_err(|error| error.to_string());
        Self::new(output, Box::new(keyboard), Arc::default())
    }

    /// Of a VM of a host.
    pub(crate) fn of_vm(host: &Host, vm: &str) -> Result<Self, HostError> {
        let wanted = Arc::default();
        let wanted_by = Arc::downgrade(&wanted);
        let output = Follow { console: host.console(vm)?, at: 0, unread: VecDeque::new(), wanted_by };
        let (host, vm) = (host.clone(), vm.to_owned());
        let keyboard = move |bytes: &[u8]| match host.type_in(&vm, bytes) {
            Ok(taken) if taken == bytes.len() => Ok(()),
            Ok(_) => Err("it does not read".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        Ok(Self::new(output, Box::new(keyboard), wanted))
    }

    fn new(output: impl Read + Send + 'static, keyboard: Keyboard, wanted: Arc<()>) -> Self {
        let (send, lines) = mpsc::channel();
        thread::spawn(move || read_lines(BufReader::new(output), &send));
        Self { lines, keyboard, last: VecDeque::new(), _wanted: wanted }
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: &str) -> Result<(), String> {
        let typed = (self.keyboard)(format!("{line}\n").as_bytes());
        typed.map_err(|error| self.complain(&format!("cannot be typed to: {error}")))
    }

    /// Waits for a line that starts with `start`, and gives it.
    pub(crate) fn wait(&mut self, start: &str, interrupt: &Interrupt) -> Result<String, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            interrupt.check()?;
            if let Some(line) = self.look(start, LOOK)? {
                return Ok(line);
            }
            if Instant::now() >= deadline {
                return Err(self.complain(&format!("has not said '{start}' in {} s", PATIENCE.as_secs())));
            }
        }
    }

    /// The next line that starts with `start`, if it comes in `time`; lines before it are passed over.
    pub(crate) fn look(&mut self, start: &str, time: Duration) -> Result<Option<String>, String> {
        let deadline = Instant::now() + time;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.starts_with(start) => return Ok(Some(line)),
                Ok(line) if line.starts_with("FAILED") || line.starts_with("error:") => {
                    return Err(self.complain(&format!("failed: {line}")));
                }
                Ok(line) => self.remember(line),
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => return Err(self.complain("has ended")),
            }
        }
    }

    fn remember(&mut self, line: String) {
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    fn complain(&self, what: &str) -> String {
        let last: Vec<_> = self.last.iter().map(String::as_str).collect();
        format!("the guest {what}; its last lines:\n{}", last.join("\n"))
    }
}

/// Hands over lines until there are no more, or nobody wants them.
fn read_lines(mut from: impl BufRead, to: &Sender<String>) {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        if to.send(String::from_utf8_lossy(&line).trim().to_owned()).is_err() {
            return;
        }
        line.clear();
    }
}

/// What a VM says as a stream, which ends when nobody wants it any more.
struct Follow {
    console: Arc<Console>,
    at: u64,
    unread: VecDeque<u8>,
    wanted_by: Weak<()>,
}

impl Read for Follow {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.unread.is_empty() && self.wanted_by.strong_count() > 0 {
            let news = self.console.wait_since(self.at, usize::MAX, LOOK);
            self.at = news.next();
            self.unread.extend(news.bytes);
        }
        self.unread.read(into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    fn shell(script: &str) -> (Child, Terminal) {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let terminal = Terminal::of_process(child.stdout.take().unwrap(), child.stdin.take().unwrap());
        (child, terminal)
    }

    #[test]
    fn what_is_typed_is_answered() {
        let (mut child, mut terminal) = shell("echo ready; read -r line; echo \"got $line\"");
        let interrupt = Interrupt::default();
        terminal.wait("ready", &interrupt).unwrap();
        terminal.type_line("mt all").unwrap();
        assert_eq!(terminal.wait("got", &interrupt).unwrap(), "got mt all");
        child.wait().unwrap();
    }

    #[test]
    fn a_guest_that_ends_or_fails_is_quoted() {
        for (script, why) in [("echo panic", "has ended"), ("echo FAILED touch", "FAILED touch")] {
            let (mut child, mut terminal) = shell(script);
            let error = terminal.wait("ready", &Interrupt::default()).unwrap_err();
            assert!(error.contains(why), "{error}");
            child.wait().unwrap();
        }
    }

    #[test]
    fn waiting_is_given_up_when_interrupted() {
        let (mut child, mut terminal) = shell("read -r line");
        let interrupt = Interrupt::default();
        interrupt.raise();
        assert!(terminal.wait("ready", &interrupt).unwrap_err().contains("interrupted"));
        drop(terminal);
        child.wait().unwrap();
    }
}
