//! The guest that is measured, and QEMU's command line for it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// QEMU, as Debian names it.
pub const QEMU: &str = "qemu-system-riscv64";

/// What every guest's kernel is told, whoever runs it.
pub const KERNEL_LINE: &str = "console=ttyS0 no4lvl cryptomgr.notests quiet";

/// The files that a guest boots from.
pub struct Files {
    /// A RISC-V Linux `Image`.
    pub kernel: PathBuf,
    /// The initramfs with the guest programs.
    pub initrd: PathBuf,
}

impl Files {
    /// Those that `make guest` leaves in `directory`.
    pub fn in_directory(directory: &Path) -> Self {
        Self { kernel: directory.join("Image"), initrd: directory.join("memtide.cpio") }
    }
}

/// QEMU with so much guest memory and so many vCPUs, the console on its standard streams, and no device that
/// is not asked for. What it boots is still to be added.
pub fn qemu(memory_mib: u32, cpus: u32) -> Command {
    let mut command = Command::new(QEMU);
    command
        .args(["-machine", "virt", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"])
        .args(["-m", &format!("{memory_mib}M"), "-smp", &cpus.to_string()]);
    command
}
