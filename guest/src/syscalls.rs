//! `syscalls`: the cheapest system call there is, so that the time is that of the trap and its return.

use std::time::Instant;

use crate::program::{Outcome, Program, Report, ensure, required};

pub(crate) const PROGRAM: Program = Program {
    name: "syscalls",
    purpose: "trap into the kernel and return",
    parameters: &[required("COUNT")],
    quick: &[1000],
    run,
};

fn run(values: &[u64]) -> Outcome {
    let count = values[0];
    let expected = i64::from(std::os::unix::process::parent_id());
    let start = Instant::now();
    for _ in 0..count {
        // SAFETY: getppid takes nothing and cannot fail.
        let found = unsafe { libc::syscall(libc::SYS_getppid) };
        ensure(found == expected, || format!("getppid said {found}, expected {expected}"))?;
    }
    Ok(Report::new("syscalls").with("count", count).timed(start))
}
