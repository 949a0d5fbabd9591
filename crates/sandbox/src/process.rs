//! What holds for the process as a whole.

use crate::SandboxError;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::set_no_new_privs;

/// Makes the process one that gains no privileges, leaves no core dump, and that nobody but root may trace or look into: memory has guests' secrets, and
/// keys.
pub(crate) fn harden() -> Result<(), SandboxError> {
    let failed = |what| move |error: rustix::io::Errno| SandboxError::Process { what, source: error.into() };
    set_no_new_privs(true).map_err(failed("do without new privileges"))?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(failed("forbid core dumps"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed("forbid tracing"))
}
