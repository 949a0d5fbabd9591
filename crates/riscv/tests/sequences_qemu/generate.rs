//! Random programs that end: of every instruction some, with operands that matter.
//!
//! A program is a list of units that jump only to the beginnings of units: forward, or backward as
//! often as a counter allows. The registers in [`POINTERS`] lead into the scratch memory and are
//! never written, so that most accesses succeed; the last unit may be anything at all.

use crate::encode::{auipc, branch, i_type, jal};
use crate::instructions::{
    anything, atomic, bits, compressed, control, float, float_memory, integer, memory, reservation,
};
use crate::operands::{BACKWARD_JUMPS, COUNTER, POINTERS, Random};
use crate::{SCRATCH_BYTES, State};

/// What is never divided by a jump.
#[derive(Clone, Debug)]
pub(crate) enum Unit {
    /// Instructions that go on behind themselves.
    Plain(Vec<u8>),
    /// A branch (`funct3`) over this many units.
    Branch { funct3: u32, rs1: u32, rs2: u32, over: usize },
    /// `c.beqz` or `c.bnez`.
    ShortBranch { nonzero: bool, rs1: u32, over: usize },
    /// `jal`.
    Jump { rd: u32, over: usize },
    /// `c.j`.
    ShortJump { over: usize },
    /// `auipc` and `jalr`, or its compressed forms.
    FarJump { through: u32, rd: u32, compressed: bool, over: usize },
    /// Back to this many units before, while the counter lasts.
    Back { over: usize },
}

impl Unit {
    const fn bytes(&self) -> u64 {
        match self {
            Self::Plain(bytes) => bytes.len() as u64,
            Self::Branch { .. } | Self::Jump { .. } => 4,
            Self::ShortBranch { .. } | Self::ShortJump { .. } => 2,
            Self::FarJump { compressed: true, .. } => 10,
            Self::FarJump { .. } | Self::Back { .. } => 8,
        }
    }

    fn encode(&self, distance: i64) -> Vec<u8> {
        let d = distance as u32;
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let halfword = |halfword: u32| (halfword as u16).to_le_bytes().to_vec();
        match *self {
            Self::Plain(ref bytes) => bytes.clone(),
            Self::Branch { funct3, rs1, rs2, .. } => words(&[branch(funct3, rs1, rs2, d)]),
            Self::ShortBranch { nonzero, rs1, .. } => halfword(
                0xc001
                    | u32::from(nonzero) << 13
                    | (d >> 8 & 1) << 12
                    | (d >> 3 & 3) << 10
                    | (rs1 - 8) << 7
                    | (d >> 6 & 3) << 5
                    | (d >> 1 & 3) << 3
                    | (d >> 5 & 1) << 2,
            ),
            Self::Jump { rd, .. } => words(&[jal(rd, d)]),
            Self::ShortJump { .. } => halfword(
                0xa001
                    | (d >> 11 & 1) << 12
                    | (d >> 4 & 1) << 11
                    | (d >> 8 & 3) << 9
                    | (d >> 10 & 1) << 8
                    | (d >> 6 & 1) << 7
                    | (d >> 7 & 1) << 6
                    | (d >> 1 & 7) << 3
                    | (d >> 5 & 1) << 2,
            ),
            Self::FarJump { through, rd, compressed: false, .. } => {
                // The lowest bit is dropped by `jalr`.
                words(&[auipc(through), i_type(0x67, 0, rd, through, d + 1)])
            }
            Self::FarJump { through, rd, compressed: true, .. } => {
                let mut bytes: Vec<u8> = words(&[auipc(through), i_type(0x13, 0, through, through, d)]);
                let link = if rd == 0 { 0x8002 } else { 0x9002 };
                bytes.extend(halfword(link | through << 7));
                bytes
            }
            Self::Back { .. } => {
                let count = i_type(0x13, 0, COUNTER, COUNTER, 0xfff);
                words(&[count, branch(5, COUNTER, 0, d.wrapping_sub(4))])
            }
        }
    }
}

/// A program: its units and the registers it starts with.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) units: Vec<Unit>,
    pub(crate) state: State,
    pub(crate) scratch: Vec<u8>,
    /// Whether it is free of `lr`, whose `sc` may fail when the host moves its page.
    pub(crate) may_move: bool,
    /// Whether it ends with something that may access any address.
    pub(crate) wild: bool,
}

impl Program {
    /// The program of a seed, to start at `pc`.
    pub(crate) fn random(seed: u64, pc: u64) -> Self {
        let mut random = Random::new(seed);
        let mut state = State {
            x: std::array::from_fn(|_| random.value()),
            f: std::array::from_fn(|_| random.float()),
            fcsr: random.below(5) << 5 | random.below(32),
        };
        for (register, value) in POINTERS {
            state.x[register as usize] = value;
        }
        state.x[COUNTER as usize] = BACKWARD_JUMPS;
        state.x[0] = pc;
        let may_move = random.below(2) == 0;
        let mut units: Vec<Unit> =
            (0..100 + random.below(200)).map(|_| unit(&mut random, may_move)).collect();
        let wild = random.below(4) == 0;
        if wild {
            units.push(Unit::Plain(anything(&mut random)));
        }
        let scratch = (0..SCRATCH_BYTES).map(|_| random.next() as u8).collect();
        Self { units, state, scratch, may_move, wild }
    }

    /// The first `units` of it.
    pub(crate) fn truncated(&self, units: usize) -> Self {
        Self { units: self.units[..units].to_vec(), ..self.clone() }
    }

    /// The code, with an `ebreak` at its end.
    pub(crate) fn code(&self) -> Vec<u8> {
        let mut starts = vec![0];
        for unit in &self.units {
            starts.push(starts.last().expect("it has one") + unit.bytes());
        }
        let end = self.units.len();
        let mut code = Vec::new();
        for (index, unit) in self.units.iter().enumerate() {
            let target = match unit {
                Unit::Plain(_) => index,
                Unit::Back { over } => index.saturating_sub(*over),
                Unit::Branch { over, .. }
                | Unit::ShortBranch { over, .. }
                | Unit::Jump { over, .. }
                | Unit::ShortJump { over }
                | Unit::FarJump { over, .. } => (index + 1 + over).min(end),
            };
            code.extend(unit.encode(starts[target] as i64 - starts[index] as i64));
        }
        code.extend(0x0010_0073u32.to_le_bytes());
        code
    }
}

fn unit(random: &mut Random, no_reservations: bool) -> Unit {
    let over = random.below(6) as usize;
    let word = match random.below(40) {
        0..9 => integer(random),
        9..12 => bits(random),
        12..18 => memory(random),
        18..21 => float(random),
        21..23 => float_memory(random),
        23 => atomic(random),
        24 if no_reservations => atomic(random),
        24 => return reservation(random),
        25 => control(random),
        26 => random.destination() << 7 | random.bits(20) << 12 | random.one_of(&[0x17, 0x37]),
        27..33 => return Unit::Plain(compressed(random).to_le_bytes().to_vec()),
        33 | 34 => {
            let (rs1, rs2) = (random.source(), random.source());
            return Unit::Branch { funct3: random.one_of(&[0, 1, 4, 5, 6, 7]), rs1, rs2, over };
        }
        35 => return Unit::ShortBranch { nonzero: random.bits(1) == 1, rs1: 8 + random.bits(3), over },
        36 => return Unit::Jump { rd: random.destination(), over },
        37 => return Unit::ShortJump { over },
        38 => {
            // The compressed forms link to ra or to nowhere.
            let (through, compressed) = (random.popular_destination(), random.bits(1) == 1);
            let rd = if compressed { random.bits(1) } else { random.destination() };
            return Unit::FarJump { through, rd, compressed, over };
        }
        _ => return Unit::Back { over: random.below(12) as usize },
    };
    Unit::Plain(word.to_le_bytes().to_vec())
}
