//! Any facts about a machine: an error or a device tree that another program can read.

#![no_main]

use addr::{ByteSize, Gpa};
use arbitrary::Arbitrary;
use devices::IntxRoute;
use devices::map::GpaRange;
use libfuzzer_sys::fuzz_target;
use vm::boot::{Chosen, Cpus, DeviceTree, MachineFacts, PciHost, Plic, Rtc, SerialPort};

#[derive(Arbitrary, Debug)]
struct Input {
    /// Base and size of memory, PLIC, serial port, clock, panic port, ECAM, PCI window, in 4 KiB unless `odd`.
    regions: [(u32, u32); 7],
    odd: bool,
    cpus: u16,
    extensions: Vec<String>,
    mmu_type: String,
    zero_block_size: Option<u32>,
    sources: u32,
    serial_interrupt: u32,
    rtc_interrupt: u32,
    interrupts: Vec<(u32, u32, u32)>,
    command_line: String,
    initrd: Option<(u64, u64)>,
}

fuzz_target!(|input: Input| {
    let shift = if input.odd { 0 } else { 12 };
    let [memory, plic, serial, rtc, panic, ecam, window] = input.regions.map(|(base, size)| GpaRange {
        start: Gpa(u64::from(base) << shift),
        size: ByteSize(u64::from(size) << shift),
    });
    let routes = input.interrupts.into_iter();
    let interrupts = routes.map(|(unit, pin, source)| IntxRoute { unit, pin, source }).collect();
    let machine = MachineFacts {
        memory,
        cpus: Cpus {
            count: input.cpus.into(),
            extensions: input.extensions,
            mmu_type: input.mmu_type,
            zero_block_size: input.zero_block_size,
            timebase_hz: 10_000_000,
        },
        plic: Plic { registers: plic, sources: input.sources },
        serial: SerialPort { registers: serial, interrupt: input.serial_interrupt, clock_hz: 3_686_400 },
        rtc: Rtc { registers: rtc, interrupt: input.rtc_interrupt },
        panic,
        pci: PciHost { ecam, memory: window, interrupts },
    };
    let initrd = input.initrd.map(|(base, size)| GpaRange { start: Gpa(base), size: ByteSize(size) });
    let chosen = Chosen { command_line: &input.command_line, initrd, rng_seed: [0; 32] };
    let Ok(tree) = DeviceTree::new(&machine, &chosen) else { return };

    let tree = fdt::Fdt::new(tree.bytes()).expect("the header is right");
    assert_eq!(tree.cpus().count(), input.cpus as usize);
    let bootargs =
        tree.find_node("/chosen").and_then(|node| node.property("bootargs")).expect("it was written");
    assert_eq!(bootargs.value, [input.command_line.as_bytes(), b"\0"].concat());
});
