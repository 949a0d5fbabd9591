//! A bounded pipe for what a guest prints, from a vCPU's thread to the host thread that shows it.
//!
//! **Model.** The writer belongs to a device, the reader to a host thread. A terminal may be slow or
//! stopped while a vCPU holds its hart's lock, so the writer waits for room only briefly, and then drops
//! what does not fit and counts it.

use crate::bytes::ByteQueue;
use parking_lot::{Condvar, Mutex};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a write waits for room.
const PATIENCE: Duration = Duration::from_millis(20);

struct Pipe {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    bytes: ByteQueue,
    dropped: u64,
    writer_gone: bool,
    reader_gone: bool,
    /// The last write found no room in time, and nothing was read since: do not wait again.
    stalled: bool,
}

/// The end a device writes to. Never fails; see the module's documentation.
pub struct OutputWriter(Arc<Pipe>);

/// The end a host thread reads: blocks until there is something; end of file once the writer is gone.
pub struct OutputReader(Arc<Pipe>);

/// A pipe that holds `capacity` bytes, at least one.
pub fn output_pipe(capacity: usize) -> (OutputWriter, OutputReader) {
    let state = State {
        bytes: ByteQueue::new(capacity.max(1)),
        dropped: 0,
        writer_gone: false,
        reader_gone: false,
        stalled: false,
    };
    let pipe = Arc::new(Pipe { state: Mutex::new(state), changed: Condvar::new() });
    (OutputWriter(Arc::clone(&pipe)), OutputReader(pipe))
}

impl Write for OutputWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Pipe { state, changed } = &*self.0;
        let mut state = state.lock();
        let deadline = Instant::now() + PATIENCE;
        let mut taken = 0;
        while taken < bytes.len() && !state.reader_gone {
            let now = state.bytes.push(&bytes[taken..]);
            taken += now;
            if now > 0 {
                changed.notify_all();
            } else if state.stalled || changed.wait_until(&mut state, deadline).timed_out() {
                state.stalled = true;
                break;
            }
        }
        state.dropped += (bytes.len() - taken) as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for OutputWriter {
    fn drop(&mut self) {
        self.0.state.lock().writer_gone = true;
        self.0.changed.notify_all();
    }
}

impl OutputReader {
    /// Bytes dropped so far because they were not read in time.
    pub fn dropped(&self) -> u64 {
        self.0.state.lock().dropped
    }
}

impl Read for OutputReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Pipe { state, changed } = &*self.0;
        let mut state = state.lock();
        while state.bytes.is_empty() && !state.writer_gone {
            changed.wait(&mut state);
        }
        let count = state.bytes.pop(into);
        state.stalled = false;
        changed.notify_all();
        Ok(count)
    }
}

impl Drop for OutputReader {
    fn drop(&mut self) {
        self.0.state.lock().reader_gone = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn bytes_come_out_in_order_and_then_the_end() {
        let (mut writer, mut reader) = output_pipe(7);
        let text: Vec<u8> = (0..10_000u32).map(|n| n as u8).collect();
        let expected = text.clone();
        let thread = thread::spawn(move || text.chunks(13).for_each(|part| writer.write_all(part).unwrap()));
        let mut seen = Vec::new();
        reader.read_to_end(&mut seen).unwrap();
        thread.join().unwrap();
        assert_eq!(seen.len() as u64 + reader.dropped(), 10_000);
        if reader.dropped() == 0 {
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn a_reader_that_does_not_read_costs_the_writer_its_patience_once() {
        let (mut writer, reader) = output_pipe(4);
        let start = Instant::now();
        for _ in 0..1000 {
            writer.write_all(b"0123456789").unwrap();
        }
        assert!(start.elapsed() < PATIENCE * 50, "{:?}", start.elapsed());
        assert_eq!(reader.dropped(), 10_000 - 4);
    }
}
