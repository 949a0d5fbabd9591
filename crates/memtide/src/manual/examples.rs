//! Command lines that show what verbs are for. A test parses each.

/// What an example does, and how.
type Example = (&'static str, &'static str);

const EXAMPLES: &[Example] = &[
    ("Run a host of VMs that share 512 MiB", "memtide host --machine-memory 512MiB"),
    (
        "Run one VM in the foreground",
        "memtide run --kernel Image --initrd memtide.cpio --memory 512MiB --cpus 2",
    ),
    ("Start two VMs", "memtide start web db"),
    ("Create a VM and start it", "memtide create web --kernel Image --memory 256MiB --start"),
    ("List all VMs", "memtide ls"),
    ("Follow what happens", "memtide events -f"),
    ("Stop a VM at once", "memtide stop web"),
    ("Remove two stopped VMs", "memtide rm web db"),
    ("Say what a VM is", "memtide info web"),
    ("Take the limit away again", "memtide set web --limit none"),
    ("Type to a VM", "memtide console web"),
    ("Type a line, and print what was said so far", "echo uptime | memtide console web --no-follow"),
    ("Look at how the host's memory is divided", "memtide top"),
    ("Say why a VM holds what it holds", "memtide explain web"),
    ("What would other shares change?", "memtide plan set web --shares low"),
    ("Bring back what is compressed and swapped", "memtide unswap web"),
    ("Make a resource pool", "memtide pool create lab --reservation 64MiB"),
    ("Change a resource pool", "memtide pool set lab --limit none"),
    ("Remove an empty resource pool", "memtide pool rm lab"),
    ("Change a setting, and back", "memtide settings Mem.IdleTax 50"),
    ("Make a token for a script that only looks", "memtide token create monitor --role view --lifetime 30d"),
    ("Draw how a VM's memory is mapped", "memtide map web --svg web.svg"),
    ("Follow one address through all levels", "memtide map web --address 0x3f96a4e000"),
    ("Show what a VM's MMU did, every two seconds", "memtide stats web --watch 2"),
    ("Translate by shadow page tables", "memtide mmu web software"),
    ("Move pages to other frames", "memtide move web --pages 100"),
    ("Check all invariants", "memtide audit"),
    ("Complete command lines in this shell", "source <(memtide completion bash)"),
];

/// Those of a verb; of the program itself, if there are no words, all of verbs that people meet first.
pub(super) fn of(words: &[&str]) -> Vec<Example> {
    const FIRST: [&str; 6] = ["host", "create", "ls", "set", "top", "explain"];
    let is_of = |line: &str| {
        let verb = line.split(['|', '(']).find(|part| part.trim().starts_with("memtide ")).unwrap_or(line);
        let mut rest = verb.split_whitespace().skip(1);
        match words {
            [] => rest.next().is_some_and(|verb| FIRST.contains(&verb)),
            _ => words.iter().all(|&word| rest.next() == Some(word)),
        }
    };
    EXAMPLES.iter().filter(|(_, line)| is_of(line)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::command;

    #[test]
    fn every_example_is_understood() {
        for (_, line) in EXAMPLES {
            let verb = line.split(['|', '(', ')']).find(|part| part.trim().starts_with("memtide ")).unwrap();
            let words = verb.split_whitespace().map(|word| word.trim_matches('\''));
            if let Err(error) = command().try_get_matches_from(words) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn every_verb_has_one() {
        for verb in command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
            assert!(!of(&[verb.get_name()]).is_empty(), "{}", verb.get_name());
        }
        assert!(of(&[]).len() > 5);
    }
}
