//! The columns of lists in the help of the verbs that print them, and in completion.

use super::{Named, tables};
use clap::Command;
use clap_complete::{ArgValueCandidates, CompletionCandidate};

/// Names the columns of every verb that prints a list.
pub(crate) fn attach(command: Command, path: &[&str]) -> Command {
    let command = match tables::columns_of(path) {
        Some(columns) => columns_named(command, &columns),
        None => command,
    };
    command.mut_subcommands(|verb| {
        let name = verb.get_name().to_owned();
        attach(verb, &[path, &[&name]].concat())
    })
}

fn columns_named(command: Command, columns: &[Named]) -> Command {
    let names = |wide: bool| {
        let of: Vec<&str> = columns.iter().filter(|column| column.1 == wide).map(|column| column.0).collect();
        of.join(", ")
    };
    let asked = Some(names(true)).filter(|names| !names.is_empty());
    let asked =
        asked.map_or_else(String::new, |names| format!("; in wide and csv, or if asked for, {names}"));
    let help =
        format!("Which columns, in this order, of table, wide or csv. There are {}{asked}", names(false));
    let candidates: Vec<&'static str> = columns.iter().map(|column| column.0).collect();
    let complete = move || candidates.iter().map(CompletionCandidate::new).collect();
    command
        .mut_arg("columns", |arg| arg.help(help).add(ArgValueCandidates::new(complete.clone())))
        .mut_arg("sort", |arg| arg.add(ArgValueCandidates::new(complete)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::command;

    fn check(verb: &Command, path: &[&str]) {
        let prints_a_list = verb.get_arguments().any(|arg| arg.get_id() == "columns");
        assert_eq!(prints_a_list, tables::columns_of(path).is_some(), "{path:?}");
        for below in verb.get_subcommands() {
            check(below, &[path, &[below.get_name()]].concat());
        }
    }

    #[test]
    fn every_verb_that_prints_a_list_names_its_columns() {
        check(&command(), &[]);
    }
}
