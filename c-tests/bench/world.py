"""The environment of measurements: directories for /etc, daemons, and the processes that measure.

Everything runs in the namespaces that scripts/bench creates, and ends with them.
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
# A high priority, so that the slowest lookups are not those that were interrupted by other processes.
NICE = -20

# Other files in /etc that glibc, the dynamic linker and similar libraries read.
FROM_THE_MACHINE = ["ld.so.cache", "passwd", "group", "gai.conf", "tor", "services", "protocols"]

# Debian's nscd.conf, for hosts only.
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

# Sets up a private /etc and /run, and runs a command.
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
    """A mount namespace with a private /etc, and optionally a daemon."""

    name: str
    process: int
    core: int  # for commands that run once

    def command(self, words: list[str], environment: dict[str, str]) -> list[str]:
        """The command that runs `words` there, with only these environment variables."""
        variables = [f"{name}={value}" for name, value in environment.items()]
        enter = ["nsenter", "--mount", "--target", str(self.process), "--"]
        return [*enter, "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *variables, *words]

    def output(self, words: list[str], environment: dict[str, str], core: int | None = None) -> str:
        """The output of a command, which must succeed."""
        command = ["taskset", "--cpu-list", str(self.core if core is None else core), *self.command(words, environment)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
            hurry(process.pid)
            output, _ = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"status {process.returncode}: {' '.join(words)}")
        return output


@dataclass
class World:
    """The programs, libraries and places for measurements."""

    directory: Path  # for all files
    library: Path
    unscd: Path
    places: dict[str, Place] = field(default_factory=dict)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        shutil.rmtree(self.directory / "files", ignore_errors=True)
        (self.directory / "files").mkdir(parents=True)
        cores = sorted(os.sched_getaffinity(0))
        self.client_core, self.server_core = cores[0], cores[-1]
        # This process and the daemons run on another core than the measured processes.
        os.sched_setaffinity(0, {self.server_core})

    def program(self, name: str) -> str:
        """The path of one of the C programs."""
        return str(self.directory / name)

    def file(self, name: str, text: str) -> Path:
        """Creates a file with this text."""
        path = self.directory / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start(self, words: list[str], *, input_pipe: bool = False) -> subprocess.Popen[str]:
        """Starts a process that runs until the end."""
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
        """Starts the name server on the other core."""
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        expect(self.start([self.program("server"), SERVER]), "ready")

    def etc(self, name: str, hosts: str, servers: list[str]) -> Path:
        """Creates a directory to be mounted on /etc."""
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
        """Creates a place, or returns an existing one. `daemon` is "nscd", "nscd by socket" or "unscd"."""
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
        """Ends all started processes."""
        for process in self.processes:
            process.kill()
            process.wait()


def hurry(process: int) -> None:
    """Raises the priority of a process, which is a session leader."""
    os.setpriority(os.PRIO_PROCESS, process, NICE)
    # With autogroup scheduling, only the priority of the session is relevant (sched(7), "The autogroup feature").
    with contextlib.suppress(OSError):
        Path(f"/proc/{process}/autogroup").write_text(str(NICE))


def quietly(words: list[str]) -> list[str]:
    """The command that runs a daemon with its output discarded."""
    return ["bash", "-c", 'exec "$@" >/dev/null 2>&1', "bash", *words]


def expect(process: subprocess.Popen[str], word: str) -> list[str]:
    """Waits for a line that begins with the word, and returns the rest of it."""
    assert process.stdout is not None
    line = process.stdout.readline().split()
    if not line or line[0] != word:
        raise RuntimeError(f"instead of {word!r} came {line}: {process.args!r}")
    return line[1:]


def until_it_listens(path: Path) -> None:
    """Waits until a daemon accepts connections, since its socket exists shortly before."""
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
