//! The device tree: the machine as the kernel is told of it.
//!
//! **Model.** [`MachineFacts`] says what the machine has and where, [`Chosen`] what this boot is
//! given; nothing about the machine is known here but how to write it down.
//!
//! **Sources.** Devicetree Specification 0.4; Linux `Documentation/devicetree/bindings`:
//! `riscv/cpus.yaml`, `riscv/extensions.yaml`, `interrupt-controller/sifive,plic-1.0.0.yaml`,
//! `serial/8250.yaml`, `rtc/google,goldfish-rtc.yaml`, `pci/host-generic-pci.yaml`.

use super::layout::DEVICE_TREE_SPACE;
use addr::ByteSize;
use devices::map::GpaRange;
use devices::{INTERRUPT_MAP_MASK, IntxRoute};
use vm_fdt::FdtWriter;

/// What the machine has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MachineFacts {
    /// All of the guest's memory.
    pub memory: GpaRange,
    /// The harts.
    pub cpus: Cpus,
    /// The interrupt controller.
    pub plic: Plic,
    /// The console.
    pub serial: SerialPort,
    /// The clock.
    pub rtc: Rtc,
    /// Where the kernel says that it panicked.
    pub panic: GpaRange,
    /// The bus that everything else is on.
    pub pci: PciHost,
}

/// The harts, numbered from 0 and all alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cpus {
    /// How many.
    pub count: u32,
    /// Extensions in lower case, beside the base RV64I; single letters first, in canonical order,
    /// as `["m", "a", "f", "d", "c", "zicsr", ...]`. `i` itself is added.
    pub extensions: Vec<String>,
    /// The largest paging mode: `riscv,sv39`, `riscv,sv48` or `riscv,sv57`.
    pub mmu_type: String,
    /// What `cbo.zero` clears, in bytes, if `zicboz` is among the extensions.
    pub zero_block_size: Option<u32>,
    /// Ticks of `time` per second.
    pub timebase_hz: u32,
}

/// A PLIC with one context per hart, which is the hart's S-mode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plic {
    /// Its registers.
    pub registers: GpaRange,
    /// The largest source number.
    pub sources: u32,
}

/// An ns16550a.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SerialPort {
    /// Its registers.
    pub registers: GpaRange,
    /// Its PLIC source.
    pub interrupt: u32,
    /// The clock that the divisor divides, in Hz.
    pub clock_hz: u32,
}

/// A goldfish RTC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rtc {
    /// Its registers.
    pub registers: GpaRange,
    /// Its PLIC source.
    pub interrupt: u32,
}

/// A PCI host bridge with configuration space in memory (ECAM), beginning at bus 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PciHost {
    /// Configuration space: 1 MiB per bus, at most 256 buses.
    pub ecam: GpaRange,
    /// Where BARs of 32 bits are, at the same addresses on the bus; below 4 GiB.
    pub memory: GpaRange,
    /// How the pins of the slots reach the PLIC.
    pub interrupts: Vec<IntxRoute>,
}

/// What this boot is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chosen<'a> {
    /// The kernel's command line, at most 1023 bytes.
    pub command_line: &'a str,
    /// Where the initrd was put.
    pub initrd: Option<GpaRange>,
    /// Entropy for the kernel's generator; never the same twice.
    pub rng_seed: [u8; 32],
}

/// Why a machine cannot be described.
#[derive(Debug, thiserror::Error)]
pub enum DeviceTreeError {
    /// Linux would cut it off.
    #[error("the kernel command line has {0} bytes, but Linux takes no more than 1023; shorten it")]
    CommandLineTooLong(usize),
    /// A zero byte would end it.
    #[error("the kernel command line contains a zero byte; remove it")]
    CommandLineHasZero,
    /// The facts contradict each other or the format.
    #[error("the machine cannot be described: {0}")]
    Facts(&'static str),
    /// The description does not fit its place in memory.
    #[error("the device tree takes {0}, more than the {DEVICE_TREE_SPACE} set aside; configure fewer CPUs")]
    TooLarge(ByteSize),
    /// The writer refused a name or a value.
    #[error("the device tree cannot be written: {0}")]
    Writer(#[from] vm_fdt::Error),
}

/// A device tree as the kernel wants it in memory ("flattened", version 17).
#[derive(Debug)]
pub struct DeviceTree {
    bytes: Vec<u8>,
}

const MAX_COMMAND_LINE: usize = 1023;
const MAX_CPUS: u32 = 512;
const ECAM_PER_BUS: u64 = 1 << 20;

// Phandles: the PLIC's, and the interrupt controller's of each hart after it.
const PLIC_PHANDLE: u32 = 1;
const fn hart_phandle(hart: u32) -> u32 {
    2 + hart
}

/// `scause` of a supervisor external interrupt, which is also its number at the hart.
const SUPERVISOR_EXTERNAL: u32 = 9;

impl DeviceTree {
    /// Describes `machine`.
    ///
    /// # Errors
    /// If the command line is too long or the facts contradict each other.
    pub fn new(machine: &MachineFacts, chosen: &Chosen<'_>) -> Result<Self, DeviceTreeError> {
        check(machine, chosen)?;
        let mut tree = FdtWriter::new()?;
        let root = tree.begin_node("")?;
        tree.property_u32("#address-cells", 2)?;
        tree.property_u32("#size-cells", 2)?;
        tree.property_string("compatible", "riscv-virtio")?;
        tree.property_string("model", "Memtide virtual machine")?;

        write_chosen(&mut tree, machine, chosen)?;
        let memory = tree.begin_node(&unit("memory", machine.memory))?;
        tree.property_string("device_type", "memory")?;
        write_reg(&mut tree, machine.memory)?;
        tree.end_node(memory)?;
        write_cpus(&mut tree, &machine.cpus)?;

        let soc = tree.begin_node("soc")?;
        tree.property_u32("#address-cells", 2)?;
        tree.property_u32("#size-cells", 2)?;
        tree.property_string("compatible", "simple-bus")?;
        tree.property_null("ranges")?;
        write_plic(&mut tree, &machine.plic, machine.cpus.count)?;
        write_serial(&mut tree, &machine.serial)?;
        write_rtc(&mut tree, &machine.rtc)?;
        write_panic(&mut tree, machine.panic)?;
        write_pci(&mut tree, &machine.pci)?;
        tree.end_node(soc)?;

        tree.end_node(root)?;
        let bytes = tree.finish()?;
        match ByteSize(bytes.len() as u64) {
            size if size > DEVICE_TREE_SPACE => Err(DeviceTreeError::TooLarge(size)),
            _ => Ok(Self { bytes }),
        }
    }

    /// The flattened tree.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn check(machine: &MachineFacts, chosen: &Chosen<'_>) -> Result<(), DeviceTreeError> {
    let MachineFacts { memory, cpus, plic, serial, rtc, panic, pci } = machine;
    let line = chosen.command_line;
    if line.len() > MAX_COMMAND_LINE {
        return Err(DeviceTreeError::CommandLineTooLong(line.len()));
    }
    if line.contains('\0') {
        return Err(DeviceTreeError::CommandLineHasZero);
    }
    let mut ranges = [*memory, plic.registers, serial.registers, rtc.registers, *panic, pci.ecam, pci.memory];
    let mut described = ranges.iter().chain(&chosen.initrd);
    if described.any(|range| range.size.0 == 0 || range.start.0.checked_add(range.size.0).is_none()) {
        return Err(DeviceTreeError::Facts("a range is empty or exceeds the address space"));
    }
    ranges.sort_by_key(|range| range.start);
    if ranges.windows(2).any(|pair| pair[0].end() > pair[1].start) {
        return Err(DeviceTreeError::Facts("two ranges overlap"));
    }
    if cpus.count == 0 || cpus.count > MAX_CPUS {
        return Err(DeviceTreeError::Facts("the number of CPUs is not between 1 and 512"));
    }
    let wired = [serial.interrupt, rtc.interrupt];
    let mut interrupts = pci.interrupts.iter().map(|route| route.source).chain(wired);
    if interrupts.any(|interrupt| interrupt == 0 || interrupt > plic.sources) {
        return Err(DeviceTreeError::Facts("an interrupt is not among the sources of the PLIC"));
    }
    let buses = pci.ecam.size.0 / ECAM_PER_BUS;
    if !pci.ecam.size.0.is_multiple_of(ECAM_PER_BUS) || buses > 256 {
        return Err(DeviceTreeError::Facts("PCI configuration space is not 1 to 256 MiB"));
    }
    if pci.memory.end().0 > 1 << 32 {
        return Err(DeviceTreeError::Facts("PCI memory is not below 4 GiB"));
    }
    Ok(())
}

fn write_chosen(
    tree: &mut FdtWriter,
    machine: &MachineFacts,
    chosen: &Chosen<'_>,
) -> Result<(), vm_fdt::Error> {
    let node = tree.begin_node("chosen")?;
    tree.property_string("bootargs", chosen.command_line)?;
    let console = unit("serial", machine.serial.registers);
    tree.property_string("stdout-path", &format!("/soc/{console}"))?;
    tree.property("rng-seed", &chosen.rng_seed)?;
    if let Some(initrd) = chosen.initrd {
        tree.property_u64("linux,initrd-start", initrd.start.0)?;
        tree.property_u64("linux,initrd-end", initrd.end().0)?;
    }
    tree.end_node(node)
}

fn write_cpus(tree: &mut FdtWriter, cpus: &Cpus) -> Result<(), vm_fdt::Error> {
    let node = tree.begin_node("cpus")?;
    tree.property_u32("#address-cells", 1)?;
    tree.property_u32("#size-cells", 0)?;
    tree.property_u32("timebase-frequency", cpus.timebase_hz)?;
    for hart in 0..cpus.count {
        let cpu = tree.begin_node(&format!("cpu@{hart:x}"))?;
        tree.property_string("device_type", "cpu")?;
        tree.property_u32("reg", hart)?;
        tree.property_string("status", "okay")?;
        tree.property_string("compatible", "riscv")?;
        tree.property_string("riscv,isa", &isa_string(&cpus.extensions))?;
        tree.property_string("riscv,isa-base", "rv64i")?;
        let mut extensions = vec!["i".to_owned()];
        extensions.extend_from_slice(&cpus.extensions);
        tree.property_string_list("riscv,isa-extensions", extensions)?;
        tree.property_string("mmu-type", &cpus.mmu_type)?;
        if let Some(size) = cpus.zero_block_size {
            tree.property_u32("riscv,cboz-block-size", size)?;
        }
        let controller = tree.begin_node("interrupt-controller")?;
        tree.property_string("compatible", "riscv,cpu-intc")?;
        tree.property_null("interrupt-controller")?;
        tree.property_u32("#interrupt-cells", 1)?;
        tree.property_u32("#address-cells", 0)?;
        tree.property_phandle(hart_phandle(hart))?;
        tree.end_node(controller)?;
        tree.end_node(cpu)?;
    }
    tree.end_node(node)
}

/// The older way to name the extensions, which some kernels want: `rv64imac_zicsr_zba`.
fn isa_string(extensions: &[String]) -> String {
    let mut isa = "rv64i".to_owned();
    for extension in extensions {
        if extension.len() > 1 {
            isa.push('_');
        }
        isa.push_str(extension);
    }
    isa
}

fn write_plic(tree: &mut FdtWriter, plic: &Plic, harts: u32) -> Result<(), vm_fdt::Error> {
    let node = tree.begin_node(&unit("interrupt-controller", plic.registers))?;
    tree.property_string_list("compatible", vec!["sifive,plic-1.0.0".into(), "riscv,plic0".into()])?;
    write_reg(tree, plic.registers)?;
    tree.property_null("interrupt-controller")?;
    tree.property_u32("#interrupt-cells", 1)?;
    tree.property_u32("#address-cells", 0)?;
    tree.property_u32("riscv,ndev", plic.sources)?;
    let contexts: Vec<u32> = (0..harts).flat_map(|hart| [hart_phandle(hart), SUPERVISOR_EXTERNAL]).collect();
    tree.property_array_u32("interrupts-extended", &contexts)?;
    tree.property_phandle(PLIC_PHANDLE)?;
    tree.end_node(node)
}

fn write_serial(tree: &mut FdtWriter, serial: &SerialPort) -> Result<(), vm_fdt::Error> {
    let node = tree.begin_node(&unit("serial", serial.registers))?;
    tree.property_string("compatible", "ns16550a")?;
    write_reg(tree, serial.registers)?;
    tree.property_u32("interrupt-parent", PLIC_PHANDLE)?;
    tree.property_u32("interrupts", serial.interrupt)?;
    tree.property_u32("clock-frequency", serial.clock_hz)?;
    tree.end_node(node)
}

fn write_rtc(tree: &mut FdtWriter, rtc: &Rtc) -> Result<(), vm_fdt::Error> {
    let node = tree.begin_node(&unit("rtc", rtc.registers))?;
    tree.property_string("compatible", "google,goldfish-rtc")?;
    write_reg(tree, rtc.registers)?;
    tree.property_u32("interrupt-parent", PLIC_PHANDLE)?;
    tree.property_u32("interrupts", rtc.interrupt)?;
    tree.end_node(node)
}

fn write_panic(tree: &mut FdtWriter, registers: GpaRange) -> Result<(), vm_fdt::Error> {
    let node = tree.begin_node(&unit("pvpanic", registers))?;
    tree.property_string("compatible", "qemu,pvpanic-mmio")?;
    write_reg(tree, registers)?;
    tree.end_node(node)
}

fn write_pci(tree: &mut FdtWriter, pci: &PciHost) -> Result<(), vm_fdt::Error> {
    /// The first cell of a PCI address: 32-bit memory space.
    const MEMORY_SPACE: u32 = 0x0200_0000;
    let node = tree.begin_node(&unit("pci", pci.ecam))?;
    tree.property_string("compatible", "pci-host-ecam-generic")?;
    tree.property_string("device_type", "pci")?;
    write_reg(tree, pci.ecam)?;
    tree.property_u32("#address-cells", 3)?;
    tree.property_u32("#size-cells", 2)?;
    tree.property_u32("#interrupt-cells", 1)?;
    tree.property_u32("linux,pci-domain", 0)?;
    let last_bus = (pci.ecam.size.0 / ECAM_PER_BUS - 1) as u32;
    tree.property_array_u32("bus-range", &[0, last_bus])?;
    tree.property_null("dma-coherent")?;

    let [base_high, base_low] = cells(pci.memory.start.0);
    let [size_high, size_low] = cells(pci.memory.size.0);
    let window = [MEMORY_SPACE, base_high, base_low, base_high, base_low, size_high, size_low];
    tree.property_array_u32("ranges", &window)?;

    tree.property_array_u32("interrupt-map-mask", &INTERRUPT_MAP_MASK)?;
    let entry = |route: &IntxRoute| [route.unit, 0, 0, route.pin, PLIC_PHANDLE, route.source];
    let map: Vec<u32> = pci.interrupts.iter().flat_map(entry).collect();
    tree.property_array_u32("interrupt-map", &map)?;
    tree.end_node(node)
}

fn unit(name: &str, range: GpaRange) -> String {
    format!("{name}@{:x}", range.start.0)
}

fn write_reg(tree: &mut FdtWriter, range: GpaRange) -> Result<(), vm_fdt::Error> {
    tree.property_array_u64("reg", &[range.start.0, range.size.0])
}

fn cells(value: u64) -> [u32; 2] {
    [(value >> 32) as u32, value as u32]
}
