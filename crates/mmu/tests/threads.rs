//! Harts that use memory while the host moves it, on threads, as a VM does it: each hart's unit
//! under a lock of its own, shoot-downs taking one lock after the other.

mod guest;

use addr::{Gfn, Gva, Mfn};
use guest::{Guest, KERNEL};
use machine::{Frame, ShootDown, Use, VmMemory};
use mmu::{Access, Miss, Mmu, PagingMode, Pte, Root, Technique};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const PAGES: u64 = 48;
/// What each hart does; unoptimized it does less in the same time.
const ACCESSES: u64 = if cfg!(debug_assertions) { 100_000 } else { 2_000_000 };
const BASE: Gva = Gva(0xffff_ffc0_0010_0000);
/// Offset of the word in each page that says which page it is.
const NAME: u64 = 64;
/// Offset of a word that all harts count in; below it stands a word for each hart.
const SHARED: u64 = 128;

struct Harts(Vec<Mutex<Mmu>>);

impl ShootDown for Harts {
    fn take_away(&self, pages: &[(Gfn, Mfn)]) {
        for hart in &self.0 {
            hart.lock().take_away(pages);
        }
    }
}

/// The frame for an access, or the page to make ready first. With the hart locked.
fn frame(memory: &VmMemory, mmu: &mut Mmu, gva: Gva, access: Access) -> Result<Frame, (Gfn, Use)> {
    let hit = match access {
        Access::Load => mmu.tlb().load_from(gva, 8),
        Access::Store => mmu.tlb().store_to(gva, 8),
        Access::Fetch => mmu.tlb().fetch(gva).map(|(_, mfn)| memory.pool().frame(mfn)),
    };
    if let Some(frame) = hit {
        return Ok(frame);
    }
    match mmu.translate(memory, gva, access) {
        Ok(mfn) => {
            if access == Access::Fetch {
                mmu.fill_fetch(gva, mfn, 0);
            }
            Ok(memory.pool().frame(mfn))
        }
        Err(Miss::NeedsWork(gfn, wanted)) => Err((gfn, wanted)),
        Err(miss) => panic!("{gva:?} is mapped and in memory: {miss:?}"),
    }
}

/// One hart's work: counts in its own word of random pages and in the shared one, checking what it
/// finds. Gives how often it counted.
fn run(memory: &VmMemory, hart: &Mutex<Mmu>, number: u64) -> u64 {
    let mut mine = [0u64; PAGES as usize];
    let mut random = 0x9e37_79b9_7f4a_7c15 ^ number;
    let mut counted = 0;
    let mut locked = hart.lock();
    for turn in 0..ACCESSES {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let page = (random >> 33) % PAGES;
        let gva = Gva(BASE.0 + page * 4096);
        let access = [Access::Load, Access::Store, Access::Fetch][(random >> 20) as usize % 3];
        match frame(memory, &mut locked, gva, access) {
            Ok(frame) => {
                assert_eq!(frame.load::<u64>(NAME), page, "{gva:?} leads to another page");
                assert_eq!(
                    frame.load::<u64>(number * 8),
                    mine[page as usize],
                    "INV-4: the last write is read"
                );
                if access == Access::Store {
                    mine[page as usize] += 1;
                    frame.store(number * 8, mine[page as usize]);
                    frame.update::<u64>(SHARED, |word| word + 1);
                    counted += 1;
                }
            }
            Err((gfn, wanted)) => {
                drop(locked);
                memory.resolve(gfn, wanted).expect("only memory needs work");
                locked = hart.lock();
            }
        }
        match turn % 64 {
            0 => locked.fence(Some(gva), None),
            // Let the mover in, as between two slices of instructions.
            16 | 48 => parking_lot::MutexGuard::bump(&mut locked),
            32 if turn % 4096 == 32 => locked.fence(None, None),
            40 if turn % 8192 == 40 => locked.audit(memory).expect("audits hold while pages move"),
            _ => {}
        }
    }
    counted
}

fn move_under(techniques: [Technique; 2], mode: PagingMode) {
    let mut guest = Guest::new(PAGES + 8);
    let root: Root = guest.root(mode);
    let leaves: Vec<u64> = (0..PAGES)
        .map(|page| {
            guest.write(page * 4096 + NAME, page);
            // Not marked yet, so that walks write to tables that move.
            guest.map(root, Gva(BASE.0 + page * 4096), 0, Gfn(page), KERNEL & !(Pte::A | Pte::D) | Pte::G)
        })
        .collect();
    let memory = &guest.memory;
    let units = techniques.map(|technique| {
        let mut mmu = Mmu::new(technique, memory);
        mmu.switch(root);
        Mutex::new(mmu)
    });
    let harts = Arc::new(Harts(Vec::from(units)));
    memory.attach(&harts);
    let (stop, moved) = (AtomicBool::new(false), AtomicU64::new(0));
    let counted: u64 = std::thread::scope(|scope| {
        scope.spawn(|| {
            // Data and tables alike, in batches of different sizes.
            let gfns: Vec<Gfn> = memory.pmap().pages().collect();
            for size in (1..20).cycle() {
                for batch in gfns.chunks(size) {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    moved.fetch_add(memory.move_pages(batch).moved, Ordering::Relaxed);
                }
            }
        });
        let running: Vec<_> = (0u64..)
            .zip(&harts.0)
            .map(|(number, hart)| scope.spawn(move || run(memory, hart, number)))
            .collect();
        let finished: Vec<_> = running.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        stop.store(true, Ordering::Relaxed);
        finished.into_iter().map(|counted| counted.expect("the hart's checks hold")).sum()
    });

    let shared: u64 = (0..PAGES).map(|page| guest.read(page * 4096 + SHARED)).sum();
    assert_eq!(shared, counted, "INV-4: no increment is lost");
    assert!(moved.into_inner() > 1000, "pages moved meanwhile");
    for leaf in leaves {
        assert!(Pte(guest.read(leaf)).has(Pte::A | Pte::D), "marks are not lost in a move");
    }
    memory.audit().unwrap();
    memory.pool().audit().unwrap();
    for hart in &harts.0 {
        hart.lock().audit(memory).unwrap();
    }
}

#[test]
fn pages_move_under_shadow_tables() {
    move_under([Technique::Software; 2], PagingMode::Sv39);
}

#[test]
fn pages_move_under_two_stage_walks() {
    move_under([Technique::Hardware; 2], PagingMode::Sv48);
}

#[test]
fn pages_move_under_one_of_each() {
    move_under([Technique::Software, Technique::Hardware], PagingMode::Sv57);
}
