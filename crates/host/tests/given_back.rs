//! What VMs take beside the pool is what Linux counts, and goes back to it when they end. Alone in its program,
//! because it looks at the memory of the whole process.

mod guests;

use addr::ByteSize;
use guests::Under;
use host::Stop;
use model::{HostStatus, VmSpec};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Pages of code, each with instructions in four lines: nearly as much as a vCPU keeps decoded.
const CODE_PAGES: u64 = 800;
/// Below 32 MiB, and so of a size that an allocator keeps what it was given for.
const KERNEL: ByteSize = ByteSize::mib(31);

/// A kernel that runs two instructions on each of many pages, a thousand times over, and then waits for ever.
fn kernel(dir: &Path) -> PathBuf {
    const JUMP_BY_A_QUARTER: u32 = 0x4000_006f;
    const BACK: u32 = (-(CODE_PAGES as i32) << 12) as u32;
    // addi t0, t0, 1; slti t1, t0, 1000; beqz t1, the first wfi; auipc t2, back; jr -12(t2);
    // wfi; j to the wfi.
    const END: [u32; 7] =
        [0x0012_8293, 0x3e82_a313, 0x0003_0663, BACK | 0x397, 0xff43_8067, 0x1050_0073, 0xffdf_f06f];
    let path = dir.join("kernel");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(KERNEL.0).unwrap();
    let put = |at: u64, word: u32| file.write_all_at(&word.to_le_bytes(), at).unwrap();
    (0..4 * CODE_PAGES).for_each(|quarter| put(quarter * 1024, JUMP_BY_A_QUARTER));
    (0..).zip(END).for_each(|(index, word)| put(CODE_PAGES * 4096 + index * 4, word));
    file.write_all_at(&KERNEL.0.to_le_bytes(), 16).unwrap();
    file.write_all_at(b"RSC\x05", 56).unwrap();
    path
}

/// What Linux counts of this process, of one kind.
fn resident(kind: &str) -> ByteSize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(kind)).unwrap();
    ByteSize::kib(line.trim_matches([':', '\t', ' ']).strip_suffix(" kB").unwrap().trim().parse().unwrap())
}

/// Whether the ledger has what Linux counts beside the pool, but for what changed in the second since it was
/// measured, and as much is set aside.
fn agrees_with_linux(status: &HostStatus) -> bool {
    let beside_pool = resident("RssAnon").0 + resident("RssFile").0;
    let ledger = &status.ledger;
    ledger.beside_pool_bytes.is_some_and(|of| of.0.abs_diff(beside_pool) <= ByteSize::mib(2).0)
        && ledger.overhead_bytes >= ledger.beside_pool_bytes.unwrap()
        && ledger.deficit_bytes == ByteSize(0)
}

#[test]
fn overhead_is_what_linux_counts_and_goes_back_to_it() {
    let host = Under::new(ByteSize::mib(192));
    host.is_whole_process().unwrap();
    let kernel = kernel(host.dir.path());
    host.create(VmSpec::new("vm", ByteSize::mib(96), &kernel)).unwrap();

    let overhead = |of: &HostStatus, id| {
        let vm = of.vms.iter().find(|vm| Some(vm.id) == id);
        vm.map(|vm| vm.metrics.overhead_bytes)
    };
    let start = |decoded: ByteSize| {
        let before = resident("RssAnon").0;
        let id = host.start("vm").unwrap().id;
        // What is set aside for it is more from the start on.
        host.wait_for("its code is decoded", |_| resident("RssAnon").0 >= before + decoded.0);
        id
    };
    let ended = [(); 30].map(|()| {
        start(ByteSize::mib(1));
        host.stop("vm", Stop::Now).unwrap();
        resident("RssAnon")
    });
    let bound = ByteSize(ended[2].0 + ByteSize::mib(2).0);
    println!("anonymous memory after the 3rd VM {}, after the 30th {}", ended[2], ended[29]);
    assert!(ended[29] <= bound, "anonymous memory after each VM: {ended:?}");

    let id = start(ByteSize::mib(3));
    let before = resident("RssAnon").0;
    host.wait_for("the ledger says what Linux says", |of| {
        agrees_with_linux(of) && overhead(of, id).is_some_and(|of| of >= ByteSize::mib(3))
    });
    host.wait_for("code that is not used is forgotten", |of| {
        overhead(of, id).is_some_and(|of| of < ByteSize::mib(2))
    });
    let gone = before.saturating_sub(resident("RssAnon").0);
    assert!(gone >= ByteSize::mib(2).0, "{gone} bytes of {before} went back: {ended:?}");
    let status = host.wait_for("the ledger says what Linux says", agrees_with_linux);
    assert!(
        status.ledger.host_overhead_bytes < ByteSize::mib(27),
        "no more than it is allowed: {:?}",
        status.ledger
    );
    host.stop("vm", Stop::Now).unwrap();
}
