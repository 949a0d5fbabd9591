//! The zip store: the compressed pages of one VM, in machine frames.
//!
//! **Model.** A frame of the store is cut into equal *places* of one of a few sizes, from a half
//! to a 32nd of a frame. A place holds one page: a header and the page's compressed bytes.
//!
//! ```text
//!   frame, cut into thirds     | place 0          | place 1          | place 2 (free)   |
//!                              | header | bytes.. | header | bytes.. |                  |
//!   header                     checksum, gfn, length, older, newer
//! ```
//!
//! The headers' `older` and `newer` link all pages by the time they came. A page that is touched
//! leaves the store, so the oldest is the one that was wanted least: it goes out to swap first.
//!
//! **Invariants.** INV-4: a page comes back only if the checksum of its uncompressed bytes, taken
//! together with its gfn, is what it was. INV-5: the store holds no frame without a page, so it
//! never has more frames than pages, whatever is put in and taken out.
//!
//! **Concurrency.** None inside; [`Compressor`]s work outside the store's lock, and a page is
//! read with `&self`. Nobody else writes the store's frames, which no pmap leads to.
//!
//! **Failure.** Without a frame to put it in, a page is not taken, and nothing has changed. A page
//! that is found [`Corrupt`] stays where it is. So does one whose links do not agree with those of its
//! neighbours: links are followed and written only where the page they lead to leads back, so that
//! damage to one place never spreads to another.
//!
//! **Cost.** O(1) for each operation but [`ZipStore::audit`]. For each page 24 bytes of its place,
//! for each frame 32 bytes of the heap. Time and ratios: `docs/decisions/0020-zip-store.md`.
//!
//! **Not here.** Where frames come from and go to, which pages are compressed, and what becomes of
//! the oldest.

mod codec;
mod frames;
mod place;
#[cfg(test)]
mod tests;

pub use codec::{Compressed, Compressor};

use crate::frame::Audit;
use crate::pool::Frame;
use addr::{ByteSize, Gfn, Mfn, PAGE_SIZE, PageCount};
pub(crate) use frames::BYTES_PER_FRAME;
use frames::ZipFrames;
use place::{HEADER_BYTES, Header};
use thiserror::Error;

/// Names a page in its store, from when it is put in until it is taken out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ZipHandle(u32);

impl ZipHandle {
    /// How many bits of [`ZipHandle::bits`] are in use, counted from the lowest.
    pub const BITS: u32 = u32::BITS;

    /// The handle as a number below 2 to the [`ZipHandle::BITS`], to be kept in a pmap entry.
    pub fn bits(self) -> u64 {
        u64::from(self.0)
    }

    /// The handle that [`ZipHandle::bits`] gave.
    ///
    /// # Panics
    /// If no handle has these bits.
    pub fn from_bits(bits: u64) -> Self {
        Self(u32::try_from(bits).expect("bits are a handle's"))
    }
}

/// A page in the zip store is not what was put there: the host's memory failed, or the host did.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "guest frame {gfn} was damaged in the zip store, in machine frame {mfn}: stop the VM, and test the host's memory"
)]
pub struct Corrupt {
    /// The page.
    pub gfn: Gfn,
    /// Where it was kept.
    pub mfn: Mfn,
}

/// What a zip store holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ZipUse {
    /// Pages held.
    pub pages: PageCount,
    /// Frames they take: never more than pages.
    pub frames: PageCount,
    /// The pages' compressed bytes, without headers and gaps.
    pub compressed: ByteSize,
}

/// The compressed pages of one VM. See the module's documentation.
pub struct ZipStore {
    limit: PageCount,
    frames: ZipFrames,
    pages: u64,
    compressed: u64,
    oldest: Option<ZipHandle>,
    newest: Option<ZipHandle>,
}

impl ZipStore {
    /// Most frames a store may use, whatever its limit: 512 GiB, so that handles fit 32 bits.
    pub const MAX: PageCount = PageCount((1 << 27) - 1);

    /// Makes an empty store that will use `limit` frames at most.
    pub fn new(limit: PageCount) -> Self {
        Self {
            limit: limit.min(Self::MAX),
            frames: ZipFrames::default(),
            pages: 0,
            compressed: 0,
            oldest: None,
            newest: None,
        }
    }

    /// Changes how many frames the store may use. One that uses more already keeps them until its
    /// pages leave, and gets no others.
    pub fn set_limit(&mut self, limit: PageCount) {
        self.limit = limit.min(Self::MAX);
    }

    /// Puts a page in. If no place of the page's size is free, asks `more` for a frame, which then
    /// belongs to the store until [`ZipStore::remove`] gives it back. If there is none, or the
    /// store is at its limit, a larger place will do.
    ///
    /// `None` if there is no place for the page.
    pub fn insert(
        &mut self,
        page: &Compressed<'_>,
        more: impl FnOnce() -> Option<(Mfn, Frame)>,
    ) -> Option<ZipHandle> {
        let class = place::class_for(page.bytes.len());
        let frames = &mut self.frames;
        let new_frame = |frames: &mut ZipFrames, limit: PageCount| {
            let (mfn, frame) = (frames.count() < limit).then(more)??;
            Some(frames.add(class, mfn, frame))
        };
        let handle = frames
            .take_place(class)
            .or_else(|| new_frame(frames, self.limit))
            .or_else(|| place::larger(class).find_map(|class| frames.take_place(class)))?;
        let place = frames.place(handle);
        place.write_header(&Header {
            checksum: page.checksum,
            gfn: page.gfn,
            length: page.bytes.len() as u64,
            older: self.newest,
            newer: None,
        });
        place.write_bytes(page.bytes);
        match self.newest.replace(handle) {
            Some(before) => frames.place(before).set_newer(Some(handle)),
            None => self.oldest = Some(handle),
        }
        self.pages += 1;
        self.compressed += page.bytes.len() as u64;
        Some(handle)
    }

    /// Uncompresses the page `gfn` and leaves it where it is.
    ///
    /// # Errors
    /// [`Corrupt`] if it is not what was put in, or another page. `into` then holds anything.
    ///
    /// # Panics
    /// If no page has this handle.
    pub fn read(
        &self,
        gfn: Gfn,
        handle: ZipHandle,
        into: &mut [u8; PAGE_SIZE as usize],
    ) -> Result<(), Corrupt> {
        let place = self.frames.place(handle);
        let header = place.header();
        let mut buffer = [0; place::MAX_BYTES];
        let whole = place.read_bytes(header.length, &mut buffer).is_some_and(|bytes| {
            header.gfn == gfn && codec::decompress(gfn, bytes, into) == Some(header.checksum)
        });
        if whole { Ok(()) } else { Err(Corrupt { gfn, mfn: self.frames.mfn(handle) }) }
    }

    /// Takes the page `gfn` out, unread. Gives the frame that became empty by it, if one did: it is no
    /// longer the store's.
    ///
    /// # Errors
    /// [`Corrupt`] if its links are not what they were; the page is still there, and stays.
    ///
    /// # Panics
    /// If no page has this handle.
    pub fn remove(&mut self, gfn: Gfn, handle: ZipHandle) -> Result<Option<Mfn>, Corrupt> {
        let header = self.frames.place(handle).header();
        if !self.is_linked(handle, &header) {
            return Err(Corrupt { gfn, mfn: self.frames.mfn(handle) });
        }
        match header.older {
            Some(older) => self.frames.place(older).set_newer(header.newer),
            None => self.oldest = header.newer,
        }
        match header.newer {
            Some(newer) => self.frames.place(newer).set_older(header.older),
            None => self.newest = header.older,
        }
        self.pages -= 1;
        // A damaged header may say anything; the audit finds what is off then.
        self.compressed = self.compressed.saturating_sub(header.length);
        Ok(self.frames.release(handle))
    }

    /// Whether a page's neighbours by age are pages, and name it as theirs.
    fn is_linked(&self, handle: ZipHandle, header: &Header) -> bool {
        let neighbour = |link: ZipHandle| self.frames.is_used(link).then(|| self.frames.place(link).header());
        let after_older = match header.older {
            Some(older) => neighbour(older).and_then(|older| older.newer),
            None => self.oldest,
        };
        let before_newer = match header.newer {
            Some(newer) => neighbour(newer).and_then(|newer| newer.older),
            None => self.newest,
        };
        (after_older, before_newer) == (Some(handle), Some(handle))
    }

    /// Uncompresses a page and takes it out: [`ZipStore::read`] and [`ZipStore::remove`].
    ///
    /// # Errors
    /// [`Corrupt`] as when reading; the page is still there.
    ///
    /// # Panics
    /// If no page has this handle.
    pub fn take(
        &mut self,
        gfn: Gfn,
        handle: ZipHandle,
        into: &mut [u8; PAGE_SIZE as usize],
    ) -> Result<Option<Mfn>, Corrupt> {
        self.read(gfn, handle, into)?;
        self.remove(gfn, handle)
    }

    /// The pages, the oldest first, up to the first whose links are damaged.
    pub fn oldest_first(&self) -> impl Iterator<Item = (Gfn, ZipHandle)> {
        let linked = |handle| {
            let header = self.frames.place(handle).header();
            self.is_linked(handle, &header).then_some((header, handle))
        };
        let next = move |(header, _): &(Header, ZipHandle)| header.newer.and_then(linked);
        std::iter::successors(self.oldest.and_then(linked), next).map(|(header, handle)| (header.gfn, handle))
    }

    /// The frames of the store, in no order: what is to be freed when the store goes.
    pub fn frames(&self) -> impl Iterator<Item = Mfn> {
        self.frames.mfns()
    }

    /// What the store holds.
    pub fn usage(&self) -> ZipUse {
        ZipUse {
            pages: PageCount(self.pages),
            frames: self.frames.count(),
            compressed: ByteSize(self.compressed),
        }
    }

    /// Checks the order of age, the frames and places, and the counts against each other (INV-5),
    /// and every page against its checksum (INV-4). O(pages), some microseconds each.
    ///
    /// # Errors
    /// The first violation found.
    pub fn audit(&self) -> Audit {
        self.frames.audit(self.pages)?;
        let (mut before, mut pages, mut compressed) = (None, 0, 0);
        let mut next = self.oldest;
        while let Some(handle) = next {
            if pages == self.pages || !self.frames.is_used(handle) {
                return Err(format!("INV-5: the zip store's order: {handle:?} is in it, and no page"));
            }
            let header = self.frames.place(handle).header();
            if header.older != before {
                return Err(format!(
                    "INV-5: the zip store's order: {handle:?} follows {before:?} and names {:?}",
                    header.older
                ));
            }
            self.read(header.gfn, handle, &mut [0; PAGE_SIZE as usize])
                .map_err(|corrupt| format!("INV-4: {corrupt}"))?;
            pages += 1;
            compressed += header.length;
            before = next;
            next = header.newer;
        }
        if (before, pages, compressed) != (self.newest, self.pages, self.compressed) {
            return Err(format!(
                "INV-5: the zip store's order: {pages} pages of {compressed} bytes up to {before:?}, not {} of {} up to {:?}",
                self.pages, self.compressed, self.newest
            ));
        }
        Ok(())
    }
}

const _: () = assert!(HEADER_BYTES == 24, "the cost per page that the documentation names");
