//! Arrays whose memory goes back to the host kernel when they shrink.
//!
//! **Model.** An allocator keeps what is freed for what comes next, unless it had taken the memory from the kernel for
//! that allocation alone, which every one does for large ones. So an area takes address space for [`LEAST`] bytes
//! at least; memory is taken page by page for what is in use, and all behind that is given back.

use std::ops::{Deref, DerefMut};

/// Bytes of address space: more than 32 MiB, from which on glibc always asks the kernel.
const LEAST: usize = 33 << 20;

/// An array that grows in place and gives back what it no longer needs. An empty one takes nothing.
#[derive(Debug)]
pub struct Area<T> {
    items: Vec<T>,
    most: usize,
}

impl<T> Area<T> {
    /// An empty array, to grow to `most` at most.
    pub const fn new(most: usize) -> Self {
        Self { items: Vec::new(), most }
    }

    /// Has `count` items from now on, of which those that are new are made by `make`.
    ///
    /// # Panics
    /// If `count` is more than it may grow to, or fewer than there are.
    pub fn grow(&mut self, count: usize, make: impl FnMut() -> T) {
        assert!((self.items.len()..=self.most).contains(&count), "{count} items of at most {}", self.most);
        self.reserve();
        self.items.resize_with(count, make);
    }

    /// Has one item more.
    ///
    /// # Panics
    /// If there are as many as there may be.
    pub fn push(&mut self, item: T) {
        assert!(self.items.len() < self.most, "more than {} items", self.most);
        self.reserve();
        self.items.push(item);
    }

    /// Keeps the items that `is_kept` is true for, and gives back the memory of the others.
    pub fn retain(&mut self, is_kept: impl FnMut(&T) -> bool) {
        self.items.retain(is_kept);
        // The allocator cuts the end off, where the memory is, and adds as much that nobody has touched.
        self.items.shrink_to_fit();
        if !self.items.is_empty() {
            self.reserve();
        }
    }

    /// Keeps the first `count` items, and gives back the memory of the others.
    pub fn truncate(&mut self, count: usize) {
        let mut index = 0..;
        self.retain(|_| index.next() < Some(count));
    }

    fn reserve(&mut self) {
        let capacity = (LEAST / size_of::<T>()).max(self.most);
        if self.items.capacity() < capacity {
            self.items.reserve_exact(capacity - self.items.len());
        }
    }
}

impl<T> Deref for Area<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> DerefMut for Area<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of this process's memory that are in use.
    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
        let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
        pages * 4096
    }

    #[test]
    fn what_is_not_kept_goes_back_and_what_is_stays() {
        const COUNT: usize = 16_384;
        let mut area = Area::new(COUNT);
        let before = resident();
        let mut number = 0u64..;
        area.grow(COUNT, || [number.next().expect("it has no end"); 128]);
        let full = resident();
        assert!(full > before + (12 << 20), "16 MiB are in use: {before}, {full}");
        let place = area.as_ptr();
        area.grow(COUNT, || unreachable!("there are as many"));
        assert_eq!(area.as_ptr(), place);

        area.retain(|item| item[0] % 64 == 0);
        // Other tests of this process may take some meanwhile, and end.
        let mut tries = 0..1000;
        while resident() >= full - (12 << 20) {
            assert!(tries.next().is_some(), "they are back but for a 64th: {full}, {}", resident());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert_eq!(area.len(), COUNT / 64);
        assert!(area.iter().zip((0u64..).step_by(64)).all(|(item, number)| *item == [number; 128]));
        area.truncate(1);
        assert_eq!(area[..], [[0; 128]]);
        area.truncate(0);
        assert!(area.is_empty());
        area.grow(1, || [7; 128]);
        assert_eq!(area[0][127], 7);
    }

    #[test]
    #[should_panic(expected = "5 items of at most 4")]
    fn it_does_not_grow_beyond_its_bound() {
        Area::new(4).grow(5, || 0u8);
    }
}
