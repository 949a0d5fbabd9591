//! docs/guide.md, followed from top to bottom as it says.
//!
//! Every block of commands is run, in a directory with the guest in `state/`, in the order in which they stand; what a block
//! sets or defines, later ones know. A comment before a block, which readers do not see, says how:
//!
//! * `<!-- stays: "text" -->`: it runs until the guide ends; the next block comes when it has said `text`.
//! * `<!-- terminal: [["text", "typed"], ...] -->`: its command is on a terminal; once it has said `text`, this is typed
//!   (`Ctrl-C` is a signal).
//! * `<!-- not run: why -->`
//!
//! A block without must succeed. What stands after a block as *text* is what it may look like: the first words of its lines are
//! looked for in what the block said.

mod support;

use rustix::process::Signal;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::terminal::OnTerminal;
use support::{Place, Running, SOON, guest};

/// How long one block may take on a busy machine: the guide boots guests.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Debug, PartialEq)]
enum How {
    Plainly,
    Stays(String),
    OnTerminal(Vec<(String, String)>),
    NotRun,
}

/// A block of commands, and what it may look like.
#[derive(Debug)]
struct Block {
    line: usize,
    how: How,
    commands: String,
    looks: Vec<String>,
}

/// How a comment before a block has it run.
fn how(comment: &str) -> How {
    let Some(said) = comment.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")) else {
        return How::Plainly;
    };
    match said.split_once(": ").expect("a comment before a block says how it is run") {
        ("stays", text) => How::Stays(serde_json::from_str(text).expect("a text in quotes")),
        ("terminal", steps) => How::OnTerminal(serde_json::from_str(steps).expect("pairs of texts")),
        ("not run", _why) => How::NotRun,
        (other, _) => panic!("'{other}' is no way to run a block"),
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = text.lines().zip(1..);
    let mut before = "";
    while let Some((line, number)) = lines.next() {
        let kind = line.strip_prefix("```");
        if let Some(kind) = kind {
            let inside: Vec<&str> =
                lines.by_ref().map(|(line, _)| line).take_while(|line| *line != "```").collect();
            match kind {
                "sh" => blocks.push(Block {
                    line: number,
                    how: how(before),
                    commands: inside.join("\n"),
                    looks: Vec::new(),
                }),
                "text" => {
                    let of = blocks.last_mut().expect("something is shown after a block that shows it");
                    of.looks.extend(inside.iter().map(|line| (*line).to_owned()));
                }
                other => assert!(!other.is_empty(), "line {number}: a block says what it is"),
            }
        }
        if !line.is_empty() {
            before = line;
        }
    }
    blocks
}

/// Where the guide is followed: a place with the guest in it, and what earlier blocks left behind.
struct Reader {
    place: Place,
    staying: Vec<Running>,
}

impl Reader {
    fn shell(&self, commands: &str) -> Command {
        let place = self.place.path();
        let known = place.join("known");
        let known = known.to_str().unwrap();
        // What is set or defined lasts. Variables of the shell's own are in capitals, some of them not to be set again.
        let script = format!(
            "set -eu -o pipefail; shopt -s expand_aliases\n[[ ! -f {known} ]] || . {known}\n{commands}\n\
             {{ declare -p $(compgen -v | grep '^[a-z]') PATH; declare -f; }} >{known}\n"
        );
        let program = Path::new(env!("CARGO_BIN_EXE_memtide")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["-c", &script]).current_dir(place).stdin(Stdio::null());
        command.env("PATH", path).env("HOME", place).env("XDG_RUNTIME_DIR", place).env("LC_ALL", "C.UTF-8");
        for unwanted in
            ["MEMTIDE_HOST", "MEMTIDE_TOKEN", "MEMTIDE_FINGERPRINT", "XDG_STATE_HOME", "XDG_CONFIG_HOME"]
        {
            command.env_remove(unwanted);
        }
        command
    }

    fn start(&self, block: &Block) -> Running {
        let mut command = self.shell(&block.commands);
        Running::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Follows one block, and gives what it said.
    fn follow(&mut self, block: &Block) -> String {
        match &block.how {
            How::NotRun => block.looks.join("\n"),
            How::Plainly => {
                let mut shell = self.start(block);
                let status = shell.end(PATIENCE);
                assert!(status.success(), "{status}: {}", shell.said());
                // What is collected by threads may come a moment after the end.
                std::thread::sleep(Duration::from_millis(20));
                shell.said()
            }
            How::Stays(until) => {
                let running = self.start(&Block {
                    line: block.line,
                    how: How::Plainly,
                    commands: format!("exec {}", block.commands),
                    looks: Vec::new(),
                });
                running.expect(until, PATIENCE);
                let said = running.said();
                self.staying.push(running);
                said
            }
            How::OnTerminal(steps) => self.on_terminal(&block.commands, steps),
        }
    }

    fn on_terminal(&self, command: &str, steps: &[(String, String)]) -> String {
        let mut terminal = OnTerminal::start(self.shell(&format!("exec {command}")));
        for (until, typed) in steps {
            terminal.program.expect(until, PATIENCE);
            match typed.as_str() {
                "Ctrl-C" => terminal.program.signal(Signal::INT),
                typed => terminal.type_in(typed),
            }
        }
        terminal.program.end(PATIENCE);
        terminal.program.said()
    }
}

#[test]
fn who_follows_the_guide_gets_what_it_says() {
    let Some([image, _]) = guest() else { return };
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide.md")).unwrap();
    let blocks = blocks(&text);
    assert!(
        blocks.iter().filter(|block| block.how != How::NotRun).count() > 15,
        "the guide shows what to do"
    );
    let mut reader = Reader { place: Place::new(), staying: Vec::new() };
    let state = Path::new(&image).canonicalize().unwrap();
    std::fs::create_dir(reader.place.path().join("state")).unwrap();
    std::os::unix::fs::symlink(state.parent().unwrap(), reader.place.path().join("state/guest")).unwrap();
    for block in &blocks {
        let begun = Instant::now();
        eprintln!("docs/guide.md, line {}:\n{}", block.line, block.commands);
        let said = reader.follow(block);
        for word in block.looks.iter().filter_map(|line| line.split_whitespace().next()) {
            assert!(said.contains(word), "the guide shows '{word}', which is not in: {said}");
        }
        eprintln!("({:.1} s)\n{said}", begun.elapsed().as_secs_f64());
    }
    for mut running in reader.staying {
        running.signal(Signal::TERM);
        running.end(SOON);
    }
}
