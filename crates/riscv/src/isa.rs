//! The instruction set: what the bits of an instruction mean, before anything runs.
//!
//! **Model.** [`decode()`] makes an [`Inst`] of the bits; a compressed instruction is the full one it stands for.
//! Whoever works with instructions works with [`Inst`]: the interpreter binds it to an operation.
//! [`float`] has the arithmetic of the floating-point formats.
//!
//! **Not here.** Harts, registers' values, memory: nothing in this layer imports another one.

pub(crate) mod compressed;
pub mod csr;
pub(crate) mod decode;
pub mod float;
pub(crate) mod inst;
pub(crate) mod register;

pub use decode::{decode, length};
pub use inst::*;
pub use register::{FReg, Reg};
