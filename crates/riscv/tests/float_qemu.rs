//! Every floating-point instruction against QEMU's processor, bit for bit, flags included.
//!
//! One table says how an instruction is written and what this crate computes for it. Of it a guest
//! program is made, compiled, and run under `qemu-riscv64` on special and random operands, badly
//! boxed singles among them.

use riscv::float::{self, Flags, Format, Integer, Rounding, box32, unbox32};
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const COMPILER: &str = "riscv64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-riscv64";
const RANDOM_RECORDS: usize = 12_000;

type Operands = [u64; 3];
type Compute = Box<dyn Fn(&Operands, Rounding, &mut Flags) -> u64>;

struct Instruction {
    assembly: String,
    to_float: bool,
    compute: Compute,
}

/// How the instructions of one format see the registers.
#[derive(Clone, Copy)]
struct Precision<F> {
    suffix: char,
    read: fn(u64) -> F,
    write: fn(F) -> u64,
}

const SINGLE: Precision<u32> = Precision { suffix: 's', read: unbox32, write: box32 };
const DOUBLE: Precision<u64> = Precision { suffix: 'd', read: |register| register, write: |bits| bits };
const INTEGERS: [(&str, Integer); 4] =
    [("w", Integer::I32), ("wu", Integer::U32), ("l", Integer::I64), ("lu", Integer::U64)];

fn instruction(
    assembly: String,
    compute: impl Fn(&Operands, Rounding, &mut Flags) -> u64 + 'static,
) -> Instruction {
    let to_float = assembly.contains("ft3");
    Instruction { assembly, to_float, compute: Box::new(compute) }
}

/// All instructions of one format except the conversions to another.
fn instructions<F: Format + 'static>(precision: Precision<F>) -> Vec<Instruction> {
    type Binary<F> = fn(F, F, Rounding, &mut Flags) -> F;
    type Fused<F> = fn(F, F, F, Rounding, &mut Flags) -> F;
    type Select<F> = fn(F, F, &mut Flags) -> F;
    type Compare<F> = fn(F, F, &mut Flags) -> bool;
    type Sign<F> = fn(F, F) -> F;
    let Precision { suffix, read, write } = precision;
    let mut list = Vec::new();

    let binary: [(&str, Binary<F>); 4] =
        [("fadd", float::add), ("fsub", float::sub), ("fmul", float::mul), ("fdiv", float::div)];
    for (name, compute) in binary {
        list.push(instruction(format!("{name}.{suffix} ft3, ft0, ft1"), move |o, rm, flags| {
            write(compute(read(o[0]), read(o[1]), rm, flags))
        }));
    }
    list.push(instruction(format!("fsqrt.{suffix} ft3, ft0"), move |o, rm, flags| {
        write(float::sqrt(read(o[0]), rm, flags))
    }));
    let fused: [(&str, Fused<F>); 4] = [
        ("fmadd", float::fmadd),
        ("fmsub", float::fmsub),
        ("fnmsub", float::fnmsub),
        ("fnmadd", float::fnmadd),
    ];
    for (name, compute) in fused {
        list.push(instruction(format!("{name}.{suffix} ft3, ft0, ft1, ft2"), move |o, rm, flags| {
            write(compute(read(o[0]), read(o[1]), read(o[2]), rm, flags))
        }));
    }
    let select: [(&str, Select<F>); 2] = [("fmin", float::min), ("fmax", float::max)];
    for (name, compute) in select {
        list.push(instruction(format!("{name}.{suffix} ft3, ft0, ft1"), move |o, _, flags| {
            write(compute(read(o[0]), read(o[1]), flags))
        }));
    }
    let sign: [(&str, Sign<F>); 3] =
        [("fsgnj", float::sgnj), ("fsgnjn", float::sgnjn), ("fsgnjx", float::sgnjx)];
    for (name, compute) in sign {
        list.push(instruction(format!("{name}.{suffix} ft3, ft0, ft1"), move |o, _, _| {
            write(compute(read(o[0]), read(o[1])))
        }));
    }
    let compare: [(&str, Compare<F>); 3] = [("feq", float::eq), ("flt", float::lt), ("fle", float::le)];
    for (name, compute) in compare {
        list.push(instruction(format!("{name}.{suffix} t0, ft0, ft1"), move |o, _, flags| {
            compute(read(o[0]), read(o[1]), flags).into()
        }));
    }
    list.push(instruction(format!("fclass.{suffix} t0, ft0"), move |o, _, _| float::classify(read(o[0]))));
    for (name, integer) in INTEGERS {
        list.push(instruction(format!("fcvt.{name}.{suffix} t0, ft0"), move |o, rm, flags| {
            float::to_integer(read(o[0]), integer, rm, flags)
        }));
        list.push(instruction(format!("fcvt.{suffix}.{name} ft3, a0"), move |o, rm, flags| {
            write(float::from_integer(o[0], integer, rm, flags))
        }));
    }
    list
}

fn all_instructions() -> Vec<Instruction> {
    let mut list = instructions(SINGLE);
    list.extend(instructions(DOUBLE));
    list.push(instruction("fcvt.s.d ft3, ft0".into(), |o, rm, flags| box32(float::convert(o[0], rm, flags))));
    list.push(instruction("fcvt.d.s ft3, ft0".into(), |o, rm, flags| {
        float::convert(unbox32(o[0]), rm, flags)
    }));
    list.push(instruction("fmv.w.x ft3, a0".into(), |o, _, _| box32(o[0] as u32)));
    list.push(instruction("fmv.x.w t0, ft0".into(), |o, _, _| o[0] as i32 as u64));
    list
}

/// Marsaglia's xorshift, so that every run tests the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 8) % limit
    }

    /// A pattern of `F`, near the ends of the exponents or near one more often than by chance.
    fn pattern<F: Format>(&mut self) -> u64 {
        let fields = 1 << F::EXPONENT_BITS;
        let exponent = match self.below(6) {
            0 => self.below(3),
            1 => fields - 1 - self.below(3),
            2 => self.below(fields),
            _ => fields / 2 - 40 + self.below(70),
        };
        let mask = (1u64 << F::FRACTION_BITS) - 1;
        let fraction = match self.below(4) {
            0 => self.below(4).wrapping_sub(2),
            1 => self.next() << self.below(u64::from(F::FRACTION_BITS)),
            _ => self.next(),
        };
        let sign = if self.next() & 1 == 0 { 0 } else { F::SIGN };
        sign | exponent << F::FRACTION_BITS | fraction & mask
    }

    fn record(&mut self) -> Operands {
        let kind = self.below(16);
        std::array::from_fn(|_| match kind {
            0..7 => self.pattern::<u64>(),
            7..14 => box32(self.pattern::<u32>() as u32),
            // Badly boxed.
            14 => self.next() << 32 | self.pattern::<u32>(),
            // As an integer.
            _ => (self.next() as i64 >> self.below(64)) as u64,
        })
    }
}

/// Zeros, ends of the ranges, ones, infinities and NaNs, of both signs.
fn special<F: Format>() -> Vec<u64> {
    let fraction = 1u64 << F::FRACTION_BITS;
    let one = (F::INFINITY >> 1) & !(fraction - 1);
    let two = one + fraction;
    let magnitudes = [
        0,
        1,
        fraction / 2,
        fraction - 1,
        fraction,
        fraction + 1,
        one - 2,
        one - 1,
        one,
        one + 1,
        two,
        F::INFINITY - fraction,
        F::INFINITY - 1,
        F::INFINITY,
        F::INFINITY + 1,
        F::CANONICAL_NAN,
        F::CANONICAL_NAN + 5,
    ];
    magnitudes.into_iter().flat_map(|magnitude| [magnitude, magnitude | F::SIGN]).collect()
}

fn records() -> Vec<Operands> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut records = Vec::new();
    let singles: Vec<u64> = special::<u32>().into_iter().map(|bits| box32(bits as u32)).collect();
    for specials in [special::<u64>(), singles] {
        for &a in &specials {
            for &b in &specials {
                records.push([a, b, specials[random.below(specials.len() as u64) as usize]]);
            }
        }
    }
    records.extend((0..RANDOM_RECORDS).map(|_| random.record()));
    records
}

/// The guest program, or why it cannot be made and run here.
fn build_guest(list: &[Instruction], directory: &Path) -> Result<PathBuf, String> {
    for tool in [COMPILER, EMULATOR] {
        let found = Command::new(tool).arg("--version").stdout(Stdio::null()).status();
        if let Err(error) = found {
            return Err(format!("{tool} cannot be run: {error}"));
        }
    }
    let header: String = list
        .iter()
        .map(|Instruction { assembly, to_float, .. }| match to_float {
            true => format!("TO_FLOAT(\"{assembly}\")\n"),
            false => format!("TO_INTEGER(\"{assembly}\")\n"),
        })
        .collect();
    fs::create_dir_all(directory).expect("the test's directory can be made");
    fs::write(directory.join("instructions.h"), header).expect("the instructions can be written");
    let program = directory.join("guest");
    let status = Command::new(COMPILER)
        .args(["-O1", "-Wall", "-Werror", "-static", "-I"])
        .arg(directory)
        .arg("-o")
        .arg(&program)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/float/guest.c"))
        .status()
        .expect("the compiler ran a moment ago");
    assert!(status.success(), "the guest program does not compile");
    Ok(program)
}

#[test]
fn every_instruction_agrees_with_qemu() {
    let list = all_instructions();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("float-qemu");
    let program = match build_guest(&list, &directory) {
        Ok(program) => program,
        Err(reason) => {
            println!("SKIPPED: floating point is not compared with QEMU: {reason}");
            return;
        }
    };
    let records = records();
    let input = directory.join("operands");
    let bytes: Vec<u8> = records.iter().flatten().flat_map(|operand| operand.to_le_bytes()).collect();
    fs::write(&input, bytes).expect("the operands can be written");
    let mut qemu = Command::new(EMULATOR)
        .arg(program)
        .stdin(File::open(&input).expect("the operands were just written"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the emulator ran a moment ago");

    let mut output = BufReader::with_capacity(1 << 16, qemu.stdout.take().expect("it is piped"));
    let mut next = || {
        let mut bytes = [0; 8];
        output.read_exact(&mut bytes).expect("the guest answers every record");
        u64::from_le_bytes(bytes)
    };
    for operands in &records {
        for Instruction { assembly, compute, .. } in &list {
            for mode in 0..5 {
                let rm = Rounding::from_field(mode).expect("modes 0 to 4 are defined");
                let expected = (next(), next() as u8);
                let mut flags = Flags::default();
                let value = compute(operands, rm, &mut flags);
                let got = (value, flags.bits());
                assert_eq!(
                    got, expected,
                    "{assembly} in mode {rm:?} on {operands:x?}: {got:x?}, QEMU has {expected:x?}"
                );

                // Once more with the host's help, which changes nothing but how it is computed.
                let mut flags = Flags::NX;
                let value = compute(operands, rm, &mut flags);
                let got = (value, flags.bits());
                let expected = (expected.0, expected.1 | Flags::NX.bits());
                assert_eq!(got, expected, "{assembly} in mode {rm:?} on {operands:x?} with NX raised");
            }
        }
    }
    assert!(qemu.wait().expect("the emulator can be waited for").success());
    println!("{} records, {} instructions, 5 modes agree with QEMU", records.len(), list.len());
}
