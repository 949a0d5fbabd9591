//! How much memory Linux lets this process have: the machine's, or that of a control group where it is less.
//!
//! **Model.** A pure function of the files under `/proc` and `/sys/fs/cgroup`, which are found below a directory given. Control
//! groups are nested: of those on the way from the process's own to the top, the one with the smallest limit counts, and what is
//! available is the least that any of them leaves. Versions 1 and 2 may both be mounted.
//!
//! **Cost.** Some ten small files; less than a millisecond.
//!
//! **Sources.** Linux `Documentation/admin-guide/cgroup-v1/memory.rst`, `cgroup-v2.rst`, and `cgroups(7)`, `proc_pid_mountinfo(5)`.

use addr::ByteSize;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use utoipa::ToSchema;

/// How much memory Linux lets this process have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinuxMemory {
    /// All of it.
    pub total: ByteSize,
    /// What can be had now without swapping.
    pub available: ByteSize,
    /// The control group with the smallest limit, if that is less than the machine has.
    pub group: Option<ControlGroup>,
}

/// A control group with a memory limit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ControlGroup {
    /// The directory that its files are in.
    pub path: String,
    /// Its limit.
    pub limit_bytes: ByteSize,
}

impl LinuxMemory {
    /// What Linux says now; `None` if it says nothing.
    pub fn read() -> Option<Self> {
        Self::read_in(Path::new("/"))
    }

    /// What the files below `root` say.
    fn read_in(root: &Path) -> Option<Self> {
        let machine = fs::read_to_string(root.join("proc/meminfo")).ok()?;
        let (total, available) = (field(&machine, "MemTotal:")?, field(&machine, "MemAvailable:")?);
        let mut of = Self { total, available, group: None };
        for level in levels(root) {
            if level.limit < of.total {
                let path = Path::new("/").join(level.path.strip_prefix(root).unwrap_or(&level.path));
                of.total = level.limit;
                of.group = Some(ControlGroup { path: path.display().to_string(), limit_bytes: level.limit });
            }
            of.available = of.available.min(level.left());
        }
        Some(of)
    }

    /// What a process takes that is told to take `size`, with what Linux itself keeps for it: page tables of its kernel's, stacks of
    /// its threads there, open files.
    pub fn needed(size: ByteSize) -> ByteSize {
        // Limits are of whole pages.
        ByteSize((size.0 + size.0 / 50) / addr::PAGE_SIZE * addr::PAGE_SIZE)
    }

    /// Why a process that takes `size` has no room, in figures; `None` if it has.
    pub fn lacks(&self, size: ByteSize) -> Option<String> {
        let needed = Self::needed(size);
        match &self.group {
            Some(group) if needed > group.limit_bytes => Some(format!(
                "{size} is more than the control group '{}' allows: its limit is {}, and Linux keeps up to {} for a host of that size",
                group.path,
                group.limit_bytes,
                ByteSize(needed.0 - size.0)
            )),
            None if size > self.total => {
                Some(format!("{size} is more than this machine has, {}", self.total))
            }
            _ => None,
        }
    }

    /// The most that has room, in whole MiB.
    pub fn most(&self) -> ByteSize {
        let most = if self.group.is_some() { self.total.0 / 51 * 50 } else { self.total.0 };
        ByteSize::mib(most >> 20)
    }
}

/// A control group on the way up.
struct Level {
    path: PathBuf,
    limit: ByteSize,
    used: ByteSize,
    /// Of what is used, what Linux gives up when it has to.
    cache: ByteSize,
}

impl Level {
    fn left(&self) -> ByteSize {
        ByteSize(self.limit.0.saturating_sub(self.used.0.saturating_sub(self.cache.0)))
    }
}

/// The names that a version of control groups has for the same.
struct Names {
    kind: &'static str,
    limit: &'static str,
    used: &'static str,
    cache: [&'static str; 2],
}

const V1: Names = Names {
    kind: "cgroup",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    cache: ["total_inactive_file ", "total_active_file "],
};
const V2: Names = Names {
    kind: "cgroup2",
    limit: "memory.max",
    used: "memory.current",
    cache: ["inactive_file ", "active_file "],
};

/// The control groups that this process is in, and those above, as far as they have limits.
fn levels(root: &Path) -> Vec<Level> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).unwrap_or_default();
    let mut levels = Vec::new();
    for line in groups.lines() {
        // hierarchy:controllers:path
        let mut parts = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let names = match (number, controllers) {
            ("0", "") => V2,
            (_, controllers) if controllers.split(',').any(|name| name == "memory") => V1,
            _ => continue,
        };
        for (top, point) in mounted(&mounts, &names) {
            let top = Path::new(&top);
            // What lies above the mount cannot be seen, as in a container.
            let below = Path::new(path).strip_prefix(top).unwrap_or(Path::new(""));
            let point = root.join(point.trim_start_matches('/'));
            let directories = point.join(below);
            let seen = directories.ancestors().take_while(|directory| directory.starts_with(&point));
            levels.extend(seen.filter_map(|directory| level(directory, &names)));
        }
    }
    levels
}

/// Where a hierarchy with memory limits is mounted: which of its groups is at the top there, and the directory.
fn mounted(mounts: &str, names: &Names) -> Vec<(String, String)> {
    let of_line = |line: &str| {
        // id parent major:minor root point options... - kind source options
        let (place, what) = line.split_once(" - ")?;
        let mut what = what.split(' ');
        let kind = what.next()?;
        let options = what.nth(1)?;
        let fits =
            kind == names.kind && (kind == V2.kind || options.split(',').any(|option| option == "memory"));
        let mut place = place.split(' ').skip(3);
        fits.then_some((place.next()?.to_owned(), place.next()?.to_owned()))
    };
    mounts.lines().filter_map(of_line).collect()
}

fn level(directory: &Path, names: &Names) -> Option<Level> {
    let bytes = |name| fs::read_to_string(directory.join(name)).ok()?.trim().parse().ok().map(ByteSize);
    // "max" is no limit, and no number.
    let limit = bytes(names.limit)?;
    let stat = fs::read_to_string(directory.join("memory.stat")).unwrap_or_default();
    let cache = names.cache.iter().filter_map(|name| {
        let line = stat.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse::<u64>().ok()
    });
    Some(Level {
        path: directory.to_owned(),
        limit,
        used: bytes(names.used).unwrap_or_default(),
        cache: ByteSize(cache.sum()),
    })
}

fn field(text: &str, name: &str) -> Option<ByteSize> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok().map(ByteSize::kib)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const MACHINE: &str = "MemTotal:  8388608 kB\nMemFree: 1 kB\nMemAvailable:  4194304 kB\n";

    struct Tree(TempDir);

    impl Tree {
        fn new(groups: &str, mounts: &str) -> Self {
            let tree = Self(TempDir::new().unwrap());
            tree.put("proc/meminfo", MACHINE);
            tree.put("proc/self/cgroup", groups);
            tree.put("proc/self/mountinfo", mounts);
            tree
        }

        fn put(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn group(&self, path: &str, [limit, used]: [(&str, &str); 2], cache: (&str, u64)) {
            self.put(&format!("{path}/{}", limit.0), &format!("{}\n", limit.1));
            self.put(&format!("{path}/{}", used.0), &format!("{}\n", used.1));
            self.put(&format!("{path}/memory.stat"), &format!("anon 1\n{} {}\nshmem 9\n", cache.0, cache.1));
        }

        fn v1(&self, path: &str, limit: &str, used: u64) {
            let used = used.to_string();
            let files = [("memory.limit_in_bytes", limit), ("memory.usage_in_bytes", &used)];
            self.group(path, files, ("total_inactive_file", 0));
        }

        fn v2(&self, path: &str, limit: &str, used: u64, cache: u64) {
            let used = used.to_string();
            self.group(path, [("memory.max", limit), ("memory.current", &used)], ("inactive_file", cache));
        }

        fn read(&self) -> LinuxMemory {
            LinuxMemory::read_in(self.0.path()).unwrap()
        }
    }

    const UNLIMITED: &str = "9223372036854771712";
    const MOUNTS: &str = "\
        31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:4 - cgroup cgroup rw,memory\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
    const GROUPS: &str = "5:memory:/a/b\n1:cpu:/z\n0::/c\n";

    fn mib(size: ByteSize) -> u64 {
        size.0 >> 20
    }

    #[test]
    fn without_control_groups_the_machine_counts() {
        let tree = Tree::new("", "");
        let all = LinuxMemory { total: ByteSize::mib(8192), available: ByteSize::mib(4096), group: None };
        assert_eq!(tree.read(), all);
        assert_eq!(LinuxMemory::read_in(Path::new("/there/is/nothing")), None);
        assert_eq!(all.lacks(ByteSize::mib(8192)), None);
        assert!(all.lacks(ByteSize::mib(8193)).unwrap().contains("more than this machine has, 8 GiB"));
        assert_eq!(all.most(), ByteSize::mib(8192));
    }

    #[test]
    fn groups_that_have_no_limit_change_nothing() {
        let tree = Tree::new(GROUPS, MOUNTS);
        for path in ["", "/a", "/a/b"] {
            tree.v1(&format!("sys/fs/cgroup/memory{path}"), UNLIMITED, 5 << 30);
        }
        tree.v2("sys/fs/cgroup/unified/c", "max", 5 << 30, 0);
        let read = tree.read();
        assert_eq!(
            (read.total, read.available, read.group),
            (ByteSize::mib(8192), ByteSize::mib(4096), None)
        );
    }

    #[test]
    fn of_nested_groups_the_smallest_limit_counts() {
        let tree = Tree::new(GROUPS, MOUNTS);
        tree.v1("sys/fs/cgroup/memory", UNLIMITED, 0);
        tree.v1("sys/fs/cgroup/memory/a", &(300 << 20).to_string(), 100 << 20);
        tree.v1("sys/fs/cgroup/memory/a/b", &(400 << 20).to_string(), 250 << 20);
        let read = tree.read();
        assert_eq!((mib(read.total), mib(read.available)), (300, 150));
        assert_eq!(read.group.as_ref().unwrap().path, "/sys/fs/cgroup/memory/a");
        let why = read.lacks(ByteSize::mib(299)).unwrap();
        assert!(why.contains("'/sys/fs/cgroup/memory/a'") && why.contains("its limit is 300 MiB"), "{why}");
        assert_eq!(read.lacks(read.most()), None);
        assert!(read.lacks(ByteSize(read.most().0 + (1 << 20))).is_some());
    }

    #[test]
    fn version_2_counts_what_its_cache_could_give() {
        let tree = Tree::new(
            "0::/system.slice/memtide.service\n",
            "1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        );
        tree.v2("sys/fs/cgroup/system.slice", "max", 0, 0);
        tree.v2("sys/fs/cgroup/system.slice/memtide.service", &(512 << 20).to_string(), 200 << 20, 150 << 20);
        let read = tree.read();
        assert_eq!((mib(read.total), mib(read.available)), (512, 462));
        assert_eq!(read.group.unwrap().path, "/sys/fs/cgroup/system.slice/memtide.service");
    }

    #[test]
    fn in_a_container_only_the_part_that_is_mounted_can_be_seen() {
        let mount = "1 0 0:1 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let tree = Tree::new("4:memory:/docker/x/y\n", mount);
        tree.v1("sys/fs/cgroup/memory", &(700 << 20).to_string(), 0);
        tree.v1("sys/fs/cgroup/memory/y", &(600 << 20).to_string(), 0);
        assert_eq!(mib(tree.read().total), 600);
        // The path is none below what is mounted: the namespace of the mount is another one.
        tree.put("proc/self/cgroup", "4:memory:/elsewhere\n");
        assert_eq!(mib(tree.read().total), 700);
    }

    #[test]
    fn linux_says_something_of_this_process() {
        let read = LinuxMemory::read().unwrap();
        assert!(read.available <= read.total && read.total > ByteSize::mib(64), "{read:?}");
    }
}
