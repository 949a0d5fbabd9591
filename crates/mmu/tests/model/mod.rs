//! What a memory management unit may and must do, as a model to test it by.

pub(crate) mod guest;
pub(crate) mod naive;
mod op;
mod world;

pub(crate) use op::Op;
pub(crate) use world::{Seen, World};
