//! The guest's page-table formats: Sv39, Sv48, Sv57, and none.
//!
//! **Sources.** The RISC-V Instruction Set Manual, Volume II, chapter "Supervisor-Level ISA",
//! sections on `satp`, Sv39, Sv48, Sv57 and the address translation algorithm.

use addr::{Gfn, Gva, PAGE_SHIFT};
use machine::Use;

/// Entries in a page table; each level translates nine bits.
pub const TABLE_ENTRIES: u64 = 512;

/// How the guest translates addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum PagingMode {
    /// No translation: a guest virtual address is a guest physical one.
    Bare,
    /// Three levels, 39 bits.
    Sv39,
    /// Four levels, 48 bits.
    Sv48,
    /// Five levels, 57 bits.
    Sv57,
}

impl PagingMode {
    /// The modes a guest can switch on, by the MODE field of `satp`.
    pub const fn from_satp_field(mode: u64) -> Option<Self> {
        match mode {
            0 => Some(Self::Bare),
            8 => Some(Self::Sv39),
            9 => Some(Self::Sv48),
            10 => Some(Self::Sv57),
            _ => None,
        }
    }

    /// The MODE field of `satp`.
    pub const fn satp_field(self) -> u64 {
        match self {
            Self::Bare => 0,
            Self::Sv39 => 8,
            Self::Sv48 => 9,
            Self::Sv57 => 10,
        }
    }

    /// Levels of page tables: 0, 3, 4 or 5.
    pub const fn levels(self) -> u32 {
        match self {
            Self::Bare => 0,
            Self::Sv39 => 3,
            Self::Sv48 => 4,
            Self::Sv57 => 5,
        }
    }

    /// Whether the bits above the translated ones all equal the highest translated one. Without
    /// translation: whether the address is at most 56 bits, the widest guest physical one.
    #[inline]
    pub const fn is_canonical(self, gva: Gva) -> bool {
        if matches!(self, Self::Bare) {
            return gva.0 >> 56 == 0;
        }
        self.canonical(gva).0 == gva.0
    }

    /// The address that has the same translated bits, and the highest of these above them.
    pub(crate) const fn canonical(self, gva: Gva) -> Gva {
        let unused = 64 - (PAGE_SHIFT + 9 * self.levels());
        Gva(((gva.0 << unused) as i64 >> unused) as u64)
    }
}

/// The root of an address space, as a value of `satp` names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Root {
    /// The table format.
    pub mode: PagingMode,
    /// The address space identifier, 16 bits.
    pub asid: u16,
    /// The page of the top-level table.
    pub table: Gfn,
}

impl Root {
    /// No translation.
    pub const BARE: Self = Self { mode: PagingMode::Bare, asid: 0, table: Gfn(0) };

    /// Reads a value of `satp`; `None` if its MODE is reserved.
    pub const fn from_satp(satp: u64) -> Option<Self> {
        match PagingMode::from_satp_field(satp >> 60) {
            Some(mode) => Some(Self { mode, asid: (satp >> 44) as u16, table: Gfn(satp & ((1 << 44) - 1)) }),
            None => None,
        }
    }

    /// The value of `satp`.
    pub const fn satp(self) -> u64 {
        self.mode.satp_field() << 60 | (self.asid as u64) << 44 | self.table.0
    }
}

/// What an access does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Access {
    /// Reads data.
    Load,
    /// Writes data, or reads and writes it.
    Store,
    /// Reads an instruction.
    Fetch,
}

impl Access {
    /// What it does with the page.
    pub const fn to_page(self) -> Use {
        match self {
            Self::Load | Self::Fetch => Use::Read,
            Self::Store => Use::Write,
        }
    }
}

/// From where the guest looks at its address space: what of `sstatus` and the privilege matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct View {
    /// User mode; otherwise supervisor mode.
    pub user: bool,
    /// Supervisor may access user memory (`sstatus.SUM`).
    pub sum: bool,
    /// Executable pages are readable (`sstatus.MXR`).
    pub mxr: bool,
}

/// What a leaf entry permits: bits R, W, X and U of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permissions(u8);

impl Permissions {
    const R: u8 = 1;
    const W: u8 = 2;
    const X: u8 = 4;
    const U: u8 = 8;

    /// From the low bits R, W, X, U, in this order.
    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits & 15)
    }

    /// As the low bits R, W, X, U, in this order.
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// Everything, for the given privilege: what an untranslated address permits.
    pub(crate) const fn all(user: bool) -> Self {
        Self(Self::R | Self::W | Self::X | if user { Self::U } else { 0 })
    }

    /// Whether `access` from `view` is permitted.
    #[inline]
    pub const fn permits(self, access: Access, view: View) -> bool {
        let user_page = self.0 & Self::U != 0;
        let reachable = match (view.user, user_page) {
            (true, user_page) => user_page,
            (false, false) => true,
            (false, true) => view.sum && !matches!(access, Access::Fetch),
        };
        let wanted = match access {
            Access::Load if view.mxr => Self::R | Self::X,
            Access::Load => Self::R,
            Access::Store => Self::W,
            Access::Fetch => Self::X,
        };
        reachable && self.0 & wanted != 0
    }
}

/// A guest page-table entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pte(pub u64);

impl Pte {
    /// Valid.
    pub const V: u64 = 1;
    /// Readable.
    pub const R: u64 = 1 << 1;
    /// Writable.
    pub const W: u64 = 1 << 2;
    /// Executable.
    pub const X: u64 = 1 << 3;
    /// User.
    pub const U: u64 = 1 << 4;
    /// Global: in every address space.
    pub const G: u64 = 1 << 5;
    /// Accessed.
    pub const A: u64 = 1 << 6;
    /// Dirty.
    pub const D: u64 = 1 << 7;
    /// Bits 54 to 63: reserved, or of extensions that Memtide does not offer (Svpbmt, Svnapot).
    const RESERVED: u64 = 0x3ff << 54;

    /// Whether the walk may use the entry at all: valid, no reserved bit or combination.
    pub const fn is_well_formed(self) -> bool {
        let reserved_on_tables = if self.is_leaf() { 0 } else { Self::A | Self::D | Self::U };
        self.0 & Self::V != 0
            && self.0 & (Self::R | Self::W) != Self::W
            && self.0 & (Self::RESERVED | reserved_on_tables) == 0
    }

    /// Whether a well-formed entry translates, rather than pointing to the next table.
    pub const fn is_leaf(self) -> bool {
        self.0 & (Self::R | Self::W | Self::X) != 0
    }

    /// What the entry is in a table at `level`.
    #[inline(always)]
    pub(crate) const fn at(self, level: u32) -> Found {
        if !self.is_well_formed() {
            return Found::Nothing;
        }
        match (self.is_leaf(), level) {
            (true, _) if !self.gfn().0.is_multiple_of(span(level)) => Found::Misaligned,
            (true, _) => Found::Leaf(self.gfn()),
            (false, 0) => Found::Nothing,
            (false, _) => Found::Table(self.gfn()),
        }
    }

    /// The page it points to.
    pub const fn gfn(self) -> Gfn {
        Gfn(self.0 << 10 >> 20)
    }

    /// R, W, X and U.
    pub const fn permissions(self) -> Permissions {
        Permissions::from_bits((self.0 >> 1) as u8)
    }

    /// Whether all of `bits` are set.
    pub const fn has(self, bits: u64) -> bool {
        self.0 & bits == bits
    }
}

/// What a guest page-table entry is where it stands. Every walk goes by this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// Not valid, reserved, or a pointer where no level is below: a page fault.
    Nothing,
    /// A leaf for pages that do not begin where pages of their size do: a page fault.
    Misaligned,
    /// The page of the next table.
    Table(Gfn),
    /// The first page of those that a leaf maps.
    Leaf(Gfn),
}

/// How many pages a leaf at `level` spans.
pub(crate) const fn span(level: u32) -> u64 {
    1 << (9 * level)
}

/// The page that `gva` leads to by a leaf at `level` for the pages from `first` on.
pub(crate) const fn page_of(first: Gfn, level: u32, gva: Gva) -> Gfn {
    Gfn(first.0 | ((gva.0 >> PAGE_SHIFT) % span(level)))
}

/// Where in its table an address's entry at `level` stands, in bytes.
pub(crate) const fn entry_offset(gva: Gva, level: u32) -> u64 {
    (gva.0 >> (PAGE_SHIFT + 9 * level)) % TABLE_ENTRIES * 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_addresses_extend_their_top_bit() {
        for (mode, bits) in [(PagingMode::Sv39, 39), (PagingMode::Sv48, 48), (PagingMode::Sv57, 57)] {
            let top = 1u64 << (bits - 1);
            assert!(mode.is_canonical(Gva(top - 1)));
            assert!(!mode.is_canonical(Gva(top)));
            assert!(mode.is_canonical(Gva(top.wrapping_neg())));
            assert!(!mode.is_canonical(Gva(top.wrapping_neg() - 1)));
        }
        assert!(!PagingMode::Bare.is_canonical(Gva(1 << 56)));
    }

    #[test]
    fn satp_round_trips() {
        let satp = 9 << 60 | 0xabcd << 44 | 0x81234;
        let root = Root::from_satp(satp).unwrap();
        assert_eq!((root.mode, root.asid, root.table), (PagingMode::Sv48, 0xabcd, Gfn(0x81234)));
        assert_eq!(root.satp(), satp);
        assert_eq!(Root::from_satp(11 << 60), None);
    }

    #[test]
    fn permissions_follow_privilege_sum_and_mxr() {
        let user_rx = Permissions::from_bits(0b1101);
        let user = View { user: true, ..View::default() };
        let supervisor = View::default();
        let with_sum = View { sum: true, ..supervisor };
        assert!(user_rx.permits(Access::Load, user) && user_rx.permits(Access::Fetch, user));
        assert!(!user_rx.permits(Access::Store, user));
        assert!(!user_rx.permits(Access::Load, supervisor));
        assert!(user_rx.permits(Access::Load, with_sum));
        assert!(!user_rx.permits(Access::Fetch, with_sum), "SUM never lets supervisor run user pages");
        let execute_only = Permissions::from_bits(0b0100);
        assert!(!execute_only.permits(Access::Load, supervisor));
        assert!(execute_only.permits(Access::Load, View { mxr: true, ..supervisor }));
    }

    #[test]
    fn reserved_encodings_are_malformed() {
        assert!(!Pte(0).is_well_formed());
        assert!(!Pte(Pte::V | Pte::W).is_well_formed());
        assert!(!Pte(Pte::V | Pte::R | 1 << 63).is_well_formed());
        assert!(!Pte(Pte::V | Pte::A).is_well_formed(), "A is reserved on a pointer to a table");
        assert!(Pte(Pte::V).is_well_formed() && !Pte(Pte::V).is_leaf());
        assert!(Pte(Pte::V | Pte::X).is_well_formed());
    }

    #[test]
    fn what_an_entry_is_depends_on_its_level() {
        let entry = |gfn: u64, bits| Pte(gfn << 10 | Pte::V | bits);
        for (pte, levels) in [
            (Pte(0), [Found::Nothing; 3]),
            (entry(512, 0), [Found::Nothing, Found::Table(Gfn(512)), Found::Table(Gfn(512))]),
            (entry(512, Pte::R), [Found::Leaf(Gfn(512)), Found::Leaf(Gfn(512)), Found::Misaligned]),
            (entry(513, Pte::X), [Found::Leaf(Gfn(513)), Found::Misaligned, Found::Misaligned]),
            (entry(512, Pte::W), [Found::Nothing; 3]),
        ] {
            assert_eq!([0, 1, 2].map(|level| pte.at(level)), levels, "{pte:?}");
        }
    }
}
