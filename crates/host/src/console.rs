//! What a VM's guest has said, for whoever looks later, and a way to follow it.
//!
//! **Model.** The last [`Console::KEPT`] bytes are kept, over all of the VM's runs since the host opened.
//! Every byte has its number, so a reader says where it wants to go on, and learns what it missed.
//!
//! **Concurrency.** One lock, innermost, held to copy. A guest never waits for a reader.

use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a guest has said.
#[derive(Default)]
pub struct Console {
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Default)]
struct Said {
    /// The number of the first byte that is kept.
    first: u64,
    bytes: VecDeque<u8>,
}

/// Part of what a guest has said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excerpt {
    /// The number of the first byte; greater than asked for if older bytes are gone.
    pub from: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Excerpt {
    /// The number of the byte that follows.
    pub fn next(&self) -> u64 {
        self.from + self.bytes.len() as u64
    }
}

impl Console {
    /// How many bytes are kept.
    pub const KEPT: usize = 256 << 10;

    /// What was said from byte `from` on, as far as it is kept.
    pub fn since(&self, from: u64) -> Excerpt {
        self.said.lock().since(from, Self::KEPT)
    }

    /// The same, but `most` bytes of it at most, and waits until there is something, for `timeout` at most.
    pub fn wait_since(&self, from: u64, most: usize, timeout: Duration) -> Excerpt {
        let deadline = Instant::now() + timeout;
        let mut said = self.said.lock();
        while said.end() <= from {
            if self.more.wait_until(&mut said, deadline).timed_out() {
                break;
            }
        }
        said.since(from, most)
    }

    /// A writer for a VM's ports.
    pub(crate) fn writer(self: &Arc<Self>) -> Box<dyn Write + Send> {
        Box::new(Writer(Arc::clone(self)))
    }
}

impl Said {
    fn end(&self) -> u64 {
        self.first + self.bytes.len() as u64
    }

    fn since(&self, from: u64, most: usize) -> Excerpt {
        let from = from.clamp(self.first, self.end());
        let bytes = self.bytes.iter().skip((from - self.first) as usize).take(most).copied().collect();
        Excerpt { from, bytes }
    }
}

struct Writer(Arc<Console>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut said = self.0.said.lock();
        said.bytes.extend(bytes);
        let excess = said.bytes.len().saturating_sub(Console::KEPT);
        said.bytes.drain(..excess);
        said.first += excess as u64;
        drop(said);
        self.0.more.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_goes_on_where_it_was_and_learns_what_is_gone() {
        let console = Arc::new(Console::default());
        let mut writer = console.writer();
        writer.write_all(b"login: ").unwrap();
        let first = console.since(0);
        assert_eq!((first.from, first.bytes.as_slice(), first.next()), (0, b"login: ".as_slice(), 7));
        assert_eq!(console.since(first.next()).bytes, b"");
        assert_eq!(console.since(1 << 40).from, 7, "nobody can be ahead");
        writer.write_all(&vec![b'x'; Console::KEPT]).unwrap();
        let late = console.since(3);
        assert_eq!((late.from, late.bytes.len(), late.next()), (7, Console::KEPT, 7 + Console::KEPT as u64));
    }

    #[test]
    fn waiting_ends_with_news_or_in_time() {
        let console = Arc::new(Console::default());
        assert_eq!(console.wait_since(0, 9, Duration::from_millis(1)).bytes, b"");
        let mut writer = console.writer();
        let speaker = std::thread::spawn(move || writer.write_all(b"hello"));
        assert_eq!(console.wait_since(0, 9, Duration::from_mins(1)).bytes, b"hello");
        assert_eq!(console.wait_since(1, 3, Duration::ZERO).bytes, b"ell");
        speaker.join().unwrap().unwrap();
    }
}
