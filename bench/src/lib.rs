//! What both programs measure with: the guest, the machine's facts and its other work, tables, reports.

#![forbid(unsafe_code)]

pub mod guest;
pub mod interference;
pub mod kept;
pub mod machine;
pub mod process;
pub mod table;
