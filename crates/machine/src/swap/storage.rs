//! The file behind a swap file: setting space aside, and moving blocks.
//!
//! **Model.** Blocks go between this process and the disk directly (`O_DIRECT`). Where the file system
//! does not do that, they go through the host's page cache, from which they are then dropped.
//!
//! **Failure.** Interrupted calls are made again, and short ones go on from the first block that is
//! not whole.

use addr::{ByteSize, PAGE_SIZE};
use rustix::fs::{
    Advice, FallocateFlags, OFlags, fadvise, fallocate, fcntl_getfl, fcntl_setfl, fdatasync, fstatvfs,
};
use rustix::io::{preadv, pwritev, retry_on_intr};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::Path;

/// A page's worth of bytes, aligned as `O_DIRECT` asks for.
#[repr(align(4096))]
#[derive(Clone)]
pub(super) struct Block(pub(super) [u8; PAGE_SIZE as usize]);

thread_local! {
    // Kept, because the allocator would return blocks this large to the host's kernel each time,
    // and getting them back costs more than sealing them.
    static BLOCKS: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// Does `work` with blocks of this thread, which hold whatever was in them last.
pub(super) fn with_blocks<R>(count: usize, work: impl FnOnce(&mut [Block]) -> R) -> R {
    BLOCKS.with_borrow_mut(|blocks| {
        if blocks.len() < count {
            blocks.resize(count, Block([0; PAGE_SIZE as usize]));
        }
        work(&mut blocks[..count])
    })
}

pub(super) struct Storage {
    pub(super) file: File,
    direct: bool,
    #[cfg(test)]
    pub(super) faults: super::tests::Faults,
}

impl Storage {
    /// Makes an empty file without a name.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        Ok(Self {
            file: tempfile::tempfile_in(dir)?,
            direct: false,
            #[cfg(test)]
            faults: super::tests::Faults::default(),
        })
    }

    /// From now on, has blocks go around the host's page cache if the file system can do that.
    pub(super) fn go_around_the_page_cache(&mut self) -> io::Result<()> {
        let flags = fcntl_getfl(&self.file)?;
        if fcntl_setfl(&self.file, flags | OFlags::DIRECT).is_err() {
            return Ok(());
        }
        // Some that take the flag then refuse blocks of this size.
        let mut block = Block([0; PAGE_SIZE as usize]);
        self.direct = preadv(&self.file, &mut [IoSliceMut::new(&mut block.0)], 0).is_ok();
        if self.direct { Ok(()) } else { self.use_page_cache() }
    }

    /// The opposite.
    pub(super) fn use_page_cache(&mut self) -> io::Result<()> {
        self.direct = false;
        let flags = fcntl_getfl(&self.file)?;
        Ok(fcntl_setfl(&self.file, flags - OFlags::DIRECT)?)
    }

    /// What the file system has free for such as us, if it says.
    pub(super) fn free_space(&self) -> Option<ByteSize> {
        let system = fstatvfs(&self.file).ok()?;
        Some(ByteSize(system.f_bavail.saturating_mul(system.f_frsize)))
    }

    /// Sets space aside, and lengthens the file; or leaves it as it was.
    pub(super) fn reserve(&self, bytes: Range<u64>) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let length = bytes.end - bytes.start;
        retry_on_intr(|| fallocate(&self.file, FallocateFlags::empty(), bytes.start, length)).map_err(
            |error| {
                // Some of it may have been set aside. If that is not given back, it is still unused.
                let _ = self.truncate(bytes.start);
                error.into()
            },
        )
    }

    pub(super) fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Writes blocks to the file from `offset` on.
    pub(super) fn write(&self, offset: u64, blocks: &[Block]) -> io::Result<()> {
        #[cfg(test)]
        self.faults.of_writing()?;
        transfer(blocks.len(), |done| {
            let slices: Vec<_> = blocks[done..].iter().map(|block| IoSlice::new(&block.0)).collect();
            Ok(pwritev(&self.file, &slices, offset + done as u64 * PAGE_SIZE)?)
        })?;
        if !self.direct {
            // Only what has reached the disk can be dropped.
            retry_on_intr(|| fdatasync(&self.file))?;
        }
        self.drop_from_page_cache(offset, blocks.len());
        Ok(())
    }

    /// Reads blocks from the file from `offset` on. What the file is too short for is an error.
    pub(super) fn read(&self, offset: u64, blocks: &mut [Block]) -> io::Result<()> {
        #[cfg(test)]
        self.faults.of_reading()?;
        transfer(blocks.len(), |done| {
            let rest = blocks[done..].iter_mut();
            let mut slices: Vec<_> = rest.map(|block| IoSliceMut::new(&mut block.0)).collect();
            Ok(preadv(&self.file, &mut slices, offset + done as u64 * PAGE_SIZE)?)
        })?;
        self.drop_from_page_cache(offset, blocks.len());
        Ok(())
    }

    fn drop_from_page_cache(&self, offset: u64, blocks: usize) {
        if !self.direct {
            // Advice: if it is not taken, that costs the host memory and nobody correctness.
            let _ = fadvise(&self.file, offset, NonZeroU64::new(blocks as u64 * PAGE_SIZE), Advice::DontNeed);
        }
    }
}

/// Calls `step` with the number of blocks that are done until all are. It gives how many bytes it
/// moved from there.
pub(super) fn transfer(blocks: usize, mut step: impl FnMut(usize) -> io::Result<usize>) -> io::Result<()> {
    let mut done = 0;
    while done < blocks {
        match step(done) {
            Ok(bytes) if bytes as u64 >= PAGE_SIZE => done += bytes / PAGE_SIZE as usize,
            Ok(bytes) => {
                let message = format!("the file ends, or the disk does, {bytes} bytes into a page");
                return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
