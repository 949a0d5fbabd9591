//! From a kernel file to a guest that can start: what a boot loader would do.
//!
//! **Model.** [`KernelImage`] and [`Initrd`] are files that were read and found good. [`Layout`]
//! says where in guest memory they go, [`DeviceTree`] describes the machine to the kernel, and
//! [`load`] puts all three there. The boot hart then starts at [`Entry::kernel`] in S-mode with its
//! number in `a0`, the device tree's address in `a1` and paging off.
//!
//! **Failure.** Every error says which file or setting it is about, what was found and what to do.
//! Nothing is written to guest memory unless everything fits.
//!
//! **Cost.** The files' content is in the host's memory from when it is read until the image and initrd are
//! dropped; whoever loads a guest drops them then. [`open_kernel`] and [`open_initrd`] refuse what this guest could not use, and tell
//! how large the rest is, before any of that is paid.
//!
//! **Not here.** Guest memory itself, which [`load`] reaches through a closure; the firmware calls (SBI)
//! that the kernel makes.
//!
//! **Sources.** Linux `Documentation/arch/riscv/boot.rst` and `boot-image-header.rst`.

mod fdt;
mod image;
mod initrd;
mod layout;

pub use fdt::{Chosen, Cpus, DeviceTree, DeviceTreeError, MachineFacts, PciHost, Plic, Rtc, SerialPort};
pub use image::{KernelError, KernelImage};
pub use initrd::{Initrd, InitrdError, InitrdFormat};
pub use layout::{Layout, LayoutError};

use addr::{ByteSize, Gpa};
use files::{FileError, Regular};
use std::io::Read;
use std::path::Path;

/// Why a guest could not be loaded. `E` is what writing to guest memory can fail with.
#[derive(Debug, thiserror::Error)]
pub enum LoadError<E> {
    /// The parts do not fit into guest memory.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The machine cannot be described.
    #[error(transparent)]
    DeviceTree(#[from] DeviceTreeError),
    /// Guest memory refused a write.
    #[error("cannot write {what} to guest memory at {at}: {source}")]
    Write {
        /// Which part was being written.
        what: &'static str,
        /// Where.
        at: Gpa,
        /// The cause.
        source: E,
    },
}

/// Where the boot hart starts and what it finds in `a1`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The first instruction.
    pub kernel: Gpa,
    /// The device tree.
    pub device_tree: Gpa,
}

/// Puts kernel, initrd and device tree into the guest memory that `machine` describes.
///
/// # Errors
/// When something does not fit, the machine cannot be described, or `write` fails.
pub fn load<E>(
    kernel: &KernelImage,
    initrd: Option<&Initrd>,
    machine: &MachineFacts,
    command_line: &str,
    rng_seed: [u8; 32],
    mut write: impl FnMut(Gpa, &[u8]) -> Result<(), E>,
) -> Result<Entry, LoadError<E>> {
    let layout = Layout::new(machine.memory, kernel, initrd)?;
    let chosen = Chosen { command_line, initrd: layout.initrd, rng_seed };
    let device_tree = DeviceTree::new(machine, &chosen)?;
    let mut put =
        |what, at, bytes: &[u8]| write(at, bytes).map_err(|source| LoadError::Write { what, at, source });
    put("the kernel", layout.kernel, kernel.bytes())?;
    if let (Some(initrd), Some(range)) = (initrd, layout.initrd) {
        put("the initrd", range.start, initrd.bytes())?;
    }
    put("the device tree", layout.device_tree, device_tree.bytes())?;
    Ok(Entry { kernel: layout.kernel, device_tree: layout.device_tree })
}

/// No kernel is larger, packed or unpacked.
const MOST_KERNEL: ByteSize = ByteSize::mib(256);
/// No initrd is larger as it lies on disk.
const MOST_INITRD: ByteSize = ByteSize::mib(4 << 10);

/// Opens the kernel of a guest with so much memory; what could not be put there is refused before it is read.
///
/// # Errors
/// If it cannot be opened, is no regular file, or is too large.
pub fn open_kernel(path: &Path, memory: ByteSize) -> Result<Regular, FileError> {
    Regular::open(path, memory.min(MOST_KERNEL))
}

/// The same of an initrd.
///
/// # Errors
/// The same.
pub fn open_initrd(path: &Path, memory: ByteSize) -> Result<Regular, FileError> {
    Regular::open(path, memory.min(MOST_INITRD))
}

/// The magic bytes of the ways files are compressed that Linux knows.
const COMPRESSIONS: [(&[u8], &str); 7] = [
    (&[0x1f, 0x8b], "gzip"),
    (b"BZh", "bzip2"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (&[0x02, 0x21, 0x4c, 0x18], "lz4"),
    (&[0x89, b'L', b'Z', b'O'], "lzo"),
    (&[0x5d, 0, 0], "lzma"),
];

/// How `bytes` are compressed, going by how they begin.
fn compression(bytes: &[u8]) -> Option<&'static str> {
    COMPRESSIONS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|&(_, name)| name)
}

/// What is wrong with a gzip stream.
#[derive(Debug, PartialEq, Eq)]
enum GzipError {
    /// The input ended inside the stream.
    Truncated,
    /// The stream is longer than allowed when unpacked.
    TooLarge,
    /// There is no memory for what it unpacks to.
    NoMemory,
    /// A bad header, code or checksum.
    Damaged(String),
}

/// Unpacks the gzip member that `input` begins with in steps of bounded size, handing each to
/// `sink`, which says whether it has room; returns how long the member is packed and unpacked.
fn gunzip(
    input: &[u8],
    limit: ByteSize,
    mut sink: impl FnMut(&[u8]) -> bool,
) -> Result<(usize, ByteSize), GzipError> {
    let mut decoder = flate2::bufread::GzDecoder::new(input);
    let mut step = vec![0; 1 << 16];
    let mut unpacked = 0;
    loop {
        match decoder.read(&mut step) {
            Ok(0) => return Ok((input.len() - decoder.get_ref().len(), ByteSize(unpacked))),
            Ok(read) if unpacked + read as u64 > limit.0 => return Err(GzipError::TooLarge),
            Ok(read) => {
                unpacked += read as u64;
                if !sink(&step[..read]) {
                    return Err(GzipError::NoMemory);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(GzipError::Truncated);
            }
            Err(error) => return Err(GzipError::Damaged(error.to_string())),
        }
    }
}

/// The little-endian integer of `N` bytes at `offset`; `None` past the end.
fn le_bytes<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..offset.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests;
