//! Code on a hart and on QEMU's processor: registers, memory and the way it ends must be equal.
//!
//! Random programs of all kinds of instructions run on both, in short slices, with and without
//! translation, and with pages that change their frames meanwhile. Every compressed instruction
//! there is runs once.

mod encode;
mod generate;
mod hart;
mod instructions;
mod operands;
mod qemu;

use generate::Program;
use hart::{Machine, SETTINGS, Setting};
use operands::Random;
use qemu::Qemu;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// Where code may be, and how much; also known to guest.c.
const CODE: u64 = 0x5000_0000;
const CODE_BYTES: u64 = 0x3000;
/// Memory for the code to use.
const SCRATCH: u64 = 0x5001_0000;
const SCRATCH_BYTES: u64 = 0x2000;

const PROGRAMS: u64 = if cfg!(debug_assertions) { 300 } else { 5000 };

/// What a program sees of a processor.
#[derive(Clone, PartialEq, Eq, Debug)]
struct State {
    /// The integer registers, with the pc in place of `x0`.
    x: [u64; 32],
    f: [u64; 32],
    fcsr: u64,
}

impl State {
    const WORDS: usize = 65;
}

/// Code to run: memory to write first, and the registers to start with.
#[derive(Clone)]
struct Request {
    state: State,
    patches: Vec<(u64, Vec<u8>)>,
}

/// How code ended.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Outcome {
    state: State,
    /// The signal that Linux sends a program for it.
    signal: u64,
    /// Of the scratch memory.
    hash: u64,
}

impl Outcome {
    /// Where two outcomes differ, in words; nothing if they do not.
    fn difference(&self, other: &Self, names: [&str; 2]) -> String {
        let mut lines = String::new();
        let mut line = |what: String, own: u64, others: u64| {
            if own != others {
                let [name, other] = names;
                writeln!(lines, "  {what}: {own:#x} ({name}), {others:#x} ({other})")
                    .expect("a string takes it");
            }
        };
        line("pc".into(), self.state.x[0], other.state.x[0]);
        for register in 1..32 {
            line(format!("x{register}"), self.state.x[register], other.state.x[register]);
        }
        for register in 0..32 {
            line(format!("f{register}"), self.state.f[register], other.state.f[register]);
        }
        line("fcsr".into(), self.state.fcsr, other.state.fcsr);
        line("signal".into(), self.signal, other.signal);
        line("hash of the scratch memory".into(), self.hash, other.hash);
        lines
    }
}

/// As guest.c computes it.
fn hash(words: impl Iterator<Item = u64>) -> u64 {
    words.fold(0, |hash: u64, word| (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1))
}

/// The program of a seed, placed so that it crosses from one page to the next somewhere.
fn program(seed: u64) -> Program {
    let mut random = Random::new(!seed);
    Program::random(seed, CODE + 0x1000 - random.below(400) * 2)
}

fn request(program: &Program) -> Request {
    let patches = vec![(program.state.x[0], program.code()), (SCRATCH, program.scratch.clone())];
    Request { state: program.state.clone(), patches }
}

/// How a program runs on a hart, from its seed.
fn conditions(program: &Program, seed: u64) -> (Setting, u32, bool) {
    let mut random = Random::new(seed ^ 0x5555);
    let slice = if random.below(2) == 0 { 1 + random.below(40) as u32 } else { 10_000 };
    // Without translation all of the hart's memory is there, the emulator's is not.
    let setting =
        if program.wild { SETTINGS[1 + (seed % 2) as usize] } else { SETTINGS[(seed % 3) as usize] };
    (setting, slice, program.may_move)
}

/// Runs one program on both, anew.
fn compare(guest: &Path, program: &Program, seed: u64) -> String {
    let request = request(program);
    let (setting, slice, moves) = conditions(program, seed);
    let mut qemu = Qemu::run(guest, std::iter::once(request.clone()));
    let expected = qemu.answer();
    qemu.finish();
    Machine::new().run(&request, setting, slice, moves).difference(&expected, ["hart", "QEMU"])
}

/// The fewest units of a program with which it goes wrong, and what these do.
fn explain(guest: &Path, program: &Program, seed: u64) -> String {
    let wrong =
        (1..=program.units.len()).find(|&units| !compare(guest, &program.truncated(units), seed).is_empty());
    let Some(units) = wrong else {
        return "it goes right when run alone".into();
    };
    let program = program.truncated(units);
    let difference = compare(guest, &program, seed);
    let listing = disassemble(&program);
    let last: Vec<&str> = listing.lines().rev().take(12).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    format!("with {units} units:\n{difference}{}", last.join("\n"))
}

fn disassemble(program: &Program) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wrong-sequence");
    std::fs::write(&file, program.code()).expect("the code can be written");
    let start = format!("--adjust-vma={:#x}", program.state.x[0]);
    let output = Command::new("riscv64-linux-gnu-objdump")
        .args(["-D", "-b", "binary", "-m", "riscv:rv64", &start])
        .arg(file)
        .output();
    match output {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => format!("no disassembly: {error}"),
    }
}

/// The guest program, or nothing, said aloud.
fn guest(name: &str) -> Option<std::path::PathBuf> {
    match qemu::build_guest(name) {
        Ok(guest) => Some(guest),
        Err(reason) => {
            println!("SKIPPED: instructions are not compared with QEMU: {reason}");
            None
        }
    }
}

#[test]
fn random_programs_end_alike() {
    let Some(guest) = guest("sequences-guest") else { return };
    let mut qemu = Qemu::run(&guest, (0..PROGRAMS).map(|seed| request(&program(seed))));
    let machine = Machine::new();
    let mut to_the_end = 0;
    for seed in 0..PROGRAMS {
        let program = program(seed);
        let (setting, slice, moves) = conditions(&program, seed);
        let expected = qemu.answer();
        let got = machine.run(&request(&program), setting, slice, moves);
        let difference = got.difference(&expected, ["hart", "QEMU"]);
        if !difference.is_empty() {
            qemu.stop();
            let why = explain(&guest, &program, seed);
            panic!("program {seed} ({setting:?}, slices of {slice}) differs:\n{difference}{why}");
        }
        to_the_end += u64::from(got.state.x[0] == program.state.x[0] + program.code().len() as u64 - 4);
    }
    qemu.finish();
    machine.audit();
    // If few reached their last instruction, the programs would test little.
    assert!(to_the_end > PROGRAMS / 2, "only {to_the_end} of {PROGRAMS} programs ran to their end");
    println!("{PROGRAMS} programs agree with QEMU, {to_the_end} of them to their last instruction");
}

/// Registers lead to their own 16 bytes of a window, where a jump finds an `ebreak`.
fn compressed_request(halfword: u16) -> Request {
    const EBREAK: [u8; 2] = 0x9002u16.to_le_bytes();
    let (window, pc) = (SCRATCH + 0x800, CODE + 0x1000);
    let mut random = Random::new(halfword.into());
    let mut state = State {
        x: std::array::from_fn(|register| window + 16 * register as u64),
        f: std::array::from_fn(|_| random.next()),
        fcsr: 0,
    };
    // For branches on zero.
    if halfword & 1 == 1 && random.below(2) == 0 {
        state.x[8 + usize::from(halfword >> 7 & 7)] = 0;
    }
    state.x[0] = pc;
    let content = (0..1024).map(|at| if at % 16 < 2 { EBREAK[at % 16] } else { random.next() as u8 });
    let mut patches = vec![(pc, halfword.to_le_bytes().to_vec()), (window, content.collect())];
    if halfword == FIRST_COMPRESSED {
        patches.insert(0, (CODE, EBREAK.repeat(CODE_BYTES as usize / 2)));
    }
    Request { state, patches }
}

const FIRST_COMPRESSED: u16 = 0;

/// All of them but jumps and branches to themselves, which never end.
fn compressed_halfwords() -> impl Iterator<Item = u16> {
    let to_itself = |halfword: u16| halfword == 0xa001 || matches!(halfword & 0xfc7f, 0xc001 | 0xe001);
    (FIRST_COMPRESSED..=u16::MAX).filter(move |&halfword| halfword & 3 != 3 && !to_itself(halfword))
}

#[test]
fn every_compressed_instruction_ends_alike() {
    let Some(guest) = guest("compressed-guest") else { return };
    let mut qemu = Qemu::run(&guest, compressed_halfwords().map(compressed_request));
    let machine = Machine::new();
    let mut wrong = Vec::new();
    let mut illegal = 0;
    for halfword in compressed_halfwords() {
        let expected = qemu.answer();
        let got = machine.run(&compressed_request(halfword), SETTINGS[1], 100, false);
        illegal += u64::from(got.signal == 4);
        let difference = got.difference(&expected, ["hart", "QEMU"]);
        if !difference.is_empty() {
            wrong.push(format!("{halfword:#06x} differs:\n{difference}"));
        }
    }
    qemu.finish();
    assert!(wrong.is_empty(), "{} of all: {}", wrong.len(), wrong[..wrong.len().min(20)].concat());
    println!(
        "{} compressed instructions agree with QEMU, {illegal} illegal ones",
        compressed_halfwords().count()
    );
}
