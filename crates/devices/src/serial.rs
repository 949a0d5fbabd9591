//! The serial port: an ns16550a of eight registers of one byte.
//!
//! **Model.** `vm_superio` keeps the registers and the receive FIFO. Its interrupts are pulses, for a
//! controller that latches them; the PLIC's sources are levels, so the interrupt side is done here: the
//! line is high while data waits and that interrupt is enabled, or while the transmitter has become empty
//! and that one is enabled. Reading the interrupt identification takes the latter back until the
//! next byte is sent or that interrupt is enabled anew.
//!
//! Input goes into the FIFO as far as it fits; the rest waits in a bounded queue and follows as the guest
//! reads. Output is done at once: the transmitter is always empty.
//!
//! **Failure.** Output the writer refuses is lost and counted as a bad request.
//!
//! **Sources.** PC16550D data sheet (interrupt control functions, table IV).

use crate::bytes::ByteQueue;
use crate::stats::{Counters, DeviceStats};
use crate::{IrqLine, MmioDevice};
use parking_lot::Mutex;
use std::convert::Infallible;
use std::io::Write;
use vm_superio::Trigger;
use vm_superio::serial::{NoEvents, Serial};

/// Bytes of input that wait for room in the FIFO, at most.
const INPUT_CAPACITY: usize = 64 * 1024;

const DATA: u8 = 0;
const INTERRUPT_ENABLE: u8 = 1;
const INTERRUPT_ID: u8 = 2;
const LINE_CONTROL: u8 = 3;
const MODEM_CONTROL: u8 = 4;
const LINE_STATUS: u8 = 5;
const REGISTERS: u64 = 8;

/// In `INTERRUPT_ENABLE`: data waits; the transmitter became empty.
const ENABLE_DATA: u8 = 1 << 0;
const ENABLE_EMPTY: u8 = 1 << 1;
/// In `INTERRUPT_ID`: the FIFOs are on, and which interrupt it is.
const ID_FIFOS: u8 = 0xc0;
const ID_NONE: u8 = 0x01;
const ID_EMPTY: u8 = 0x02;
const ID_DATA: u8 = 0x04;
/// In `LINE_CONTROL`: registers 0 and 1 are the baud rate.
const DIVISOR_LATCH: u8 = 1 << 7;
/// In `MODEM_CONTROL`: what is sent is received.
const LOOP: u8 = 1 << 4;
/// In `LINE_STATUS`.
const DATA_READY: u8 = 1 << 0;

/// The serial port. See the module's documentation.
pub struct SerialPort {
    state: Mutex<State>,
    line: IrqLine,
    counters: Counters,
}

struct State {
    uart: Serial<NoPulse, NoEvents, Box<dyn Write + Send>>,
    waiting: ByteQueue,
    /// The interrupt enable register; the UART hides it while the divisor latch is on.
    enabled: u8,
    /// The transmitter became empty, and the guest was not yet told.
    became_empty: bool,
    level: bool,
}

struct NoPulse;

impl Trigger for NoPulse {
    type E = Infallible;

    fn trigger(&self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl SerialPort {
    /// A port that prints to `output`, which must not block for long ([`crate::output_pipe`] does not),
    /// and interrupts by `line`.
    pub fn new(line: IrqLine, output: Box<dyn Write + Send>) -> Self {
        let state = State {
            uart: Serial::new(NoPulse, output),
            waiting: ByteQueue::new(INPUT_CAPACITY),
            enabled: 0,
            became_empty: false,
            level: false,
        };
        Self { state: Mutex::new(state), line, counters: Counters::default() }
    }

    /// Gives the guest input and says how many bytes of it were taken: fewer than all only while 64 KiB
    /// wait for a guest that does not read.
    pub fn enqueue(&self, bytes: &[u8]) -> usize {
        let mut state = self.state.lock();
        let taken = state.waiting.push(bytes);
        state.feed();
        self.drive_line(&mut state);
        taken
    }

    /// What was counted so far.
    pub fn stats(&self) -> DeviceStats {
        self.counters.read()
    }

    fn drive_line(&self, state: &mut State) {
        let level = state.interrupt() != ID_NONE;
        if level && !state.level {
            self.counters.interrupt();
        }
        state.level = level;
        self.line.set(level);
    }
}

impl State {
    /// Moves waiting input into the FIFO.
    fn feed(&mut self) {
        let mut bytes = [0; 64];
        let room = self.uart.fifo_capacity().min(bytes.len());
        // In loop-back mode the port is cut off from the line and takes nothing.
        if room > 0 && !self.looped_back() {
            let count = self.waiting.pop(&mut bytes[..room]);
            let taken = self.uart.enqueue_raw_bytes(&bytes[..count]);
            debug_assert_eq!(taken.ok(), Some(count));
        }
    }

    fn looped_back(&mut self) -> bool {
        self.uart.read(MODEM_CONTROL) & LOOP != 0
    }

    fn divisor_latch(&mut self) -> bool {
        self.uart.read(LINE_CONTROL) & DIVISOR_LATCH != 0
    }

    /// What interrupt is due, in order of priority.
    fn interrupt(&mut self) -> u8 {
        if self.enabled & ENABLE_DATA != 0 && self.uart.read(LINE_STATUS) & DATA_READY != 0 {
            ID_DATA
        } else if self.enabled & ENABLE_EMPTY != 0 && self.became_empty {
            ID_EMPTY
        } else {
            ID_NONE
        }
    }
}

impl MmioDevice for SerialPort {
    fn read(&self, offset: u64, size: u8) -> u64 {
        self.counters.access();
        if size != 1 || offset >= REGISTERS {
            self.counters
                .bad(format_args!("{size}-byte read at {offset:#x}: there are 8 registers of 1 byte"));
            return 0;
        }
        let mut state = self.state.lock();
        let value = if offset as u8 == INTERRUPT_ID {
            let id = state.interrupt();
            state.became_empty &= id != ID_EMPTY;
            id | ID_FIFOS
        } else {
            let value = state.uart.read(offset as u8);
            state.feed();
            value
        };
        self.drive_line(&mut state);
        value.into()
    }

    fn write(&self, offset: u64, size: u8, value: u64) {
        self.counters.access();
        if size != 1 || offset >= REGISTERS {
            self.counters
                .bad(format_args!("{size}-byte write at {offset:#x}: there are 8 registers of 1 byte"));
            return;
        }
        let (offset, value) = (offset as u8, value as u8);
        let mut state = self.state.lock();
        if !state.divisor_latch() {
            match offset {
                DATA => state.became_empty = true,
                INTERRUPT_ENABLE => {
                    state.became_empty |= value & !state.enabled & ENABLE_EMPTY != 0;
                    state.enabled = value;
                }
                _ => {}
            }
        }
        if let Err(error) = state.uart.write(offset, value) {
            self.counters.bad(format_args!("output lost: {error}"));
        }
        state.feed();
        self.drive_line(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Plic;
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    const LSR: u64 = LINE_STATUS as u64;
    const IER: u64 = INTERRUPT_ENABLE as u64;
    const IIR: u64 = INTERRUPT_ID as u64;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if bytes == b"!" {
                return Err(io::Error::other("full"));
            }
            self.0.lock().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A port whose line's level can be looked at.
    struct Bench {
        port: SerialPort,
        output: Sink,
        plic: Arc<Plic>,
        level: Arc<AtomicBool>,
    }

    impl Bench {
        fn new() -> Self {
            let level = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&level);
            let plic = Plic::new(1, Arc::new(move |_, level| seen.store(level, Ordering::SeqCst)));
            plic.write(4, 4, 1);
            plic.write(0x2000, 4, 2);
            let output = Sink::default();
            let port = SerialPort::new(plic.line(1), Box::new(output.clone()));
            Self { port, output, plic, level }
        }

        /// The line's level; claims and completes, as a request once made stays.
        fn interrupted(&self) -> bool {
            self.plic.read(0x20_0004, 4);
            self.plic.write(0x20_0004, 4, 1);
            self.level.load(Ordering::SeqCst)
        }

        fn read(&self, offset: u64) -> u8 {
            self.port.read(offset, 1) as u8
        }

        fn write(&self, offset: u64, value: u8) {
            self.port.write(offset, 1, value.into());
        }
    }

    #[test]
    fn prints_and_says_when_it_can_print_more() {
        let bench = Bench::new();
        assert_eq!(bench.read(LSR) & 0x60, 0x60);
        bench.write(IER, ENABLE_EMPTY);
        assert!(bench.interrupted());
        assert_eq!(bench.read(IIR), ID_FIFOS | ID_EMPTY);
        assert!(!bench.interrupted());
        assert_eq!(bench.read(IIR), ID_FIFOS | ID_NONE);
        bench.write(0, b'h');
        bench.write(0, b'i');
        assert!(bench.interrupted());
        bench.write(IER, 0);
        assert!(!bench.interrupted());
        // Enabled anew, it tells anew: drivers probe for ports that do not.
        bench.read(IIR);
        bench.write(IER, ENABLE_EMPTY);
        assert_eq!(bench.read(IIR), ID_FIFOS | ID_EMPTY);
        assert_eq!(*bench.output.0.lock(), b"hi");
    }

    #[test]
    fn input_waits_for_room_and_keeps_the_line_high_to_its_last_byte() {
        let bench = Bench::new();
        let text: Vec<u8> = (0..INPUT_CAPACITY + 1000).map(|n| (n % 251) as u8).collect();
        let taken = bench.port.enqueue(&text);
        assert_eq!(taken, INPUT_CAPACITY);
        assert!(!bench.interrupted());
        bench.write(IER, ENABLE_DATA);
        let mut seen = Vec::new();
        while bench.read(LSR) & DATA_READY != 0 {
            assert!(bench.interrupted());
            assert_eq!(bench.read(IIR), ID_FIFOS | ID_DATA, "told as often as it is asked");
            seen.push(bench.read(0));
        }
        assert_eq!(seen, text[..taken]);
        assert!(!bench.interrupted());
        assert_eq!(bench.port.enqueue(b"x"), 1);
        assert!(bench.interrupted());
    }

    #[test]
    fn the_divisor_latch_hides_data_and_enable() {
        let bench = Bench::new();
        bench.write(IER, ENABLE_DATA);
        bench.write(3, DIVISOR_LATCH | 3);
        bench.write(0, 7);
        bench.write(1, 0);
        assert_eq!(bench.read(0), 7);
        bench.write(3, 3);
        assert_eq!(bench.read(IER), ENABLE_DATA);
        bench.port.enqueue(b"a");
        assert!(bench.interrupted());
        assert!(bench.output.0.lock().is_empty());
    }

    #[test]
    fn loop_back_receives_what_is_sent_and_holds_input() {
        let bench = Bench::new();
        bench.write(4, LOOP);
        bench.port.enqueue(b"later");
        bench.write(0, b'x');
        assert_eq!(bench.read(0), b'x');
        assert_eq!(bench.read(LSR) & DATA_READY, 0);
        bench.write(4, 0);
        assert_eq!(bench.read(0), b'l');
        assert!(bench.output.0.lock().is_empty());
    }

    #[test]
    fn lost_output_and_odd_accesses_are_counted() {
        let bench = Bench::new();
        bench.write(0, b'!');
        assert!(bench.port.stats().last_bad.unwrap().starts_with("output lost"));
        assert_eq!(bench.port.read(0, 4), 0);
        bench.port.write(8, 1, 0);
        assert_eq!(bench.port.stats().bad_requests, 3);
    }
}
