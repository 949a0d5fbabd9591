//! `insmod`: load a kernel module, which the installer's busybox cannot do.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use crate::program::Failure;

/// Load the uncompressed module in `file`, without parameters.
pub(crate) fn insert(file: &str) -> Result<(), Failure> {
    let module = File::open(file)?;
    // SAFETY: the descriptor is open, the parameters are an empty C string, and 0 asks for nothing special.
    let result = unsafe { libc::syscall(libc::SYS_finit_module, module.as_raw_fd(), c"".as_ptr(), 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error().into()) }
}
