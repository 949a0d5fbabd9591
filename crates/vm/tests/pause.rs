//! VMs that are paused: they stand still, lose no time, and can be ended.

mod guest;

use addr::ByteSize;
use guest::Guest;
use machine::Pool;
use std::time::{Duration, Instant};
use vm::boot::KernelImage;
use vm::{Config, Ended, MmuChoice, Vm};

const SIZE: ByteSize = ByteSize::mib(48);
/// `j .`
const SPIN: u32 = 0x0000_006f;
/// `lui t0, 0x8000; addi t0, t0, -1; bnez t0, -4`: some tenths of a second.
const COUNT_DOWN: [u32; 3] = [0x0800_02b7, 0xfff2_8293, 0xfe02_9ee3];

fn config(program: &[u32], cpus: u32) -> Config {
    Config {
        name: "test".to_owned(),
        memory: SIZE,
        cpus,
        mmu: MmuChoice::Automatic,
        kernel: KernelImage::parse("test", kernels::image(program)).unwrap(),
        initrd: None,
        command_line: String::new(),
    }
}

fn instructions(vm: &Vm) -> u64 {
    vm.statistics().harts.iter().map(|hart| hart.instructions).sum()
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + guest::PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not so: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_paused_vm_executes_nothing_and_goes_on_where_it_was() {
    let pool = Pool::new(SIZE).unwrap();
    let guest = Guest::start(&config(&[SPIN], 2), &pool, 1);
    let vm = &guest.vm;
    wait_for("it runs", || instructions(vm) > 0);
    for _ in 0..20 {
        assert!(vm.pause() && !vm.pause() && vm.is_paused());
        let before = instructions(vm);
        // Its memory can be looked at and moved.
        guest.check();
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(instructions(vm), before, "not one more");
        assert!(vm.resume() && !vm.resume() && !vm.is_paused());
        wait_for("it runs again", || instructions(vm) > before);
    }
    vm.pause();
    guest.take_down();
    guest::assert_unused(&pool);
}

#[test]
fn a_guest_that_reboots_is_kept_as_it_is_where_it_should_be() {
    let pool = Pool::new(SIZE).unwrap();
    let program = [&COUNT_DOWN[..], &kernels::reset(1, 0)].concat();
    let guest = Guest::start(&config(&program, 1), &pool, 1);
    guest.vm.keep_at_reset(true);
    wait_for("it is kept", || guest.vm.is_kept());
    assert!(guest.vm.is_paused() && guest.vm.ended().is_none());
    guest.vm.stop();
    assert_eq!(guest.vm.ended(), Some(Ended::Stopped));
}
