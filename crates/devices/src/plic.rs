//! The platform-level interrupt controller: many level-triggered sources, one output per hart.
//!
//! **Model.** Each source has a gateway. While the source's level is high and no request of it is under
//! way, the gateway makes one *pending*. A hart's claim takes the pending source of highest priority (of
//! equals the lowest number) among those it enabled; the request stays *in service* until it is
//! completed, and only then may the gateway make the next one. A request once pending stays so, even if
//! the level falls before it is claimed.
//!
//! A hart's output is high while a pending source it enabled has a priority above its threshold. There is
//! one context per hart, for supervisor mode, numbered as the hart.
//!
//! ```text
//!   0x00_0000 + 4 * source     priority, 0 (never) to 7
//!   0x00_1000 + 4 * word       pending, one bit per source
//!   0x00_2000 + 0x80 * context enabled, one bit per source
//!   0x20_0000 + 0x1000 * ctx   threshold, then claim (read) and complete (write)
//! ```
//!
//! **Concurrency.** One lock. The sink is called under it, so that a hart sees its output change in the
//! order it changed.
//!
//! **Sources.** RISC-V Platform-Level Interrupt Controller Specification 1.0.0.

use crate::MmioDevice;
use crate::map::PLIC_SOURCES;
use crate::stats::{Counters, DeviceStats};
use parking_lot::Mutex;
use std::cmp::Reverse;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Where a hart's output goes: (hart, level). Must not block, nor call the PLIC.
pub type HartSink = Arc<dyn Fn(usize, bool) + Send + Sync>;

const MAX_PRIORITY: u64 = 7;
const PRIORITY_END: u64 = 4 * (PLIC_SOURCES as u64 + 1);
const PENDING: u64 = 0x1000;
const ENABLED: u64 = 0x2000;
const ENABLED_STRIDE: u64 = 0x80;
const CONTEXT: u64 = 0x20_0000;
const CONTEXT_STRIDE: u64 = 0x1000;
/// Bytes of a bit per source.
const BITS_SIZE: u64 = 8;

const _: () = assert!(PLIC_SOURCES < u64::BITS, "a set of sources is one u64");

/// The interrupt controller. See the module's documentation.
pub struct Plic {
    state: Mutex<State>,
    sink: HartSink,
    counters: Counters,
}

/// Sets of sources are bit masks; bit 0 is never set.
struct State {
    /// The level of each wire, and the source it drives.
    wires: Vec<(u32, bool)>,
    priority: [u8; u64::BITS as usize],
    level: u64,
    pending: u64,
    in_service: u64,
    contexts: Vec<Context>,
}

#[derive(Clone, Default)]
struct Context {
    enabled: u64,
    threshold: u8,
    output: bool,
}

/// A wire from a device to an interrupt source. Clones are the same wire; several wires on one source
/// make it high together.
#[derive(Clone)]
pub struct IrqLine {
    plic: Arc<Plic>,
    wire: usize,
}

impl IrqLine {
    /// Makes the wire's level high or low.
    pub fn set(&self, level: bool) {
        let mut state = self.plic.state.lock();
        let (source, old) = state.wires[self.wire];
        if old != level {
            state.wires[self.wire].1 = level;
            state.sample(source);
            self.plic.drive_outputs(&mut state);
        }
    }
}

impl Plic {
    /// A controller for harts 0 to `harts` - 1, everything off.
    pub fn new(harts: usize, sink: HartSink) -> Arc<Self> {
        let state = State {
            wires: Vec::new(),
            priority: [0; u64::BITS as usize],
            level: 0,
            pending: 0,
            in_service: 0,
            contexts: vec![Context::default(); harts],
        };
        Arc::new(Self { state: Mutex::new(state), sink, counters: Counters::default() })
    }

    /// A new wire to `source`, low.
    ///
    /// # Panics
    /// If `source` is not 1 to [`PLIC_SOURCES`].
    pub fn line(self: &Arc<Self>, source: u32) -> IrqLine {
        assert!((1..=PLIC_SOURCES).contains(&source), "no interrupt source {source}");
        let mut state = self.state.lock();
        state.wires.push((source, false));
        IrqLine { plic: Arc::clone(self), wire: state.wires.len() - 1 }
    }

    /// What was counted so far; interrupts are claims.
    pub fn stats(&self) -> DeviceStats {
        self.counters.read()
    }

    fn drive_outputs(&self, state: &mut State) {
        for hart in 0..state.contexts.len() {
            let level = state.output(&state.contexts[hart]);
            if state.contexts[hart].output != level {
                state.contexts[hart].output = level;
                (self.sink)(hart, level);
            }
        }
    }
}

impl State {
    /// The gateway of `source`: looks at its wires and makes a request if one is due.
    fn sample(&mut self, source: u32) {
        let bit = 1 << source;
        let high = self.wires.iter().any(|&(of, level)| of == source && level);
        self.level = if high { self.level | bit } else { self.level & !bit };
        self.pending |= self.level & bit & !self.in_service;
    }

    fn output(&self, context: &Context) -> bool {
        sources(self.pending & context.enabled).any(|source| self.priority[source] > context.threshold)
    }

    fn claim(&mut self, context: usize) -> u32 {
        let best = sources(self.pending & self.contexts[context].enabled)
            .filter(|&source| self.priority[source] > 0)
            .max_by_key(|&source| (self.priority[source], Reverse(source)));
        let Some(source) = best else { return 0 };
        self.pending &= !(1 << source);
        self.in_service |= 1 << source;
        source as u32
    }

    fn complete(&mut self, context: usize, source: u32) {
        let bit = 1u64.checked_shl(source).unwrap_or(0);
        if self.in_service & self.contexts[context].enabled & bit != 0 {
            self.in_service &= !bit;
            self.sample(source);
        }
    }
}

/// The members of a set of sources, in order.
fn sources(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let source = (set != 0).then(|| set.trailing_zeros() as usize)?;
        set &= set - 1;
        Some(source)
    })
}

/// A register of the controller.
enum Register {
    Priority(usize),
    /// The 32 sources from this one on.
    Pending(u32),
    Enabled {
        context: usize,
        from: u32,
    },
    Threshold(usize),
    Claim(usize),
}

impl Register {
    /// The register at `offset`; `None` for what reads as zero and ignores writes.
    fn at(offset: u64, contexts: usize) -> Option<Self> {
        let known = |context: u64| (context < contexts as u64).then_some(context as usize);
        match offset {
            0..PRIORITY_END => Some(Self::Priority((offset / 4) as usize)),
            PENDING..ENABLED if offset - PENDING < BITS_SIZE => {
                Some(Self::Pending((offset - PENDING) as u32 * 8))
            }
            ENABLED..CONTEXT => {
                let context = known((offset - ENABLED) / ENABLED_STRIDE)?;
                let byte = (offset - ENABLED) % ENABLED_STRIDE;
                (byte < BITS_SIZE).then_some(Self::Enabled { context, from: byte as u32 * 8 })
            }
            CONTEXT.. => {
                let context = known((offset - CONTEXT) / CONTEXT_STRIDE)?;
                match (offset - CONTEXT) % CONTEXT_STRIDE {
                    0 => Some(Self::Threshold(context)),
                    4 => Some(Self::Claim(context)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

impl MmioDevice for Plic {
    fn read(&self, offset: u64, size: u8) -> u64 {
        self.counters.access();
        if size != 4 || !offset.is_multiple_of(4) {
            self.counters.bad(format_args!("{size}-byte read at {offset:#x}: registers are 32 bits wide"));
            return 0;
        }
        let mut state = self.state.lock();
        let value = match Register::at(offset, state.contexts.len()) {
            None => 0,
            Some(Register::Priority(source)) => state.priority[source].into(),
            Some(Register::Pending(from)) => (state.pending >> from) as u32,
            Some(Register::Enabled { context, from }) => (state.contexts[context].enabled >> from) as u32,
            Some(Register::Threshold(context)) => state.contexts[context].threshold.into(),
            Some(Register::Claim(context)) => {
                let source = state.claim(context);
                if source != 0 {
                    self.counters.interrupt();
                    self.drive_outputs(&mut state);
                }
                source
            }
        };
        value.into()
    }

    fn write(&self, offset: u64, size: u8, value: u64) {
        self.counters.access();
        if size != 4 || !offset.is_multiple_of(4) {
            self.counters.bad(format_args!("{size}-byte write at {offset:#x}: registers are 32 bits wide"));
            return;
        }
        let mut state = self.state.lock();
        match Register::at(offset, state.contexts.len()) {
            None | Some(Register::Priority(0) | Register::Pending(_)) => {}
            Some(Register::Priority(source)) => state.priority[source] = (value & MAX_PRIORITY) as u8,
            Some(Register::Enabled { context, from }) => {
                let word = 0xffff_ffff << from;
                let enabled = &mut state.contexts[context].enabled;
                *enabled = (*enabled & !word | (value << from) & word) & !1;
            }
            Some(Register::Threshold(context)) => {
                state.contexts[context].threshold = (value & MAX_PRIORITY) as u8;
            }
            Some(Register::Claim(context)) => state.complete(context, value as u32),
        }
        self.drive_outputs(&mut state);
    }
}
