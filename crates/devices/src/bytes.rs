//! A queue of bytes that holds only so many.

use std::collections::VecDeque;

/// First in, first out, at most `capacity` bytes.
pub(crate) struct ByteQueue {
    bytes: VecDeque<u8>,
    capacity: usize,
}

impl ByteQueue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { bytes: VecDeque::new(), capacity }
    }

    /// Takes as much of `bytes` as there is room for and says how much.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.capacity - self.bytes.len());
        self.bytes.extend(&bytes[..taken]);
        taken
    }

    /// Moves bytes out until `into` is full or nothing is left, and says how many.
    pub(crate) fn pop(&mut self, into: &mut [u8]) -> usize {
        let given = into.len().min(self.bytes.len());
        for (to, from) in into.iter_mut().zip(self.bytes.drain(..given)) {
            *to = from;
        }
        given
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}
