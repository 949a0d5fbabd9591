//! The state of a hart, and the privileged architecture.
//!
//! **Model.** A [`Cpu`](state::Cpu) has registers, CSRs and MMU of one hart. It can enter traps and leave them, read and
//! write CSRs, and do an access the slow way. The layer above executes instructions.
//!
//! **Not here.** Decoded instructions, slices, the run loop.

pub(crate) mod access;
pub(crate) mod counts;
pub(crate) mod csr;
pub(crate) mod csrs;
pub(crate) mod devices;
pub(crate) mod lines;
pub(crate) mod state;
pub(crate) mod trap;
