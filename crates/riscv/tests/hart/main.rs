//! A hart from outside: the privileged architecture, memory accesses, decoded code and slices, by small
//! programs, and several harts at once.

mod asm;
mod code;
mod csrs;
mod fusion;
mod machine;
mod memory;
mod threads;
mod traps;
