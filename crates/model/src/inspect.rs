//! What can be asked of a running VM, and the answers: how its memory is mapped and what it counted.
//!
//! **Model.** Sizes are integers in bytes, times integers in nanoseconds or seconds as the name says, addresses and frame
//! numbers strings in hexadecimal (many JSON readers keep only 53 bits of an integer), and what is not known is `null`.
//! Later versions may add fields.

pub mod map;
pub mod statistics;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use statistics::Statistics;
use utoipa::ToSchema;

/// An address or frame number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, ToSchema)]
#[schema(value_type = String, pattern = "^0x[0-9a-fA-F]{1,16}$", example = "0x80200000")]
pub struct Hex(pub u64);

impl std::fmt::Display for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{:#x}", self.0))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").ok_or_else(|| de::Error::custom("no 0x"))?;
        u64::from_str_radix(digits, 16).map(Self).map_err(de::Error::custom)
    }
}

/// A VM in short.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Info {
    /// Its name.
    pub name: String,
    /// The process it runs in.
    pub pid: u32,
    /// vCPUs.
    pub cpus: usize,
    /// Guest physical memory.
    pub memory_bytes: u64,
    /// The pool its pages come from.
    pub machine_memory_bytes: u64,
    /// Of the guest's memory, what has a frame.
    pub consumed_bytes: u64,
    /// automatic, software, hardware.
    pub mmu: String,
    /// software, hardware.
    pub technique: String,
    /// Why this technique.
    pub reason: String,
    /// Where its kernel was read from.
    pub kernel: String,
    /// What its kernel was told.
    pub command_line: String,
    /// How long it has been running.
    pub uptime_seconds: u64,
    /// What is wrong with its guest, in words: its kernel panicked, or a processor makes no progress.
    pub trouble: Option<String>,
}

/// A question or an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ask")]
pub enum Request {
    /// What it is and how it is doing.
    Info,
    /// What it counted.
    Statistics,
    /// Up to `pages` pages of what `cpu` sees.
    Map {
        /// The vCPU.
        cpu: usize,
        /// How many at most.
        pages: usize,
    },
    /// One address as `cpu` sees it.
    Address {
        /// The vCPU.
        cpu: usize,
        /// The address.
        gva: Hex,
    },
    /// Sets the mode, if one is given.
    Mmu {
        /// automatic, software or hardware.
        mode: Option<String>,
    },
    /// Moves up to `pages` pages to other frames.
    Move {
        /// How many at most.
        pages: u64,
    },
    /// Check its invariants.
    Audit,
    /// Stop it at once.
    Stop,
}

/// What comes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To `Info`.
    Info(Box<Info>),
    /// To `Statistics`.
    Statistics(Box<Statistics>),
    /// To `Map`.
    Map(Box<map::Map>),
    /// To `Address`.
    Address(Box<map::Address>),
    /// To `Move`.
    Moved(Moved),
    /// The order was carried out; says how.
    Done(String),
}

/// What an order to move pages did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Moved {
    /// The VM.
    pub name: String,
    /// Pages that are in other frames.
    pub pages_moved: u64,
    /// Pages left because a device used them, or they were on their way already.
    pub pages_in_use: u64,
    /// Pages left because no frame was free.
    pub pages_without_frame: u64,
}
