//! The guest of the tests: where its tables stand, what it puts into them, what it looks at.
//!
//! **Model.** 48 pages of memory from gfn 512 on, so that superpages lead partly into memory and
//! partly outside. A few pages of tables for each level, shared by all roots and all modes; entries
//! stand at a handful of indices, and a test looks at two dozen addresses made of those indices.

use super::naive::{A, D, G, R, U, V, W, X};
use addr::Gfn;
use mmu::{PagingMode, Root};

pub(crate) const FIRST: u64 = 512;
pub(crate) const PAGES: u64 = 48;
/// The first so many of them may be tables; no test writes to the others.
pub(crate) const TABLE_PAGES: u64 = 14;

/// Pages of the tables of each level, from 4 KiB up.
const TABLES: [&[u64]; 5] =
    [&[521, 522, 523, 524, 525], &[518, 519, 520], &[515, 516, 517], &[513, 514], &[512]];
const INDICES: [u64; 6] = [0, 1, 2, 255, 256, 511];

/// Random numbers that a case needs besides its operations.
pub(crate) const SEEDS: usize = TABLE_PAGES as usize * INDICES.len() + 6;

pub(crate) const ROOTS: [Root; 10] = [
    root(PagingMode::Sv39, 1, 515),
    root(PagingMode::Sv39, 2, 516),
    root(PagingMode::Sv39, 1, 517),
    root(PagingMode::Sv39, 3, 515),
    root(PagingMode::Sv48, 2, 513),
    root(PagingMode::Sv48, 0, 514),
    root(PagingMode::Sv57, 1, 512),
    root(PagingMode::Sv57, 3, 512),
    Root::BARE,
    // Outside memory.
    root(PagingMode::Sv39, 2, 100),
];

const fn root(mode: PagingMode, asid: u16, table: u64) -> Root {
    Root { mode, asid, table: Gfn(table) }
}

fn pick<T: Copy>(from: &[T], seed: u32) -> T {
    from[seed as usize % from.len()]
}

/// An entry for a table of `level`: most are sound, the others wrong in every way there is.
pub(crate) fn entry(level: u32, seed: u32) -> u64 {
    let (kind, flags, place) = (seed % 64, seed >> 6, seed >> 14);
    let leaf =
        pick(&[R | W | X, R | W | X, R | W, R, X, R | X, R | W | X], flags) | pick(&[0, G], flags >> 6 & 1);
    let leaf = leaf | pick(&[0, U], flags >> 3) | pick(&[0, A, A | D, A | D], flags >> 4) | V;
    let child = pick(TABLES[level.saturating_sub(1) as usize], place);
    let pointer = child << 10 | V | pick(&[0, 0, 0, G], flags);
    let small = (FIRST + u64::from(place) % (PAGES + 2)) << 10;
    match (kind, level) {
        (0, _) => 0,
        (1, _) => small | V | W,
        (2, _) => small | leaf | 1 << (54 + place % 10),
        (3, 1..) => pointer | pick(&[A, D, U], place),
        (4, _) => 100 << 10 | V,
        // A table of any level, this one among them.
        (5, _) => (FIRST + u64::from(place) % TABLE_PAGES) << 10 | V,
        (6, _) => small | leaf & !V,
        (_, 0) | (7, _) => small | leaf,
        (8..16, 1) => 512 << 10 | leaf,
        (8..14, _) => leaf,
        _ => pointer,
    }
}

/// The guest's tables at first, mostly sound: address and value of each entry.
pub(crate) fn tables(seeds: &[u32]) -> impl Iterator<Item = (u64, u64)> {
    let places = TABLES.iter().zip(0u32..).flat_map(|(tables, level)| {
        tables.iter().flat_map(move |table| INDICES.map(move |index| (level, table * 4096 + index * 8)))
    });
    places.zip(seeds.iter().copied()).map(|((level, at), seed)| {
        (at, entry(level, if seed % 64 < 8 && seed >> 28 != 0 { seed | 32 } else { seed }))
    })
}

/// The pages a test looks at: in each of six runs of 2 MiB the same four.
pub(crate) fn pages(seeds: &[u32]) -> Vec<u64> {
    let run = |seed: &u32| {
        let upper = seed & 1 != 0;
        let top = if upper { pick(&[256, 511], seed >> 1) } else { pick(&[0, 1, 255], seed >> 1) };
        let base = top << 30 | pick(&[0, 1, 1, 511], seed >> 4) << 21;
        let extended = if upper { base | u64::MAX << 39 } else { base };
        match seed >> 8 & 31 {
            // Not canonical in Sv39; in Sv39 and Sv48; at all.
            0 => extended ^ 1 << 39,
            1 => extended ^ 1 << 48,
            2 => extended ^ 1 << 60,
            _ => extended,
        }
    };
    seeds.iter().map(run).flat_map(|base| [0, 1, 2, 511].map(|page| base + page * 4096)).collect()
}
