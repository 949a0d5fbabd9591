//! What each instruction does: one function an instruction, for each of the two lengths it may
//! have been encoded in.

mod atomic;
mod bits;
mod branch;
mod float;
mod fused;
mod integer;
mod memory;
mod pairs;
mod shape;
mod system;

pub(crate) use atomic::*;
pub(crate) use bits::*;
pub(crate) use branch::*;
pub(crate) use float::*;
pub(crate) use fused::*;
pub(crate) use integer::*;
pub(crate) use memory::*;
pub(crate) use pairs::{begins_pair, pair};
pub(crate) use system::*;
