//! Sealing pages: AES-256-GCM under a key of this process alone.
//!
//! **Model.** Every sealing gets a serial number that none had before it, which is the nonce. Tag and serial
//! number make the [`Seal`], and whoever keeps it in memory can open that sealing of that page and
//! no other: not an older one, and not one from elsewhere in the file.

use addr::PAGE_SIZE;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, Tag, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// What it takes to open a sealed page, beside the key.
#[derive(Clone, Copy)]
pub(super) struct Seal {
    tag: [u8; 16],
    serial: NonZeroU64,
}

pub(super) struct Key {
    key: LessSafeKey,
    next_serial: AtomicU64,
}

impl Key {
    pub(super) fn random() -> Self {
        let mut bytes = [0; 32];
        // A host without entropy cannot have come this far.
        SystemRandom::new().fill(&mut bytes).expect("the kernel gives random bytes");
        let key = UnboundKey::new(&AES_256_GCM, &bytes).expect("the key has the algorithm's length");
        Self { key: LessSafeKey::new(key), next_serial: AtomicU64::new(1) }
    }

    /// Encrypts a page in place.
    pub(super) fn seal(&self, page: &mut [u8; PAGE_SIZE as usize]) -> Seal {
        let serial = self.next_serial.fetch_add(1, Ordering::Relaxed);
        let serial = NonZeroU64::new(serial).expect("2 to the 64 pages are never sealed");
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce(serial), Aad::empty(), page)
            .expect("a page is within the algorithm's limits");
        let tag = tag.as_ref().try_into().expect("a tag has 16 bytes");
        Seal { tag, serial }
    }

    /// Decrypts a page in place, or says that it is not the one the seal was given for. Its bytes
    /// are then nobody's.
    pub(super) fn open(&self, seal: Seal, page: &mut [u8; PAGE_SIZE as usize]) -> bool {
        let tag = Tag::from(seal.tag);
        self.key.open_in_place_separate_tag(nonce(seal.serial), Aad::empty(), tag, page, 0..).is_ok()
    }
}

fn nonce(serial: NonZeroU64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[..8].copy_from_slice(&serial.get().to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}
