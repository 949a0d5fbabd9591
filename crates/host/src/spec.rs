//! What in a spec cannot be, whatever the host is like.
//!
//! **Not here.** Whether there is room for it: that is asked when a VM starts, or its controls change.

use crate::error::HostError;
use addr::ByteSize;
use model::{Mmu, PoolSpec, VmSpec};
use sched::{Controls, Shares, whole_pages};
use std::path::Path;
use vm::{MmuChoice, plain};

/// The longest delay after a VM that starts with the host, in seconds.
const LONGEST_DELAY: u32 = 3600;

/// All that is known of a VM whose file cannot be read.
pub(crate) fn only_named(name: &str) -> VmSpec {
    VmSpec { cpus: 0, ..VmSpec::new(name, ByteSize(0), "") }
}

/// A VM's reservation, limit and shares, in pages.
///
/// # Errors
/// A size that is not a whole number of pages.
pub(crate) fn controls_of_vm(of: &VmSpec) -> Result<Controls, HostError> {
    controls(&of.name, of.reservation_bytes, of.limit_bytes, of.shares)
}

/// A resource pool's.
///
/// # Errors
/// A size that is not a whole number of pages.
pub(crate) fn controls_of_pool(of: &PoolSpec) -> Result<Controls, HostError> {
    controls(&of.name, of.reservation_bytes, of.limit_bytes, of.shares)
}

/// How a VM chooses its MMU's technique.
pub const fn mmu_choice(mmu: Mmu) -> MmuChoice {
    match mmu {
        Mmu::Automatic => MmuChoice::Automatic,
        Mmu::Software => MmuChoice::SOFTWARE,
        Mmu::Hardware => MmuChoice::HARDWARE,
    }
}

/// Checks a VM's spec.
///
/// # Errors
/// The first field that cannot be, named.
pub fn check_vm(spec: &VmSpec) -> Result<(), HostError> {
    check_name(&spec.name)?;
    let wrong = |why: String| HostError::spec(&spec.name, why);
    check_texts(spec).map_err(wrong)?;
    vm::Config::check_sizes(spec.memory_bytes, spec.cpus).map_err(|error| wrong(error.to_string()))?;
    let controls = controls_of_vm(spec)?;
    controls.check_vm(spec.memory_bytes.pages()).map_err(|error| wrong(error.to_string()))?;
    if spec.autostart_delay_seconds > LONGEST_DELAY {
        return Err(wrong(format!("its autostart delay is more than {LONGEST_DELAY} s")));
    }
    let balloon = spec.balloon_max_bytes.unwrap_or_default();
    whole_pages("balloon's cap", balloon).map_err(|error| wrong(error.to_string()))?;
    Ok(())
}

/// Checks a resource pool's spec.
///
/// # Errors
/// The first field that cannot be, named.
pub(crate) fn check_pool(spec: &PoolSpec) -> Result<(), HostError> {
    check_name(&spec.name)?;
    controls_of_pool(spec)?.check_pool().map_err(|error| HostError::spec(&spec.name, error))
}

/// What people write is shown, logged and handed to Linux: it is plain, and not without end.
fn check_texts(spec: &VmSpec) -> Result<(), String> {
    let named =
        |name: &str, checked: Result<(), String>| checked.map_err(|error| format!("{name}: it {error}"));
    named("append", plain::check(&spec.append, MOST_APPEND))?;
    named("salt", spec.salt.as_deref().map_or(Ok(()), |salt| plain::check(salt, MOST_SALT)))?;
    named("kernel", check_path(&spec.kernel))?;
    named("initrd", spec.initrd.as_deref().map_or(Ok(()), check_path))?;
    named("swap_dir", spec.swap_dir.as_deref().map_or(Ok(()), check_path))
}

fn controls(
    of: &str,
    reservation: ByteSize,
    limit: Option<ByteSize>,
    shares: Shares,
) -> Result<Controls, HostError> {
    let pages = |what, size| whole_pages(what, size).map_err(|error| HostError::spec(of, error));
    let limit = limit.map(|limit| pages("limit", limit)).transpose()?;
    Ok(Controls { reservation: pages("reservation", reservation)?, limit, shares })
}

/// A path as the host can use it, wherever it was started.
fn check_path(path: &Path) -> Result<(), String> {
    let text = path.to_str().ok_or("is not UTF-8")?;
    plain::check(text, MOST_PATH)?;
    if path.is_absolute() {
        Ok(())
    } else {
        Err(format!("is '{text}', and no absolute path: write /srv/... or the like"))
    }
}

/// Longest command line of a kernel, in bytes: Linux takes no more.
const MOST_APPEND: usize = 1023;

/// Longest salt.
const MOST_SALT: usize = 256;

/// Longest path: Linux takes no more.
const MOST_PATH: usize = 4095;

/// Words that stand where a name may.
const TAKEN: [&str; 4] = ["none", "automatic", "software", "hardware"];

/// Names are also names of files, so they are simple.
pub(crate) fn check_name(name: &str) -> Result<(), HostError> {
    let simple = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let good = (1..=63).contains(&name.len())
        && name.chars().all(simple)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !TAKEN.contains(&name);
    if good { Ok(()) } else { Err(HostError::Name(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn refused(spec: &VmSpec) -> String {
        check_vm(spec).unwrap_err().to_string()
    }

    #[test]
    fn what_would_write_sequences_into_a_terminal_is_refused_with_its_field() {
        let good = VmSpec {
            append: "console=ttyS0 greeting=\"grüß dich\"".to_owned(),
            salt: Some("Südost".to_owned()),
            ..VmSpec::new("a", ByteSize::mib(64), "/srv/a b/Image")
        };
        check_vm(&good).unwrap();
        for bad in ["\x1b]0;x\x07", "a\nb", "a\0", "\u{9b}2J", "\u{202e}b", "\u{7f}"] {
            let path = || PathBuf::from(format!("/srv/{bad}"));
            let specs = [
                ("append: it has the character", VmSpec { append: bad.to_owned(), ..good.clone() }),
                ("salt: it has the character", VmSpec { salt: Some(bad.to_owned()), ..good.clone() }),
                ("kernel: it has the character", VmSpec { kernel: path(), ..good.clone() }),
                ("initrd: it has the character", VmSpec { initrd: Some(path()), ..good.clone() }),
                ("swap_dir: it has the character", VmSpec { swap_dir: Some(path()), ..good.clone() }),
            ];
            for (why, spec) in specs {
                let said = refused(&spec);
                assert!(said.contains(why) && said.chars().all(plain::is_plain), "{said:?}");
            }
            check_name(bad).unwrap_err();
        }
    }

    #[test]
    fn texts_are_bounded_and_paths_absolute() {
        let good = VmSpec::new("a", ByteSize::mib(64), "/Image");
        check_vm(&VmSpec { append: "x".repeat(1023), salt: Some("x".repeat(256)), ..good.clone() }).unwrap();
        let refusals = [
            ("1023 are the most", VmSpec { append: "x".repeat(1024), ..good.clone() }),
            ("256 are the most", VmSpec { salt: Some("x".repeat(257)), ..good.clone() }),
            ("4095 are the most", VmSpec { kernel: format!("/{}", "x".repeat(4095)).into(), ..good.clone() }),
            (
                "swap_dir: it is 'swap', and no absolute path",
                VmSpec { swap_dir: Some("swap".into()), ..good.clone() },
            ),
            ("kernel: it is '', and no absolute path", VmSpec { kernel: PathBuf::new(), ..good.clone() }),
        ];
        for (why, spec) in refusals {
            assert!(refused(&spec).contains(why), "{}", refused(&spec));
        }
    }
}
