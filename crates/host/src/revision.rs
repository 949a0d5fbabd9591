//! Whether something is still as it was when somebody read it.
//!
//! **Model.** A [`Revision`] stands for what can be changed: a spec, or all settings. Equal content has an equal revision,
//! also after a restart, so who changes something and back again has changed nothing. Who says which revision they
//! [expect](Expected) changes what they have read, or is told that somebody was faster.

use model::{AlarmRuleSpec, PoolSpec, Setting, VmSpec};
use sched::Settings;
use sched::settings::TABLE;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use twox_hash::XxHash3_64;

/// What can be changed of something, as it is at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Revision(u64);

/// What somebody who changes something believes it to be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Expected {
    /// Whatever it is.
    #[default]
    Anything,
    /// One of these.
    OneOf(Vec<Revision>),
}

impl Revision {
    /// Of the content as it is written: a hash in memory may differ between builds of the host.
    fn of(content: &impl Serialize) -> Self {
        Self(XxHash3_64::oneshot(&serde_json::to_vec(content).expect("what can be changed is JSON")))
    }

    /// That of a VM.
    pub fn of_vm(spec: &VmSpec) -> Self {
        Self::of(spec)
    }

    /// That of a resource pool.
    pub fn of_pool(spec: &PoolSpec) -> Self {
        Self::of(spec)
    }

    /// That of an alarm rule; a secret is not part of it.
    pub fn of_alarm_rule(rule: &AlarmRuleSpec) -> Self {
        Self::of(&toml::to_string(&rule.clone().without_secret()).ok())
    }

    /// That of all settings, in the order of the alphabet.
    pub fn of_settings(settings: &[Setting]) -> Self {
        Self::of(&settings.iter().map(|setting| setting.value).collect::<Vec<u32>>())
    }

    pub(crate) fn of_values(settings: &Settings) -> Self {
        Self::of(&TABLE.iter().map(|setting| setting.get(settings)).collect::<Vec<u32>>())
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Revision {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl Expected {
    /// Whether what is at `revision` is as expected.
    pub(crate) fn allows(&self, revision: Revision) -> bool {
        match self {
            Self::Anything => true,
            Self::OneOf(revisions) => revisions.contains(&revision),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use addr::ByteSize;

    #[test]
    fn a_revision_follows_the_content() {
        let spec = VmSpec::new("a", ByteSize::mib(64), "/Image");
        let other = VmSpec { limit_bytes: Some(ByteSize::mib(32)), ..spec.clone() };
        let (one, two) = (Revision::of_vm(&spec), Revision::of_vm(&other));
        assert_ne!(one, two);
        assert_eq!(one, Revision::of_vm(&spec.clone()));
        assert_eq!(one.to_string().parse(), Ok(one));
        let check = |expected: Expected| expected.allows(one);
        assert!(check(Expected::Anything) && check(Expected::OneOf(vec![two, one])));
        assert!(!check(Expected::OneOf(vec![two])) && !check(Expected::OneOf(Vec::new())));
    }

    /// Clients keep revisions over restarts of the host, and so over its updates.
    #[test]
    fn a_revision_is_the_same_in_every_build() {
        assert_eq!(Revision::of(&[75, 1]).to_string(), "be3d17444d48670b");
    }
}
