//! The control socket: how other programs of the same user reach a running VM.
//!
//! **Model.** Every running VM has a Unix socket named after it in a directory that belongs to the user alone. A
//! client sends one line of JSON, the question, and gets one line back, the answer; then the connection ends.
//!
//! ```text
//!   {"version":1,"ask":"mmu","mode":"software"}      {"version":1,"answer":{"done":"..."}}
//!                                                    {"version":1,"error":{"message":"...","hint":null}}
//! ```
//!
//! **Concurrency.** One thread answers one client after the other, each within [`PATIENCE`].
//!
//! **Failure.** A VM that was killed leaves its socket behind. Whoever finds nobody listening there removes it, under the
//! directory's lock, which is also held while a name is taken.

mod directory;

pub(crate) use directory::{Claim, make as make_private, names, open, runtime_directory};

use crate::current::Current;
use crate::error::Error;
use model::inspect::{Answer, Request};
use sandbox::Kind;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

const VERSION: u32 = 1;
/// Longest question.
const MAX_REQUEST: u64 = 4096;
/// Longest answer.
const MAX_ANSWER: u64 = 16 << 20;
/// How long either side waits for the other's line.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait where nobody can be accepted.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a client waits for an answer: moving all pages of a large VM takes a while.
const WORK: Duration = Duration::from_mins(1);

#[derive(Serialize, Deserialize)]
struct Question {
    version: u32,
    #[serde(flatten)]
    request: Request,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Answer(Answer),
    Error(Error),
}

#[derive(Serialize, Deserialize)]
struct Reply {
    version: u32,
    #[serde(flatten)]
    outcome: Outcome,
}

/// Answers clients from now on, for as long as the program lives.
pub(crate) fn serve(claim: &Claim, guest: Current) -> io::Result<()> {
    let listener = claim.listener()?;
    let listen = move || {
        sandbox::keep_to(Kind::Service);
        for stream in listener.incoming() {
            match stream {
                // A client that breaks the line off has only itself to blame.
                Ok(stream) => drop(serve_one(&stream, &guest)),
                // Too many open files, say: others have to close theirs first.
                Err(_) => thread::sleep(PAUSE),
            }
        }
    };
    thread::Builder::new().name("control".to_owned()).spawn(listen)?;
    Ok(())
}

fn serve_one(stream: &UnixStream, guest: &Current) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_REQUEST)).read_line(&mut line)?;
    let outcome = match understand(&line).and_then(|request| answer(guest, &request)) {
        Ok(answer) => Outcome::Answer(answer),
        Err(error) => Outcome::Error(error),
    };
    send(stream, &Reply { version: VERSION, outcome })
}

fn understand(line: &str) -> Result<Request, Error> {
    let question: Question =
        serde_json::from_str(line).map_err(|error| Error::new(format!("not a question: {error}")))?;
    if question.version == VERSION {
        Ok(question.request)
    } else {
        Err(Error::new(format!("protocol version {} is not spoken here", question.version))
            .hint("use the memtide program that runs the VM"))
    }
}

fn answer(guest: &Current, request: &Request) -> Result<Answer, Error> {
    Ok(guest.upgrade().ok_or_else(|| Error::new("the VM has just ended"))?.answer(request)?)
}

fn send(mut stream: &UnixStream, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// Asks a running VM.
///
/// # Errors
/// If there is no such VM, it does not answer in time, or what it answers is an error.
pub(crate) fn ask(name: &str, request: Request) -> Result<Answer, Error> {
    let stream = open(name)?;
    let broken = |error: io::Error| Error::new(format!("'{name}' does not answer: {error}"));
    stream.set_read_timeout(Some(WORK)).map_err(broken)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(broken)?;
    send(&stream, &Question { version: VERSION, request }).map_err(broken)?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_ANSWER)).read_line(&mut line).map_err(broken)?;
    let reply: Reply = serde_json::from_str(&line)
        .map_err(|error| Error::new(format!("'{name}' gives an answer that is not understood: {error}")))?;
    match reply.outcome {
        Outcome::Answer(answer) => Ok(answer),
        Outcome::Error(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_what_the_documentation_shows() {
        let request = understand(r#"{"version":1,"ask":"mmu","mode":"software"}"#).unwrap();
        assert_eq!(request, Request::Mmu { mode: Some("software".to_owned()) });
        assert_eq!(understand(r#"{"version":1,"ask":"info"}"#).unwrap(), Request::Info);
    }

    #[test]
    fn nonsense_is_answered_with_an_error() {
        for line in ["", "{}", "[1,2", r#"{"version":1,"ask":"reboot"}"#, r#"{"version":1,"ask":"map"}"#] {
            assert!(understand(line).is_err(), "{line}");
        }
        let future = understand(r#"{"version":2,"ask":"info"}"#).unwrap_err().to_string();
        assert!(future.contains("version 2"), "{future}");
    }

    #[test]
    fn a_client_that_says_nothing_or_too_much_is_answered_and_left() {
        let (client, server) = UnixStream::pair().unwrap();
        let mut long = &client;
        long.write_all(&[b'x'; 4096]).unwrap();
        serve_one(&server, &Current::default()).unwrap();
        drop(server);
        let mut reply = String::new();
        (&client).read_to_string(&mut reply).unwrap();
        assert!(reply.contains("not a question"), "{reply}");
    }
}
