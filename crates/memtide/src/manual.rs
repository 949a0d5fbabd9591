//! What the manual says beyond the options: exit statuses, environment, files, examples; and the manual pages.
//!
//! **Model.** All of it is data, of which `--help` shows a part and the pages all. A page is made from the command line's own
//! description, so that it cannot say anything else.

mod examples;

use crate::error::Error;
use clap::Command;
use clap_mangen::Man;
use std::fmt::Write as _;
use std::fs::{create_dir_all, write as write_file};
use std::io;
use std::path::Path;

/// What a page lists, and what is said about each.
type Listed = [(&'static str, &'static str)];

/// Exit statuses of every verb.
const EXIT_STATUSES: &Listed = &[
    ("0", "done; of run: the guest powered itself off"),
    ("1", "it could not be done; of run: the VM could not be started or could not go on"),
    ("2", "wrong usage"),
    ("3", "there is no VM, resource pool, setting, token, operation, alarm or alarm rule of that name"),
    ("4", "no host answers"),
    ("5", "refused: not enough memory or disk space is free"),
    ("6", "refused: the host does not know who asks, or they may not do that"),
    ("10", "of run: the guest asked for a reboot"),
    ("11", "of run: the guest asked for a reset because something failed in it"),
    ("12", "of run: the VM was stopped from the monitor or by 'memtide stop'"),
    ("130", "interrupted by Ctrl-C; what was begun was cancelled, where the host can do that"),
    ("129, 130, 141, 143", "of run: stopped by SIGHUP, SIGINT, a closed output, SIGTERM"),
];

const ENVIRONMENT: &Listed = &[
    ("MEMTIDE_HOST", "the host to ask, as --host takes it"),
    ("MEMTIDE_TOKEN", "the token to show to a host that is asked over TCP"),
    ("MEMTIDE_FINGERPRINT", "the fingerprint of that host's certificate"),
    ("MEMTIDE_LOG", "of host: what is logged, as --log-level takes it"),
    (
        "XDG_CONFIG_HOME",
        "in memtide/host.toml in it host looks for its configuration; without it, in ~/.config",
    ),
    ("XDG_RUNTIME_DIR", "in memtide in it are the sockets; without it, they are in /tmp/memtide-UID"),
    (
        "XDG_STATE_HOME",
        "in memtide/host in it a host keeps its files; without it, in ~/.local/state/memtide/host",
    ),
    ("NO_COLOR", "set to anything: nothing is coloured"),
    ("CLICOLOR_FORCE", "set to anything but 0: coloured even where the output is no terminal"),
    ("LC_ALL, LC_CTYPE, LANG", "whether pictures may have characters beyond ASCII"),
];

const FILES: &Listed = &[
    ("$XDG_RUNTIME_DIR/memtide/host.socket", "where a host listens, for who may open it"),
    (
        "/run/memtide/host.socket",
        "where the service listens, for the group memtide; asked if the other is not there",
    ),
    ("/etc/memtide/host.toml", "the configuration of the service, with every default in it"),
    (
        "~/.config/memtide/host.toml",
        "the configuration of a host that somebody runs by hand, if there is one",
    ),
    ("/var/lib/memtide", "what the service keeps, as the next does for others"),
    ("$XDG_RUNTIME_DIR/memtide/NAME.sock", "where a VM in the foreground listens, for its user alone"),
    ("~/.local/state/memtide/host", "VMs, resource pools, settings, tokens and the audit log of a host"),
    ("~/.local/state/memtide/host/swap", "swap files, unless --swap says where"),
];

/// Says in `--help` what the types of the command line do not know.
pub(crate) fn attach(command: Command) -> Command {
    let statuses = EXIT_STATUSES.iter().fold("Exit status:".to_owned(), |mut text, (status, what)| {
        let _ = write!(text, "\n{status:>4}  {what}");
        text
    });
    command.after_help(statuses)
}

/// Writes a page for the program and one for each verb into a directory, which is made if it is not there.
pub(crate) fn write(directory: &Path) -> Result<(), Error> {
    let mut program = crate::args::command().disable_help_subcommand(true);
    program.build();
    create_dir_all(directory).and_then(|()| write_pages(&program, directory)).map_err(|error| {
        Error::new(format!("cannot write manual pages to '{}': {error}", directory.display()))
            .hint("--dir takes a directory that you may write to")
    })
}

fn write_pages(command: &Command, directory: &Path) -> io::Result<()> {
    let (name, text) = page(command)?;
    write_file(directory.join(name), text)?;
    command
        .get_subcommands()
        .filter(|verb| !verb.is_hide_set())
        .try_for_each(|verb| write_pages(verb, directory))
}

/// A page's file name, and the page.
fn page(command: &Command) -> io::Result<(String, String)> {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let man = Man::new(command.clone());
    let version = env!("CARGO_PKG_VERSION");
    // Without a date: a page is of its version.
    let title = escaped(&name).to_uppercase();
    let mut text = format!(
        ".TH \"{title}\" 1 \"\" \"memtide {version}\" \"Memtide\"
"
    )
    .into_bytes();
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.get_subcommands().any(|verb| !verb.is_hide_set()) {
        man.render_subcommands_section(&mut text)?;
    }
    // Breaks beside the space before what is possible are of no use, and readers complain.
    let mut text = String::from_utf8_lossy(&text).replace("\n.br\n\n.br\n", "\n.sp\n");
    let words: Vec<&str> = name.split('-').skip(1).collect();
    text += &section("EXIT STATUS", EXIT_STATUSES);
    text += &section("ENVIRONMENT", ENVIRONMENT);
    text += &section("FILES", FILES);
    text += &section("EXAMPLES", &examples::of(&words));
    if name != "memtide" {
        text.push_str(".SH \"SEE ALSO\"\n.BR memtide (1)\n");
    }
    Ok((man.get_filename(), text))
}

/// A section of a page; none if it would be empty.
fn section(title: &str, listed: &Listed) -> String {
    if listed.is_empty() {
        return String::new();
    }
    listed.iter().fold(format!(".SH \"{title}\"\n"), |mut text, (what, said)| {
        let _ = writeln!(text, ".TP\n\\fB{}\\fR\n{}", escaped(what), escaped(said));
        text
    })
}

/// Text that means itself in a page: no escapes, and no request at its beginning.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('~', "\\(ti").replace('\'', "\\(aq");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_has_every_exit_status() {
        let reference = include_str!("../../../docs/reference.md");
        for (status, _) in EXIT_STATUSES.iter().filter(|(_, what)| !what.starts_with("of run:")) {
            let row = format!("\n| {status} | ");
            assert!(reference.contains(&row), "docs/reference.md does not say what exit status {status} is");
        }
    }

    #[test]
    fn text_is_not_taken_for_requests() {
        assert_eq!(escaped(".SH -x\\n"), "\\&.SH \\-x\\en");
    }
}
