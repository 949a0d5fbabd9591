//! Files that others may have made, changed or broken: read within bounds, written whole or not at all.
//!
//! **Model.** [`Regular`] is a file that was opened, is a regular one, and is no larger than its reader can use: its size is known before
//! anything is read or allocated, and no more is ever read. [`write_atomically`] leaves the old file or the new one.
//!
//! **Failure.** [`FileError`] says what a file is instead. A file that changes while it is read is refused.
//!
//! **Speed.** A named pipe that nobody writes to, or a device, is never opened. A file system that does not answer holds up whoever calls;
//! callers that must go on have a thread of their own read, and are asked at each step whether it is still wanted.

#![forbid(unsafe_code)]

mod read;
mod write;

pub use read::{FileError, Regular, read_text};
pub use write::{Written, sync_directory, write_atomically};
