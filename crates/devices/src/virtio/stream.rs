//! Queues as streams of bytes, one each way, as consoles and ports have them.

use super::{QueueFault, Ring};
use crate::bytes::ByteQueue;
use std::fmt::Display;
use std::ops::DerefMut;
use vm_memory::GuestMemory;

/// Bytes copied at a time.
const PIECE: usize = 4096;

impl<M: GuestMemory> Ring<'_, M> {
    /// Fills the driver's buffers with what waits for it; `lock` is held to copy only.
    ///
    /// # Errors
    /// What is wrong with the ring or a chain.
    pub(super) fn fill_from<Q: DerefMut<Target = ByteQueue>>(
        &mut self,
        lock: impl Fn() -> Q,
    ) -> Result<(), QueueFault> {
        let mut piece = [0; PIECE];
        while !self.halted() && !lock().is_empty() {
            let Some(mut chain) = self.take()? else { break };
            let room = chain.room().min(PIECE as u64) as usize;
            let count = lock().pop(&mut piece[..room]);
            chain.write(&piece[..count])?;
            self.give_back(chain)?;
        }
        Ok(())
    }

    /// Hands on what the driver wrote, in pieces; one that is not taken is lost, and counted as a bad request.
    ///
    /// # Errors
    /// What is wrong with the ring or a chain.
    pub(super) fn drain_into<E: Display>(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), QueueFault> {
        let mut piece = [0; PIECE];
        while !self.halted()
            && let Some(mut chain) = self.take()?
        {
            while !self.halted() {
                let count = chain.read(&mut piece)?;
                if count == 0 {
                    break;
                }
                if let Err(why) = take(&piece[..count]) {
                    self.report(why);
                }
            }
            self.give_back(chain)?;
        }
        Ok(())
    }
}
