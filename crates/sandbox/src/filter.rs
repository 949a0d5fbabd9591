//! Lists of system calls as filters for the kernel.

use crate::calls::{self, Call, Kind, Only};
use crate::{Mode, SandboxError};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};
use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::fmt::Display;

/// The filters of a process, made once.
pub(crate) struct Filters {
    process: BpfProgram,
    kinds: BTreeMap<Kind, BpfProgram>,
}

fn failed(error: impl Display) -> SandboxError {
    SandboxError::Filter(error.to_string())
}

impl Filters {
    pub(crate) fn new(mode: Mode) -> Result<Self, SandboxError> {
        let refuse = |error: i32| match mode {
            Mode::Log => SeccompAction::Log,
            _ => SeccompAction::Errno(error.unsigned_abs()),
        };
        let forbidden = calls::FORBIDDEN.iter().map(|&number| (number, Vec::new())).collect();
        let process = program(forbidden, SeccompAction::Allow, refuse(libc::EPERM))?;
        let kind = |kind: Kind| {
            let mut rules = BTreeMap::new();
            for Call { number, only } in kind.calls() {
                rules.insert(number, conditions(only)?);
            }
            Ok((kind, program(rules, refuse(libc::ENOSYS), SeccompAction::Allow)?))
        };
        Ok(Self { process, kinds: Kind::ALL.into_iter().map(kind).collect::<Result<_, SandboxError>>()? })
    }

    /// For the calling thread and all it starts.
    pub(crate) fn apply_to_process(&self) -> Result<(), SandboxError> {
        apply_filter(&self.process).map_err(failed)
    }

    /// For the calling thread and all it starts.
    pub(crate) fn apply(&self, kind: Kind) -> Result<(), SandboxError> {
        apply_filter(&self.kinds[&kind]).map_err(failed)
    }
}

/// A filter that does `matched` for calls that fit a rule, and else `other`.
fn program(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    other: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, SandboxError> {
    let processor = ARCH.try_into().map_err(failed)?;
    SeccompFilter::new(rules, other, matched, processor).and_then(TryInto::try_into).map_err(failed)
}

/// The rules of a call, of which one has to fit; none: it always does.
fn conditions(only: Only) -> Result<Vec<SeccompRule>, SandboxError> {
    let rule = |argument, length, how, value| {
        SeccompCondition::new(argument, length, how, value)
            .and_then(|condition| SeccompRule::new(vec![condition]))
            .map_err(failed)
    };
    match only {
        Only::Any => Ok(Vec::new()),
        Only::Without { argument, bits } => {
            Ok(vec![rule(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(bits), 0)?])
        }
        Only::With { argument, bits } => {
            Ok(vec![rule(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(bits), bits)?])
        }
        Only::OneOf { argument, values } => values
            .iter()
            .map(|&value| rule(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value))
            .collect(),
        Only::Ourselves => {
            let process = rustix::process::getpid().as_raw_nonzero().get();
            Ok(vec![rule(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(process.unsigned_abs()))?])
        }
        Only::OurOwnLimits => Ok(vec![rule(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, 0)?]),
    }
}
