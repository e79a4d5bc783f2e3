"""Where things run: directories that stand in for /etc, daemons, and the processes that measure.

All of it lives in the namespaces that scripts/bench makes, and ends with them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

SERVER = "127.0.0.53"
DOMAIN = "bench.example"
# Whatever else the machine does should wait, or the slowest lookups are those that were interrupted.
NICE = -20

# What glibc, the loader and the neighbours read in /etc besides what is written here.
FROM_THE_MACHINE = ["ld.so.cache", "passwd", "group", "gai.conf", "tor", "services", "protocols"]

# As Debian ships nscd.conf, for hosts alone.
NSCD_CONF = """\
enable-cache hosts yes
check-files hosts yes
suggested-size hosts 211
positive-time-to-live hosts 3600
negative-time-to-live hosts 20
"""
ONLY_NSCD = """\
persistent hosts yes
shared hosts {shared}
max-db-size hosts 33554432
enable-cache passwd no
enable-cache group no
enable-cache services no
enable-cache netgroup no
"""

# A private /etc and /run; then the daemon, or nothing.
ENTER = """
mount --bind "$1" /etc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/nscd
if [ -d /var/cache/nscd ]; then mount -t tmpfs -o mode=755 tmpfs /var/cache/nscd; fi
shift
echo ready
exec "$@"
"""


@dataclass(frozen=True)
class Place:
    """A mount namespace with an /etc of its own, and perhaps a daemon."""

    name: str
    process: int
    core: int  # for commands that run once

    def command(self, words: list[str], environment: dict[str, str]) -> list[str]:
        """What runs `words` there, with nothing in the environment but this."""
        variables = [f"{name}={value}" for name, value in environment.items()]
        enter = ["nsenter", "--mount", "--target", str(self.process), "--"]
        return [*enter, "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *variables, *words]

    def output(self, words: list[str], environment: dict[str, str], core: int | None = None) -> str:
        """What the command prints, once it has ended well."""
        command = ["taskset", "--cpu-list", str(self.core if core is None else core), *self.command(words, environment)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
            hurry(process.pid)
            output, _ = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"status {process.returncode}: {' '.join(words)}")
        return output


@dataclass
class World:
    """Everything that is needed to measure: programs, libraries, places."""

    directory: Path  # where all files go
    library: Path
    unscd: Path
    places: dict[str, Place] = field(default_factory=dict)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        shutil.rmtree(self.directory / "files", ignore_errors=True)
        (self.directory / "files").mkdir(parents=True)
        cores = sorted(os.sched_getaffinity(0))
        self.client_core, self.server_core = cores[0], cores[-1]
        # This process and the daemons keep out of the way of what is measured.
        os.sched_setaffinity(0, {self.server_core})

    def program(self, name: str) -> str:
        """The path of one of the programs in C."""
        return str(self.directory / name)

    def file(self, name: str, text: str) -> Path:
        """A file with that text."""
        path = self.directory / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start(self, words: list[str], *, input_pipe: bool = False) -> subprocess.Popen[str]:
        """A process that lives until the end."""
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE if input_pipe else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        hurry(process.pid)
        self.processes.append(process)
        return process

    def start_server(self) -> None:
        """The name server, on the other core."""
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        expect(self.start([self.program("server"), SERVER]), "ready")

    def etc(self, name: str, hosts: str, servers: list[str]) -> Path:
        """A directory to be mounted over /etc."""
        etc = self.directory / "files" / name
        etc.mkdir()
        for entry in FROM_THE_MACHINE:
            source = Path("/etc") / entry
            if source.is_dir():
                shutil.copytree(source, etc / entry)
            elif source.exists():
                shutil.copy(source, etc / entry)
        (etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n" + hosts)
        (etc / "resolv.conf").write_text("".join(f"nameserver {server}\n" for server in servers))
        (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\nservices: files\n")
        (etc / "host.conf").write_text("multi on\n")
        return etc

    def place(self, name: str, *, hosts: str = "", servers: list[str] | None = None, daemon: str = "") -> Place:
        """Makes a place, once. `daemon` is "nscd", "nscd by socket" or "unscd"."""
        if name in self.places:
            return self.places[name]
        etc = self.etc(name, hosts, servers or [SERVER])
        words = ["sleep", "infinity"]
        if daemon == "unscd":
            (etc / "nscd.conf").write_text(NSCD_CONF)
            words = [str(self.unscd), "-d"]
        elif daemon:
            shared = "yes" if daemon == "nscd" else "no"
            (etc / "nscd.conf").write_text(NSCD_CONF + ONLY_NSCD.format(shared=shared))
            words = ["nscd", "--foreground"]
        script = ["bash", "-ec", ENTER, "bash", str(etc), *quietly(words)]
        process = self.start(["unshare", "--mount", "--propagation", "private", "--", *script])
        expect(process, "ready")
        place = self.places[name] = Place(name, process.pid, self.client_core)
        if daemon:
            until_it_listens(Path(f"/proc/{process.pid}/root/run/nscd/socket"))
        return place

    def close(self) -> None:
        """Ends what was started."""
        for process in self.processes:
            process.kill()
            process.wait()


def hurry(process: int) -> None:
    """Puts a process, which leads a session, before all others."""
    os.setpriority(os.PRIO_PROCESS, process, NICE)
    # Where the kernel shares time out between sessions first, only this counts (sched(7), "The autogroup feature").
    with contextlib.suppress(OSError):
        Path(f"/proc/{process}/autogroup").write_text(str(NICE))


def quietly(words: list[str]) -> list[str]:
    """Daemons that stay in the foreground talk much."""
    return ["bash", "-c", 'exec "$@" >/dev/null 2>&1', "bash", *words]


def expect(process: subprocess.Popen[str], word: str) -> list[str]:
    """Waits for a line that begins with the word, and gives the rest of it."""
    assert process.stdout is not None
    line = process.stdout.readline().split()
    if not line or line[0] != word:
        raise RuntimeError(f"instead of {word!r} came {line}: {process.args!r}")
    return line[1:]


def until_it_listens(path: Path) -> None:
    """A daemon's socket is there a little before anybody listens."""
    end = time.monotonic() + 10
    while True:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(path))
                return
            except OSError:
                if time.monotonic() > end:
                    raise
        time.sleep(0.01)
