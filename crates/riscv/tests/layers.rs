//! The crate's layers and modules: imports lead down, and in no circle.
//!
//! **Model.** A file is a module. It imports another one if it names it: by a path from the crate or from the module
//! above, or in a `use` of one below. What tests import does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the lowest up.
const LAYERS: [&str; 3] = ["isa", "cpu", "interp"];

type Module = Vec<String>;
type Imports = BTreeMap<Module, BTreeSet<Module>>;

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("sources are there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The source without comments, restricted visibility and tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source can be read");
    let text = text.split("#[cfg(test)]").next().expect("there is a first part");
    let lines = text.lines().map(|line| line.split("//").next().expect("there is a first part"));
    lines.collect::<Vec<_>>().join("\n").replace("(in crate::", "(")
}

/// What stands between `{` at the beginning and its `}`, by the commas in it.
fn branches(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 1, Vec::new());
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || depth == 1 && character == ',' {
            found.push(text[start..at].trim());
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// All paths that `text` begins with, which branch at braces, behind `base`.
fn paths(text: &str, base: &[String], found: &mut Vec<Module>) {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    if text.starts_with('{') {
        for branch in branches(text) {
            paths(branch, base, found);
        }
        return;
    }
    let path: Module = base.iter().cloned().chain([text[..end].to_owned()]).collect();
    match text[end..].strip_prefix("::") {
        Some(rest) => paths(rest, &path, found),
        None => found.push(path),
    }
}

/// The paths from the crate that a module's source names.
fn named(source: &str, module: &[String], children: &[&str]) -> Vec<Module> {
    let mut found = Vec::new();
    for (at, _) in source.match_indices("crate::") {
        paths(&source[at + "crate::".len()..], &[], &mut found);
    }
    assert!(!source.contains("super::super::"), "{}: such paths are not followed", module.join("::"));
    for (at, _) in source.match_indices("super::") {
        let rest = &source[at + "super::".len()..];
        // With that, a module within the file looks at the rest of the file.
        if !rest.starts_with('*') {
            paths(rest, &module[..module.len() - 1], &mut found);
        }
    }
    for (at, _) in source.match_indices("use ") {
        let rest = &source[at + "use ".len()..];
        if children.iter().any(|child| rest.starts_with(&format!("{child}::"))) {
            paths(rest, module, &mut found);
        }
    }
    found
}

fn imports() -> Imports {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let sources = files(root).into_iter().filter(|path| !path.ends_with("tests.rs"));
    let sources: BTreeMap<Module, String> = sources
        .map(|path| {
            let within = path.strip_prefix(root).expect("it is below").with_extension("");
            let module = within.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            (module, code(&path))
        })
        .filter(|(module, _): &(Module, _)| module != &["lib"])
        .collect();
    let imported = |module: &Module, source: &String| {
        let children: Vec<&str> = sources
            .keys()
            .filter(|other| other.len() == module.len() + 1 && other.starts_with(module))
            .map(|other| other[module.len()].as_str())
            .collect();
        // Behind the module's path stands what is imported of it.
        let of = |path: Module| {
            (1..=path.len())
                .rev()
                .map(|length| path[..length].to_vec())
                .find(|path| sources.contains_key(path))
        };
        let named = named(source, module, &children).into_iter().filter_map(of);
        named.filter(|other| other != module).collect()
    };
    sources.iter().map(|(module, source)| (module.clone(), imported(module, source))).collect()
}

#[test]
fn layers_import_only_those_below() {
    let level =
        |module: &Module| LAYERS.iter().position(|layer| *layer == module[0]).expect("it is in a layer");
    for (module, others) in imports() {
        for other in others {
            let (from, to) = (module.join("::"), other.join("::"));
            assert!(level(&other) <= level(&module), "{from} imports {to}, which is in a layer above");
        }
    }
}

#[test]
fn no_imports_go_in_a_circle() {
    let mut left = imports();
    assert!(left.len() > 30 && left.values().map(BTreeSet::len).sum::<usize>() > 100, "imports are found");
    loop {
        // What imports nothing that is left is in no circle.
        let free: Vec<Module> = left
            .iter()
            .filter(|(_, others)| others.iter().all(|other| !left.contains_key(other)))
            .map(|(module, _)| module.clone())
            .collect();
        if free.is_empty() {
            break;
        }
        left.retain(|module, _| !free.contains(module));
    }
    // What nothing that is left imports is in none either.
    while let Some(module) =
        left.keys().find(|module| !left.values().any(|others| others.contains(*module))).cloned()
    {
        left.remove(&module);
    }
    let circle: Vec<String> = left
        .iter()
        .map(|(module, others)| {
            let others = others.iter().filter(|other| left.contains_key(*other));
            let others: Vec<String> = others.map(|other| other.join("::")).collect();
            format!("{} imports {}", module.join("::"), others.join(", "))
        })
        .collect();
    assert!(circle.is_empty(), "{}", circle.join("\n"));
}

#[test]
fn paths_branch_at_braces() {
    let mut found = Vec::new();
    paths("a::{b::{c, d}, e}; f::g", &[], &mut found);
    let found: Vec<String> = found.iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["a::b::c", "a::b::d", "a::e"]);
}
