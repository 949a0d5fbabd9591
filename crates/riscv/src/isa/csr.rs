//! Numbers of control and status registers.
//!
//! **Sources.** Volume II, "CSR Listing".

/// Accrued floating-point exceptions.
pub const FFLAGS: u16 = 0x001;
/// The floating-point rounding mode.
pub const FRM: u16 = 0x002;
/// Both of them.
pub const FCSR: u16 = 0x003;
/// The hart's state: privilege to return to, interrupts, floating point.
pub const SSTATUS: u16 = 0x100;
/// Which interrupts are enabled.
pub const SIE: u16 = 0x104;
/// Where traps are handled.
pub const STVEC: u16 = 0x105;
/// Which counters user mode may read.
pub const SCOUNTEREN: u16 = 0x106;
/// What user mode may do.
pub const SENVCFG: u16 = 0x10a;
/// For the trap handler to keep something in.
pub const SSCRATCH: u16 = 0x140;
/// The pc of a trap.
pub const SEPC: u16 = 0x141;
/// The cause of a trap.
pub const SCAUSE: u16 = 0x142;
/// What a trap is about.
pub const STVAL: u16 = 0x143;
/// Which interrupts are pending.
pub const SIP: u16 = 0x144;
/// When the timer's interrupt becomes pending.
pub const STIMECMP: u16 = 0x14d;
/// The root of translation.
pub const SATP: u16 = 0x180;
/// Clock cycles.
pub const CYCLE: u16 = 0xc00;
/// The guest's clock.
pub const TIME: u16 = 0xc01;
/// Instructions retired.
pub const INSTRET: u16 = 0xc02;

/// The name of a register that the processor has.
pub const fn name(csr: u16) -> Option<&'static str> {
    Some(match csr {
        FFLAGS => "fflags",
        FRM => "frm",
        FCSR => "fcsr",
        SSTATUS => "sstatus",
        SIE => "sie",
        STVEC => "stvec",
        SCOUNTEREN => "scounteren",
        SENVCFG => "senvcfg",
        SSCRATCH => "sscratch",
        SEPC => "sepc",
        SCAUSE => "scause",
        STVAL => "stval",
        SIP => "sip",
        STIMECMP => "stimecmp",
        SATP => "satp",
        CYCLE => "cycle",
        TIME => "time",
        INSTRET => "instret",
        _ => return None,
    })
}
