//! Where in guest memory the parts go.
//!
//! **Model.** From the start of memory upwards: a gap of the kernel's choosing, the kernel with its
//! BSS, the device tree, the initrd, and the rest for the kernel to use.

use super::{Initrd, KernelImage};
use addr::{ByteSize, Gpa, PAGE_SIZE};
use devices::map::GpaRange;

/// The most a device tree may take; one for eight harts is about 10 KiB.
pub(super) const DEVICE_TREE_SPACE: ByteSize = ByteSize::kib(64);

/// What a Debian 13 kernel has in use beside its image and the initrd when it begins to unpack the
/// latter: page structures, slabs, per-CPU areas, the firmware's memory. Measured at 38 MiB.
const WORKING_SPACE: ByteSize = ByteSize::mib(40);

/// A kernel with strict permissions takes all of the last 2 MiB its image reaches into, and throws an
/// initrd away that begins there.
const KERNEL_ALIGNMENT: u64 = 2 << 20;

/// The initrd is unpacked into a tmpfs, which may fill half of the memory that is then free.
const FREE_PER_UNPACKED: u64 = 2;

/// Where each part begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The kernel and its first instruction.
    pub kernel: Gpa,
    /// The device tree, with room for 64 KiB.
    pub device_tree: Gpa,
    /// The initrd, exactly as long as the file.
    pub initrd: Option<GpaRange>,
}

/// Guest memory is too small.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{memory} of guest memory is too little: this kernel{} needs at least {minimum}; give the VM more memory",
    if *.with_initrd { " with this initrd" } else { "" }
)]
pub struct LayoutError {
    memory: ByteSize,
    with_initrd: bool,
    minimum: ByteSize,
}

impl LayoutError {
    /// The least guest memory that would have been accepted.
    pub fn minimum(&self) -> ByteSize {
        self.minimum
    }
}

impl Layout {
    /// Places the parts in `memory`, the guest's.
    ///
    /// # Errors
    /// If they do not fit, or if so little is left over that the kernel could not unpack the initrd.
    pub fn new(memory: GpaRange, kernel: &KernelImage, initrd: Option<&Initrd>) -> Result<Self, LayoutError> {
        let page_align = |offset: u64| offset.next_multiple_of(PAGE_SIZE);
        let kernel_offset = kernel.text_offset().0;
        let device_tree_offset = (kernel_offset + kernel.size().0).next_multiple_of(KERNEL_ALIGNMENT);
        let initrd_offset = device_tree_offset + DEVICE_TREE_SPACE.0;
        let initrd_size = initrd.map_or(0, |initrd| initrd.bytes().len() as u64);
        let unpacked = initrd.and_then(Initrd::unpacked).map_or(0, |size| size.0);

        let minimum = page_align(initrd_offset + initrd_size)
            + FREE_PER_UNPACKED * page_align(unpacked)
            + WORKING_SPACE.0;
        if memory.size.0 < minimum {
            let minimum = ByteSize(minimum.next_multiple_of(1 << 20));
            return Err(LayoutError { memory: memory.size, with_initrd: initrd.is_some(), minimum });
        }
        let at = |offset| memory.start.wrapping_add(offset);
        Ok(Self {
            kernel: at(kernel_offset),
            device_tree: at(device_tree_offset),
            initrd: initrd.map(|_| GpaRange { start: at(initrd_offset), size: ByteSize(initrd_size) }),
        })
    }
}
