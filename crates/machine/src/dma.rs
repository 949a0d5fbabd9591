//! A VM's memory as devices reach it: `vm_memory`'s traits over pinned pages.
//!
//! **Model.** `vm_memory` hands a device volatile slices of the memory behind a range of guest physical
//! addresses. Here each slice lies within one page, wherever in the pool its frame is. Every slice has a
//! place for a view of a dirty bitmap, which is cloned with it, cut with it and dropped with it: that view
//! is the page's [`Pin`]. So a page stays in its frame exactly as long as any slice of it exists, and a
//! slice that was cut into two holds two pins.
//!
//! The traits know memory as regions too, which are contiguous in the host; a VM's memory has none, and
//! says so with a type that has no values.
//!
//! **Concurrency.** A slice is handed out after its page was made ready, which may wait for a passage to
//! end: no lock may be held that the mover of a page wants. The guest may read and write the same bytes at
//! the same time, as with any device on any machine.
//!
//! **Failure.** An address that is not memory is an error of the access, found at the slice that has it. A page that the
//! host cannot give, because its content is lost or the VM ends, is an I/O error with its cause: no fault of the guest's.
//!
//! **Sources.** `vm_memory` 0.18: `GuestMemory`, `BitmapSlice`.

use crate::vm_memory::{MemoryError, Pin, VmMemory};
use addr::{Gfn, Gpa, PAGE_SIZE};
use std::fmt;
use std::io;
use std::iter::FusedIterator;
use vm_memory::bitmap::{BS, Bitmap, BitmapSlice, WithBitmapSlice};
use vm_memory::guest_memory::GuestMemorySliceIterator;
use vm_memory::{
    GuestAddress, GuestMemory, GuestMemoryBackend, GuestMemoryError, GuestMemoryRegion,
    GuestMemoryRegionBytes, GuestUsize, Permissions, VolatileSlice,
};

impl GuestMemory for VmMemory {
    type PhysicalMemory = NoRegion;
    type Bitmap = Pins;

    /// Touches no page.
    fn check_range(&self, start: GuestAddress, bytes: usize, _: Permissions) -> bool {
        let Some(last) = (bytes as u64).checked_sub(1) else { return true };
        let is_memory = |gpa| self.pmap().contains(Gfn::containing(Gpa(gpa)));
        // The memory of a VM is one stretch of gfns.
        start.0.checked_add(last).is_some_and(|end| is_memory(start.0) && is_memory(end))
    }

    fn get_slices(
        &self,
        start: GuestAddress,
        bytes: usize,
        _: Permissions,
    ) -> vm_memory::GuestMemoryResult<impl GuestMemorySliceIterator<'_, Pin<'_>>> {
        Ok(Slices { memory: self, next: Gpa(start.0), left: bytes })
    }
}

/// Goes through a range page by page, pinning each as it comes to it.
struct Slices<'a> {
    memory: &'a VmMemory,
    next: Gpa,
    left: usize,
}

impl<'a> Iterator for Slices<'a> {
    type Item = vm_memory::GuestMemoryResult<VolatileSlice<'a, Pin<'a>>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let at = self.next;
        let pin = match self.memory.pin(Gfn::containing(at)) {
            Ok(pin) => pin,
            Err(error) => {
                self.left = 0;
                return Some(Err(access_error(at, error)));
            }
        };
        let bytes = self.left.min((PAGE_SIZE - at.page_offset()) as usize);
        self.left -= bytes;
        // Memory ends below the end of the address space, where this would wrap to 0: not memory.
        self.next = at.wrapping_add(bytes as u64);
        let frame = self.memory.pool.frame_start(pin.mfn());
        // SAFETY: `bytes` from the offset on lie within the frame, and the frame within the pool, which
        // the borrowed `VmMemory` keeps mapped for 'a. The pin in the slice keeps the page in this frame,
        // and the frame with this VM, until the slice is dropped. Whoever else accesses the bytes does so
        // atomically: the guest, whose races with its own devices are between the two of them.
        Some(Ok(unsafe {
            let start = frame.as_ptr().add(at.page_offset() as usize);
            VolatileSlice::with_bitmap(start, bytes, pin, None)
        }))
    }
}

/// What a device is told: whether its guest named an address that is not memory, or the host cannot give the page.
fn access_error(at: Gpa, error: MemoryError) -> GuestMemoryError {
    match error {
        MemoryError::Lost { .. } | MemoryError::Ending | MemoryError::PoolTooSmall { .. } => {
            GuestMemoryError::IOError(io::Error::other(error))
        }
        MemoryError::Outside(_) => GuestMemoryError::InvalidGuestAddress(GuestAddress(at.0)),
    }
}

impl FusedIterator for Slices<'_> {}

impl<'a> GuestMemorySliceIterator<'a, Pin<'a>> for Slices<'a> {}

/// The type of bitmap whose views are pins. It has no values: pins come from [`VmMemory::pin`].
pub enum Pins {}

impl<'a> WithBitmapSlice<'a> for Pins {
    type S = Pin<'a>;
}

impl Bitmap for Pins {
    fn mark_dirty(&self, _: usize, _: usize) {
        match *self {}
    }

    fn dirty_at(&self, _: usize) -> bool {
        match *self {}
    }

    fn slice_at(&self, _: usize) -> BS<'_, Self> {
        match *self {}
    }
}

impl<'p> WithBitmapSlice<'_> for Pin<'p> {
    type S = Pin<'p>;
}

/// A pin takes the place of a bitmap and records nothing.
impl Bitmap for Pin<'_> {
    fn mark_dirty(&self, _: usize, _: usize) {}

    fn dirty_at(&self, _: usize) -> bool {
        false
    }

    fn slice_at(&self, _: usize) -> Self {
        self.clone()
    }
}

impl BitmapSlice for Pin<'_> {}

impl fmt::Debug for Pin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pin of {:?}", self.mfn())
    }
}

/// A region of memory contiguous in the host: there are none.
pub enum NoRegion {}

impl GuestMemoryBackend for NoRegion {
    type R = Self;

    fn iter(&self) -> impl Iterator<Item = &Self> {
        std::iter::empty()
    }
}

impl GuestMemoryRegion for NoRegion {
    type B = ();

    fn len(&self) -> GuestUsize {
        match *self {}
    }

    fn start_addr(&self) -> GuestAddress {
        match *self {}
    }

    fn bitmap(&self) {
        match *self {}
    }
}

impl GuestMemoryRegionBytes for NoRegion {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pool;
    use addr::PageCount;
    use addr::VmId;
    use proptest::prelude::*;
    use std::sync::atomic::Ordering;
    use vm_memory::Bytes;

    const FIRST: Gfn = Gfn(0x80000);
    const PAGES: u64 = 4;

    fn vm() -> VmMemory {
        let pool = Pool::new(PageCount(2 * PAGES).bytes()).unwrap();
        VmMemory::new(&pool, VmId(1), FIRST, PageCount(PAGES)).unwrap()
    }

    fn at(offset: u64) -> GuestAddress {
        GuestAddress(FIRST.base().0 + offset)
    }

    fn slices_of(vm: &VmMemory, offset: u64) -> vm_memory::GuestMemoryResult<()> {
        vm.get_slices(at(offset), 8, Permissions::Write).unwrap().try_for_each(|slice| slice.map(drop))
    }

    fn slices(vm: &VmMemory, offset: u64, bytes: usize) -> Vec<VolatileSlice<'_, Pin<'_>>> {
        let slices = vm.get_slices(at(offset), bytes, Permissions::ReadWrite).unwrap();
        slices.map(Result::unwrap).collect()
    }

    #[test]
    fn a_page_is_held_as_long_as_any_slice_of_it() {
        let vm = vm();
        let moves = || vm.move_pages(&[FIRST]).moved == 1;
        let slice = slices(&vm, 8, 100).remove(0);
        assert!(!moves());
        let (left, right) = slice.split_at(10).unwrap();
        drop(slice);
        drop(left);
        assert!(!moves());
        let part = right.subslice(1, 2).unwrap();
        drop(right);
        assert!(!moves());
        drop(part);
        assert!(moves());
    }

    #[test]
    fn accesses_hold_nothing_afterwards() {
        let vm = vm();
        vm.write_slice(&[7; 5000], at(100)).unwrap();
        vm.store(7u32, at(8), Ordering::SeqCst).unwrap();
        assert_eq!(vm.move_pages(&[FIRST, Gfn(FIRST.0 + 1)]).moved, 2);
        assert_eq!(vm.load::<u32>(at(8), Ordering::SeqCst).unwrap(), 7);
        assert_eq!(vm.read_obj::<[u8; 8]>(at(5092)).unwrap(), [7; 8]);
    }

    #[test]
    fn a_slice_lies_within_a_page() {
        let vm = vm();
        let lengths: Vec<usize> = slices(&vm, 4000, 5000).iter().map(VolatileSlice::len).collect();
        assert_eq!(lengths, [96, 4096, 808]);
        assert!(slices(&vm, 4000, 0).is_empty());
    }

    #[test]
    fn what_is_not_memory_is_refused_and_nothing_is_touched() {
        let vm = vm();
        let end = PAGES * PAGE_SIZE;
        let check = |start, bytes| vm.check_range(start, bytes, Permissions::Read);
        assert!(check(at(0), end as usize) && check(GuestAddress(u64::MAX), 0));
        for (start, bytes) in [
            (at(1), end as usize),
            (at(end), 1),
            (GuestAddress(0), 1),
            (GuestAddress(u64::MAX), 2),
            (at(0), usize::MAX),
        ] {
            assert!(!check(start, bytes), "{start:?}, {bytes}");
        }
        assert!(vm.write_slice(&[0; 2], GuestAddress(u64::MAX)).is_err());
        assert_eq!(vm.census().untouched, PageCount(PAGES));
        let mut found = vm.get_slices(at(end - 1), 2, Permissions::Read).unwrap();
        assert!(found.next().unwrap().is_ok());
        assert!(found.next().unwrap().is_err());
        assert!(found.next().is_none());
    }

    #[test]
    fn who_is_to_blame_for_a_failed_access_is_told() {
        let vm = vm();
        let error = |offset| slices_of(&vm, offset).unwrap_err();
        assert!(matches!(error(PAGES * PAGE_SIZE), GuestMemoryError::InvalidGuestAddress(_)));
        vm.end();
        let GuestMemoryError::IOError(cause) = error(0) else {
            panic!("the VM ends, which is no fault of its guest")
        };
        assert_eq!(cause.downcast::<MemoryError>().unwrap(), MemoryError::Ending);
        let lost = MemoryError::Lost { gfn: FIRST, reason: "the file ends".to_owned() };
        let GuestMemoryError::IOError(cause) = access_error(FIRST.base(), lost) else {
            panic!("it is the host's disk")
        };
        assert!(cause.to_string().contains("the file ends"), "{cause}");
    }

    proptest! {
        #[test]
        fn reads_give_what_was_written(
            steps in prop::collection::vec((0..PAGES * PAGE_SIZE, 1usize..6000, any::<u8>(), any::<bool>()), 1..40),
        ) {
            let vm = vm();
            let mut model = vec![0u8; (PAGES * PAGE_SIZE) as usize];
            for (offset, bytes, value, shift) in steps {
                let start = offset as usize;
                let end = (start + bytes).min(model.len());
                let written: Vec<u8> = (start..end).map(|n| value.wrapping_add(n as u8)).collect();
                vm.write_slice(&written, at(offset)).unwrap();
                model[start..end].copy_from_slice(&written);
                if shift {
                    vm.move_pages(&[Gfn::containing(Gpa(at(offset).0))]);
                }
            }
            let mut content = vec![0; model.len()];
            vm.read_slice(&mut content, at(0)).unwrap();
            prop_assert_eq!(content, model);
        }
    }
}
