//! What a VM is asked to be.

use crate::boot::{Initrd, KernelImage};
use crate::plain::is_plain;
use addr::ByteSize;
use mmu::Technique;
use std::{fmt, str::FromStr};
use thiserror::Error;

/// How a VM's addresses are to be translated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum MmuChoice {
    /// By whichever technique costs this VM less, as measured; changed while it runs.
    #[default]
    Automatic,
    /// Always by this one.
    Always(Technique),
}

impl MmuChoice {
    /// Always shadow page tables.
    pub const SOFTWARE: Self = Self::Always(Technique::Software);
    /// Always two-stage walks.
    pub const HARDWARE: Self = Self::Always(Technique::Hardware);
}

impl fmt::Display for MmuChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Automatic => "automatic",
            Self::Always(Technique::Software) => "software",
            Self::Always(Technique::Hardware) => "hardware",
        })
    }
}

impl FromStr for MmuChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "automatic" => Ok(Self::Automatic),
            "software" => Ok(Self::Always(Technique::Software)),
            "hardware" => Ok(Self::Always(Technique::Hardware)),
            _ => Err(format!("'{text}' is no MMU mode: choose automatic, software or hardware")),
        }
    }
}

/// A VM to be started.
#[derive(Debug)]
pub struct Config {
    /// What people call it: printable, and not empty.
    pub name: String,
    /// Guest memory: whole MiB, at least 16.
    pub memory: ByteSize,
    /// vCPUs, 1 to 8.
    pub cpus: u32,
    /// How addresses are translated.
    pub mmu: MmuChoice,
    /// The kernel.
    pub kernel: KernelImage,
    /// Its first file system, if any.
    pub initrd: Option<Initrd>,
    /// Its command line.
    pub command_line: String,
}

/// What cannot be.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// No name, or one that cannot be shown.
    #[error("a VM's name has at least one character and no control characters, unlike {0:?} (--name)")]
    Name(String),
    /// Too few or too many vCPUs.
    #[error("a VM has 1 to 8 CPUs, not {0} (--cpus)")]
    Cpus(u32),
    /// Too small, too large or no whole MiB.
    #[error("a VM's memory is a whole number of MiB from 16 MiB to 256 GiB, not {0} (--memory)")]
    Memory(ByteSize),
}

impl Config {
    /// Most vCPUs.
    pub const MAX_CPUS: u32 = 8;
    const MIN_MEMORY: ByteSize = ByteSize::mib(16);
    const MAX_MEMORY: ByteSize = ByteSize::mib(256 << 10);

    /// Checks what does not depend on the host.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.name.is_empty() || !self.name.chars().all(is_plain) {
            return Err(ConfigError::Name(self.name.clone()));
        }
        Self::check_sizes(self.memory, self.cpus)
    }

    /// Checks a VM's memory and number of vCPUs.
    ///
    /// # Errors
    /// The first that is out of its range.
    pub fn check_sizes(memory: ByteSize, cpus: u32) -> Result<(), ConfigError> {
        if !(1..=Self::MAX_CPUS).contains(&cpus) {
            return Err(ConfigError::Cpus(cpus));
        }
        let whole = memory.0.is_multiple_of(ByteSize::mib(1).0);
        if !whole || !(Self::MIN_MEMORY..=Self::MAX_MEMORY).contains(&memory) {
            return Err(ConfigError::Memory(memory));
        }
        Ok(())
    }
}
