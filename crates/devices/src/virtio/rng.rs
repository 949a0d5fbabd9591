//! The entropy device: fills the guest's buffers from the host's random number generator.
//!
//! **Sources.** VIRTIO 1.2, section 5.4.

use super::{QueueFault, Ring, VirtioDevice};
use rustix::rand::{GetRandomFlags, getrandom};
use virtio_bindings::virtio_ids::VIRTIO_ID_RNG;
use vm_memory::GuestMemory;

/// Bytes a request gets at most; the device may give fewer than asked for (section 5.4.6.2), and a guest
/// that wants more asks again.
const MOST: usize = 4096;

/// The entropy device.
pub struct Rng;

impl VirtioDevice for Rng {
    const ID: u16 = VIRTIO_ID_RNG as u16;
    /// Not in any class.
    const CLASS: [u8; 3] = [0xff, 0, 0];
    const NAME: &str = "virtio-rng";
    const QUEUES: &[u16] = &[64];

    fn serve<M: GuestMemory>(&mut self, _: usize, ring: &mut Ring<'_, M>) -> Result<(), QueueFault> {
        let mut bytes = [0; MOST];
        while !ring.halted()
            && let Some(mut chain) = ring.take()?
        {
            let wanted = chain.room().min(MOST as u64) as usize;
            fill(&mut bytes[..wanted]);
            chain.write(&bytes[..wanted])?;
            ring.give_back(chain)?;
        }
        Ok(())
    }
}

/// Fills `bytes` with random ones. The call can be cut short by a signal; without flags and with valid
/// memory it does not fail otherwise.
fn fill(bytes: &mut [u8]) {
    let mut done = 0;
    while done < bytes.len() {
        match getrandom(&mut bytes[done..], GetRandomFlags::empty()) {
            Ok(count) => done += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("the host's random number generator failed: {error}"),
        }
    }
}
