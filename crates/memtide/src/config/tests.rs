use super::*;
use crate::args::{Arguments, Verb};
use clap::{CommandFactory, Parser};

const PACKAGED: &str = include_str!("../../../../packaging/host.toml");

fn service() -> Options {
    defaults(Place::of_service())
}

/// What the packaged file says if every default in it is uncommented.
fn uncommented() -> String {
    let is_default = |line: &str| {
        line.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    };
    PACKAGED
        .lines()
        .map(|line| if is_default(line) { &line[1..] } else { line })
        .fold(String::new(), |text, line| text + line + "\n")
}

fn layers(file: &str) -> Layers {
    let options = file::parse(Path::new("host.toml"), file).unwrap();
    let layers = [
        ("command line", Options::default()),
        ("environment", Options::default()),
        ("file", options),
        ("default", service()),
    ];
    Layers { file: None, layers }
}

fn args(line: &[&str]) -> Host {
    match Arguments::parse_from([&["memtide", "host"], line].concat()).verb {
        Verb::Host(args) => args,
        _ => unreachable!(),
    }
}

#[test]
fn the_packaged_file_changes_nothing_as_it_is_and_when_all_of_it_is_uncommented() {
    assert_eq!(file::parse(Path::new("host.toml"), PACKAGED).unwrap(), Options::default());
    let (without, with) = (layers(""), layers(&uncommented()));
    assert_eq!(without.options(), with.options());
    for (before, after) in without.rows().iter().zip(with.rows()) {
        assert_eq!((before.option, &before.value), (after.option, &after.value));
        assert_eq!((before.from, after.from), ("default", "file"), "{}", after.option);
    }
}

#[test]
fn rows_are_all_options_of_the_command_line() {
    let command = Arguments::command();
    let host = command.find_subcommand("host").unwrap();
    let own = ["config", "check-config", "output"];
    let options: Vec<&str> =
        host.get_arguments().filter_map(clap::Arg::get_long).filter(|name| !own.contains(name)).collect();
    let rows: Vec<&str> = Options::default().rows().iter().map(|(option, _)| *option).collect();
    let of_host: Vec<&str> =
        options.into_iter().filter(|name| !["host", "token", "fingerprint", "help"].contains(name)).collect();
    assert_eq!(rows, of_host);
}

#[test]
fn the_first_who_says_something_counts() {
    let mut layers = layers("log-level = 'error'\nresume = true\nstate = '/srv/file'\n");
    assert_eq!(layers.options().swap, Some(PathBuf::from("/srv/file/swap")));
    layers.layers[1].1 = environment(Some("debug")).unwrap();
    layers.layers[0].1 = args(&["--resume=no", "--listen", "8006", "--machine-memory", "1GiB"]).options;
    let rows = layers.rows();
    let row = |name: &str| {
        let row = rows.iter().find(|row| row.option == name).unwrap();
        (row.value.as_deref().unwrap(), row.from)
    };
    assert_eq!(row("log-level"), ("debug", "environment"));
    assert_eq!(row("resume"), ("no", "command line"));
    assert_eq!(row("listen"), ("127.0.0.1:8006", "command line"));
    assert_eq!(row("state"), ("/srv/file", "file"));
    assert_eq!(row("swap"), ("/srv/file/swap", "default"));
    assert_eq!(row("socket"), ("/run/memtide/host.socket", "default"));
    let config = layers.config().unwrap();
    assert!(
        !config.resume && config.machine_memory == ByteSize::mib(1024) && config.log_level == LogLevel::Debug
    );
    assert!(environment(Some("loud")).unwrap_err().to_string().contains("MEMTIDE_LOG: 'loud' is none of"));
}

#[test]
fn a_file_may_write_values_as_it_likes() {
    let options =
        file::parse(Path::new("x"), "listen = 8006\nmachine-memory = 536870912\nname = ['a', 'b']\n")
            .unwrap();
    assert_eq!(options.listen, Some(OrNone(Some(Listen("127.0.0.1:8006".parse().unwrap())))));
    assert_eq!(options.machine_memory, Some(SizeOrPart::Size(ByteSize::mib(512))));
    assert_eq!(options.name, Some(vec!["a".to_owned(), "b".to_owned()]));
}

#[test]
fn what_makes_no_sense_is_named_with_its_line() {
    for (text, line, part) in [
        ("\nmachine-memroy = '1GiB'\n", 2, "unknown key `machine-memroy`"),
        ("# fine\n\nmachine-memory = 'lots'", 3, "'lots' is not a size"),
        ("machine-memory = '101%'", 1, "0% to 100%"),
        ("resume = 'yes'", 1, "expected a boolean"),
        ("listen = 'localhost'", 1, "neither a port nor an address"),
        ("listen = true", 1, "a text is expected"),
        ("stop-deadline = '2h'", 1, "more than 1h"),
        ("log-level = 'loud'", 1, "`loud`"),
        ("state = '/a'\nstate = '/b'", 2, "duplicate key"),
        ("state = /a", 1, "/a"),
        ("[host]\nstate = '/a'", 1, "unknown key `host`"),
    ] {
        let error = file::parse(Path::new("/etc/x.toml"), text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("error: '/etc/x.toml', line {line}: ")), "{text}: {error}");
        assert!(error.contains(part) && error.contains("\nhint: "), "{text}: {error}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (text, parts) in [
        ("tls = true", ["tls is set", "listen is not"]),
        ("listen = 1\ntls-cert = '/c'", ["tls-cert is set", "tls-key is not"]),
        ("listen = 1\ntls-key = '/c'", ["tls-key is set", "tls-cert is not"]),
        ("tls-cert = '/c'\ntls-key = '/k'", ["tls-cert is set", "listen is not"]),
    ] {
        let error = layers(text).config().err().unwrap().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{text}: {error}");
    }
}

#[test]
fn a_part_of_the_machine_is_a_size() {
    let all = LinuxMemory::read().expect("Linux says how much memory there is").total;
    let half = machine_memory(SizeOrPart::Part(0.5)).unwrap();
    assert!(
        half.0.is_multiple_of(ByteSize::mib(1).0) && all.0 / 2 - half.0 < ByteSize::mib(1).0,
        "{half} of {all}"
    );
    assert_eq!(machine_memory(SizeOrPart::Size(ByteSize::mib(3))).unwrap(), ByteSize::mib(3));
}
