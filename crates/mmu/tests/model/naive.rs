//! A page-table walk written straight from the manual, to judge the real one by.
//!
//! It follows the numbered steps of the RISC-V Instruction Set Manual, Volume II, "Virtual Address
//! Translation Process", in their order, shares no code with the crate and changes nothing: it says
//! what an access must find, and leaves pages as they are.

use addr::{Gfn, Ma};
use machine::{PageState, VmMemory};
use mmu::{Access, View};

/// Bits of an entry, numbered as the manual's figure does.
pub(crate) const V: u64 = 0x01;
pub(crate) const R: u64 = 0x02;
pub(crate) const W: u64 = 0x04;
pub(crate) const X: u64 = 0x08;
pub(crate) const U: u64 = 0x10;
pub(crate) const G: u64 = 0x20;
pub(crate) const A: u64 = 0x40;
pub(crate) const D: u64 = 0x80;

/// A leaf found for an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Leaf {
    /// The page the address itself lies in, inside a superpage too.
    pub(crate) gfn: u64,
    pub(crate) pte: u64,
    /// 0 for 4 KiB, 1 for 2 MiB and so on.
    pub(crate) level: u32,
    /// G on the leaf or above it.
    pub(crate) global: bool,
    /// Translation is off: nothing is forbidden.
    pub(crate) bare: bool,
}

/// How a walk ends, before the access is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Leaf(Leaf),
    PageFault,
    AccessFault,
}

/// A walk: the guest physical addresses of the entries read, in order, and the end.
pub(crate) struct Walk {
    pub(crate) entries: Vec<u64>,
    pub(crate) end: End,
}

/// The doubleword at `gpa`, or `None` outside memory. Untouched pages read as zeros and stay so.
fn load(memory: &VmMemory, gpa: u64) -> Option<u64> {
    match memory.pmap().state(Gfn(gpa / 4096))?.0 {
        PageState::Untouched | PageState::Zero(_) => Some(0),
        PageState::Private(mfn) => Some(memory.pool().load::<u64>(Ma(mfn.0 * 4096 + gpa % 4096))),
        other => panic!("nothing here makes a page {other:?}"),
    }
}

pub(crate) fn walk(memory: &VmMemory, satp: u64, va: u64) -> Walk {
    let mut walk = Walk { entries: Vec::new(), end: End::PageFault };
    let levels = match satp >> 60 {
        0 => {
            let leaf =
                Leaf { gfn: va / 4096, pte: V | R | W | X | A | D, level: 0, global: false, bare: true };
            walk.end = if va < 1 << 56 { End::Leaf(leaf) } else { End::AccessFault };
            return walk;
        }
        8 => 3,
        9 => 4,
        10 => 5,
        mode => panic!("no test uses satp mode {mode}"),
    };
    let sign = va >> (12 + 9 * levels - 1);
    if sign != 0 && sign != u64::MAX >> (12 + 9 * levels - 1) {
        return walk;
    }
    // Step 1.
    let mut a = (satp & 0xfff_ffff_ffff) * 4096;
    let mut i = levels - 1;
    let mut global = false;
    loop {
        // Step 2.
        let vpn = va >> (12 + 9 * i) & 0x1ff;
        let at = a + vpn * 8;
        walk.entries.push(at);
        let Some(pte) = load(memory, at) else {
            walk.end = End::AccessFault;
            return walk;
        };
        // Step 3.
        if pte & V == 0 || pte & (R | W) == W || pte >> 54 != 0 {
            return walk;
        }
        global |= pte & G != 0;
        let ppn = pte >> 10 & 0xfff_ffff_ffff;
        // Step 4.
        if pte & (R | X) == 0 {
            if pte & (A | D | U) != 0 || i == 0 {
                return walk;
            }
            i -= 1;
            a = ppn * 4096;
            continue;
        }
        // A misaligned superpage (step 6; it faults as the permissions of step 5 do).
        let mask = (1u64 << (9 * i)) - 1;
        if ppn & mask != 0 {
            return walk;
        }
        let leaf = Leaf { gfn: ppn | (va >> 12 & mask), pte, level: i, global, bare: false };
        walk.end = End::Leaf(leaf);
        return walk;
    }
}

impl Leaf {
    /// Step 5: whether the leaf permits the access.
    pub(crate) fn permits(&self, access: Access, view: View) -> bool {
        if self.bare {
            return true;
        }
        let user_page = self.pte & U != 0;
        if view.user && !user_page {
            return false;
        }
        if !view.user && user_page && (access == Access::Fetch || !view.sum) {
            return false;
        }
        match access {
            Access::Load => self.pte & R != 0 || (view.mxr && self.pte & X != 0),
            Access::Store => self.pte & W != 0,
            Access::Fetch => self.pte & X != 0,
        }
    }

    /// Step 7: the bits that the leaf must have for the access, or gets.
    pub(crate) fn wanted(access: Access) -> u64 {
        if access == Access::Store { A | D } else { A }
    }

    /// Whether a cached copy of the leaf serves the access without touching the guest's entry.
    pub(crate) fn serves(&self, access: Access, view: View) -> bool {
        let wanted = Self::wanted(access);
        self.permits(access, view) && self.pte & wanted == wanted
    }
}
