//! The instruction set: what the bits of an instruction mean, before anything runs.
//!
//! **Model.** [`decode()`] makes an [`Inst`] of the bits; a compressed instruction is the full one it stands for.
//! All users of instructions take an [`Inst`]: the interpreter binds it to an operation, the disassembler writes it
//! as text.
//!
//! ```
//! let inst = riscv::isa::decode(0xfe05_1de3).expect("it is an instruction");
//! assert_eq!(inst.to_string(), "bnez a0,.-6");
//! assert_eq!(inst.at(0x8020_0010).to_string(), "bnez a0,8020000a");
//! ```
//!
//! [`float`] has the arithmetic of the floating-point formats.
//!
//! **Not here.** Harts, registers' values, memory: nothing in this layer imports another one.

pub(crate) mod assembly;
pub(crate) mod carryless;
pub(crate) mod compressed;
pub mod csr;
pub(crate) mod decode;
pub mod float;
pub(crate) mod inst;
pub(crate) mod register;

pub use assembly::Located;
pub use decode::{decode, length};
pub use inst::*;
pub use register::{FReg, Reg};
