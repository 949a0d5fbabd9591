//! What VMs and resource pools are asked to be, as people write it and as it is kept on disk.
//!
//! **Model.** A spec is complete: what a field was left out of has its default. A change names only what is
//! to be different. Sizes are in bytes.
//!
//! **Not here.** What cannot be, and whether there is room for it: the host says so.

use crate::autostart::Autostart;
use crate::ended::Afterwards;
use crate::mmu::Mmu;
use addr::ByteSize;
use sched::Shares;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use utoipa::ToSchema;

/// A VM as it is asked to be.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VmSpec {
    /// What people call it: 1 to 63 letters, digits, `-`, `_` and `.`, the first a letter or digit;
    /// neither `none` nor an MMU mode.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", example = "web")]
    pub name: String,
    /// Guest physical memory: whole MiB, 16 MiB to 256 GiB.
    pub memory_bytes: ByteSize,
    /// vCPUs, 1 to 8.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 8)]
    pub cpus: u32,
    /// How addresses are translated: automatic, software or hardware.
    #[serde(default)]
    pub mmu: Mmu,
    /// A RISC-V Linux `Image`, gzipped or not; an absolute path on the host.
    #[schema(value_type = String, max_length = 4095)]
    pub kernel: PathBuf,
    /// A cpio archive, compressed or not; an absolute path on the host.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 4095)]
    pub initrd: Option<PathBuf>,
    /// The kernel's command line; `console=ttyS0` by default, so that the console shows what the guest says.
    #[serde(default = "command_line")]
    #[schema(max_length = 1023)]
    pub append: String,
    /// Machine memory guaranteed; whole pages, at most the VM's memory.
    #[serde(default)]
    pub reservation_bytes: ByteSize,
    /// Machine memory never exceeded; none by default.
    #[serde(default)]
    pub limit_bytes: Option<ByteSize>,
    /// Claim on scarce memory relative to siblings: low, normal, high or a number.
    #[serde(default, with = "crate::text")]
    pub shares: Shares,
    /// The resource pool it lies in; the host itself by default.
    #[serde(default)]
    pub pool: Option<String>,
    /// How large its balloon may get; `Mem.CtlMaxPercent` of its memory by default. That of a guest which reports free memory holds a
    /// cushion of 1 to 4 MiB in any case.
    #[serde(default)]
    pub balloon_max_bytes: Option<ByteSize>,
    /// Whether its pages are looked through for equal ones.
    #[serde(default = "yes")]
    pub sharing: bool,
    /// VMs with the same salt may share pages, as `Mem.ShareForceSalting` has it. Counts from power-on.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub salt: Option<String>,
    /// The directory of its swap file, an absolute path; the host's by default.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 4095)]
    pub swap_dir: Option<PathBuf>,
    /// Whether its pages are compressed before they are swapped, if `Mem.MemZipEnable` allows it.
    #[serde(default = "yes")]
    pub zip: bool,
    /// Whether it starts with the host, where the host does that.
    #[serde(default)]
    pub autostart: Autostart,
    /// Its turn among those that start with the host, the lowest first; null: after all that have one, by name.
    #[serde(default)]
    pub autostart_order: Option<u32>,
    /// Seconds that pass after it has started, before the next one's turn; 3600 at most.
    #[serde(default)]
    #[schema(maximum = 3600)]
    pub autostart_delay_seconds: u32,
    /// What is done when its guest reboots.
    #[serde(default = "restart")]
    pub on_reboot: Afterwards,
    /// What is done when its guest panics.
    #[serde(default = "keep")]
    pub on_panic: Afterwards,
}

const fn restart() -> Afterwards {
    Afterwards::Restart
}

const fn keep() -> Afterwards {
    Afterwards::Keep
}

fn command_line() -> String {
    VmSpec::COMMAND_LINE.to_owned()
}

const fn one() -> u32 {
    1
}

const fn yes() -> bool {
    true
}

/// A resource pool as it is asked to be.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolSpec {
    /// What people call it; as the name of a VM.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", example = "lab")]
    pub name: String,
    /// The pool it lies in; the host itself by default.
    #[serde(default)]
    pub parent: Option<String>,
    /// Machine memory guaranteed to those within, overhead included; whole pages.
    #[serde(default)]
    pub reservation_bytes: ByteSize,
    /// Whether reservations within may take from the parent what this pool's own lacks.
    #[serde(default = "yes")]
    pub expandable: bool,
    /// Whether its shares scale with those of its members: the level then says what a member of this pool may claim against a VM
    /// beside the pool, however many members there are.
    #[serde(default = "yes")]
    pub scalable_shares: bool,
    /// Machine memory that those within never exceed together; none by default.
    #[serde(default)]
    pub limit_bytes: Option<ByteSize>,
    /// Claim on scarce memory relative to siblings: low, normal, high or a number.
    #[serde(default, with = "crate::text")]
    pub shares: Shares,
}

impl VmSpec {
    /// The command line unless another is given: the console is the serial port.
    pub const COMMAND_LINE: &str = "console=ttyS0";

    /// A VM with one CPU and everything else as by default.
    pub fn new(name: &str, memory: ByteSize, kernel: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            memory_bytes: memory,
            cpus: 1,
            mmu: Mmu::Automatic,
            kernel: kernel.into(),
            initrd: None,
            append: command_line(),
            reservation_bytes: ByteSize(0),
            limit_bytes: None,
            shares: Shares::Normal,
            pool: None,
            balloon_max_bytes: None,
            sharing: true,
            salt: None,
            swap_dir: None,
            zip: true,
            autostart: Autostart::default(),
            autostart_order: None,
            autostart_delay_seconds: 0,
            on_reboot: restart(),
            on_panic: keep(),
        }
    }
}

impl PoolSpec {
    /// A pool on the host itself with everything as by default.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            parent: None,
            reservation_bytes: ByteSize(0),
            expandable: true,
            scalable_shares: true,
            limit_bytes: None,
            shares: Shares::Normal,
        }
    }
}
