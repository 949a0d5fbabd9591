//! The console of one of the host's VMs.
//!
//! **Model.** The main thread prints what the guest says and types what the user does. A second one reads the keyboard, and
//! says when they leave.

use crate::args::{Console, Format};
use crate::error::Error;
use crate::print::{json, json_line, print, print_bytes, write};
use crate::remote::Remote;
use crate::terminal::{ESCAPE, Terminal};
use client::{Bytes, ConsoleInput, ConsoleOutput, Said};
use serde::Serialize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{IsTerminal, Read, stdin};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How soon to type on when the guest takes no more.
const RETRY: Duration = Duration::from_millis(20);

pub(super) fn console(remote: &Remote, args: Console) -> Result<(), Error> {
    let name = super::hosted(remote, args.name)?;
    let format = args.output.output;
    if args.no_follow {
        return said_so_far(remote, &name, format);
    }
    let (output, input) = remote.wait(remote.client.console(&name, 0))?;
    let terminal =
        Terminal::open().map_err(|error| Error::new(format!("cannot use the terminal: {error}")))?;
    let terminal = terminal.map(Arc::new);
    if terminal.is_some() {
        eprint!("memtide: the console of {name}; Ctrl-] leaves it\r\n");
    }
    let (leave, mut left) = channel(1);
    leave_on_signals(leave.clone(), terminal.clone())
        .map_err(|error| Error::new(format!("cannot watch for signals: {error}")))?;
    let (typed, keys) = channel(1);
    let keyboard = Keyboard { escapes: terminal.is_some(), typed };
    // Never joined: the program may end while it still reads.
    std::thread::spawn(move || keyboard.run());
    remote.run(async {
        tokio::select! {
            shown = show(output, format) => shown,
            typed = type_on(input, keys) => typed,
            _ = left.recv() => Ok(()),
        }
    })?;
    if let Some(terminal) = terminal {
        terminal.restore();
        eprintln!();
    }
    Ok(())
}

/// Types the input, unless somebody would have to type it, and prints what is kept of what the guest said.
fn said_so_far(remote: &Remote, name: &str, format: Format) -> Result<(), Error> {
    if !stdin().is_terminal() {
        let mut input = Vec::new();
        stdin()
            .read_to_end(&mut input)
            .map_err(|error| Error::new(format!("cannot read the input: {error}")))?;
        type_in(remote, name, &input)?;
    }
    let said = remote.wait(remote.client.said(name, 0))?;
    match format {
        Format::Json => print(&json(&Piece { from: said.from, text: &String::from_utf8_lossy(&said.bytes) })),
        Format::Table => print_bytes(&said.bytes),
    }
}

/// What a guest said, for programs; what is not UTF-8 is replaced.
#[derive(Serialize)]
struct Piece<'a> {
    /// The number of its first byte, counted over all of the VM's runs.
    from: u64,
    text: &'a str,
}

/// What a guest says, an object per line.
#[derive(Default)]
struct Lines {
    /// The beginning of a character.
    begun: Vec<u8>,
}

impl Lines {
    /// Takes more, and gives the line for it.
    fn add(&mut self, said: &Said) -> String {
        let from = said.from.saturating_sub(self.begun.len() as u64);
        self.begun.extend_from_slice(&said.bytes);
        let whole = match std::str::from_utf8(&self.begun) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.begun.len(),
        };
        let piece: Vec<u8> = self.begun.drain(..whole).collect();
        if piece.is_empty() {
            return String::new();
        }
        json_line(&Piece { from, text: &String::from_utf8_lossy(&piece) })
    }
}

/// Prints what the guest says, until its console ends or nobody reads what is printed.
async fn show(mut output: ConsoleOutput, format: Format) -> Result<(), Error> {
    let mut lines = Lines::default();
    while let Some(said) = output.next().await? {
        let shown = match format {
            Format::Json => lines.add(&said).into_bytes().into(),
            Format::Table => said.bytes,
        };
        if !write(&shown)? {
            break;
        }
    }
    Ok(())
}

/// Types until the guest has taken all of it.
fn type_in(remote: &Remote, name: &str, bytes: &[u8]) -> Result<(), Error> {
    /// Within what a request may be.
    const MOST: usize = 16 << 10;
    let mut left = bytes;
    while !left.is_empty() {
        let next = Bytes::copy_from_slice(&left[..left.len().min(MOST)]);
        let taken = remote.wait(remote.client.type_in(name, next))?;
        left = &left[taken..];
        if taken == 0 {
            std::thread::sleep(RETRY);
        }
    }
    Ok(())
}

/// The first signal leaves in order. A second one ends the program, whose output may be stopped.
fn leave_on_signals(leave: Sender<()>, terminal: Option<Arc<Terminal>>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        signals.forever().next();
        // If nobody receives it, the console is left already.
        let _ = leave.try_send(());
        if let Some(signal) = signals.forever().next() {
            terminal.inspect(|terminal| terminal.restore());
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

/// Types what the user does, until they leave. The end of the input is not that.
async fn type_on(mut input: ConsoleInput, mut keys: Receiver<Typed>) -> Result<(), Error> {
    while let Some(typed) = keys.recv().await {
        match typed {
            Typed::Keys(bytes) => input.type_in(bytes).await?,
            Typed::Leave => return Ok(()),
        }
    }
    std::future::pending().await
}

/// What the user types.
enum Typed {
    Keys(Bytes),
    Leave,
}

struct Keyboard {
    /// Whether Ctrl-] leaves.
    escapes: bool,
    typed: Sender<Typed>,
}

impl Keyboard {
    /// Until the input ends or the user leaves.
    fn run(&self) {
        let mut bytes = [0; 1024];
        while let Ok(count @ 1..) = stdin().lock().read(&mut bytes) {
            let keys = &bytes[..count];
            let end = keys.iter().position(|&byte| self.escapes && byte == ESCAPE);
            let keys = Bytes::copy_from_slice(&keys[..end.unwrap_or(count)]);
            // Nobody receives it once the console is left.
            let gone = self.typed.blocking_send(Typed::Keys(keys)).is_err();
            if gone || end.is_some() {
                let _ = self.typed.blocking_send(Typed::Leave);
                return;
            }
        }
    }
}
