//! The values of control and status registers.

/// Bits of `sstatus`: interrupts enabled, enabled before the trap, and supervisor mode before it.
pub(crate) const SSTATUS_SIE: u64 = 1 << 1;
pub(crate) const SSTATUS_SPIE: u64 = 1 << 5;
pub(crate) const SSTATUS_SPP: u64 = 1 << 8;
/// Floating-point state; the VMM keeps it either off or dirty, as the manual allows.
pub(crate) const SSTATUS_FS: u64 = 3 << 13;
pub(crate) const SSTATUS_SUM: u64 = 1 << 18;
pub(crate) const SSTATUS_MXR: u64 = 1 << 19;
/// User mode is 64 bits wide, and that cannot change.
pub(crate) const SSTATUS_UXL: u64 = 2 << 32;
/// Some state is dirty.
pub(crate) const SSTATUS_SD: u64 = 1 << 63;

/// The timer's bit in `sip` and `sie`.
pub(crate) const TIMER: u64 = 1 << 5;

/// `senvcfg.CBZE`: user mode may clear cache blocks.
pub(crate) const SENVCFG_CBZE: u64 = 1 << 7;
pub(crate) const SENVCFG_FIOM: u64 = 1;

/// Supervisor CSRs with no effect of their own, and those that others read.
pub(crate) struct Csrs {
    pub(crate) sstatus: u64,
    pub(crate) sie: u64,
    pub(crate) stvec: u64,
    pub(crate) scounteren: u64,
    pub(crate) senvcfg: u64,
    pub(crate) sscratch: u64,
    pub(crate) sepc: u64,
    pub(crate) scause: u64,
    pub(crate) stval: u64,
    pub(crate) stimecmp: u64,
    pub(crate) fflags: u8,
    pub(crate) frm: u8,
}

impl Csrs {
    pub(crate) const fn reset() -> Self {
        Self {
            sstatus: SSTATUS_UXL,
            sie: 0,
            stvec: 0,
            // As firmware leaves it: kernels count on user code being able to read the clock.
            scounteren: 7,
            senvcfg: 0,
            sscratch: 0,
            sepc: 0,
            scause: 0,
            stval: 0,
            stimecmp: u64::MAX,
            fflags: 0,
            frm: 0,
        }
    }

    pub(crate) const fn float_is_off(&self) -> bool {
        self.sstatus & SSTATUS_FS == 0
    }
}
