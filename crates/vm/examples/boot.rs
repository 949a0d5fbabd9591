use std::io::Write;
struct Out;
impl Write for Out {
    fn write(&mut self, b: &[u8]) -> std::io::Result<usize> {
        std::io::stdout().write_all(b)?;
        std::io::stdout().flush()?;
        Ok(b.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let kernel = vm::boot::KernelImage::parse("Image", std::fs::read("state/guest/Image").unwrap()).unwrap();
    let initrd =
        vm::boot::Initrd::parse("initrd", std::fs::read("state/guest/memtide.cpio").unwrap()).unwrap();
    let pool = machine::Pool::new(addr::ByteSize::mib(600)).unwrap();
    let cfg = vm::Config {
        name: "t".into(),
        memory: addr::ByteSize::mib(512),
        cpus: a[2].parse().unwrap(),
        mmu: a[1].parse().unwrap(),
        kernel,
        initrd: Some(initrd),
        command_line: a[3].clone(),
    };
    let t = std::time::Instant::now();
    let vm = vm::Vm::start(&cfg, &pool, machine::VmId(1), Box::new(Out), Box::new(Out)).unwrap();
    let secs: u64 = a[4].parse().unwrap();
    let e = vm.wait(std::time::Duration::from_secs(secs));
    println!("ended {:?} {:?}", e, t.elapsed());
    let s = vm.statistics();
    println!("{:#?} trouble {:?}", s.harts, vm.trouble());
    for t in [&s.software, &s.hardware] {
        println!(
            "{:?}\n guest_ms {} mmu_ms {} dev_ms {}",
            t,
            t.guest_nanoseconds() / 1000000,
            t.hart.mmu_nanoseconds / 1000000,
            t.hart.device_nanoseconds / 1000000
        );
    }
    println!("{:?} {:?}", s.choice, s.pages);
    println!("audit {:?}", vm.audit());
}
