//! Any accesses to the devices that are all registers: no panic, no interrupt but those of the device, and a clock
//! that tells the time afterwards.

#![no_main]

use arbitrary::Arbitrary;
use devices::{MmioDevice, PanicPort, Plic, Rtc};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Arbitrary, Debug)]
struct Access {
    device: Device,
    /// Mostly among the registers.
    offset: u8,
    size: Size,
    write: Option<u64>,
}

#[derive(Arbitrary, Debug)]
enum Device {
    Clock,
    Panic,
}

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Size {
    Byte = 1,
    Half = 2,
    Word = 4,
    Double = 8,
}

const TIME_LOW: u64 = 0;
const TIME_HIGH: u64 = 4;
const CLEAR_ALARM: u64 = 0x14;

fuzz_target!(|accesses: Vec<Access>| {
    let plic = Plic::new(1, Arc::new(|_, _| {}));
    let clock = Rtc::new(plic.line(1));
    let port = PanicPort::default();
    for Access { device, offset, size, write } in accesses {
        let device: &dyn MmioDevice = match device {
            Device::Clock => &*clock,
            Device::Panic => &port,
        };
        let (offset, size) = (u64::from(offset % 0x28), size as u8);
        match write {
            Some(value) => device.write(offset, size, value),
            None => assert!(
                size == 8 || device.read(offset, size) >> (8 * size) == 0,
                "no more than was asked for"
            ),
        }
        clock.look();
    }
    clock.write(CLEAR_ALARM, 4, 1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    clock.write(TIME_HIGH, 4, now >> 32);
    clock.write(TIME_LOW, 4, now);
    let low = clock.read(TIME_LOW, 4);
    let told = clock.read(TIME_HIGH, 4) << 32 | low;
    // Ten seconds are for a machine that does other things as well, and for a low half that wrapped in between.
    assert!(told.abs_diff(now) < 10_000_000_000, "{told} is not {now}");
});
