//! Any page tables, and any order of edits, fences, switches, accesses and moves: the answers of
//! shadow tables and two-stage walks stay within what the architecture allows, and every audit holds.
//!
//! The model is the one of the MMU's differential test; here the fuzzer chooses what random numbers
//! choose there.

#![no_main]

#[path = "../../crates/mmu/tests/model/mod.rs"]
mod model;

use libfuzzer_sys::fuzz_target;
use model::{Op, Seen, World, guest::SEEDS};

/// Operations of one run, so that it ends soon.
const OPS: usize = 256;

fuzz_target!(|bytes: &[u8]| {
    let (seeds, ops) = bytes.split_at(bytes.len().min(SEEDS * 4));
    let mut seeds: Vec<u32> =
        seeds.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
    seeds.resize(SEEDS, 0);
    let mut world = World::new(&seeds);
    for op in ops.chunks_exact(Op::BYTES).take(OPS) {
        world.step(Op::decode(op.try_into().expect("whole operations")));
    }
    let seen: Seen = world.seen();
    assert!(seen.tlb_hits <= seen.accesses);
});
