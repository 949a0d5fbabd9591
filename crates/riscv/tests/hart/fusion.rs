//! Instructions that run as one operation do what they do one by one.

use crate::asm::*;
use crate::machine::*;
use addr::PAGE_SIZE;
use mmu::Technique;
use proptest::prelude::*;
use riscv::Exit;

/// `c.nop`. The functions below encode other compressed instructions.
const C_NOP: u16 = 0x0001;

fn c_ldsp(rd: u32, imm: u32) -> u16 {
    (0x6002 | (imm >> 5 & 1) << 12 | rd << 7 | (imm >> 3 & 3) << 5 | (imm >> 6 & 7) << 2) as u16
}

fn c_sdsp(rs2: u32, imm: u32) -> u16 {
    (0xe002 | (imm >> 3 & 7) << 10 | (imm >> 6 & 7) << 7 | rs2 << 2) as u16
}

/// `c.addi`, `c.addiw` and `c.lui`.
fn c_immediate(opcode: u32, rd: u32, imm: i32) -> u16 {
    (opcode | (imm as u32 >> 5 & 1) << 12 | rd << 7 | (imm as u32 & 31) << 2) as u16
}

/// An instruction of two or four bytes.
#[derive(Clone, Copy, Debug)]
enum Piece {
    Half(u16),
    Word(u32),
    /// A branch over so many pieces, by `funct3` and registers.
    Branch(u32, u32, u32, usize),
}

impl Piece {
    const fn length(self) -> u64 {
        if matches!(self, Self::Half(_)) { 2 } else { 4 }
    }
}

/// Arithmetic, array elements and branches, as pairs are made of. x2 and x8 are addresses.
fn plain() -> impl Strategy<Value = Piece> {
    let register = || 5u32..8;
    let shift = || prop_oneof![1u32..64, Just(48)];
    let condition = prop_oneof![Just(0u32), Just(1), Just(4), Just(5), Just(6), Just(7)];
    prop_oneof![
        8 => (register(), register(), -2048i32..2048).prop_map(|(r, a, n)| Piece::Word(addi(r, a, n))),
        4 => (register(), 1i32..32).prop_map(|(r, n)| Piece::Half(c_immediate(0x0001, r, n))),
        4 => (register(), register(), register()).prop_map(|(r, a, b)| Piece::Word(add(r, a, b))),
        4 => (register(), register()).prop_map(|(r, b)| Piece::Half((0x9002 | r << 7 | b << 2) as u16)),
        4 => (register(), register(), register()).prop_map(|(r, a, b)| Piece::Word(register_form(0, 4, r, a, b))),
        4 => (register(), register(), register()).prop_map(|(r, a, b)| Piece::Word(register_form(1, 0, r, a, b))),
        4 => (register(), register(), shift()).prop_map(|(r, a, n)| Piece::Word(shift_form(1, r, a, n))),
        4 => (register(), shift()).prop_map(|(r, n)| Piece::Half(c_immediate(0x0002, r, n as i32))),
        4 => (register(), register(), shift()).prop_map(|(r, a, n)| Piece::Word(shift_form(5, r, a, n))),
        4 => (register(), register(), -64i32..64).prop_map(|(r, a, n)| Piece::Word(andi(r, a, n))),
        4 => (register(), prop_oneof![Just(2u32), Just(8)]).prop_map(|(r, a)| Piece::Word(add(r, a, 11))),
        4 => (register(), register(), prop_oneof![Just(3u32), Just(4)], 0i32..16)
            .prop_map(|(r, a, width, n)| Piece::Word(load(width, r, a, n * 8))),
        8 => (condition, register(), register(), 0usize..6).prop_map(|(c, a, b, over)| Piece::Branch(c, a, b, over)),
    ]
}

const fn register_form(funct7: u32, funct3: u32, rd: u32, rs1: u32, rs2: u32) -> u32 {
    funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x33
}

fn shift_form(funct3: u32, rd: u32, rs1: u32, amount: u32) -> u32 {
    amount << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x13
}

fn branch_form(funct3: u32, rs1: u32, rs2: u32, offset: u32) -> u32 {
    (offset >> 5 & 63) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (offset >> 1 & 15) << 8 | 0x63
}

/// Instructions as joining looks for them, and some that do not fit. Bases are x2 and x8.
fn piece() -> impl Strategy<Value = Piece> {
    let register = prop_oneof![Just(2u32), 5u32..9];
    let base = prop_oneof![Just(2u32), Just(8)];
    let offset = prop_oneof![9 => (-4i32..32).prop_map(|n| n * 8), 1 => -64i32..256];
    prop_oneof![
        4 => Just(Piece::Word(NOP)),
        4 => Just(Piece::Half(C_NOP)),
        8 => (register.clone(), base.clone(), offset.clone()).prop_map(|(r, b, o)| Piece::Word(load(3, r, b, o))),
        8 => (register.clone(), base, offset).prop_map(|(r, b, o)| Piece::Word(store(3, r, b, o))),
        12 => (register.clone(), 0u32..32).prop_map(|(r, n)| Piece::Half(c_ldsp(r, n * 8))),
        12 => (register.clone(), 0u32..32).prop_map(|(r, n)| Piece::Half(c_sdsp(r, n * 8))),
        4 => (5u32..8, -(1i32 << 19)..1 << 19).prop_map(|(r, n)| Piece::Word(lui(r, n))),
        2 => (5u32..8, 1i32..32).prop_map(|(r, n)| Piece::Half(c_immediate(0x6001, r, n))),
        4 => (5u32..8, 5u32..8, -2048i32..2048).prop_map(|(r, s, n)| Piece::Word(addi(r, s, n))),
        4 => (5u32..8, 5u32..8, -2048i32..2048).prop_map(|(r, s, n)| Piece::Word(addiw(r, s, n))),
        2 => (5u32..8, 1i32..32).prop_map(|(r, n)| Piece::Half(c_immediate(0x0001, r, n))),
        2 => (5u32..8, 1i32..32).prop_map(|(r, n)| Piece::Half(c_immediate(0x2001, r, n))),
    ]
}

/// All that can be seen of a program's run.
#[derive(PartialEq, Debug)]
struct Outcome {
    exit: Exit,
    registers: [u64; 32],
    /// Number and content of the words of data that changed.
    changed: Vec<(u64, u64)>,
    /// The number of the piece that trapped, cause and value.
    trap: Option<(usize, u64, u64)>,
    instructions: u64,
    accesses: u64,
}

/// Subtracts x30 from x31, and is never joined.
const SPACER: u32 = register_form(0x20, 0, 31, 31, 30);

/// Runs `pieces` at `code`, each behind a [`SPACER`] if `spaced`: then no two can be joined. `second`
/// is what the second page of data may be used for.
fn outcome(pieces: &[Piece], code: u64, spaced: bool, base: u64, second: u64) -> Outcome {
    let mut machine = Machine::new();
    let before = if spaced { 4 } else { 0 };
    let starts: Vec<u64> = pieces
        .iter()
        .scan(code, |at, piece| Some(std::mem::replace(at, *at + before + piece.length())))
        .collect();
    let end = starts.last().zip(pieces.last()).map_or(code, |(start, piece)| start + before + piece.length());
    let places: Vec<u64> = starts.iter().map(|start| start + before).collect();
    for (number, (&piece, &place)) in pieces.iter().zip(&places).enumerate() {
        if spaced {
            machine.put(place - 4, &[SPACER]);
        }
        match piece {
            Piece::Half(half) => machine.put_half(place, half),
            Piece::Word(word) => machine.put(place, &[word]),
            Piece::Branch(funct3, rs1, rs2, over) => {
                let target = starts.get(number + 1 + over).copied().unwrap_or(end);
                machine.put(place, &[branch_form(funct3, rs1, rs2, (target - place) as u32)]);
            }
        }
    }
    machine.put(end, &[ECALL]);
    machine.map(0, DATA, WRITE);
    machine.map(1, DATA + PAGE_SIZE, second);
    let words = 0..2 * PAGE_SIZE / 8;
    // Some are addresses themselves.
    let original =
        |word: u64| if word.is_multiple_of(3) { VIRTUAL + word * 8 } else { word << 32 | 0x8000_1234 };
    words.clone().for_each(|word| machine.put_double(DATA + word * 8, original(word)));
    machine.start(Start { paging: Some(Technique::Hardware), ..BARE }, code);
    machine.set(&[(2, base), (8, base + 64), (11, 0), (30, u64::MAX), (31, 0)]);
    let counts_before = machine.hart.counts();
    let exit = machine.go();
    let counts = machine.hart.counts();
    let trap = (counts.exceptions > counts_before.exceptions).then(|| {
        let [cause, epc, value] = machine.trapped();
        (places.iter().position(|&place| place == epc).expect("a piece trapped"), cause, value)
    });
    let mut registers = machine.hart.registers().x;
    let spacers = std::mem::take(&mut registers[31]);
    Outcome {
        exit,
        registers,
        changed: words
            .map(|word| (word, machine.double(DATA + word * 8)))
            .filter(|&(word, now)| now != original(word))
            .collect(),
        trap,
        instructions: counts.instructions - counts_before.instructions - spacers,
        accesses: counts.accesses - counts_before.accesses,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn joined_or_not_is_the_same(
        pieces in prop::collection::vec(piece(), 1..60),
        code in prop_oneof![Just(CODE), (0u64..64).prop_map(|n| CODE + 0xf80 + n * 2)],
        base in (0u64..64).prop_map(|n| VIRTUAL + 0xe80 + n * 8),
        second in prop_oneof![Just(WRITE), Just(READ), Just(0)],
    ) {
        let one_by_one = outcome(&pieces, CODE, true, base, second);
        prop_assert_eq!(outcome(&pieces, code, false, base, second), one_by_one);
    }

    #[test]
    fn in_pairs_or_not_is_the_same(
        pieces in prop::collection::vec(plain(), 1..60),
        code in prop_oneof![Just(CODE), (0u64..64).prop_map(|n| CODE + 0xf80 + n * 2)],
        base in (0u64..64).prop_map(|n| VIRTUAL + 0xe80 + n * 8),
    ) {
        let one_by_one = outcome(&pieces, CODE, true, base, WRITE);
        prop_assert_eq!(outcome(&pieces, code, false, base, WRITE), one_by_one);
    }
}

#[test]
fn a_trap_handler_saves_and_restores_all_registers() {
    let mut machine = Machine::new();
    for register in (1..32).filter(|&register| register != 2) {
        machine.put_half(CODE + u64::from(register) * 2, c_sdsp(register, register * 8));
        machine.put_half(CODE + 0x80 + u64::from(register) * 2, c_ldsp(register, (register ^ 1) * 8 + 256));
        machine.put_double(DATA + 256 + u64::from(register) * 8, u64::from(register) << 20);
    }
    machine.put_half(CODE + 2 * 2, C_NOP);
    machine.put_half(CODE + 0x80 + 2 * 2, C_NOP);
    machine.put(CODE + 0x40, &[jal(0, 0x42)]);
    machine.put(CODE + 0x80 + 0x40, &[ECALL]);
    machine.start(BARE, CODE + 2);
    machine.set(&[(2, DATA)]);
    (3..32).for_each(|register| machine.hart.set_x(register, u64::from(register) * 3));
    assert_eq!(machine.go(), Exit::Call);
    for register in 4..32u8 {
        assert_eq!(machine.double(DATA + u64::from(register) * 8), u64::from(register) * 3);
        assert_eq!(machine.hart.x(register), u64::from(register ^ 1) << 20);
    }
}

#[test]
fn each_load_and_store_of_a_run_reaches_a_device() {
    let mut machine = Machine::new();
    let code = [load(3, 6, 5, 0), load(3, 7, 5, 8), store(3, 6, 5, 16), store(3, 7, 5, 24), ECALL];
    assert_eq!(machine.run(BARE, &[(5, DEVICE)], &code), Exit::Call);
    let written = Some(Device::VALUE);
    let expected = [(0, None), (8, None), (16, written), (24, written)];
    assert_eq!(machine.device.seen(), expected.map(|(at, value)| (DEVICE + at, 8, value)));
}

#[test]
fn the_second_half_alone_does_its_own_part() {
    for (first, second, alone, together) in [
        (lui(7, 0x12345), addi(7, 7, 0x678), 0x678, 0x1234_5678),
        (lui(7, 0x80000), addi(7, 7, -1), u64::MAX, 0xffff_ffff_7fff_ffff),
        (lui(7, 0x80000), addiw(7, 7, -1), u64::MAX, 0x7fff_ffff),
        (auipc(7, 1), addi(7, 7, -4), u64::MAX - 3, CODE + 0xffc),
    ] {
        let mut machine = Machine::new();
        machine.put(CODE, &[first, second, ECALL]);
        for (entry, expected) in [(0, together), (4, alone), (0, together)] {
            machine.start(BARE, CODE + entry);
            machine.set(&[(7, 0)]);
            assert_eq!(machine.go(), Exit::Call);
            assert_eq!(machine.hart.x(7), expected, "{first:#010x} {second:#010x} from {entry}");
        }
    }
}

#[test]
fn a_call_in_two_halves_links_behind_them() {
    let mut machine = Machine::new();
    let callee = CODE + 0x2_0010;
    machine.put(CODE, &[auipc(1, 0x20), jalr_by(1, 1, 0x11), ECALL]);
    machine.put(callee, &[add(7, 1, 0), jalr(0, 1)]);
    for (entry, link) in [(0, 0), (4, callee - 0x11)] {
        machine.start(BARE, CODE + entry);
        machine.set(&[(1, link), (7, 0)]);
        assert_eq!(machine.go(), Exit::Call);
        assert_eq!(machine.hart.x(7), CODE + 8);
    }
    // Where nothing can be fetched, the exception is the target's.
    machine.put(CODE, &[auipc(1, 0x7_0000), jalr_by(1, 1, 0)]);
    assert_eq!(machine.trap(BARE, &[], &[]), [1, CODE + 0x7000_0000, CODE + 0x7000_0000]);
    assert_eq!(machine.hart.x(1), CODE + 8);
}

#[test]
fn a_slice_of_joined_instructions_ends_soon_after_its_count() {
    let mut machine = Machine::new();
    machine.put(CODE, &[NOP, NOP, NOP, lui(7, 1), addi(7, 7, 1), auipc(1, 0), jalr_by(1, 1, -20)]);
    for slice in [1, 7, 100] {
        machine.start(BARE, CODE);
        let ran = machine.run_slices_of(slice);
        assert!((slice..slice + 8).contains(&ran), "{ran} instructions in a slice of {slice}");
    }
}

#[test]
fn new_code_in_the_middle_of_a_run_is_run_after_a_fence() {
    let mut machine = Machine::new();
    let run = [store(3, 6, 5, 0), store(3, 6, 5, 8), store(3, 6, 5, 16)];
    // Runs twice; the second time the middle store is another instruction.
    let again = [bne(8, 0, 20), addi(8, 0, 1), store(2, 9, 10, 4), FENCE_I, jal(0, -28), ECALL];
    let code = [run.as_slice(), &again].concat();
    let registers = [(5, DATA), (6, 7), (8, 0), (9, u64::from(addi(6, 6, 1))), (10, CODE)];
    assert_eq!(machine.run(BARE, &registers, &code), Exit::Call);
    assert_eq!([0, 8, 16].map(|at| machine.double(DATA + at)), [7, 7, 8]);
}
