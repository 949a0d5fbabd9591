//! The monitor: a prompt on the console's own terminal, beside the running guest.

use crate::current::Current;
use crate::error::Error;
use crate::terminal::{CANCEL, ESCAPE};
use crate::view::{self, Style};
use model::inspect::Hex;
use model::inspect::Request;
use std::io::{self, Read, Write};

/// How the user left the monitor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Left {
    /// Back to the guest.
    Quietly,
    /// Back to the guest, which is to get the escape key.
    WithEscape,
}

const HELP: &str = "\
info              what the VM is and how it is doing
map [ADDRESS]     how its memory is mapped, or one address
stats             what it did under each technique of its MMU
mmu [MODE]        show or set: automatic, software, hardware
move [PAGES]      move pages to other machine frames
audit             check the invariants of its memory
stop              stop the VM at once
quit              back to the guest (also Ctrl-D, Ctrl-C); Ctrl-] sends it a Ctrl-]
";

/// A line typed at the prompt, understood.
#[derive(PartialEq, Eq, Debug)]
enum Command {
    Nothing,
    Help,
    Leave(Left),
    Ask(Request),
}

fn parse(line: &str) -> Result<Command, Error> {
    if line.contains(ESCAPE as char) {
        return Ok(Command::Leave(Left::WithEscape));
    }
    if line.contains(CANCEL as char) {
        return Ok(Command::Leave(Left::Quietly));
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let request = match words[..] {
        [] => return Ok(Command::Nothing),
        ["help" | "?"] => return Ok(Command::Help),
        ["quit" | "q"] => return Ok(Command::Leave(Left::Quietly)),
        ["info"] => Request::Info,
        ["stats"] => Request::Statistics,
        ["map"] => Request::Map { cpu: 0, pages: view::TERMINAL_PAGES },
        ["map", address] => {
            Request::Address { cpu: 0, gva: Hex(crate::args::parse_gva(address).map_err(Error::new)?.0) }
        }
        ["mmu"] => Request::Mmu { mode: None },
        ["mmu", mode] => Request::Mmu { mode: Some(mode.to_owned()) },
        ["move"] => Request::Move { pages: 1024 },
        ["move", pages] => Request::Move {
            pages: pages.parse().map_err(|_| Error::new(format!("'{pages}' is no number of pages")))?,
        },
        ["audit"] => Request::Audit,
        ["stop"] => Request::Stop,
        _ => {
            return Err(Error::new(format!("the monitor does not know '{}'", line.trim()))
                .hint("'help' lists what it knows"));
        }
    };
    Ok(Command::Ask(request))
}

/// What the user types, line by line. A line begun before the terminal edited lines ends with a carriage return.
pub(crate) struct Typed<R> {
    bytes: Vec<u8>,
    input: R,
}

impl<R: Read> Typed<R> {
    /// What was typed already, and where more comes from.
    pub(crate) fn new(bytes: Vec<u8>, input: R) -> Self {
        Self { bytes, input }
    }

    /// The next line with what ended it; empty at the end of the input.
    fn line(&mut self) -> io::Result<String> {
        let ends = |byte: &u8| matches!(*byte, b'\n' | b'\r' | CANCEL | ESCAPE);
        loop {
            if let Some(end) = self.bytes.iter().position(ends) {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            let mut more = [0; 1024];
            let count = self.input.read(&mut more)?;
            if count == 0 {
                return Ok(String::from_utf8_lossy(&std::mem::take(&mut self.bytes)).into_owned());
            }
            self.bytes.extend_from_slice(&more[..count]);
        }
    }

    /// What was typed after the last line.
    pub(crate) fn rest(self) -> Vec<u8> {
        self.bytes
    }
}

/// Talks with the user until they leave or the VM ends.
pub(crate) fn converse<R: Read>(
    guest: &Current,
    typed: &mut Typed<R>,
    output: &mut impl Write,
) -> io::Result<Left> {
    writeln!(output, "\nmonitor: 'help' lists commands, 'quit' leads back to the guest")?;
    loop {
        let Some(name) = guest.upgrade().map(|guest| guest.vm.name().to_owned()) else {
            return Ok(Left::Quietly);
        };
        write!(output, "{name}> ")?;
        output.flush()?;
        let line = typed.line()?;
        if !line.ends_with('\n') {
            writeln!(output)?;
        }
        match parse(&line) {
            _ if line.is_empty() => return Ok(Left::Quietly),
            Ok(Command::Nothing) => {}
            Ok(Command::Help) => write!(output, "{HELP}")?,
            Ok(Command::Leave(left)) => return Ok(left),
            Ok(Command::Ask(request)) => {
                let Some(guest) = guest.upgrade() else { return Ok(Left::Quietly) };
                match guest.answer(&request) {
                    Ok(answer) => write!(output, "{}", view::show(&answer, Style::of_stderr()))?,
                    Err(problem) => writeln!(output, "{}", Error::from(problem))?,
                }
                if request == Request::Stop {
                    return Ok(Left::Quietly);
                }
            }
            Err(error) => writeln!(output, "{error}")?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_may_come_in_pieces_or_several_at_once() {
        let mut typed = Typed::new(b"info\rst".to_vec(), &b"op\n\x1dls"[..]);
        assert_eq!(typed.line().unwrap(), "info\r");
        assert_eq!(typed.line().unwrap(), "stop\n");
        assert_eq!(typed.line().unwrap(), "\u{1d}");
        assert_eq!(typed.rest(), b"ls");
        assert_eq!(Typed::new(Vec::new(), &b""[..]).line().unwrap(), "");
    }

    #[test]
    fn commands_are_words() {
        assert_eq!(parse("  info \n").unwrap(), Command::Ask(Request::Info));
        assert_eq!(parse("\n").unwrap(), Command::Nothing);
        assert_eq!(
            parse("map 0x1000\n").unwrap(),
            Command::Ask(Request::Address { cpu: 0, gva: Hex(0x1000) })
        );
        assert_eq!(parse("inf\u{3}").unwrap(), Command::Leave(Left::Quietly));
        assert_eq!(parse("\u{1d}").unwrap(), Command::Leave(Left::WithEscape));
        assert!(parse("map here").is_err());
        assert!(parse("shutdown").is_err());
    }
}
