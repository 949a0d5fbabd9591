//! Memtide's side: the same requests on a hart.

use crate::{CODE, CODE_BYTES, Outcome, Request, SCRATCH, SCRATCH_BYTES, State, hash};
use addr::{Gfn, Gpa, Ma, Mfn, PAGE_SIZE, PageCount, VmId};
use machine::{Pool, ShootDown, Use, VmMemory};
use mmu::Technique;
use riscv::{Devices, Exit, Hart, Lines};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

/// How a request's addresses are translated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Setting {
    /// Not at all, in supervisor mode.
    Bare,
    /// By Sv39, in user mode.
    User(Technique),
}

pub(crate) const SETTINGS: [Setting; 3] =
    [Setting::Bare, Setting::User(Technique::Hardware), Setting::User(Technique::Software)];

/// Where the code that sets everything up is, and the trap handler behind it.
const STUB: u64 = 0x5002_0000;
const HANDLER: u64 = STUB + 0x800;
const TABLES: u64 = 0x5003_0000;
const FIRST: u64 = CODE;
const PAGES: u64 = 0x40;
/// Pages a request may reach, the ones that move while it runs.
const SPARE: u64 = 8;

/// `csrw stvec, a0`, `csrw sepc, a1`, `csrw sstatus, a2`, `csrw fcsr, a3`, `csrw satp, a4`,
/// `sfence.vma`, `fence.i`, `wfi`, `sret`.
const SET_UP: [u32; 9] = [
    0x1055_1073,
    0x1415_9073,
    0x1006_1073,
    0x0036_9073,
    0x1807_1073,
    0x1200_0073,
    0x0000_100f,
    0x1050_0073,
    0x1020_0073,
];
const ECALL: u32 = 0x0000_0073;

struct Nobody;

impl Devices for Nobody {
    fn read(&self, _: Gpa, _: u8) -> Option<u64> {
        None
    }

    fn write(&self, _: Gpa, _: u8, _: u64) -> Option<()> {
        None
    }
}

pub(crate) struct Machine {
    memory: Arc<VmMemory>,
    hart: Arc<Locked>,
}

struct Locked(Mutex<Hart>);

impl ShootDown for Locked {
    fn take_away(&self, pages: &[(Gfn, Mfn)]) {
        self.lock().take_away(pages);
    }
}

impl Locked {
    fn lock(&self) -> MutexGuard<'_, Hart> {
        self.0.lock().expect("no test panicked")
    }
}

impl Machine {
    pub(crate) fn new() -> Self {
        let pool = Pool::new(PageCount(PAGES + SPARE).bytes()).expect("a small pool fits");
        let memory = VmMemory::new(&pool, VmId(1), Gfn(FIRST / PAGE_SIZE), PageCount(PAGES));
        let memory = Arc::new(memory.expect("the pool is the VM's alone"));
        let (devices, lines) = (Arc::new(Nobody), Arc::new(Lines::default()));
        let hart = Hart::new(memory.clone(), devices, lines, Technique::Hardware, Instant::now());
        let hart = Arc::new(Locked(Mutex::new(hart)));
        memory.attach(&hart);
        let machine = Self { memory, hart };
        let set_up: Vec<u8> = SET_UP.into_iter().flat_map(u32::to_le_bytes).collect();
        machine.write(STUB, &set_up);
        machine.write(HANDLER, &ECALL.to_le_bytes());
        machine.write_tables();
        machine
    }

    /// Identity tables of three levels, for users all but the stub, for the supervisor the stub.
    fn write_tables(&self) {
        const TABLE: u64 = 1;
        const EVERYTHING: u64 = 0xcf; // dirty, accessed, executable, writable, readable, valid
        const USER: u64 = 1 << 4;
        let entry = |address: u64, flags: u64| (address >> 12 << 10 | flags).to_le_bytes();
        self.write(TABLES + (FIRST >> 30) * 8, &entry(TABLES + PAGE_SIZE, TABLE));
        self.write(TABLES + PAGE_SIZE + (FIRST >> 21 & 511) * 8, &entry(TABLES + 2 * PAGE_SIZE, TABLE));
        let for_users = [(CODE, CODE_BYTES), (SCRATCH, SCRATCH_BYTES)];
        let user = for_users.iter().flat_map(|&(at, bytes)| (at..at + bytes).step_by(4096));
        for (page, flags) in user.map(|page| (page, EVERYTHING | USER)).chain([(STUB, EVERYTHING)]) {
            self.write(TABLES + 2 * PAGE_SIZE + (page >> 12 & 511) * 8, &entry(page, flags));
        }
    }

    fn write(&self, address: u64, bytes: &[u8]) {
        for (byte, at) in bytes.iter().zip(address..) {
            let mfn = self.memory.resolve(Gfn(at / PAGE_SIZE), Use::Write).expect("it is memory");
            self.memory.pool().store(Ma(mfn.base().0 + at % PAGE_SIZE), *byte);
        }
    }

    fn scratch_hash(&self) -> u64 {
        hash((SCRATCH..SCRATCH + SCRATCH_BYTES).step_by(8).map(|at| {
            let mfn = self.memory.resolve(Gfn(at / PAGE_SIZE), Use::Read).expect("it is memory");
            self.memory.pool().load::<u64>(Ma(mfn.base().0 + at % PAGE_SIZE))
        }))
    }

    /// Runs a request to its end, in slices of `slice` instructions; if `moves`, pages change
    /// their frames between these.
    pub(crate) fn run(&self, request: &Request, setting: Setting, slice: u32, moves: bool) -> Outcome {
        for (address, bytes) in &request.patches {
            self.write(*address, bytes);
        }
        self.set_up(request, setting);
        let mut rounds = 0;
        while self.slice(slice) != Exit::Call {
            if moves {
                let reachable =
                    [CODE, CODE + PAGE_SIZE, SCRATCH, SCRATCH + PAGE_SIZE, TABLES + 2 * PAGE_SIZE];
                let page = Gfn(reachable[rounds % reachable.len()] / PAGE_SIZE);
                self.memory.move_pages(&[page]);
            }
            rounds += 1;
            assert!(rounds < 100_000, "the code does not end");
        }
        self.outcome()
    }

    fn set_up(&self, request: &Request, setting: Setting) {
        const FLOAT_ON: u64 = 3 << 13;
        const SUPERVISOR: u64 = 1 << 8;
        let State { x, f, fcsr } = &request.state;
        let (status, satp) = match setting {
            Setting::Bare => (FLOAT_ON | SUPERVISOR, 0),
            Setting::User(_) => (FLOAT_ON, 8 << 60 | TABLES >> 12),
        };
        let mut hart = self.hart.lock();
        if let Setting::User(technique) = setting {
            hart.set_technique(technique);
        }
        hart.start(STUB, HANDLER, x[0]);
        for (register, value) in [(12, status), (13, *fcsr), (14, satp)] {
            hart.set_x(register, value);
        }
        drop(hart);
        while self.slice(100) != Exit::Wait {}
        let mut hart = self.hart.lock();
        for register in 1..32 {
            hart.set_x(register, x[usize::from(register)]);
        }
        for register in 0..32 {
            hart.set_f(register, f[usize::from(register)]);
        }
    }

    fn slice(&self, slice: u32) -> Exit {
        let exit = self.hart.lock().run(slice);
        if let Exit::NeedsWork(gfn, wanted) = exit {
            self.memory.resolve(gfn, wanted).expect("only memory needs work");
        }
        exit
    }

    fn outcome(&self) -> Outcome {
        let registers = self.hart.lock().registers();
        let [cause, sepc, ..] = registers.trap;
        let mut state = State { x: registers.x, f: registers.f, fcsr: registers.fcsr };
        state.x[0] = sepc;
        Outcome { state, signal: signal(cause), hash: self.scratch_hash() }
    }

    pub(crate) fn audit(&self) {
        self.hart.lock().mmu().audit(&self.memory).expect("caches are right");
        self.memory.audit().expect("pages are where the pmap says");
    }
}

/// The signal that Linux sends for an exception.
fn signal(cause: u64) -> u64 {
    const SIGILL: u64 = 4;
    const SIGTRAP: u64 = 5;
    const SIGBUS: u64 = 7;
    const SIGSEGV: u64 = 11;
    match cause {
        2 => SIGILL,
        3 => SIGTRAP,
        4 | 6 => SIGBUS,
        1 | 5 | 7 | 12 | 13 | 15 => SIGSEGV,
        _ => panic!("cause {cause} is nothing that code in a test can raise"),
    }
}
