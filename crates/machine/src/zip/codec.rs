//! Compressing a page and getting it back: LZ4 blocks, checked by XXH3-64.
//!
//! **Cost.** A page that does not shrink takes longest, two to three times as long as one that does. So a
//! sixteenth of each is tried first, and most such pages are given up there.
//!
//! **Failure.** A page that does not shrink to a half is not worth a place. What does not uncompress
//! to a whole page is corrupt, and is found out without a panic.

use super::place::MAX_BYTES;
use addr::{Gfn, PAGE_SIZE};
use lz4_flex::block::{CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size};
use std::ops::Range;
use twox_hash::XxHash3_64;

/// The part of a page that is tried first. Pages often begin with something unlike the rest.
const SAMPLE: Range<usize> = 1024..1280;
/// A page whose sample does not shrink to this is not compressed.
const SAMPLE_MOST: usize = SAMPLE.end - SAMPLE.start - 52;

/// A page that shrank enough for the zip store, in its [`Compressor`]'s memory.
#[derive(Debug)]
pub struct Compressed<'a> {
    pub(super) gfn: Gfn,
    pub(super) checksum: u64,
    pub(super) bytes: &'a [u8],
}

/// What compressing needs: one for each thread that does it, 13 KiB.
pub struct Compressor {
    table: CompressTable,
    output: Vec<u8>,
}

impl Default for Compressor {
    fn default() -> Self {
        Self { table: CompressTable::small(), output: vec![0; get_maximum_output_size(PAGE_SIZE as usize)] }
    }
}

impl Compressor {
    /// Compresses the page `gfn`. `None` if it does not shrink to half a frame, header included, or
    /// does not look as if it would.
    pub fn compress(&mut self, gfn: Gfn, page: &[u8; PAGE_SIZE as usize]) -> Option<Compressed<'_>> {
        if self.shrink(&page[SAMPLE])? > SAMPLE_MOST {
            return None;
        }
        let length = self.shrink(page)?;
        let bytes = &self.output[..length];
        (length <= MAX_BYTES).then(|| Compressed { gfn, checksum: checksum(gfn, page), bytes })
    }

    /// Compresses into `output` and gives the length there.
    fn shrink(&mut self, bytes: &[u8]) -> Option<usize> {
        // The output holds a page at its worst, so an error would mean that it did not shrink.
        compress_into_with_table(bytes, &mut self.output, &mut self.table).ok()
    }
}

/// Uncompresses the page `gfn` and gives its checksum, or `None` if the bytes make no page.
pub(super) fn decompress(gfn: Gfn, bytes: &[u8], into: &mut [u8; PAGE_SIZE as usize]) -> Option<u64> {
    let length = decompress_into(bytes, into).ok()?;
    (length == into.len()).then(|| checksum(gfn, into))
}

/// The gfn is the seed, so that a page does not pass for another.
fn checksum(gfn: Gfn, page: &[u8; PAGE_SIZE as usize]) -> u64 {
    XxHash3_64::oneshot_with_seed(gfn.0, page)
}
