//! Who is measured, and under which terms.

use addr::ByteSize;

/// Machine memory of the hosts that have little of it.
pub(crate) const SCARCE: ByteSize = ByteSize::mib(512);

/// One way to run a number of VMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contestant {
    /// QEMU as it comes, the kernel merging nothing.
    Qemu,
    /// QEMU as it comes, and KSM.
    Merged,
    /// QEMU with KSM and all else that saves memory: no huge pages, free pages reported by the guest.
    Thrifty,
    /// Memtide as it comes: VMs do not share with each other.
    Salted,
    /// Memtide with `Mem.ShareForceSalting` 0: all VMs may share.
    Unsalted,
    /// Memtide as it comes, with [`SCARCE`] machine memory.
    ScarceSalted,
    /// Memtide with `Mem.ShareForceSalting` 0 and [`SCARCE`] machine memory.
    ScarceUnsalted,
}

impl Contestant {
    pub(crate) const ALL: [Self; 7] = [
        Self::Qemu,
        Self::Merged,
        Self::Thrifty,
        Self::Salted,
        Self::Unsalted,
        Self::ScarceSalted,
        Self::ScarceUnsalted,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Qemu => "QEMU",
            Self::Merged => "QEMU, KSM",
            Self::Thrifty => "QEMU, KSM, thrifty",
            Self::Salted => "Memtide",
            Self::Unsalted => "Memtide, shared",
            Self::ScarceSalted => "Memtide in 512 MiB",
            Self::ScarceUnsalted => "Memtide in 512 MiB, shared",
        }
    }

    pub(crate) const fn needs_ksm(self) -> bool {
        matches!(self, Self::Merged | Self::Thrifty)
    }

    pub(crate) const fn is_scarce(self) -> bool {
        matches!(self, Self::ScarceSalted | Self::ScarceUnsalted)
    }

    /// The same with as much memory as it wants.
    pub(crate) const fn unbounded(self) -> Self {
        match self {
            Self::ScarceSalted => Self::Salted,
            Self::ScarceUnsalted => Self::Unsalted,
            other => other,
        }
    }
}
