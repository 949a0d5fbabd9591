//! What can happen to a hart's memory management.
//!
//! Numbers select modulo whatever there is to select from, so any bytes make an operation.

/// One step of a test.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// The guest changes an entry that the walk of `page` reads: mostly under the root that a hart
    /// uses and mostly the last one, sometimes under another root and at any depth.
    Edit { root: u8, page: u8, depth: u8, change: Change },
    /// `sfence.vma`, of one address or all, in one address space or all.
    Fence { hart: u8, page: Option<u8>, asid: Option<u8> },
    /// `satp` is written.
    Switch { hart: u8, root: u8 },
    /// Privilege, SUM and MXR change.
    Look { hart: u8, view: u8 },
    /// Both units of the hart translate; `past_tlb` goes to the unit even if the TLB would do.
    Access { hart: u8, page: u8, access: u8, past_tlb: bool },
    /// The same for all pages.
    Sweep { hart: u8, access: u8, past_tlb: bool },
    /// The host moves pages to other frames.
    Move { first: u8, count: u8 },
    /// One unit of the hart changes its technique.
    Technique { hart: u8, unit: u8 },
    /// One unit of the hart forgets what it did not use lately, or all but so many bytes of its shadow tables.
    Forget { hart: u8, unit: u8, room: Option<u8> },
}

/// What the guest does to an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// Inverts a bit.
    Invert(u8),
    /// Clears accessed and dirty.
    Age,
    /// Replaces the entry.
    Replace(u32),
}

impl Op {
    /// How many bytes [`Op::decode`] takes.
    pub(crate) const BYTES: usize = 8;

    /// Any bytes make an operation.
    pub(crate) fn decode(bytes: [u8; Self::BYTES]) -> Self {
        let [kind, hart, a, b, c, d, e, f] = bytes;
        match kind % 16 {
            0..3 => {
                let change = match c % 4 {
                    0 => Change::Invert([0, 1, 2, 3, 4, 5, 5, 6, 7, 7][d as usize % 10]),
                    1 => Change::Age,
                    _ => Change::Replace(u32::from_le_bytes([c >> 2, d, e, f])),
                };
                Self::Edit { root: hart, page: a, depth: b, change }
            }
            3..6 => Self::Fence { hart, page: (c & 1 != 0).then_some(a), asid: (c & 2 != 0).then_some(b) },
            6 | 7 => Self::Switch { hart, root: a },
            8 => Self::Look { hart, view: a },
            9..12 => Self::Access { hart, page: a, access: b, past_tlb: c & 1 != 0 },
            12 | 13 => Self::Sweep { hart, access: b, past_tlb: c & 1 != 0 },
            14 => Self::Move { first: a, count: b },
            _ if b % 2 == 0 => Self::Technique { hart, unit: a },
            _ => Self::Forget { hart, unit: a, room: (c & 1 != 0).then_some(d) },
        }
    }
}
