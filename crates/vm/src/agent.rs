//! The guest agent: a program in the guest that does what its host asks.
//!
//! **Model.** QEMU's guest agent, which distributions package, or another that speaks its protocol: requests and
//! answers in JSON, one a line, over a port of that agent's name. Of the requests two are made: to show that it
//! listens ([`Vm::ask_agent`]), and to shut the guest down ([`Vm::request_shutdown`]).
//!
//! Every talk begins with a synchronization: the agent is told a number, and everything it says is ignored until a
//! mark and that number come back. So an answer to somebody who has given up is never taken for the one asked for,
//! and an order is given only to an agent that was listening a moment ago.
//!
//! **Invariants.** What the guest says is a claim. It costs its host no more than [`MOST_HEARD`] bytes and [`PATIENCE`]
//! for each question, and nothing but the question's answer depends on it.
//!
//! **Concurrency.** One talk at a time; the others wait for their turn. The end of the VM ends them.
//!
//! **Sources.** QEMU Guest Agent Protocol Reference: `guest-sync-delimited`, `guest-shutdown`.

use crate::plain::is_plain;
use crate::vm::Vm;
use devices::{NamedPort, Silence, Talk};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use thiserror::Error;

/// What agents look for.
pub(crate) const PORT_NAME: &str = "org.qemu.guest_agent.0";

/// How long an agent may take to show that it listens. It may be swapped out.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often an agent is asked to show that it listens: a guest that sleeps is woken for it.
pub const HEARTBEAT: Duration = Duration::from_secs(20);
/// How long it may take to refuse a shutdown. If it carries it out it says nothing.
const REFUSES_WITHIN: Duration = Duration::from_secs(2);
/// Bytes listened to for one answer, at most.
const MOST_HEARD: usize = 64 * 1024;
/// Bytes in a line that can be an answer.
const LONGEST_LINE: usize = 4096;
/// Characters of a reason that are told on.
const LONGEST_REASON: usize = 200;

/// Comes before the answer to a synchronization. Sent to the agent, it clears away what may be left of a request.
const MARK: u8 = 0xff;

/// Why a guest was not asked to shut down.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum NotAnswering {
    /// No program has opened the port.
    #[error("no agent runs in its guest")]
    NoAgent,
    /// A program has, but does not answer in time, or not sensibly.
    #[error("the agent in its guest does not answer")]
    Silent,
    /// The agent says that it will not, and why.
    #[error("the agent in its guest refuses: {0}")]
    Refused(String),
}

/// The host's side of the agent.
pub(crate) struct GuestAgent {
    port: NamedPort,
    asked: Mutex<Asked>,
}

/// What came of asking.
#[derive(Default)]
struct Asked {
    /// When it was asked last.
    at: Option<Instant>,
    /// Whether it answered then.
    answered: Option<bool>,
    /// How often it has answered.
    answers: u64,
}

impl GuestAgent {
    pub(crate) fn new(port: NamedPort) -> Self {
        Self { port, asked: Mutex::default() }
    }

    /// The VM has ended.
    pub(crate) fn hang_up(&self) {
        self.port.hang_up();
    }

    /// Whether it answered when it was last asked; `None` if it never was.
    fn answers(&self) -> Option<bool> {
        let mut asked = self.asked.lock();
        if self.port.is_open() {
            return asked.answered;
        }
        // Whoever opens the port next is another.
        asked.answered = None;
        Some(false)
    }

    /// How often it has answered; `None` while no program has the port open.
    fn heartbeats(&self) -> Option<u64> {
        self.port.is_open().then(|| self.asked.lock().answers)
    }

    /// Whether it was not asked for some time, though one seems to be there.
    fn is_due(&self) -> bool {
        if !self.port.is_open() {
            return false;
        }
        let asked = self.asked.lock();
        asked.answered.is_none() || asked.at.is_none_or(|at| at.elapsed() >= HEARTBEAT)
    }

    /// Asks it to show that it listens.
    fn ask(&self) -> Result<(), NotAnswering> {
        self.synchronized(Instant::now() + PATIENCE, |_| Ok(()))
    }

    fn request_shutdown(&self, deadline: Instant) -> Result<(), NotAnswering> {
        self.synchronized(deadline, |talk| {
            say(talk, &json!({ "execute": "guest-shutdown", "arguments": { "mode": "powerdown" } }));
            let refused = hear(talk, deadline.min(Instant::now() + REFUSES_WITHIN), |answer| match answer {
                Answer::Error(why) => Some(why),
                Answer::Mark | Answer::Return(_) => None,
            });
            // Silence is what is hoped for, be it that it says nothing or that it is gone already.
            refused.map_or(Ok(()), |why| Err(NotAnswering::Refused(why)))
        })
    }

    /// Talks to an agent that listens.
    fn synchronized(
        &self,
        deadline: Instant,
        then: impl FnOnce(&Talk<'_>) -> Result<(), NotAnswering>,
    ) -> Result<(), NotAnswering> {
        if !self.port.is_open() {
            return Err(NotAnswering::NoAgent);
        }
        let talk = self.port.talk();
        let answers = synchronize(&talk, deadline.min(Instant::now() + PATIENCE));
        {
            let mut asked = self.asked.lock();
            asked.at = Some(Instant::now());
            asked.answered = Some(answers);
            asked.answers += u64::from(answers);
        }
        if answers { then(&talk) } else { Err(NotAnswering::Silent) }
    }
}

impl Vm {
    /// Asks the guest to shut down and power itself off; returns when it has been told. Nothing follows from that: what
    /// the guest makes of it shows when it ends.
    ///
    /// Takes as long as the guest takes to answer: not beyond `deadline`, nor more than 7 seconds for each that asks at the
    /// same time.
    ///
    /// # Errors
    /// Why it was not asked.
    pub fn request_shutdown(&self, deadline: Instant) -> Result<(), NotAnswering> {
        self.shared.board.agent().request_shutdown(deadline)
    }

    /// Asks the guest's agent to show that it listens.
    ///
    /// # Errors
    /// That it does not.
    pub fn ask_agent(&self) -> Result<(), NotAnswering> {
        self.shared.board.agent().ask()
    }

    /// Whether it is time to ask the guest's agent to show that it listens: one seems to be there, and was not asked for
    /// [`HEARTBEAT`], if ever.
    pub fn agent_is_due(&self) -> bool {
        self.shared.board.agent().is_due()
    }

    /// How often the guest's agent has answered so far; `None` while no agent seems to be there.
    pub fn heartbeats(&self) -> Option<u64> {
        self.shared.board.agent().heartbeats()
    }

    /// Whether the guest's agent answered when it was last asked for something; `None` if it never was, though one
    /// seems to be there.
    pub fn agent_answers(&self) -> Option<bool> {
        self.shared.board.agent().answers()
    }
}

/// Whether the agent listens.
fn synchronize(talk: &Talk<'_>, deadline: Instant) -> bool {
    let mut number = [0; 4];
    if rustix::rand::getrandom(&mut number, rustix::rand::GetRandomFlags::empty()).is_err() {
        return false;
    }
    let number = u32::from_le_bytes(number);
    talk.say(&[MARK]);
    say(talk, &json!({ "execute": "guest-sync-delimited", "arguments": { "id": number } }));
    let mut marked = false;
    let found = hear(talk, deadline, |answer| {
        match answer {
            Answer::Mark => marked = true,
            Answer::Return(value) if marked && value == number => return Some(()),
            Answer::Return(_) | Answer::Error(_) => marked = false,
        }
        None
    });
    found.is_some()
}

fn say(talk: &Talk<'_>, request: &Value) {
    talk.say(format!("{request}\n").as_bytes());
}

/// Listens until `deadline`, or until `wanted` finds in an answer what it looks for.
fn hear<T>(talk: &Talk<'_>, deadline: Instant, mut wanted: impl FnMut(Answer) -> Option<T>) -> Option<T> {
    let mut ear = Ear::default();
    let mut bytes = [0; 1024];
    let mut heard = 0;
    while heard < MOST_HEARD {
        let count = match talk.hear(&mut bytes, deadline) {
            Ok(count) => count,
            Err(Silence::Late | Silence::HungUp) => return None,
        };
        heard += count;
        let found = bytes[..count].iter().find_map(|&byte| wanted(ear.hear(byte)?));
        if found.is_some() {
            return found;
        }
    }
    None
}

/// What an agent says, as far as it makes sense.
#[derive(PartialEq, Debug)]
enum Answer {
    /// The mark that comes before the answer to a synchronization.
    Mark,
    /// It was done, and this came of it.
    Return(Value),
    /// It was not, and why.
    Error(String),
}

/// Makes answers of bytes, and leaves out what is none.
#[derive(Default)]
struct Ear {
    /// The line so far; of one that is too long, its beginning.
    line: Vec<u8>,
}

/// An answer as it is written.
#[derive(Deserialize)]
struct Written {
    #[serde(rename = "return")]
    value: Option<Value>,
    error: Option<WrittenError>,
}

#[derive(Deserialize)]
struct WrittenError {
    desc: String,
}

impl Ear {
    fn hear(&mut self, byte: u8) -> Option<Answer> {
        match byte {
            MARK => {
                self.line.clear();
                Some(Answer::Mark)
            }
            b'\n' => read(&std::mem::take(&mut self.line)),
            // One byte too many stays, so that a line that was cut off is none.
            _ if self.line.len() > LONGEST_LINE => None,
            _ => {
                self.line.push(byte);
                None
            }
        }
    }
}

fn read(line: &[u8]) -> Option<Answer> {
    if line.len() > LONGEST_LINE {
        return None;
    }
    match serde_json::from_slice(line).ok()? {
        Written { error: Some(error), .. } => Some(Answer::Error(presentable(&error.desc))),
        Written { value: Some(value), .. } => Some(Answer::Return(value)),
        Written { value: None, error: None } => None,
    }
}

/// A guest's words, as they may be shown on a terminal.
fn presentable(text: &str) -> String {
    let shown = |c: char| if is_plain(c) { c } else { ' ' };
    text.chars().take(LONGEST_REASON).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answers(said: &[u8]) -> Vec<Answer> {
        let mut ear = Ear::default();
        said.iter().filter_map(|&byte| ear.hear(byte)).collect()
    }

    #[test]
    fn answers_are_found_among_other_things() {
        let said = b"tail of a line}\n\xff{\"return\": 7}\n\n{\"error\": {\"class\": \"x\", \"desc\": \"no\\u001b[2J\"}}\r\n{\"return\": {}}\n{}\n7\n";
        let expected = [
            Answer::Mark,
            Answer::Return(json!(7)),
            Answer::Error("no [2J".to_owned()),
            Answer::Return(json!({})),
        ];
        assert_eq!(answers(said), expected);
    }

    #[test]
    fn a_mark_clears_away_what_was_begun() {
        assert_eq!(answers(b"{\"retu\xff{\"return\": 1}\n"), [Answer::Mark, Answer::Return(json!(1))]);
    }

    #[test]
    fn a_line_that_is_too_long_is_none_and_kept_by_nobody() {
        let mut ear = Ear::default();
        let long = format!("{{\"return\": 1}}{}\n{{\"return\": 2}}\n", " ".repeat(1 << 20));
        let mut found = Vec::new();
        for byte in long.bytes() {
            found.extend(ear.hear(byte));
            assert!(ear.line.len() <= LONGEST_LINE + 1);
        }
        assert_eq!(found, [Answer::Return(json!(2))]);
        let deep = "[".repeat(LONGEST_LINE);
        assert_eq!(answers(format!("{deep}\n").as_bytes()), []);
        let reason = format!("{{\"error\": {{\"desc\": \"{}\"}}}}\n", "é".repeat(1000));
        assert_eq!(answers(reason.as_bytes()), [Answer::Error("é".repeat(LONGEST_REASON))]);
    }

    proptest! {
        #[test]
        fn nothing_a_guest_says_keeps_the_answer_after_a_mark_from_being_found(
            noise in prop::collection::vec(any::<u8>(), 0..2000), number: u32,
        ) {
            let said = [&noise[..], b"\xff{\"return\": ", number.to_string().as_bytes(), b"}\n"].concat();
            let found = answers(&said);
            prop_assert_eq!(&found[found.len() - 2..], &[Answer::Mark, Answer::Return(json!(number))]);
        }
    }
}
