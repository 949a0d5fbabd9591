//! What VMs and resource pools are asked to be, as people write it and as it is kept on disk.
//!
//! **Model.** A spec is complete: what a field was left out of has its default. A change names only what is
//! to be different. Sizes are in bytes.
//!
//! **Failure.** [`VmSpec::check`] and [`PoolSpec::check`] say what cannot be, whatever the host is like.
//! Whether there is room for it is another question, asked when a VM starts.

use crate::autostart::Autostart;
use crate::ended::Afterwards;
use crate::error::HostError;
use addr::ByteSize;
use sched::{Controls, Shares, whole_pages};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use utoipa::ToSchema;
use vm::{Config, MmuChoice, plain};

/// A VM as it is asked to be.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VmSpec {
    /// What people call it: 1 to 63 letters, digits, `-`, `_` and `.`, the first a letter or digit;
    /// neither `none` nor an MMU mode.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", example = "web")]
    pub name: String,
    /// Guest physical memory: whole MiB, 16 MiB to 256 GiB.
    pub memory_bytes: ByteSize,
    /// vCPUs, 1 to 8.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 8)]
    pub cpus: u32,
    /// How addresses are translated: automatic, software or hardware.
    #[serde(default, with = "crate::text")]
    #[schema(value_type = crate::text::Mmu)]
    pub mmu: MmuChoice,
    /// A RISC-V Linux `Image`, gzipped or not; an absolute path on the host.
    #[schema(value_type = String, max_length = 4095)]
    pub kernel: PathBuf,
    /// A cpio archive, compressed or not; an absolute path on the host.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 4095)]
    pub initrd: Option<PathBuf>,
    /// The kernel's command line; `console=ttyS0` by default, so that the console shows what the guest says.
    #[serde(default = "command_line")]
    #[schema(max_length = 1023)]
    pub append: String,
    /// Machine memory guaranteed; whole pages, at most the VM's memory.
    #[serde(default)]
    pub reservation_bytes: ByteSize,
    /// Machine memory never exceeded; none by default.
    #[serde(default)]
    pub limit_bytes: Option<ByteSize>,
    /// Claim on scarce memory relative to siblings: low, normal, high or a number.
    #[serde(default, with = "crate::text")]
    pub shares: Shares,
    /// The resource pool it lies in; the host itself by default.
    #[serde(default)]
    pub pool: Option<String>,
    /// How large its balloon may get; `Mem.CtlMaxPercent` of its memory by default. That of a guest which reports free memory holds a
    /// cushion of 1 to 4 MiB in any case.
    #[serde(default)]
    pub balloon_max_bytes: Option<ByteSize>,
    /// Whether its pages are looked through for equal ones.
    #[serde(default = "yes")]
    pub sharing: bool,
    /// VMs with the same salt may share pages, as `Mem.ShareForceSalting` has it. Counts from power-on.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub salt: Option<String>,
    /// The directory of its swap file, an absolute path; the host's by default.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 4095)]
    pub swap_dir: Option<PathBuf>,
    /// Whether its pages are compressed before they are swapped, if `Mem.MemZipEnable` allows it.
    #[serde(default = "yes")]
    pub zip: bool,
    /// Whether it starts with the host, where the host does that.
    #[serde(default)]
    pub autostart: Autostart,
    /// Its turn among those that start with the host, the lowest first; null: after all that have one, by name.
    #[serde(default)]
    pub autostart_order: Option<u32>,
    /// Seconds that pass after it has started, before the next one's turn; 3600 at most.
    #[serde(default)]
    #[schema(maximum = 3600)]
    pub autostart_delay_seconds: u32,
    /// What is done when its guest reboots.
    #[serde(default = "restart")]
    pub on_reboot: Afterwards,
    /// What is done when its guest panics.
    #[serde(default = "keep")]
    pub on_panic: Afterwards,
}

/// The longest delay after a VM that starts with the host, in seconds.
const LONGEST_DELAY: u32 = 3600;

const fn restart() -> Afterwards {
    Afterwards::Restart
}

const fn keep() -> Afterwards {
    Afterwards::Keep
}

fn command_line() -> String {
    Config::COMMAND_LINE.to_owned()
}

const fn one() -> u32 {
    1
}

const fn yes() -> bool {
    true
}

impl VmSpec {
    /// A VM with one CPU and everything else as by default.
    pub fn new(name: &str, memory: ByteSize, kernel: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            memory_bytes: memory,
            cpus: 1,
            mmu: MmuChoice::Automatic,
            kernel: kernel.into(),
            initrd: None,
            append: command_line(),
            reservation_bytes: ByteSize(0),
            limit_bytes: None,
            shares: Shares::Normal,
            pool: None,
            balloon_max_bytes: None,
            sharing: true,
            salt: None,
            swap_dir: None,
            zip: true,
            autostart: Autostart::default(),
            autostart_order: None,
            autostart_delay_seconds: 0,
            on_reboot: restart(),
            on_panic: keep(),
        }
    }

    /// All that is known of a VM whose file cannot be read.
    pub(crate) fn only_named(name: &str) -> Self {
        Self { cpus: 0, ..Self::new(name, ByteSize(0), "") }
    }

    /// Reservation, limit and shares, in pages.
    ///
    /// # Errors
    /// A size that is not a whole number of pages.
    pub(crate) fn controls(&self) -> Result<Controls, HostError> {
        controls(&self.name, self.reservation_bytes, self.limit_bytes, self.shares)
    }

    /// Checks what does not depend on the host.
    ///
    /// # Errors
    /// The first field that cannot be, named.
    pub fn check(&self) -> Result<(), HostError> {
        check_name(&self.name)?;
        self.check_texts().map_err(|error| HostError::spec(&self.name, error))?;
        vm::Config::check_sizes(self.memory_bytes, self.cpus)
            .map_err(|error| HostError::spec(&self.name, error))?;
        let controls = self.controls()?;
        controls.check_vm(self.memory_bytes.pages()).map_err(|error| HostError::spec(&self.name, error))?;
        if self.autostart_delay_seconds > LONGEST_DELAY {
            let why = format!("its autostart delay is more than {LONGEST_DELAY} s");
            return Err(HostError::spec(&self.name, why));
        }
        let balloon = self.balloon_max_bytes.unwrap_or_default();
        whole_pages("balloon's cap", balloon).map_err(|error| HostError::spec(&self.name, error))?;
        Ok(())
    }

    /// What people write is shown, logged and handed to Linux: it is plain, and not without end.
    fn check_texts(&self) -> Result<(), String> {
        let named =
            |name: &str, checked: Result<(), String>| checked.map_err(|error| format!("{name}: it {error}"));
        named("append", plain::check(&self.append, MOST_APPEND))?;
        named("salt", self.salt.as_deref().map_or(Ok(()), |salt| plain::check(salt, MOST_SALT)))?;
        named("kernel", check_path(&self.kernel))?;
        named("initrd", self.initrd.as_deref().map_or(Ok(()), check_path))?;
        named("swap_dir", self.swap_dir.as_deref().map_or(Ok(()), check_path))
    }
}

/// A resource pool as it is asked to be.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolSpec {
    /// What people call it; as the name of a VM.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", example = "lab")]
    pub name: String,
    /// The pool it lies in; the host itself by default.
    #[serde(default)]
    pub parent: Option<String>,
    /// Machine memory guaranteed to those within, overhead included; whole pages.
    #[serde(default)]
    pub reservation_bytes: ByteSize,
    /// Whether reservations within may take from the parent what this pool's own lacks.
    #[serde(default = "yes")]
    pub expandable: bool,
    /// Machine memory that those within never exceed together; none by default.
    #[serde(default)]
    pub limit_bytes: Option<ByteSize>,
    /// Claim on scarce memory relative to siblings: low, normal, high or a number.
    #[serde(default, with = "crate::text")]
    pub shares: Shares,
}

impl PoolSpec {
    /// A pool on the host itself with everything as by default.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            parent: None,
            reservation_bytes: ByteSize(0),
            expandable: true,
            limit_bytes: None,
            shares: Shares::Normal,
        }
    }

    /// Reservation, limit and shares, in pages.
    ///
    /// # Errors
    /// A size that is not a whole number of pages.
    pub(crate) fn controls(&self) -> Result<Controls, HostError> {
        controls(&self.name, self.reservation_bytes, self.limit_bytes, self.shares)
    }

    /// Checks what does not depend on the host.
    ///
    /// # Errors
    /// The first field that cannot be, named.
    pub fn check(&self) -> Result<(), HostError> {
        check_name(&self.name)?;
        self.controls()?.check_pool().map_err(|error| HostError::spec(&self.name, error))
    }
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

    fn refused(spec: &VmSpec) -> String {
        spec.check().unwrap_err().to_string()
    }

    #[test]
    fn what_would_write_sequences_into_a_terminal_is_refused_with_its_field() {
        let good = VmSpec {
            append: "console=ttyS0 greeting=\"grüß dich\"".to_owned(),
            salt: Some("Südost".to_owned()),
            ..VmSpec::new("a", ByteSize::mib(64), "/srv/a b/Image")
        };
        good.check().unwrap();
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
        VmSpec { append: "x".repeat(1023), salt: Some("x".repeat(256)), ..good.clone() }.check().unwrap();
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
