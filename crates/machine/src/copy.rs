//! Copying bytes in and out of a VM's memory, for the VMM itself: loading a guest, answering calls.
//!
//! **Concurrency.** Each page is pinned while its bytes are copied. The guest may run meanwhile; it
//! then sees words old or new, never torn within eight aligned bytes.

use crate::times::User;
use crate::vm_memory::{MemoryError, VmMemory};
use addr::{Gfn, Gpa, PAGE_SIZE};

impl VmMemory {
    /// Calls `each` with every page's frame, offset in it, and part of `0..length` it holds.
    fn for_each_page(
        &self,
        user: User,
        gpa: Gpa,
        length: usize,
        mut each: impl FnMut(crate::Frame, u64, std::ops::Range<usize>),
    ) -> Result<(), MemoryError> {
        let mut done = 0;
        while done < length {
            let at = Gpa(gpa.0.wrapping_add(done as u64));
            let here = (length - done).min((PAGE_SIZE - at.page_offset()) as usize);
            let pin = self.pin_for(user, Gfn::containing(at))?;
            each(self.pool.frame(pin.mfn()), at.page_offset(), done..done + here);
            done += here;
        }
        Ok(())
    }

    /// Copies `bytes` to guest memory at `gpa`.
    ///
    /// # Errors
    /// [`MemoryError::Outside`] if some of it is not memory; what comes before is written.
    pub fn write(&self, gpa: Gpa, bytes: &[u8]) -> Result<(), MemoryError> {
        self.for_each_page(User::Device, gpa, bytes.len(), |frame, offset, range| {
            let part = &bytes[range];
            let unaligned = (offset.next_multiple_of(8) - offset) as usize;
            let (head, rest) = part.split_at(unaligned.min(part.len()));
            let (words, tail) = rest.as_chunks::<8>();
            let mut at = offset;
            for &byte in head {
                frame.store(at, byte);
                at += 1;
            }
            for &word in words {
                frame.store(at, u64::from_le_bytes(word));
                at += 8;
            }
            for &byte in tail {
                frame.store(at, byte);
                at += 1;
            }
        })
    }

    /// Copies guest memory at `gpa` to `into`.
    ///
    /// # Errors
    /// [`MemoryError::Outside`] if some of it is not memory; what comes before is copied.
    pub fn read(&self, gpa: Gpa, into: &mut [u8]) -> Result<(), MemoryError> {
        self.read_for(User::Device, gpa, into)
    }

    /// As [`VmMemory::read`], on account of `user`.
    ///
    /// # Errors
    /// As [`VmMemory::read`].
    pub fn read_for(&self, user: User, gpa: Gpa, into: &mut [u8]) -> Result<(), MemoryError> {
        self.for_each_page(user, gpa, into.len(), |frame, offset, range| {
            for (at, byte) in (offset..).zip(&mut into[range]) {
                *byte = frame.load(at);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{MemoryError, Pool, VmMemory};
    use addr::VmId;
    use addr::{ByteSize, Gfn, Gpa, PageCount};

    #[test]
    fn bytes_survive_any_alignment_and_length() {
        let pool = Pool::new(ByteSize::kib(64)).unwrap();
        let memory = VmMemory::new(&pool, VmId(1), Gfn(16), PageCount(4)).unwrap();
        let bytes: Vec<u8> = (0..9000u32).map(|n| (n * 7 / 8) as u8).collect();
        for offset in [0, 1, 7, 8, 4093] {
            for length in [0, 1, 6, 8, 17, 4096, 8191] {
                let gpa = Gpa(0x10000 + offset);
                memory.write(gpa, &bytes[..length]).unwrap();
                let mut back = vec![0; length];
                memory.read(gpa, &mut back).unwrap();
                assert!(back == bytes[..length], "{length} bytes at offset {offset}");
            }
        }
        assert_eq!(memory.write(Gpa(0x13ff0), &bytes[..32]), Err(MemoryError::Outside(Gfn(20))));
    }
}
