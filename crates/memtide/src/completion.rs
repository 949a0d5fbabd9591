//! Completion of command lines in bash, zsh and fish.
//!
//! **Model.** A shell has a few lines ([`script`]) that ask this program, in a variable of its environment, what could come
//! next. What an argument takes is told by its value's name: `VM`, `POOL`, `SETTING` and others
//! are asked of the host.
//!
//! **Failure.** Somebody is typing: a host that does not answer in [`PATIENCE`], or says no, has no names, and nothing is
//! printed about it.

use crate::args::{AskedHost, Shell};
use crate::control;
use crate::remote::Remote;
use clap::Command;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use clap_complete::{ArgValueCandidates, CompletionCandidate};
use model::OperationState;
use std::collections::BTreeSet;
use std::time::Duration;

/// The variable in which a shell asks.
pub(crate) const VARIABLE: &str = "MEMTIDE_COMPLETE";
/// How long somebody who types is kept waiting.
const PATIENCE: Duration = Duration::from_millis(500);

/// What makes a shell ask; the program is found by its name.
pub(crate) fn script(shell: Shell) -> String {
    const NAME: &str = "memtide";
    let completer: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, NAME, NAME, NAME, &mut script)
        .expect("memory takes what is written");
    let mut script = String::from_utf8(script).expect("scripts are text");
    if shell == Shell::Zsh {
        // Loaded from `$fpath` when it is needed first, the file is the function that is to complete, too.
        script.push_str(
            "\nif [ \"${funcstack[1]}\" = _memtide ]; then _clap_dynamic_completer_memtide \"$@\"; fi\n",
        );
    }
    script
}

/// Gives arguments whose values are names the names that there are.
pub(crate) fn attach(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let takes = arg.get_value_names().and_then(|names| names.first()).map(clap::builder::Str::as_str);
        match takes {
            Some("VM") => arg.add(ArgValueCandidates::new(vms)),
            Some("POOL") => arg.add(ArgValueCandidates::new(pools)),
            Some("EVENT") => arg.add(ArgValueCandidates::new(events)),
            Some("OPERATION") => arg.add(ArgValueCandidates::new(operations)),
            Some("ALARM") => arg.add(ArgValueCandidates::new(alarms)),
            Some("RULE") => arg.add(ArgValueCandidates::new(alarm_rules)),
            Some("SETTING") => arg.add(ArgValueCandidates::new(settings)),
            Some("TOKEN") if arg.is_positional() => arg.add(ArgValueCandidates::new(tokens)),
            _ => arg,
        }
    });
    command.mut_subcommands(attach)
}

/// What the host answers, or nothing.
fn asked<T: Default>(ask: impl AsyncFnOnce(&client::Client) -> Result<T, client::Error>) -> T {
    let Ok(remote) = Remote::new(AskedHost::default()) else { return T::default() };
    let answer = remote.run(async {
        Ok(tokio::time::timeout(PATIENCE, ask(&remote.client)).await.ok().and_then(Result::ok))
    });
    answer.ok().flatten().unwrap_or_default()
}

fn candidate(name: String, help: String) -> CompletionCandidate {
    CompletionCandidate::new(name).help(Some(help.into()))
}

fn vms() -> Vec<CompletionCandidate> {
    let hosted = asked(async |client| client.vms().await).into_iter();
    let hosted = hosted.map(|vm| candidate(vm.info.spec.name, vm.info.power.to_string()));
    let in_foreground = control::names().unwrap_or_default().into_iter();
    hosted.chain(in_foreground.map(|name| candidate(name, "in the foreground".to_owned()))).collect()
}

fn pools() -> Vec<CompletionCandidate> {
    let pools = asked(async |client| client.pools().await).into_iter();
    pools.map(|pool| candidate(pool.spec.name, format!("{} shares", pool.spec.shares))).collect()
}

fn settings() -> Vec<CompletionCandidate> {
    let settings = asked(async |client| client.settings().await).into_iter();
    settings.map(|setting| candidate(setting.name, setting.meaning)).collect()
}

fn tokens() -> Vec<CompletionCandidate> {
    let tokens = asked(async |client| client.tokens().await).into_iter();
    tokens.map(|token| candidate(token.name, token.role.to_string())).collect()
}

/// The kinds that there were.
fn events() -> Vec<CompletionCandidate> {
    let events = asked(async |client| client.events(0, true).await).into_iter();
    let kinds: BTreeSet<String> = events.map(|event| event.event).collect();
    kinds.into_iter().map(CompletionCandidate::new).collect()
}

fn alarms() -> Vec<CompletionCandidate> {
    let alarms = asked(async |client| client.alarms().await).into_iter();
    alarms.map(|alarm| candidate(alarm.id.to_string(), alarm.rule)).collect()
}

fn alarm_rules() -> Vec<CompletionCandidate> {
    let rules = asked(async |client| client.alarm_rules().await).into_iter();
    rules.map(|rule| candidate(rule.spec.name, rule.spec.subject.to_string())).collect()
}

/// Those that go on.
fn operations() -> Vec<CompletionCandidate> {
    let all = asked(async |client| client.operations().await).into_iter();
    let running = all.filter(|operation| operation.state == OperationState::Running);
    running.map(|operation| candidate(operation.id.to_string(), operation.vm.unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_ask_the_program_in_our_variable() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            assert!(script.contains(VARIABLE) && script.contains("memtide"), "{script}");
        }
    }
}
