"""What a soak needs of the machine: a memory cgroup that is as large as the host may become, and a disk that fails."""

import os
import subprocess
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


class Cgroup:
    """A memory cgroup of version 1 or 2, gone when it is closed."""

    def __init__(self, name: str, limit: int) -> None:
        self.is_v1 = (ROOT / "memory" / "memory.limit_in_bytes").exists()
        if self.is_v1:
            self.path, limits = ROOT / "memory" / name, "memory.limit_in_bytes"
        else:
            (ROOT / "cgroup.subtree_control").write_text("+memory")
            self.path, limits = ROOT / name, "memory.max"
        self.path.mkdir()
        (self.path / limits).write_text(str(limit))

    def enter(self) -> None:
        """Puts this process into it."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def oom_kills(self) -> int:
        """How often Linux killed a process for want of memory in it."""
        file = self.path / ("memory.oom_control" if self.is_v1 else "memory.events")
        words = dict(line.split() for line in file.read_text().splitlines())
        return int(words.get("oom_kill", 0))

    def close(self) -> None:
        """Whoever is in it has ended."""
        self.path.rmdir()


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


class FailingDisk:
    """A directory on a disk that says it has 500 MB and fails for all but the first few: a file system in a sparse file on one
    that is smaller. It goes with the mount namespace that this runs in."""

    def __init__(self, place: Path) -> None:
        self.directory, self.file = place / "failing", place / "below" / "disk"
        self.directory.mkdir()
        self.file.parent.mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=24m", "memtide-soak", str(self.file.parent))
        self.make()

    def make(self) -> None:
        with self.file.open("wb") as sparse:
            sparse.truncate(500 << 20)
        run("mkfs.ext4", "-q", "-O", "^has_journal", str(self.file))
        run("mount", "-o", "loop", str(self.file), str(self.directory))

    def replace(self) -> None:
        """Puts a new one in its place, which fails as this one did: what is written to a file system that fails ruins it for good. Nobody uses it."""
        run("umount", str(self.directory))
        self.file.unlink()
        self.make()
