//! Completion as shells do it, and manual pages as their readers see them.

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::{Place, create_idle, host, text};

/// Where the program under test lies: shells find it by its name.
fn path() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_memtide"));
    format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap())
}

/// Runs a program that tests do without where it is not installed, saying so.
fn run(place: &Place, program: &str, args: &[&str]) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(args).env("XDG_RUNTIME_DIR", place.path()).env("PATH", path()).stdin(Stdio::null());
    command.env("HOME", place.path()).env("LC_ALL", "C.UTF-8");
    let output = command.output().ok();
    if output.is_none() {
        kernels::skipped(&format!("{program} is not installed"));
    }
    output
}

/// What bash offers for a command line that ends in the word to complete.
fn bash(place: &Place, line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "source <(memtide completion bash); COMP_WORDS=({}); COMP_CWORD={}; COMP_TYPE=9
         _clap_complete_memtide memtide '{}' ''; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words.len() - 1,
        words.last().unwrap()
    );
    offered(&run(place, "bash", &["--norc", "-c", &script]).expect("Debian has bash"))
}

#[track_caller]
fn offered(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stderr), "", "completion says nothing");
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_options_and_the_names_of_what_there_is() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    create_idle(&place, "web", &[]);
    create_idle(&place, "worker", &[]);
    place.tell(&["pool", "create", "lab"]);
    assert_eq!(bash(&place, "memtide sta"), ["start", "stats"]);
    assert_eq!(bash(&place, "memtide start w"), ["web", "worker"]);
    assert_eq!(bash(&place, "memtide start web wo"), ["worker"]);
    assert_eq!(bash(&place, "memtide set web --pool l"), ["lab"]);
    assert_eq!(bash(&place, "memtide set web --mmu s"), ["software"]);
    assert_eq!(bash(&place, "memtide settings Mem.ShareF"), ["Mem.ShareForceSalting"]);
    assert_eq!(bash(&place, "memtide events --event pool-"), ["pool-created"]);
    assert_eq!(bash(&place, "memtide alarms rules show vm-wai"), ["vm-waiting"]);
    assert_eq!(bash(&place, "memtide ls --columns name,sw"), ["name,swapped"]);
    assert_eq!(bash(&place, "memtide pool ls -o y"), ["yaml"]);
    assert!(bash(&place, "memtide create --ke").contains(&"--kernel".to_owned()));
}

#[test]
fn completion_is_quick_and_silent_where_no_host_answers() {
    let place = Place::new();
    let begun = Instant::now();
    assert_eq!(bash(&place, "memtide start w"), [""; 1]);
    // Somebody listens there, and says nothing.
    std::fs::create_dir_all(place.path().join("memtide")).unwrap();
    let _silent = std::os::unix::net::UnixListener::bind(place.path().join("memtide/host.socket")).unwrap();
    assert_eq!(bash(&place, "memtide start w"), [""; 1]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn zsh_and_fish_complete_names_too() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    create_idle(&place, "web", &[]);
    if let Some(output) = run(
        &place,
        "fish",
        &["--no-config", "-c", "memtide completion fish | source; complete -C 'memtide start w'"],
    ) {
        assert_eq!(offered(&output), ["web\tstopped"]);
    }
    // As it lies in a package: loaded when it is first needed. zsh completes at a prompt only, so what it would be shown is caught.
    let functions = place.path().join("functions");
    std::fs::create_dir(&functions).unwrap();
    std::fs::write(functions.join("_memtide"), place.tell(&["completion", "zsh"])).unwrap();
    let script = format!(
        "fpath=({} $fpath); compdef() {{ }}; autoload -U _memtide; _describe() {{ print -l -- ${{(P)argv[-1]}} }}
         words=(memtide start w); CURRENT=3; _memtide",
        functions.display()
    );
    if let Some(output) = run(&place, "zsh", &["-f", "-c", &script]) {
        assert_eq!(offered(&output), ["web:stopped"]);
    }
}

#[test]
fn there_is_a_manual_page_for_every_verb_and_readers_find_no_fault() {
    let place = Place::new();
    let pages = place.path().join("man");
    place.tell(&["man", "--dir", pages.to_str().unwrap()]);
    let page = |name: &str| std::fs::read_to_string(pages.join(name)).unwrap();
    for name in ["memtide.1", "memtide-ls.1", "memtide-pool-create.1", "memtide-token.1"] {
        let text = page(name);
        for section in ["NAME", "SYNOPSIS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"] {
            assert!(
                text.contains(&format!(".SH \"{section}\"")) || text.contains(&format!(".SH {section}")),
                "{name}: {section}"
            );
        }
    }
    assert!(!pages.join("memtide-man.1").exists(), "it is hidden");
    let all: Vec<_> = std::fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(all.len() > 25, "{all:?}");
    for page in &all {
        let page = page.to_str().unwrap();
        if let Some(output) = run(&place, "mandoc", &["-Tlint", "-Wwarning", page]) {
            let said = text(&output.stdout);
            // Pages have no date: they are of a version.
            let faults: Vec<&str> = said.lines().filter(|line| !line.contains("missing date")).collect();
            assert!(faults.is_empty(), "{faults:?}");
        }
        if let Some(output) = run(&place, "man", &["-l", "--warnings", "-Tutf8", page]) {
            assert!(output.status.success(), "{output:?}");
            assert_eq!(text(&output.stderr), "", "{page}");
        }
    }
    let file = place.file("file", b"");
    place.refused(&["man", "--dir", file.to_str().unwrap()], &["cannot write manual pages"]);
}
