//! The virtio transport over PCI: what the guest's driver sees of a device.
//!
//! **Model.** One PCI function with one BAR of four pages: common configuration, interrupt status,
//! device-specific configuration, notification. The function's half of the device is all behind one lock;
//! the worker takes [`Task`]s from it and is woken through the condition variable beside it.
//!
//! A reset is asynchronous: the driver's write of 0 asks for it, and the status reads as 0 only after the
//! worker gave the queues back, which is what a driver waits for (VIRTIO 1.2, section 4.1.4.3.2).
//!
//! **Concurrency.** The lock is held for register accesses and hand-overs only. The interrupt line is set
//! under it, so that its level is always that of the last state.
//!
//! **Sources.** VIRTIO 1.2, section 4.1.

use super::VirtioDevice;
use super::budget::KEPT_WHILE_RESTING;
use super::registers::{self, Effect, QueueSetup, Registers};
use super::ring::QueueFault;
use super::worker::Worker;
use crate::IrqLine;
use crate::pci::{
    BAR0, BUS_MASTER, CLASS, COMMAND, ConfigSpace, DEVICE_ID, INTERRUPT_DISABLE, INTERRUPT_PIN,
    INTERRUPT_STATUS, REVISION, STATUS, SUBSYSTEM_ID, SUBSYSTEM_VENDOR_ID, VENDOR_ID,
};
use crate::stats::{Counters, DeviceStats};
use parking_lot::{Condvar, Mutex};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use virtio_bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};

const VIRTIO_VENDOR: u16 = 0x1af4;
/// A device of type n has PCI device id 0x1040 + n.
const MODERN_BASE: u16 = 0x1040;
/// Any subsystem id from 0x40 on marks a device that is not transitional.
const MODERN_SUBSYSTEM: u16 = 0x40;
const MODERN_REVISION: u8 = 1;
const INTA: u8 = 1;
const VENDOR_CAPABILITY: u8 = 9;

/// The four pages of the BAR.
const COMMON: u64 = 0;
const ISR: u64 = 1;
const DEVICE: u64 = 2;
const NOTIFY: u64 = 3;
const REGION_SHIFT: u32 = 12;
const BAR_SIZE: u32 = 4 << REGION_SHIFT;
/// Bytes from one queue's notification address to the next's.
const NOTIFY_STRIDE: u32 = 4;

/// `cfg_type` of the capabilities.
const CAP_COMMON: u8 = 1;
const CAP_NOTIFY: u8 = 2;
const CAP_ISR: u8 = 3;
const CAP_DEVICE: u8 = 4;
const CAP_PCI: u8 = 5;

/// Within a capability.
const CAP_BAR: usize = 4;
const CAP_OFFSET: usize = 8;
const CAP_LENGTH: usize = 12;
const CAP_DATA: usize = 16;

/// Bits of the interrupt status.
const ISR_QUEUE: u8 = 1;
const ISR_CONFIG: u8 = 2;

/// [`VirtioPci::decoded`] of a BAR that answers nowhere.
const NOWHERE: u64 = u64::MAX;

/// Whether a guest's driver serves a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DriverState {
    /// There is none, or it is not ready yet.
    Absent,
    /// It is ready.
    Present,
    /// It broke a queue, and has not reset the device since.
    Broken,
}

/// A virtio device on the PCI bus: its registers. See the module's documentation.
pub struct VirtioPci {
    function: Mutex<Function>,
    /// Something for the worker happened.
    bell: Condvar,
    /// The worker is to leave its queues as soon as it can. Set with `stop` and `resetting`.
    halt: AtomicBool,
    /// Where the BAR answers, or [`NOWHERE`]; changed under the lock.
    decoded: AtomicU64,
    line: IrqLine,
    counters: Counters,
}

struct Function {
    config: ConfigSpace,
    /// Where the configuration access capability is (section 4.1.4.9).
    window: usize,
    registers: Registers,
    device_config: Vec<u8>,
    /// The part of `device_config` that the guest may write.
    guest_config: Range<usize>,
    isr: u8,
    /// Queues the driver or the host said have work, one bit each.
    kicks: u64,
    /// The worker has the queues.
    lent: bool,
    /// The driver asked for a reset, and the worker still has the queues.
    resetting: bool,
    stop: bool,
}

/// What a worker is to do next.
pub(super) enum Task {
    /// Take over the queues as described, with these features agreed on.
    Start(Vec<QueueSetup>, u64),
    /// Serve the queues whose bits are set.
    Serve(u64),
    /// Give back undone what is in the queues whose bits are set.
    PutBack(u64),
    /// Give the queues back.
    Reset,
    /// End.
    Stop,
}

impl VirtioPci {
    /// Makes a device for a PCI slot whose INTA is wired to `line`, and its worker, which serves nothing
    /// until it is spawned.
    pub fn new<D: VirtioDevice>(device: D, line: IrqLine) -> (Arc<Self>, Worker<D>) {
        const { assert!(D::QUEUES.len() <= 64, "kicks is one bit per queue") }
        let device_config = device.config();
        let (config, window) = configuration::<D>(device_config.len());
        let transport_features = 1 << VIRTIO_RING_F_EVENT_IDX | 1 << VIRTIO_RING_F_INDIRECT_DESC;
        let function = Function {
            config,
            window,
            registers: Registers::new(D::FEATURES | transport_features, D::QUEUES),
            device_config,
            guest_config: D::GUEST_CONFIG,
            isr: 0,
            kicks: 0,
            lent: false,
            resetting: false,
            stop: false,
        };
        let transport = Arc::new(Self {
            function: Mutex::new(function),
            bell: Condvar::new(),
            halt: AtomicBool::new(false),
            decoded: AtomicU64::new(NOWHERE),
            line,
            counters: Counters::default(),
        });
        (Arc::clone(&transport), Worker::new(device, transport))
    }

    /// What was counted so far.
    pub fn stats(&self) -> DeviceStats {
        self.counters.read()
    }

    /// Changes the device-specific configuration from byte `offset` on and tells the driver.
    ///
    /// # Panics
    /// If it is not that long.
    pub fn set_config(&self, offset: usize, bytes: &[u8]) {
        let mut function = self.function.lock();
        function.device_config[offset..offset + bytes.len()].copy_from_slice(bytes);
        function.registers.next_generation();
        if function.registers.live() {
            self.interrupt(&mut function, ISR_CONFIG);
        }
    }

    /// The device-specific configuration as it is now.
    pub(super) fn device_config(&self) -> Vec<u8> {
        self.function.lock().device_config.clone()
    }

    /// Whether there is a driver, and the features it accepted if there is.
    pub(super) fn driver(&self) -> (DriverState, u64) {
        let function = self.function.lock();
        match &function.registers {
            registers if registers.broken() => (DriverState::Broken, registers.accepted()),
            registers if registers.live() => (DriverState::Present, registers.accepted()),
            _ => (DriverState::Absent, 0),
        }
    }

    /// Tells the worker that `queue` has work.
    pub(super) fn kick(&self, queue: usize) {
        self.function.lock().kicks |= 1 << queue;
        self.bell.notify_one();
    }

    /// Where `address` is in the BAR, if the BAR answers to all `size` bytes there.
    pub(crate) fn decode(&self, address: u64, size: u8) -> Option<u64> {
        // NOWHERE is beyond every address, so the subtraction sorts it out.
        let offset = address.checked_sub(self.decoded.load(Ordering::Acquire))?;
        (offset + u64::from(size) <= BAR_SIZE.into()).then_some(offset)
    }

    pub(crate) fn config_read(&self, register: usize, size: u8) -> u64 {
        self.counters.access();
        if let Some((offset, length)) = self.window_access(register) {
            return self.bar_read(offset, length);
        }
        self.function.lock().config.read(register, size.into())
    }

    pub(crate) fn config_write(&self, register: usize, size: u8, value: u64) {
        self.counters.access();
        if let Some((offset, length)) = self.window_access(register) {
            return self.bar_write(offset, length, value);
        }
        let mut function = self.function.lock();
        function.config.write(register, size.into(), value);
        self.decoded.store(function.config.bar().unwrap_or(NOWHERE), Ordering::Release);
        self.drive_line(&mut function);
        // The guest may just have made the function a bus master.
        self.bell.notify_one();
    }

    /// The BAR access that an access to `register` stands for, if that is the data of the configuration
    /// access capability and the driver set it up for a meaningful one.
    fn window_access(&self, register: usize) -> Option<(u64, u8)> {
        let function = self.function.lock();
        let at = function.window;
        if register != at + CAP_DATA {
            return None;
        }
        let (offset, length) = (function.config.word(at + CAP_OFFSET), function.config.word(at + CAP_LENGTH));
        let meant = function.config.read(at + CAP_BAR, 1) == 0
            && matches!(length, 1 | 2 | 4)
            && offset.is_multiple_of(length)
            && offset < BAR_SIZE;
        meant.then_some((offset.into(), length as u8))
    }

    pub(crate) fn bar_read(&self, offset: u64, size: u8) -> u64 {
        self.counters.access();
        let mut function = self.function.lock();
        let at = (offset & ((1 << REGION_SHIFT) - 1)) as usize;
        match offset >> REGION_SHIFT {
            COMMON => bytes_at(&function.registers.image(), at, size),
            ISR if at == 0 => {
                let isr = std::mem::take(&mut function.isr);
                self.drive_line(&mut function);
                isr.into()
            }
            DEVICE => bytes_at(&function.device_config, at, size),
            _ => 0,
        }
    }

    pub(crate) fn bar_write(&self, offset: u64, size: u8, value: u64) {
        self.counters.access();
        let mut function = self.function.lock();
        let at = offset & ((1 << REGION_SHIFT) - 1);
        match offset >> REGION_SHIFT {
            // Until the reset is done, nothing else is.
            COMMON if function.resetting => {}
            COMMON => match function.registers.write(at, size, value) {
                Ok(Effect::None) => {}
                Ok(Effect::Start) => {
                    self.bell.notify_one();
                }
                Ok(Effect::Reset) => self.begin_reset(&mut function),
                Err(why) => self.counters.bad(format_args!("{why}: {value:#x} at {at:#x}, {size} bytes")),
            },
            NOTIFY => {
                let queue = at / u64::from(NOTIFY_STRIDE);
                if queue < function.registers.queues().len() as u64 {
                    self.counters.kick();
                    function.kicks |= 1 << queue;
                    self.bell.notify_one();
                } else {
                    self.counters.bad(format_args!("notification of queue {queue}, which does not exist"));
                }
            }
            DEVICE if function.write_device_config(at as usize, size, value) => {}
            _ => self.counters.bad(format_args!("write to a read-only register at {offset:#x}")),
        }
    }

    fn begin_reset(&self, function: &mut Function) {
        if function.lent {
            function.resetting = true;
            self.halt.store(true, Ordering::Release);
            self.bell.notify_one();
        } else {
            self.finish_reset(function);
        }
    }

    fn finish_reset(&self, function: &mut Function) {
        function.registers.reset();
        let forgotten = function.guest_config.clone();
        function.device_config[forgotten].fill(0);
        function.isr = 0;
        function.kicks = 0;
        function.resetting = false;
        self.halt.store(function.stop, Ordering::Release);
        self.drive_line(function);
    }

    fn interrupt(&self, function: &mut Function, why: u8) {
        self.counters.interrupt();
        function.isr |= why;
        self.drive_line(function);
    }

    fn drive_line(&self, function: &mut Function) {
        let pending = function.isr != 0;
        let status = function.config.half(STATUS) & !INTERRUPT_STATUS;
        let status = if pending { status | INTERRUPT_STATUS } else { status };
        function.config.set(STATUS, &status.to_le_bytes());
        self.line.set(pending && function.config.half(COMMAND) & INTERRUPT_DISABLE == 0);
    }
}

/// The worker's side.
impl VirtioPci {
    /// Waits for something to do; before `rests_until`, for the order to stop, and for what is to be put back of the queues
    /// `undone`.
    pub(super) fn wait_for_task(&self, rests_until: Instant, undone: u64) -> Task {
        let mut function = self.function.lock();
        let may_put_back = Instant::now() + KEPT_WHILE_RESTING;
        while !function.stop && Instant::now() < rests_until {
            let is_asked = function.may_serve() && function.kicks & undone != 0;
            if is_asked && Instant::now() >= may_put_back {
                let kicks = function.kicks & undone;
                function.kicks &= !undone;
                return Task::PutBack(kicks);
            }
            let until = if is_asked { may_put_back.min(rests_until) } else { rests_until };
            self.bell.wait_until(&mut function, until);
        }
        loop {
            if let Some(task) = function.task() {
                return task;
            }
            self.bell.wait(&mut function);
        }
    }

    /// Counts the processor time that the worker has used so far.
    pub(super) fn note_worker_time(&self, so_far: Duration) {
        self.counters.set_worker_time(so_far);
    }

    /// What there is to do at the moment.
    pub(super) fn task(&self) -> Option<Task> {
        self.function.lock().task()
    }

    /// The worker no longer has the queues: because it was told to, or because the driver broke them.
    pub(super) fn give_back(&self, broken: Option<&QueueFault>) {
        let mut function = self.function.lock();
        function.lent = false;
        if let Some(why) = broken {
            self.counters.bad(why);
        }
        if function.resetting {
            self.finish_reset(&mut function);
        } else if broken.is_some() {
            function.registers.need_reset();
            self.interrupt(&mut function, ISR_CONFIG);
        }
    }

    /// Counts something bad that the device goes on from.
    pub(super) fn count_bad(&self, why: impl fmt::Display) {
        self.counters.bad(why);
    }

    /// The driver wants to know that buffers were used.
    pub(super) fn interrupt_for_queue(&self) {
        self.interrupt(&mut self.function.lock(), ISR_QUEUE);
    }

    /// Whether the worker should leave its queues.
    pub(super) fn halted(&self) -> bool {
        self.halt.load(Ordering::Acquire)
    }

    /// Ends the worker at its next opportunity.
    pub(super) fn stop(&self) {
        self.function.lock().stop = true;
        self.halt.store(true, Ordering::Release);
        self.bell.notify_one();
    }
}

impl Function {
    /// Writes the low `size` bytes of `value`, if the guest may write all of them; says whether it did.
    fn write_device_config(&mut self, at: usize, size: u8, value: u64) -> bool {
        let (start, end) = (at, at + usize::from(size));
        let may = self.guest_config.start <= start && end <= self.guest_config.end;
        if may {
            self.device_config[start..end].copy_from_slice(&value.to_le_bytes()[..end - start]);
        }
        may
    }

    /// Hands the worker its next task, if there is one.
    fn task(&mut self) -> Option<Task> {
        if self.stop {
            return Some(Task::Stop);
        }
        if self.resetting {
            return Some(Task::Reset);
        }
        if self.registers.live() && !self.lent {
            self.lent = true;
            // Whatever the driver made available before, or did not say, is looked for now.
            self.kicks = !0;
            return Some(Task::Start(self.registers.queues().to_vec(), self.registers.accepted()));
        }
        (self.may_serve() && self.kicks != 0).then(|| Task::Serve(std::mem::take(&mut self.kicks)))
    }

    /// Whether the worker may look at the queues. A function that is not a bus master may not reach memory.
    fn may_serve(&self) -> bool {
        self.lent && !self.resetting && self.config.half(COMMAND) & BUS_MASTER != 0
    }
}

/// `size` bytes of `bytes` from `at` on, little-endian; zeros beyond the end.
fn bytes_at(bytes: &[u8], at: usize, size: u8) -> u64 {
    (0..usize::from(size)).rev().fold(0, |value, i| value << 8 | u64::from(*bytes.get(at + i).unwrap_or(&0)))
}

/// The configuration space of a device of this kind, and where its configuration access capability is.
fn configuration<D: VirtioDevice>(device_config_size: usize) -> (ConfigSpace, usize) {
    let mut config = ConfigSpace::new(BAR_SIZE);
    let [base, sub, interface] = D::CLASS;
    config.set(VENDOR_ID, &VIRTIO_VENDOR.to_le_bytes());
    config.set(DEVICE_ID, &(MODERN_BASE + D::ID).to_le_bytes());
    config.set(REVISION, &[MODERN_REVISION]);
    config.set(CLASS, &[interface, sub, base]);
    config.set(BAR0, &[0; 4]);
    config.set(SUBSYSTEM_VENDOR_ID, &VIRTIO_VENDOR.to_le_bytes());
    config.set(SUBSYSTEM_ID, &MODERN_SUBSYSTEM.to_le_bytes());
    config.set(INTERRUPT_PIN, &[INTA]);

    let mut add = |kind: u8, region: u64, length: usize, extra: &[u8]| {
        let mut body = vec![(CAP_DATA + extra.len()) as u8, kind, 0, 0, 0, 0];
        body.extend(((region << REGION_SHIFT) as u32).to_le_bytes());
        body.extend((length as u32).to_le_bytes());
        body.extend(extra);
        config.add_capability(VENDOR_CAPABILITY, &body)
    };
    add(CAP_COMMON, COMMON, registers::SIZE, &[]);
    add(CAP_NOTIFY, NOTIFY, D::QUEUES.len() * NOTIFY_STRIDE as usize, &NOTIFY_STRIDE.to_le_bytes());
    add(CAP_ISR, ISR, 1, &[]);
    if device_config_size > 0 {
        add(CAP_DEVICE, DEVICE, device_config_size, &[]);
    }
    let window = add(CAP_PCI, 0, 0, &[0; 4]);
    config.allow(window + CAP_BAR, &[0xff]);
    config.allow(window + CAP_OFFSET, &[0xff; 8]);
    (config, window)
}
