"""What a soak came to: on the terminal and in docs/soak.md."""

import datetime
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """# Soak

Written by `make soak SOAK={minutes:g}`: eight VMs of 256 MiB with one to four vCPUs on a host of 512 MiB, in a memory cgroup of that and
2 %. Their guests check every byte they rely on. Every two seconds something is changed at random; every four minutes the host is killed with
`kill -9` and resumes its VMs; the last VM swaps to a disk that fails for most of what it says it has and that is
replaced by another such disk when the host is killed. Once a second the ledger must close, every half minute all invariants must hold.

* Date: {date}
* Host: {cpus} CPUs, Linux {kernel}
* Memtide: commit {commit}, release build
* Seed: {seed}

| what | figure |
|---|---|
"""


def write(figures: dict[str, str], minutes: float, seed: int, failure: str | None) -> None:
    """Prints the figures; a soak of half an hour or more that went well is kept in docs/soak.md."""
    for what, figure in figures.items():
        print(f"soak: {what}: {figure}")
    if failure or minutes < 30:
        return
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    head = HEAD.format(
        minutes=minutes,
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        cpus=os.cpu_count(),
        kernel=platform.release(),
        commit=commit.stdout.strip(),
        seed=seed,
    )
    rows = "".join(f"| {what} | {figure} |\n" for what, figure in figures.items())
    (ROOT / "docs/soak.md").write_text(head + rows)
    print("soak: wrote docs/soak.md")
