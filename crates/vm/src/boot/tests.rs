//! Files good and bad, layouts, and device trees read back by other programs.

use super::*;
use devices::map::GpaRange;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::io::Write;
use std::process::{Command, Stdio};

const RAM: Gpa = Gpa(0x8000_0000);

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// 8 KiB of "kernel" that wants 2 MiB below it and 64 KiB of memory.
fn image() -> Vec<u8> {
    let mut image: Vec<u8> = (0..8192u32).map(|index| (index * 7) as u8).collect();
    image[..64].fill(0);
    image[..2].copy_from_slice(b"MZ");
    image[8..16].copy_from_slice(&(2u64 << 20).to_le_bytes());
    image[16..24].copy_from_slice(&(64u64 << 10).to_le_bytes());
    image[48..56].copy_from_slice(b"RISCV\0\0\0");
    image[56..60].copy_from_slice(b"RSC\x05");
    // A PE header with one section, which ends where the file does.
    image[60..64].copy_from_slice(&64u32.to_le_bytes());
    image[64..68].copy_from_slice(b"PE\0\0");
    image[70..72].copy_from_slice(&1u16.to_le_bytes());
    image[84..86].copy_from_slice(&0u16.to_le_bytes());
    image[104..108].copy_from_slice(&4096u32.to_le_bytes());
    image[108..112].copy_from_slice(&4096u32.to_le_bytes());
    image
}

fn zboot(payload: &[u8], method: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 512];
    file[..8].copy_from_slice(b"MZ\0\0zimg");
    file[8..12].copy_from_slice(&512u32.to_le_bytes());
    file[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    file[24..24 + method.len()].copy_from_slice(method);
    file.extend_from_slice(payload);
    file
}

/// A cpio archive of one file.
fn cpio(content: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in [("init", content), ("TRAILER!!!", &[][..])] {
        let mut fields = [0; 13];
        fields[6] = content.len();
        fields[11] = name.len() + 1;
        archive.extend_from_slice(b"070701");
        archive.extend(fields.iter().flat_map(|field| format!("{field:08x}").into_bytes()));
        archive.extend_from_slice(name.as_bytes());
        archive.push(0);
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}

fn kernel_error(content: Vec<u8>) -> String {
    KernelImage::parse("vmlinuz", content).unwrap_err().to_string()
}

fn initrd_error(content: Vec<u8>) -> String {
    Initrd::parse("initrd.gz", content).unwrap_err().to_string()
}

#[test]
fn a_kernel_is_the_same_however_it_is_packed() {
    for packed in [image(), gzip(&image()), zboot(&gzip(&image()), b"gzip")] {
        let kernel = KernelImage::parse("Image", packed).unwrap();
        assert_eq!(kernel.bytes(), image());
        assert_eq!(kernel.text_offset(), ByteSize::mib(2));
        assert_eq!(kernel.size(), ByteSize::kib(64));
    }
}

#[test]
fn what_is_not_a_kernel_is_named() {
    let mut elf = vec![0; 4096];
    elf[..4].copy_from_slice(b"\x7fELF");
    elf[18] = 0xf3;
    let mut x86 = vec![0; 4096];
    x86[0x202..0x206].copy_from_slice(b"HdrS");
    let mut arm = vec![0; 4096];
    arm[56..60].copy_from_slice(b"ARM\x64");
    for (content, expected) in [
        (vec![], "empty"),
        (vec![0; 10], "too short"),
        (elf.clone(), "an ELF file for RISC-V, perhaps vmlinux"),
        (gzip(&elf), "an ELF file for RISC-V"),
        (x86, "an x86 kernel (bzImage)"),
        (arm, "an arm64 kernel"),
        (cpio(b"hello"), "an initrd"),
        (gzip(&cpio(b"hello")), "an initrd"),
        (b"MZ".repeat(100), "an EFI program"),
        (vec![7; 4096], "not a kernel"),
    ] {
        let error = kernel_error(content);
        assert!(error.starts_with("kernel 'vmlinuz' is ") && error.contains(expected), "{error}");
        assert!(error.contains("expected a RISC-V Linux Image"), "{error}");
    }
}

#[test]
fn damaged_kernels_are_refused() {
    let packed = gzip(&image());
    let mut bad_sum = packed.clone();
    *bad_sum.iter_mut().rev().nth(5).unwrap() ^= 1;
    let with = |offset: usize, value: u64| {
        let mut image = image();
        image[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
        image
    };
    for (content, expected) in [
        (packed[..packed.len() / 2].to_vec(), "cut off: its gzip stream does not end"),
        (bad_sum, "is damaged"),
        (image()[..5000].to_vec(), "cut off: it has 5000 bytes and should have at least 8192"),
        (image()[..62].to_vec(), "is cut off"),
        (zboot(&packed, b"gzip")[..600].to_vec(), "is cut off"),
        (zboot(&packed, b"zstd22"), "compressed with 'zstd22'"),
        (b"\xfd7zXZ\0 and so on".to_vec(), "compressed with xz"),
        (with(8, 4096), "multiple of 2 MiB"),
        (with(16, 1 << 40), "1 TiB"),
        (with(24, 1), "big-endian"),
    ] {
        let error = kernel_error(content);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_initrd_may_have_many_archives() {
    let plain = cpio(b"microcode");
    let packed = gzip(&cpio(&vec![5; 100_000]));
    let both = [plain.clone(), vec![0; 512], packed.clone(), vec![0; 300]].concat();
    let size = (plain.len() + cpio(&vec![5; 100_000]).len()) as u64;
    let initrd = Initrd::parse("initrd", both.clone()).unwrap();
    assert_eq!((initrd.format(), initrd.unpacked()), (InitrdFormat::Cpio, Some(ByteSize(size))));
    assert_eq!(initrd.bytes(), both);

    let initrd = Initrd::parse("initrd", packed).unwrap();
    assert_eq!(initrd.format(), InitrdFormat::Compressed("gzip"));
    for (magic, _) in COMPRESSIONS.into_iter().filter(|(_, name)| *name != "gzip") {
        let initrd = Initrd::parse("initrd", [magic, &[9; 50]].concat()).unwrap();
        assert_eq!(initrd.unpacked(), None);
    }
}

#[test]
fn an_initrd_that_ends_early_is_noticed() {
    let plain = cpio(b"early");
    let packed = gzip(&cpio(&(0..90_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>()));
    for cut in
        [plain.len() + 3, plain.len() + 11, plain.len() + packed.len() / 2, plain.len() + packed.len() - 1]
    {
        let error = initrd_error([&plain[..], &packed].concat()[..cut].to_vec());
        let expected = format!(
            "the archive that begins at byte {} is not complete at byte {cut}, where the file ends",
            plain.len()
        );
        assert!(error.contains(&expected), "{error}");
    }
    for cut in 6..plain.len() - 1 {
        let error = initrd_error(plain[..cut].to_vec());
        assert!(error.contains("ends early"), "{cut}: {error}");
    }
}

#[test]
fn what_is_not_an_initrd_is_named() {
    let mut damaged = gzip(&cpio(&[1; 1000]));
    *damaged.iter_mut().rev().nth(5).unwrap() ^= 1;
    for (content, expected) in [
        (vec![], "holds nothing (0 zero bytes)"),
        (vec![0; 512], "holds nothing (512 zero bytes)"),
        (b"hello".to_vec(), "at byte 0 there is neither"),
        (gzip(b"hello"), "something other than a cpio archive"),
        (damaged, "is damaged"),
        ([&cpio(b"x")[..], b"rubbish"].concat(), "there is neither"),
    ] {
        let error = initrd_error(content);
        assert!(error.starts_with("initrd 'initrd.gz' ") && error.contains(expected), "{error}");
    }
}

#[test]
fn parts_do_not_overlap_and_too_little_memory_is_refused_with_the_need() {
    let kernel = KernelImage::parse("Image", image()).unwrap();
    let initrd = Initrd::parse("initrd", gzip(&cpio(&vec![0; 10 << 20]))).unwrap();
    let memory = |size| GpaRange { start: RAM, size };
    let error = Layout::new(memory(ByteSize::mib(32)), &kernel, Some(&initrd)).unwrap_err();
    assert_eq!(error.minimum(), ByteSize::mib(65));
    assert_eq!(
        error.to_string(),
        "32 MiB of guest memory is too little: this kernel with this initrd needs at least 65 MiB; \
         give the VM more memory"
    );
    let layout = Layout::new(memory(error.minimum()), &kernel, Some(&initrd)).unwrap();
    assert_eq!(layout.kernel, Gpa(0x8020_0000));
    assert_eq!(layout.device_tree, Gpa(0x8040_0000), "the kernel takes whole runs of 2 MiB");
    let initrd_range = layout.initrd.unwrap();
    assert_eq!(
        initrd_range,
        GpaRange { start: Gpa(0x8041_0000), size: ByteSize(initrd.bytes().len() as u64) }
    );
    assert!(Layout::new(memory(ByteSize::mib(65)), &kernel, None).unwrap().initrd.is_none());
}

fn machine(harts: u32) -> MachineFacts {
    let range = |start, size| GpaRange { start: Gpa(start), size: ByteSize(size) };
    let extensions =
        "m a f d c zicboz zicntr zicsr zifencei zihintpause zba zbb zbc zbs sstc svadu svinval svvptc";
    MachineFacts {
        memory: GpaRange { start: RAM, size: ByteSize::mib(512) },
        cpus: Cpus {
            count: harts,
            extensions: extensions.split(' ').map(str::to_owned).collect(),
            mmu_type: "riscv,sv57".to_owned(),
            zero_block_size: Some(64),
            timebase_hz: 10_000_000,
        },
        plic: Plic { registers: range(0x0c00_0000, 0x60_0000), sources: 95 },
        serial: SerialPort { registers: range(0x1000_0000, 0x100), interrupt: 10, clock_hz: 3_686_400 },
        rtc: Rtc { registers: range(0x10_1000, 0x1000), interrupt: 11 },
        panic: range(0x10_2000, 0x100),
        pci: PciHost {
            ecam: range(0x3000_0000, 1 << 20),
            memory: range(0x4000_0000, 0x4000_0000),
            interrupts: devices::interrupt_map().collect(),
        },
    }
}

fn chosen(command_line: &str) -> Chosen<'_> {
    let initrd = GpaRange { start: Gpa(0x8400_0000), size: ByteSize(12345) };
    Chosen { command_line, initrd: Some(initrd), rng_seed: [7; 32] }
}

/// The property's value, for which another reader of device trees has to find it.
fn property<'a>(tree: &::fdt::Fdt<'a>, node: &str, name: &str) -> &'a [u8] {
    let node = tree.find_node(node).unwrap_or_else(|| panic!("no node {node}"));
    node.property(name).unwrap_or_else(|| panic!("no property {name}")).value
}

fn cells(value: &[u8]) -> Vec<u32> {
    value.chunks(4).map(|cell| u32::from_be_bytes(cell.try_into().unwrap())).collect()
}

#[test]
fn a_device_tree_says_what_the_machine_has() {
    let tree = DeviceTree::new(&machine(2), &chosen("console=ttyS0 quiet")).unwrap();
    let tree = ::fdt::Fdt::new(tree.bytes()).unwrap();
    let get = |node, name| property(&tree, node, name);

    assert_eq!(get("/chosen", "bootargs"), b"console=ttyS0 quiet\0");
    assert_eq!(get("/chosen", "stdout-path"), b"/soc/serial@10000000\0");
    assert_eq!(get("/chosen", "rng-seed"), [7; 32]);
    assert_eq!(get("/chosen", "linux,initrd-start"), 0x8400_0000_u64.to_be_bytes());
    assert_eq!(get("/chosen", "linux,initrd-end"), (0x8400_0000_u64 + 12345).to_be_bytes());
    assert_eq!(cells(get("/memory@80000000", "reg")), [0, 0x8000_0000, 0, 512 << 20]);

    assert_eq!(cells(get("/cpus", "timebase-frequency")), [10_000_000]);
    assert_eq!(
        get("/cpus/cpu@1", "riscv,isa"),
        b"rv64imafdc_zicboz_zicntr_zicsr_zifencei_zihintpause_zba_zbb_zbc_zbs_sstc_svadu_svinval_svvptc\0"
    );
    assert!(get("/cpus/cpu@1", "riscv,isa-extensions").starts_with(b"i\0m\0a\0f\0d\0c\0zicboz\0"));
    assert_eq!(get("/cpus/cpu@0", "mmu-type"), b"riscv,sv57\0");
    assert_eq!(cells(get("/cpus/cpu@0", "riscv,cboz-block-size")), [64]);

    let plic = "/soc/interrupt-controller@c000000";
    let hart = cells(get("/cpus/cpu@1/interrupt-controller", "phandle"))[0];
    assert_eq!(cells(get(plic, "interrupts-extended"))[2..], [hart, 9]);
    let plic_phandle = cells(get(plic, "phandle"))[0];
    assert_eq!(cells(get("/soc/serial@10000000", "interrupt-parent")), [plic_phandle]);

    assert_eq!(get("/soc/rtc@101000", "compatible"), b"google,goldfish-rtc\0");
    assert_eq!(cells(get("/soc/rtc@101000", "interrupts")), [11]);
    assert_eq!(get("/soc/pvpanic@102000", "compatible"), b"qemu,pvpanic-mmio\0");
    assert_eq!(cells(get("/soc/pvpanic@102000", "reg")), [0, 0x10_2000, 0, 0x100]);

    let pci = "/soc/pci@30000000";
    assert_eq!(cells(get(pci, "bus-range")), [0, 0]);
    assert_eq!(cells(get(pci, "ranges")), [0x0200_0000, 0, 0x4000_0000, 0, 0x4000_0000, 0, 0x4000_0000]);
    let map = cells(get(pci, "interrupt-map"));
    for (device, pin, source) in [(0, 1, 32), (0, 4, 35), (1, 1, 33), (3, 4, 34)] {
        let entry = [device << 11, 0, 0, pin, plic_phandle, source];
        assert!(map.chunks(6).any(|chunk| chunk == entry), "device {device} pin {pin}");
    }
}

/// `dtc` checks the structure and many of the bindings' rules, and knows when to warn.
#[test]
fn the_device_tree_compiler_has_no_complaints() {
    let tree = DeviceTree::new(&machine(8), &chosen("")).unwrap();
    let dtc = Command::new("dtc")
        .args(["-I", "dtb", "-O", "dts"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut dtc = match dtc {
        Ok(dtc) => dtc,
        Err(error) => {
            println!("SKIPPED: the device tree is not checked by dtc, which cannot be run: {error}");
            return;
        }
    };
    dtc.stdin.take().unwrap().write_all(tree.bytes()).unwrap();
    let output = dtc.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(String::from_utf8_lossy(&output.stdout).contains("cpu@7 {"));
}

#[test]
fn contradicting_facts_are_refused() {
    let error = |change: &dyn Fn(&mut MachineFacts)| {
        let mut machine = machine(1);
        change(&mut machine);
        DeviceTree::new(&machine, &chosen("")).unwrap_err().to_string()
    };
    assert!(error(&|m| m.cpus.count = 0).contains("number of CPUs"));
    assert!(error(&|m| m.cpus.count = 500).contains("configure fewer CPUs"));
    assert!(error(&|m| m.serial.interrupt = 96).contains("interrupt"));
    assert!(error(&|m| m.rtc.interrupt = 0).contains("interrupt"));
    assert!(error(&|m| m.panic.start = m.rtc.registers.start).contains("overlap"));
    assert!(error(&|m| m.serial.registers.start = Gpa(0x8000_1000)).contains("overlap"));
    assert!(error(&|m| m.memory.size = ByteSize(0)).contains("empty"));
    assert!(error(&|m| m.memory.size = ByteSize(u64::MAX)).contains("exceeds"));
    assert!(error(&|m| m.pci.ecam.size = ByteSize(4096)).contains("configuration space"));
    assert!(error(&|m| m.pci.memory.start = Gpa(1 << 32)).contains("4 GiB"));
    let line = |line: &str| DeviceTree::new(&machine(1), &chosen(line)).unwrap_err().to_string();
    assert!(line(&"x".repeat(1024)).contains("has 1024 bytes"));
    assert!(line("a\0b").contains("zero byte"));
}

#[test]
fn loading_writes_every_part_to_its_place() {
    let kernel = KernelImage::parse("Image", image()).unwrap();
    let initrd = Initrd::parse("initrd", gzip(&cpio(b"#!/bin/sh"))).unwrap();
    let mut writes = Vec::new();
    let entry = load::<()>(&kernel, Some(&initrd), &machine(1), "quiet", [1; 32], |at, bytes| {
        writes.push((at, bytes.to_vec()));
        Ok(())
    })
    .unwrap();
    assert_eq!(writes[0], (entry.kernel, image()));
    let tree = writes.iter().find(|(at, _)| *at == entry.device_tree).unwrap();
    let tree = ::fdt::Fdt::new(&tree.1).unwrap();
    let start = property(&tree, "/chosen", "linux,initrd-start");
    let initrd_at = Gpa(u64::from_be_bytes(start.try_into().unwrap()));
    assert!(writes.contains(&(initrd_at, initrd.bytes().to_vec())));

    let refused = load(&kernel, None, &machine(1), "", [1; 32], |_, _| Err("no frame is free"));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "cannot write the kernel to guest memory at 0x80200000: no frame is free"
    );
}

proptest! {
    #[test]
    fn no_file_makes_the_parsers_panic(
        damage in prop::collection::vec((0..400usize, any::<u8>()), 0..6),
        cut in 0..9000usize,
        which in 0..4usize,
    ) {
        let mut file =
            [image(), gzip(&image()), zboot(&gzip(&image()), b"gzip"), cpio(&[3; 500])][which].clone();
        for (offset, value) in damage {
            if let Some(byte) = file.get_mut(offset) {
                *byte = value;
            }
        }
        file.truncate(cut);
        if let Ok(kernel) = KernelImage::parse("file", file.clone()) {
            prop_assert!(kernel.size().0 >= kernel.bytes().len() as u64);
        }
        if let Ok(initrd) = Initrd::parse("file", file.clone()) {
            prop_assert_eq!(initrd.bytes(), file);
        }
    }
}
