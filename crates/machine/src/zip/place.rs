//! Places: the sizes into which frames are cut, and the bytes of one.
//!
//! ```text
//!   word 0   checksum of the uncompressed page
//!   word 1   gfn, bits 0-47; length in bytes, bits 48-63
//!   word 2   older, bits 0-31; newer, bits 32-63; all ones where there is none
//!   word 3.. compressed bytes, the last word filled up with zeros
//! ```

use super::ZipHandle;
use crate::pool::Frame;
use addr::{Gfn, PAGE_SIZE};

/// How many places a frame of each class is cut into; the smallest places first.
pub(super) const CLASSES: [u32; 11] = [32, 24, 16, 12, 10, 8, 6, 5, 4, 3, 2];
/// Bits of a handle that number the place in its frame.
pub(super) const PLACE_BITS: u32 = 5;

pub(super) const HEADER_BYTES: u64 = 24;
/// Compressed bytes that the largest place holds.
pub(super) const MAX_BYTES: usize = (PAGE_SIZE / 2 - HEADER_BYTES) as usize;

const NONE: u32 = u32::MAX;
const GFN_BITS: u32 = 48;

const _: () = assert!(CLASSES[0] <= 1 << PLACE_BITS, "a handle numbers every place of a frame");

/// Bytes of a place, a multiple of the word's 8.
fn size(class: usize) -> u64 {
    (PAGE_SIZE / u64::from(CLASSES[class])) & !7
}

/// The class of the smallest place for so many compressed bytes.
pub(super) fn class_for(length: usize) -> usize {
    let needed = HEADER_BYTES + length as u64;
    (0..CLASSES.len())
        .find(|&class| needed <= size(class))
        .expect("no more than half a frame is compressed to")
}

/// The classes of larger places than `class`.
pub(super) fn larger(class: usize) -> impl Iterator<Item = usize> {
    class + 1..CLASSES.len()
}

pub(super) struct Header {
    pub(super) checksum: u64,
    pub(super) gfn: Gfn,
    /// Compressed bytes.
    pub(super) length: u64,
    pub(super) older: Option<ZipHandle>,
    pub(super) newer: Option<ZipHandle>,
}

/// The bytes of one place.
pub(super) struct Place {
    frame: Frame,
    offset: u64,
    size: u64,
}

impl Place {
    pub(super) fn new(frame: Frame, class: usize, number: u32) -> Self {
        let size = size(class);
        Self { frame, offset: size * u64::from(number), size }
    }

    fn load(&self, word: u64) -> u64 {
        self.frame.load(self.offset + word * 8)
    }

    fn store(&self, word: u64, value: u64) {
        self.frame.store(self.offset + word * 8, value);
    }

    pub(super) fn header(&self) -> Header {
        let (page, links) = (self.load(1), self.load(2));
        Header {
            checksum: self.load(0),
            gfn: Gfn(page & ((1 << GFN_BITS) - 1)),
            length: page >> GFN_BITS,
            older: link(links as u32),
            newer: link((links >> 32) as u32),
        }
    }

    pub(super) fn write_header(&self, header: &Header) {
        assert!(header.gfn.0 >> GFN_BITS == 0, "{:?} is a guest frame", header.gfn);
        self.store(0, header.checksum);
        self.store(1, header.gfn.0 | header.length << GFN_BITS);
        self.store(2, unlink(header.older) | unlink(header.newer) << 32);
    }

    pub(super) fn set_older(&self, older: Option<ZipHandle>) {
        self.store(2, self.load(2) & !u64::from(NONE) | unlink(older));
    }

    pub(super) fn set_newer(&self, newer: Option<ZipHandle>) {
        self.store(2, self.load(2) & u64::from(NONE) | unlink(newer) << 32);
    }

    pub(super) fn write_bytes(&self, bytes: &[u8]) {
        assert!(HEADER_BYTES + bytes.len() as u64 <= self.size, "the page fits its place");
        let (words, rest) = bytes.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        let last = (!rest.is_empty()).then_some(&last);
        for (word, value) in (HEADER_BYTES / 8..).zip(words.iter().chain(last)) {
            self.store(word, u64::from_le_bytes(*value));
        }
    }

    /// The first `length` compressed bytes, or `None` if the place has not as many.
    pub(super) fn read_bytes<'a>(&self, length: u64, buffer: &'a mut [u8; MAX_BYTES]) -> Option<&'a [u8]> {
        if HEADER_BYTES + length > self.size {
            return None;
        }
        let length = length as usize;
        let (words, _) = buffer.as_chunks_mut::<8>();
        for (word, value) in (HEADER_BYTES / 8..).zip(&mut words[..length.div_ceil(8)]) {
            *value = self.load(word).to_le_bytes();
        }
        Some(&buffer[..length])
    }
}

fn link(bits: u32) -> Option<ZipHandle> {
    (bits != NONE).then_some(ZipHandle(bits))
}

fn unlink(link: Option<ZipHandle>) -> u64 {
    u64::from(link.map_or(NONE, |handle| handle.0))
}
