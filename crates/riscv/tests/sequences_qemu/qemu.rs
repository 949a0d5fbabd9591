//! The emulator's side: the guest program that runs code, compiled and fed.

use crate::{Outcome, Request, State};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::{fs, thread};

const COMPILER: &str = "riscv64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-riscv64";
/// RV64GC with the bit manipulation that is ours, and without extensions that are not.
const PROCESSOR: &str = "rv64,zba=true,zbb=true,zbs=true,zbc=true";

/// The compiled guest program, or why it cannot be made and run here.
pub(crate) fn build_guest(name: &str) -> Result<PathBuf, String> {
    for tool in [COMPILER, EMULATOR] {
        let found = Command::new(tool).arg("--version").stdout(Stdio::null()).status();
        if let Err(error) = found {
            return Err(format!("{tool} cannot be run: {error}"));
        }
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(directory).expect("the test's directory can be made");
    let program = directory.join(name);
    let status = Command::new(COMPILER)
        .args([
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-static",
            "-fno-stack-protector",
            "-Wl,--no-relax",
            "-o",
        ])
        .arg(&program)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sequences_qemu/guest.c"))
        .status()
        .expect("the compiler ran a moment ago");
    assert!(status.success(), "the guest program does not compile");
    Ok(program)
}

/// The emulator, answering requests in their order.
pub(crate) struct Qemu {
    process: Child,
    answers: BufReader<ChildStdout>,
    writer: JoinHandle<()>,
}

impl Qemu {
    /// Runs `requests`, made on another thread as the emulator takes them.
    pub(crate) fn run(program: &Path, requests: impl Iterator<Item = Request> + Send + 'static) -> Self {
        let mut process = Command::new(EMULATOR)
            .args(["-cpu", PROCESSOR])
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the emulator ran a moment ago");
        let mut input = BufWriter::with_capacity(1 << 16, process.stdin.take().expect("it is piped"));
        let writer = thread::spawn(move || {
            for request in requests {
                // An emulator that ended is found out by its answers.
                if input.write_all(&bytes_of(&request)).is_err() {
                    return;
                }
            }
        });
        let answers = BufReader::with_capacity(1 << 16, process.stdout.take().expect("it is piped"));
        Self { process, answers, writer }
    }

    /// What became of the next request.
    pub(crate) fn answer(&mut self) -> Outcome {
        let mut bytes = [0; (State::WORDS + 2) * 8];
        self.answers.read_exact(&mut bytes).expect("the guest answers every request");
        let mut words =
            bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")));
        let mut next = || words.next().expect("as many words as were read");
        let (x, f) = (std::array::from_fn(|_| next()), std::array::from_fn(|_| next()));
        let state = State { x, f, fcsr: next() };
        Outcome { state, signal: next(), hash: next() }
    }

    /// Waits for the end after the last answer.
    pub(crate) fn finish(mut self) {
        assert!(self.process.wait().expect("the emulator can be waited for").success());
        self.writer.join().expect("the writer has not panicked");
    }

    /// Ends it early.
    pub(crate) fn stop(mut self) {
        self.process.kill().expect("the emulator is this test's own");
        self.process.wait().expect("the emulator can be waited for");
    }
}

fn bytes_of(request: &Request) -> Vec<u8> {
    let State { x, f, fcsr } = &request.state;
    let mut bytes = Vec::new();
    for word in x.iter().chain(f).chain([fcsr, &(request.patches.len() as u64)]) {
        bytes.extend(word.to_le_bytes());
    }
    for (address, content) in &request.patches {
        bytes.extend(address.to_le_bytes());
        bytes.extend((content.len() as u64).to_le_bytes());
        bytes.extend(content);
    }
    bytes
}
