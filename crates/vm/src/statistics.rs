//! What a VM did, in total and under each technique.

use crate::technique::Choice;
use crate::vm::Vm;
use devices::DeviceStats;
use machine::PageCensus;
use mmu::{MmuCounts, ShadowCounts, Technique};
use riscv::{Hart, HartCounts};

/// What was done under one technique, all harts together.
#[derive(Clone, Copy, Debug, Default)]
pub struct TechniqueStatistics {
    /// What the harts did.
    pub hart: HartCounts,
    /// What their MMUs did.
    pub mmu: MmuCounts,
    /// Time the vCPUs ran, in nanoseconds; waiting does not count.
    pub running_nanoseconds: u64,
}

impl TechniqueStatistics {
    /// Data accesses that found their translation in the TLB.
    pub fn tlb_hits(&self) -> u64 {
        self.hart.accesses.saturating_sub(self.mmu.data_misses)
    }

    /// Time in the guest's own instructions: running, less MMU and devices.
    pub fn guest_nanoseconds(&self) -> u64 {
        self.running_nanoseconds
            .saturating_sub(self.hart.mmu_nanoseconds)
            .saturating_sub(self.hart.device_nanoseconds)
    }

    fn add(&mut self, other: &Self) {
        self.combine(other, |a, b| a + b);
    }

    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let mut difference = *self;
        difference.combine(earlier, |a, b| a - b);
        difference
    }

    fn combine(&mut self, other: &Self, with: impl Fn(u64, u64) -> u64) {
        macro_rules! each {
            ($mine:expr, $others:expr, $($name:ident)+) => {
                $($mine.$name = with($mine.$name, $others.$name);)+
            };
        }
        each!(self.hart, other.hart, instructions accesses misses misaligned exceptions interrupts
            device_accesses device_nanoseconds mmu_nanoseconds);
        each!(self.mmu, other.mmu, data_misses fetch_misses hidden_faults true_faults walk_references
            space_fences page_fences switches taken_away);
        each!(self.mmu.shadow, other.mmu.shadow, tables_built tables_dropped tables_synced entries_kept entries_dropped);
        self.running_nanoseconds = with(self.running_nanoseconds, other.running_nanoseconds);
    }
}

const _: () = assert!(size_of::<HartCounts>() == 9 * 8, "combine() names every count");
const _: () = assert!(size_of::<MmuCounts>() == 14 * 8, "combine() names every count");
const _: () = assert!(size_of::<ShadowCounts>() == 5 * 8, "combine() names every count");

/// Books counts to the technique under which they were made.
pub(crate) struct Ledger {
    /// Software, hardware.
    booked: [TechniqueStatistics; 2],
    /// Each hart's counts when they were last booked.
    settled: Vec<TechniqueStatistics>,
}

const fn column(technique: Technique) -> usize {
    match technique {
        Technique::Software => 0,
        Technique::Hardware => 1,
    }
}

impl Ledger {
    pub(crate) fn new(harts: usize) -> Self {
        Self {
            booked: [TechniqueStatistics::default(); 2],
            settled: vec![TechniqueStatistics::default(); harts],
        }
    }

    /// Books what a hart did since it was last settled to the technique it has now.
    pub(crate) fn settle(&mut self, index: usize, hart: &Hart, running_nanoseconds: u64) {
        let now = TechniqueStatistics { hart: hart.counts(), mmu: hart.mmu().counts(), running_nanoseconds };
        let since = now.since(&self.settled[index]);
        self.booked[column(hart.mmu().technique())].add(&since);
        self.settled[index] = now;
    }

    /// What was booked so far, in total.
    pub(crate) fn total(&self) -> TechniqueStatistics {
        let mut total = self.booked[0];
        total.add(&self.booked[1]);
        total
    }
}

/// One vCPU's part.
#[derive(Clone, Copy, Debug)]
pub struct HartStatistics {
    /// Its technique now.
    pub technique: Technique,
    /// Its next instruction.
    pub pc: u64,
    /// Whether it is in user mode.
    pub user: bool,
    /// Instructions so far.
    pub instructions: u64,
    /// Shadow tables it has now.
    pub shadow_tables: usize,
    /// Host memory its shadow tables take, in bytes.
    pub shadow_bytes: u64,
    /// Host memory its decoded code takes, in bytes.
    pub code_bytes: u64,
}

/// Everything a VM counts, at one moment for each hart.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// Under shadow page tables.
    pub software: TechniqueStatistics,
    /// Under two-stage walks.
    pub hardware: TechniqueStatistics,
    /// Each vCPU.
    pub harts: Vec<HartStatistics>,
    /// What its pages are.
    pub pages: PageCensus,
    /// Its devices.
    pub devices: Vec<(&'static str, DeviceStats)>,
    /// The technique in use and why.
    pub choice: Choice,
}

impl Vm {
    /// What the VM did so far.
    pub fn statistics(&self) -> Statistics {
        let mut ledger = self.shared.ledger.lock();
        let mut harts = Vec::new();
        self.shared.vcpus.for_each_hart(|index, vcpu, hart| {
            ledger.settle(index, hart, vcpu.running_nanoseconds());
            let registers = hart.registers();
            let (shadow_tables, shadow_bytes) = hart.mmu().shadow_size();
            harts.push(HartStatistics {
                technique: hart.mmu().technique(),
                pc: registers.pc,
                user: registers.user,
                instructions: hart.counts().instructions,
                shadow_tables,
                shadow_bytes,
                code_bytes: hart.code_bytes(),
            });
        });
        let [software, hardware] = ledger.booked;
        Statistics {
            software,
            hardware,
            harts,
            pages: self.shared.memory.census(),
            devices: self.shared.board.statistics(),
            choice: self.shared.choice.lock().clone(),
        }
    }
}
