//! Any bytes as a kernel and as an initrd: an error or something that can be placed, no panic.

#![no_main]

use addr::{ByteSize, Gpa};
use devices::map::GpaRange;
use libfuzzer_sys::fuzz_target;
use vm::boot::{Initrd, KernelImage, Layout};

fuzz_target!(|content: &[u8]| {
    let initrd = Initrd::parse("fuzzed", content.to_vec()).ok();
    let Ok(kernel) = KernelImage::parse("fuzzed", content.to_vec()) else { return };
    assert!(kernel.size().0 >= kernel.bytes().len() as u64);
    let memory = GpaRange { start: Gpa(0x8000_0000), size: ByteSize::mib(4096) };
    if let Ok(layout) = Layout::new(memory, &kernel, initrd.as_ref()) {
        assert!(layout.kernel.0 + kernel.size().0 <= layout.device_tree.0);
    }
});
