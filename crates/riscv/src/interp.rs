//! The interpreter: decoded instructions bound to operations, and what runs these.
//!
//! **Model.** Each decoded instruction is bound to an operation, a function that does it and then calls the next one:
//!
//! ```text
//!   flow.rs: jump --> code.rs: decoded line --> ops/*.rs: operation --> the next operation ...
//!                          | not reached before       | load or store: TLB hit, or missed.rs
//!                          '--> fill.rs: decode, bind (binding.rs), fuse (fusion.rs)
//! ```
//!
//! Read `op`, `place`, `line`, `code`, `flow`, `fill`, then `binding` and `ops`; `hart` has the run loop.

pub(crate) mod binding;
pub(crate) mod code;
pub(crate) mod fill;
pub(crate) mod flow;
pub(crate) mod fusion;
pub(crate) mod hart;
pub(crate) mod line;
pub(crate) mod missed;
pub(crate) mod op;
pub(crate) mod ops;
pub(crate) mod place;
pub(crate) mod state;
