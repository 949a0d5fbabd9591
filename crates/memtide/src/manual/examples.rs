//! Command lines that show what verbs are for. A test parses each.

/// What an example does, and how.
type Example = (&'static str, &'static str);

const EXAMPLES: &[Example] = &[
    ("Run a host of VMs that share 512 MiB", "memtide host --machine-memory 512MiB"),
    (
        "Run a host that is asked over TCP too, with tokens",
        "memtide host --machine-memory 50% --listen 0.0.0.0:8443",
    ),
    (
        "Run one VM in the foreground",
        "memtide run --kernel Image --initrd memtide.cpio --memory 512MiB --cpus 2",
    ),
    (
        "Create a VM that is guaranteed half of its memory, and start it",
        "memtide create web --kernel Image --memory 256MiB --reservation 50% --start",
    ),
    ("Create a VM with the settings of another", "memtide clone web web2"),
    ("Write down what a VM is", "memtide info web -o yaml"),
    (
        "Make the host's VMs what a file says, after a look at the differences",
        "memtide apply -f vms.yaml --dry-run",
    ),
    ("Start two VMs", "memtide start web db"),
    ("Stop a VM at once", "memtide stop web"),
    ("Have a VM's guest shut down and start again", "memtide restart web --guest"),
    ("Have a VM stand still for a while", "memtide pause web"),
    ("Let it go on", "memtide resume web"),
    ("Remove two stopped VMs", "memtide rm web db"),
    (
        "List the VMs that have memory swapped, the most first",
        "memtide ls --filter 'swapped>0' --sort=-swapped",
    ),
    ("The names of all running VMs, for a script", "memtide ls --filter power=running -o name"),
    (
        "Name, memory and limit of every VM, for a spreadsheet",
        "memtide ls -o csv --columns name,memory,limit",
    ),
    ("Say what a VM is", "memtide info web"),
    ("Give a VM more of what is scarce, and a limit", "memtide set web --shares high --limit 75%"),
    ("Take the limit away again", "memtide set web --limit none"),
    ("Type to a VM", "memtide console web"),
    ("Type a line, and print what was said so far", "echo uptime | memtide console web --no-follow"),
    ("What happened to a VM in the last ten minutes", "memtide events --vm web --last 10min"),
    ("Follow what is decided", "memtide events -f --event planned"),
    ("Look at how the host's memory is divided", "memtide top"),
    ("Say why a VM holds what it holds", "memtide explain web"),
    ("Would there be room for one more VM?", "memtide plan add --memory 512MiB --reservation 25%"),
    ("What would other shares change?", "memtide plan set web --shares low"),
    ("Bring back what is compressed and swapped", "memtide unswap web"),
    (
        "Make a resource pool that is guaranteed a quarter of the host",
        "memtide pool create lab --reservation 25%",
    ),
    ("Change a resource pool", "memtide pool set lab --limit none"),
    ("List resource pools, the largest first", "memtide pool ls --sort=-reservation"),
    ("Show one resource pool", "memtide pool show lab -o yaml"),
    ("Remove an empty resource pool", "memtide pool rm lab"),
    ("List the settings that were changed", "memtide settings --filter changed=yes"),
    ("Change a setting", "memtide settings Mem.IdleTax 50"),
    ("Give a setting its default again", "memtide settings Mem.IdleTax default"),
    ("Who am I to a host that is asked over TCP?", "memtide whoami"),
    ("Ask the interface for anything", "memtide api '/v1/events?event=vm-ended&vm=web'"),
    (
        "Change something with what a script has made",
        "memtide api -X PATCH /v1/settings --data '{\"Mem.IdleTax\":50}'",
    ),
    ("Make a token for a script that only looks", "memtide token create monitor --role view --lifetime 30d"),
    ("Who was refused what", "memtide audit-log --filter 'status>=400'"),
    ("What goes on at present", "memtide operation ls --filter state=running"),
    ("Look at an operation", "memtide operation show 7"),
    ("Cancel an operation", "memtide operation cancel 7"),
    ("Which alarms there are that nobody has seen", "memtide alarms ls --unacknowledged"),
    ("Say that they are seen", "memtide alarms ack --all"),
    (
        "Raise an alarm when a VM waits for memory a quarter of its time, for two minutes",
        "memtide alarms rules set slow --subject vm-waiting --warning 25:10 --raise-after 2min",
    ),
    ("Have a rule's command and webhook done once", "memtide alarms rules test slow"),
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
