//! Memory straight from the guest's kernel.

use std::io;
use std::ptr::{self, NonNull};

use crate::program::Failure;

/// Bytes in a page of the guest.
pub(crate) const PAGE: usize = 4096;
/// 64-bit words in a page of the guest.
pub(crate) const WORDS_PER_PAGE: usize = PAGE / 8;

/// The bytes in `mib` mebibytes.
pub(crate) fn mebibytes(mib: u64) -> Result<usize, Failure> {
    let bytes = mib.checked_mul(1 << 20).and_then(|bytes| isize::try_from(bytes).ok());
    bytes.map(isize::cast_unsigned).ok_or_else(|| Failure(format!("{mib} MiB do not fit an address space")))
}

/// A mapped range, given back when dropped.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

impl Mapping {
    /// Map `bytes` anywhere, as `mmap` would with these `protection`, `flags` and `file`.
    pub(crate) fn new(bytes: usize, protection: i32, flags: i32, file: i32) -> Result<Self, Failure> {
        // SAFETY: without MAP_FIXED a new mapping overlaps nothing that exists.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, file, 0) };
        if start == libc::MAP_FAILED {
            return Err(Failure(format!("mmap of {bytes} bytes: {}", io::Error::last_os_error())));
        }
        let start = NonNull::new(start.cast()).expect("mmap does not give out address 0");
        Ok(Self { start, bytes })
    }

    /// The first byte; valid for as many bytes as were asked for, as the protection allows.
    pub(crate) fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `new`, is unmapped only here, and no reference outlives `self`.
        let result = unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
        assert_eq!(result, 0, "munmap of a whole mapping does not fail");
    }
}

/// Private memory of whole pages, all zero at first and not touched yet.
pub(crate) struct Pages(Mapping);

impl Pages {
    /// Map at least `bytes`.
    pub(crate) fn new(bytes: usize) -> Result<Self, Failure> {
        let bytes = bytes.next_multiple_of(PAGE);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        Mapping::new(bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1).map(Self)
    }

    /// Everything, as 64-bit words.
    pub(crate) fn words(&mut self) -> &mut [u64] {
        // SAFETY: the mapping is page-aligned, readable, writable, initialized by the kernel and, being
        // private and borrowed exclusively, reached through this slice alone.
        unsafe { std::slice::from_raw_parts_mut(self.0.start().cast(), self.0.bytes / 8) }
    }

    /// Everything, as bytes.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: as in `words`.
        unsafe { std::slice::from_raw_parts_mut(self.0.start(), self.0.bytes) }
    }
}
