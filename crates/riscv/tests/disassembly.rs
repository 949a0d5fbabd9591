//! Decoding and disassembly against `objdump`: what is an instruction, and how it is written.
//!
//! **Model.** Random encodings, some of them instructions and some not, and all compressed ones are put into an object file
//! by the assembler and read back. Where both know an instruction, the text must be the same; where one of them does
//! not, the difference must be one that is listed here.

use riscv::isa::{self, Float, Inst, Precision, System};
use std::fmt::Write;
use std::fs;
use std::process::Command;

const ASSEMBLER: &str = "riscv64-linux-gnu-as";
const DISASSEMBLER: &str = "riscv64-linux-gnu-objdump";
/// What the processor has.
const EXTENSIONS: &str = "-march=rv64gc_zba_zbb_zbc_zbs_zicboz_svinval_zicsr_zifencei_zihintpause";
const WORDS: usize = 60_000;

/// What `objdump` always knows, though it belongs to modes that the processor does not have, or is reserved.
const NOT_OURS: [&str; 7] = ["mret", "dret", "uret", "hfence", "hinval", "unimp", "addi sp,sp,0"];

/// Numbers that only look random.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as u32
    }

    /// A word with the opcode of some instruction, and often the other fields of one.
    fn word(&mut self) -> u32 {
        const OPCODES: [u32; 22] = [
            0x03, 0x07, 0x0f, 0x13, 0x17, 0x1b, 0x23, 0x27, 0x2f, 0x33, 0x37, 0x3b, 0x43, 0x47, 0x4b, 0x4f,
            0x53, 0x53, 0x63, 0x67, 0x6f, 0x73,
        ];
        const UPPER: [u32; 16] = [
            0x0000_0000,
            0x0200_0000,
            0x0400_0000,
            0x0a00_0000,
            0x2000_0000,
            0x4000_0000,
            0x6000_0000,
            0x6020_0000,
            0x1000_0000,
            0x1200_0000,
            0x1600_0000,
            0xc000_0000,
            0xc020_0000,
            0xe000_0000,
            0xf000_0000,
            0xf200_0000,
        ];
        let mut word = self.bits() & !0x7f | OPCODES[self.bits() as usize % OPCODES.len()];
        if self.bits().is_multiple_of(2) {
            word = word & 0x01ff_ffff | UPPER[self.bits() as usize % UPPER.len()];
        }
        // Operands that have pseudo-instructions: no register, `ra`, the same twice.
        for (shift, kind) in [(7, self.bits() % 6), (15, self.bits() % 6), (20, self.bits() % 6)] {
            match kind {
                0 => word &= !(31 << shift),
                1 => word = word & !(31 << shift) | 1 << shift,
                2 => word = word & !(31 << shift) | 10 << shift,
                _ => {}
            }
        }
        word
    }
}

/// As `objdump` has an instruction: where it is, its bits and its text, or none.
struct Line {
    pc: u64,
    bits: u32,
    text: Option<String>,
}

fn parse(line: &str) -> Option<Line> {
    let mut columns = line.split('\t');
    let pc = u64::from_str_radix(columns.next()?.trim().strip_suffix(':')?, 16).ok()?;
    let bits = u32::from_str_radix(columns.next()?.trim(), 16).ok()?;
    let name = columns.next()?.trim();
    let operands = columns.next().unwrap_or("");
    let operands = operands.split(['#', '<']).next()?.trim();
    let text = (!name.starts_with('.')).then(|| normal(name, operands));
    Some(Line { pc, bits, text })
}

/// Names that older versions of `objdump` give instructions with an immediate, and their own.
const IMMEDIATE: [(&str, &str); 25] = [
    ("add", "addi"),
    ("addw", "addiw"),
    ("and", "andi"),
    ("or", "ori"),
    ("xor", "xori"),
    ("slt", "slti"),
    ("sltu", "sltiu"),
    ("sll", "slli"),
    ("sllw", "slliw"),
    ("srl", "srli"),
    ("srlw", "srliw"),
    ("sra", "srai"),
    ("sraw", "sraiw"),
    ("ror", "rori"),
    ("rorw", "roriw"),
    ("bclr", "bclri"),
    ("bext", "bexti"),
    ("binv", "binvi"),
    ("bset", "bseti"),
    ("csrw", "csrwi"),
    ("csrs", "csrsi"),
    ("csrc", "csrci"),
    ("csrrw", "csrrwi"),
    ("csrrs", "csrrsi"),
    ("csrrc", "csrrci"),
];

/// The text as newer versions of `objdump` write it.
fn normal(name: &str, operands: &str) -> String {
    let last = operands.rsplit(',').next().expect("there is a last part");
    let is_number = last.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let own = IMMEDIATE.iter().find(|(short, _)| is_number && *short == name);
    let name = own.map_or(name, |(_, own)| own);
    format!("{name} {operands}").replace("unknown", "0").trim().to_owned()
}

fn is_missing(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_err()
}

/// What `objdump` has for these encodings.
fn disassembled(words: &[u32]) -> Vec<Line> {
    let mut source = String::new();
    for word in words {
        writeln!(source, ".insn {}, {word:#x}", isa::length(*word as u16) * 2).expect("a string takes all");
    }
    let directory = std::env::temp_dir().join(format!("memtide-disassembly-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("there is room");
    let (text, object) = (directory.join("words.s"), directory.join("words.o"));
    fs::write(&text, source).expect("there is room");
    let output = Command::new(ASSEMBLER).args([EXTENSIONS, "-o"]).args([&object, &text]).output();
    let output = output.expect("the assembler runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = Command::new(DISASSEMBLER).arg("-d").arg(&object).output().expect("the disassembler runs");
    fs::remove_dir_all(&directory).expect("it was made just now");
    String::from_utf8_lossy(&output.stdout).lines().filter_map(parse).collect()
}

/// Whether it is an instruction for the processor alone: fields of fences that are not used yet are to be passed over,
/// and older versions of `objdump` know conversions that need no rounding with the usual mode only.
fn is_ours_alone(inst: Inst) -> bool {
    matches!(
        inst,
        Inst::System(System::Fence { .. } | System::FenceI)
            | Inst::Float {
                precision: Precision::Double,
                inst: Float::Convert { .. } | Float::FromInteger { .. }
            }
    )
}

/// Whether it is an instruction for `objdump` alone.
fn is_not_ours(theirs: &str) -> bool {
    let rounds_as_nothing_does =
        theirs.ends_with(",0") && theirs.starts_with('f') && !theirs.starts_with("fence");
    rounds_as_nothing_does || NOT_OURS.iter().any(|name| theirs.starts_with(name))
}

/// Whether the texts may differ: by names of CSRs that the processor does not have, and for compressed hints, which
/// `objdump` writes as such.
fn may_differ(inst: Inst, theirs: &str) -> bool {
    let has_no_name = matches!(inst, Inst::System(System::Csr { csr, .. }) if isa::csr::name(csr).is_none());
    let is_hint = theirs.starts_with("c.") || theirs.starts_with("addi ") && theirs.ends_with(",0");
    has_no_name || is_hint
}

#[test]
fn objdump_says_the_same() {
    if let Some(tool) = [ASSEMBLER, DISASSEMBLER].into_iter().find(|tool| is_missing(tool)) {
        println!(
            "SKIPPED: disassembly is not compared: {tool} is not installed (apt install binutils-riscv64-linux-gnu)"
        );
        return;
    }
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut words: Vec<u32> = (0..WORDS).map(|_| random.word()).collect();
    words.extend((0..=u16::MAX).filter(|half| isa::length(*half) == 1).map(u32::from));
    let lines = disassembled(&words);
    assert_eq!(lines.len(), words.len(), "every encoding is read back");
    let (mut compared, mut differing) = (0, Vec::new());
    for (Line { pc, bits, text: theirs }, word) in lines.iter().zip(&words) {
        assert_eq!(bits, word);
        let inst = isa::decode(*bits);
        let ours = inst.map(|inst| inst.at(*pc).to_string());
        match (inst, &ours, theirs) {
            (Some(inst), Some(_), Some(theirs)) if may_differ(inst, theirs) => {}
            (_, Some(ours), Some(theirs)) if ours == theirs => compared += 1,
            (None, _, Some(theirs)) if is_not_ours(theirs) => {}
            (Some(inst), _, None) if is_ours_alone(inst) => {}
            (None, _, None) => compared += 1,
            _ => differing.push(format!("{bits:#010x} at {pc:#x}: {ours:?}, but objdump says {theirs:?}")),
        }
    }
    println!("{compared} of {} encodings compared", words.len());
    assert!(compared > words.len() * 9 / 10, "too few to mean something");
    differing.truncate(60);
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
