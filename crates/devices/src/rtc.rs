//! The clock that tells a guest the date: a goldfish RTC of eight registers of 32 bits.
//!
//! **Model.** The clock counts nanoseconds since 1970 and follows the host's; a guest that sets it changes how far
//! apart the two are, until the VM ends. A read of `TIME_LOW` keeps the upper half for the read of `TIME_HIGH`
//! after it, a write of `ALARM_LOW` sets the alarm to that and to what was written to `ALARM_HIGH` before. An
//! alarm whose time has come is gone, and leaves an interrupt pending until it is cleared; the line is high while
//! one is pending and interrupts are enabled.
//!
//! ```text
//!   0x00 TIME_LOW   0x08 ALARM_LOW    0x10 IRQ_ENABLED   0x18 ALARM_STATUS
//!   0x04 TIME_HIGH  0x0c ALARM_HIGH   0x14 CLEAR_ALARM   0x1c CLEAR_INTERRUPT
//! ```
//!
//! **Concurrency.** One lock, held for a few words. A thread waits for the alarm, if one is set.
//!
//! **Cost.** The thread looks once a minute while an alarm is set, as the host's clock may be set meanwhile, and
//! no more than a thousand times a second whatever the guest does.
//!
//! **Sources.** Linux `Documentation/devicetree/bindings/rtc/google,goldfish-rtc.yaml`; Android's "Goldfish virtual
//! hardware specifications", section V.

use crate::stats::{Counters, DeviceStats};
use crate::virtio::thread_time;
use crate::{IrqLine, MmioDevice};
use parking_lot::{Condvar, Mutex};
use sandbox::Kind;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const TIME_LOW: u64 = 0x00;
const TIME_HIGH: u64 = 0x04;
const ALARM_LOW: u64 = 0x08;
const ALARM_HIGH: u64 = 0x0c;
const IRQ_ENABLED: u64 = 0x10;
const CLEAR_ALARM: u64 = 0x14;
const ALARM_STATUS: u64 = 0x18;
const CLEAR_INTERRUPT: u64 = 0x1c;

/// While an alarm is set, the host's clock is looked at this often: it may have been set.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// The thread rests this long after each look.
const REST: Duration = Duration::from_millis(1);

/// Nanoseconds since 1970, as the host has it.
type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// The clock. See the module's documentation.
pub struct Rtc {
    state: Mutex<State>,
    /// An alarm is due earlier than the thread would look, or the thread is to end.
    bell: Condvar,
    clock: Clock,
    line: IrqLine,
    counters: Counters,
}

/// The thread that waits for alarms. Dropping it stops it and waits for its end.
pub struct RtcThread {
    rtc: Arc<Rtc>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "three are registers of one bit")]
struct State {
    /// What the guest added to the host's time, modulo 2⁶⁴.
    ahead: u64,
    /// The upper half of the time last read.
    time_high: u32,
    /// What the alarm registers hold.
    alarm: u64,
    alarm_set: bool,
    enabled: bool,
    pending: bool,
    level: bool,
    /// When the thread looks next, by the guest's clock; `None` while it waits for a ring.
    looks: Option<u64>,
    stop: bool,
}

impl Rtc {
    /// A clock that says what the host's says, and interrupts by `line`.
    pub fn new(line: IrqLine) -> Arc<Self> {
        // A host whose clock is before 1970 gives its guests 1970; the year 2554 is the last there is.
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        Self::with_clock(line, Box::new(now))
    }

    fn with_clock(line: IrqLine, clock: Clock) -> Arc<Self> {
        let state = Mutex::new(State::default());
        Arc::new(Self { state, bell: Condvar::new(), clock, line, counters: Counters::default() })
    }

    /// Starts the thread that waits for alarms.
    ///
    /// # Errors
    /// If the host has no thread to give.
    pub fn spawn(self: &Arc<Self>) -> io::Result<RtcThread> {
        let rtc = Arc::clone(self);
        let thread = thread::Builder::new().name("rtc".to_owned()).spawn(move || {
            sandbox::keep_to(Kind::Guest);
            rtc.wait_for_alarms();
        })?;
        Ok(RtcThread { rtc: Arc::clone(self), thread: Some(thread) })
    }

    /// What was counted so far.
    pub fn stats(&self) -> DeviceStats {
        self.counters.read()
    }

    /// Looks whether the alarm is due, as the thread does, for those who have no use for a thread.
    pub fn look(&self) {
        self.fire(&mut self.state.lock());
    }

    fn wait_for_alarms(&self) {
        loop {
            let mut state = self.state.lock();
            if state.stop {
                return;
            }
            match self.fire(&mut state) {
                None => {
                    state.looks = None;
                    self.bell.wait(&mut state);
                }
                Some(left) => {
                    let wait = left.min(LONGEST_WAIT);
                    state.looks = Some(self.now(&state).saturating_add(wait.as_nanos() as u64));
                    self.bell.wait_for(&mut state, wait);
                }
            }
            drop(state);
            self.counters.set_worker_time(thread_time());
            thread::sleep(REST);
        }
    }

    fn now(&self, state: &State) -> u64 {
        (self.clock)().wrapping_add(state.ahead)
    }

    /// Has the alarm go off if its time has come; says how long it has yet, if there is one.
    fn fire(&self, state: &mut State) -> Option<Duration> {
        if !state.alarm_set {
            return None;
        }
        let left = state.alarm.saturating_sub(self.now(state));
        if left > 0 {
            return Some(Duration::from_nanos(left));
        }
        state.alarm_set = false;
        state.pending = true;
        self.drive_line(state);
        None
    }

    fn set_alarm(&self, state: &mut State) {
        state.alarm_set = true;
        self.fire(state);
        if state.alarm_set && state.looks.is_none_or(|looks| state.alarm < looks) {
            state.looks = Some(state.alarm);
            self.bell.notify_one();
        }
    }

    /// Sets the guest's clock. The alarm stays at the time it was set to.
    fn set_time(&self, state: &mut State, time: u64) {
        state.ahead = time.wrapping_sub((self.clock)());
        state.looks = None;
        if state.alarm_set {
            self.set_alarm(state);
        }
    }

    fn drive_line(&self, state: &mut State) {
        let level = state.pending && state.enabled;
        if level && !state.level {
            self.counters.interrupt();
        }
        state.level = level;
        self.line.set(level);
    }

    /// Whether there is a register of that size.
    fn check(&self, what: &str, offset: u64, size: u8) -> bool {
        self.counters.access();
        let good = size == 4 && offset.is_multiple_of(4) && offset <= CLEAR_INTERRUPT;
        if !good {
            self.counters
                .bad(format_args!("{size}-byte {what} at {offset:#x}: there are 8 registers of 4 bytes"));
        }
        good
    }
}

const fn with_low(value: u64, low: u64) -> u64 {
    value & !0xffff_ffff | low & 0xffff_ffff
}

const fn with_high(value: u64, high: u64) -> u64 {
    value & 0xffff_ffff | high << 32
}

impl MmioDevice for Rtc {
    fn read(&self, offset: u64, size: u8) -> u64 {
        if !self.check("read", offset, size) {
            return 0;
        }
        let mut state = self.state.lock();
        let value = match offset {
            TIME_LOW => {
                let now = self.now(&state);
                state.time_high = (now >> 32) as u32;
                now as u32
            }
            TIME_HIGH => state.time_high,
            ALARM_LOW => state.alarm as u32,
            ALARM_HIGH => (state.alarm >> 32) as u32,
            IRQ_ENABLED => state.enabled.into(),
            ALARM_STATUS => {
                self.fire(&mut state);
                state.alarm_set.into()
            }
            _ => 0,
        };
        value.into()
    }

    fn write(&self, offset: u64, size: u8, value: u64) {
        if !self.check("write", offset, size) {
            return;
        }
        let mut state = self.state.lock();
        match offset {
            TIME_LOW => {
                let time = with_low(self.now(&state), value);
                self.set_time(&mut state, time);
            }
            TIME_HIGH => {
                let time = with_high(self.now(&state), value);
                self.set_time(&mut state, time);
            }
            ALARM_LOW => {
                state.alarm = with_low(state.alarm, value);
                self.set_alarm(&mut state);
            }
            ALARM_HIGH => state.alarm = with_high(state.alarm, value),
            IRQ_ENABLED => {
                state.enabled = value & 1 != 0;
                self.drive_line(&mut state);
            }
            CLEAR_ALARM => state.alarm_set = false,
            CLEAR_INTERRUPT => {
                state.pending = false;
                self.drive_line(&mut state);
            }
            _ => {}
        }
    }
}

impl Drop for RtcThread {
    fn drop(&mut self) {
        self.rtc.state.lock().stop = true;
        self.rtc.bell.notify_one();
        if let Some(thread) = self.thread.take() {
            // The panic was reported on the thread itself; here it could only abort.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
