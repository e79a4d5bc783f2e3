"""The time spent in the phases of a lookup, according to the kernel's time stamps of system calls.

perf records the entry and the exit of each system call. The overhead, which is about the same for each call, is
subtracted.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
from dataclasses import dataclass, field

from counts import MARK, with_number
from measure import Variant
from world import World

LOOKUPS = 1000
MARK_TAKES = 100  # nanoseconds, untraced
RECORDINGS = 5
AT_FDCWD = 0xFFFFFF9C
AF_INET, AF_INET6, AF_UNIX = 2, 10, 1

REQUEST = "rules and request"
FILES = "status of files"
HOSTS = "reading files"
DAEMON = "looking for nscd"
SOCKET = "socket and connect"
SEND = "sending"
WAIT = "waiting for the server"
RECEIVE = "receiving"
CLOSE = "closing the socket"
ORDER = "ordering: interfaces and routes"
BUILD = "building and freeing the list"
PHASES = [REQUEST, DAEMON, FILES, HOSTS, SOCKET, SEND, WAIT, RECEIVE, CLOSE, ORDER, BUILD]

OPENING = {"socket", "connect", "setsockopt", "bind", "fcntl"}
SENDING = {"sendto", "sendmsg", "sendmmsg"}
POLLING = {"poll", "ppoll"}
STATUS = {"newfstatat", "stat", "lstat", "statx", "access", "faccessat"}

EVENT = re.compile(r"\s*\d+\s+(\d+)\.(\d+):\s+raw_syscalls:sys_(enter|exit): NR (-?\d+) (?:\((.*)\)|= (-?\d+))")


@dataclass
class Call:
    """A system call, with times in nanoseconds."""

    name: str
    arguments: list[int]
    begun: int
    ended: int = 0
    result: int = 0
    phase: str = ""


@dataclass
class Spent:
    """The times of a phase in nanoseconds: in the kernel, and in the process until the next system call."""

    kernel: float = 0
    own: float = 0


@dataclass
class Descriptor:
    """A file or socket, from its creation until it is closed."""

    family: int | None = None  # None: a file
    calls: list[Call] = field(default_factory=list)


def phases(world: World, variants: list[Variant], untraced: dict[str, float]) -> dict[str, dict[str, dict[str, float]]]:
    """The times by variant and phase, or nothing if perf cannot record. `untraced` is the time without tracing."""
    recordings: dict[str, list[list[list[Call]]]] = {}
    for _ in range(RECORDINGS):
        for variant in variants:
            lookups = usual(divided(recorded(world, with_number(variant, LOOKUPS))))
            if not lookups:
                return {}
            recordings.setdefault(variant.label, []).append(lookups)
    # The median recording, which was neither disturbed nor had an unusually fast server.
    typical = {label: sorted(all_of_it, key=mean_time)[RECORDINGS // 2] for label, all_of_it in recordings.items()}
    return {label: averages(lookups, untraced[label]) for label, lookups in typical.items()}


def usual(lookups: list[list[Call]]) -> list[list[Call]]:
    """The lookups between the first and third quartile, by time."""
    return sorted(lookups, key=mark_to_mark)[len(lookups) // 4 : len(lookups) * 3 // 4]


def mean_time(lookups: list[list[Call]]) -> float:
    """The mean time of traced lookups."""
    return statistics.mean(map(mark_to_mark, lookups))


def averages(lookups: list[list[Call]], untraced: float) -> dict[str, dict[str, float]]:
    """The times by phase, without the overhead of tracing.

    A marker does nothing, so that its time is the overhead. The time of waiting for the server is the remaining time of
    an untraced lookup, since in a slowed down process, the answer may already have arrived, or the server may be asleep.
    """
    tracing = max(0.0, statistics.median(lookup[0].ended - lookup[0].begun for lookup in lookups) - MARK_TAKES)
    total = {phase: Spent() for phase in PHASES}
    for lookup in lookups:
        add(lookup, 2 * tracing, total)
    count = len(lookups)
    shares = {phase: {"kernel": spent.kernel / count, "own": spent.own / count} for phase, spent in total.items()}
    rest = untraced - sum(sum(share.values()) for share in shares.values())
    shares[WAIT]["kernel"] = max(0.0, shares[WAIT]["kernel"] + rest)
    return shares


def mark_to_mark(lookup: list[Call]) -> int:
    """The time of a lookup, between two markers."""
    return lookup[-1].begun - lookup[0].ended


def recorded(world: World, variant: Variant) -> list[Call]:
    """The system calls of a process. Empty if perf is not installed or not permitted to record."""
    file = str(world.directory / "files" / "perf.data")
    if shutil.which("perf") is None:
        return []
    events = ["-e", "raw_syscalls:sys_enter,raw_syscalls:sys_exit"]
    variables = [f"{name}={value}" for name, value in variant.environment.items()]
    # perf itself runs on another core than the traced process.
    traced = ["taskset", "--cpu-list", str(world.client_core), "env", *variables, *variant.words]
    try:
        variant.place.output(["perf", "record", "-q", *events, "-o", file, "--", *traced], {}, world.server_core)
    except RuntimeError:
        return []
    script = ["perf", "script", "-i", file, "--ns", "-F", "tid,time,event,trace"]
    text = subprocess.run(script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    return read_events(text, names_of_calls())


def names_of_calls() -> dict[int, str]:
    """The names of system calls by number, which depend on the architecture."""
    words = ["gcc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"]
    text = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {int(number): name for name, number in re.findall(r"#define __NR_(\w+) (\d+)$", text, re.MULTILINE)}


def read_events(text: str, names: dict[int, str]) -> list[Call]:
    """Parses the output of perf, in which entries and exits alternate, since there is only one thread."""
    calls: list[Call] = []
    for line in text.splitlines():
        found = EVENT.match(line)
        if found is None:
            continue
        seconds, nanoseconds, kind, number, arguments, result = found.groups()
        time = int(seconds) * 1_000_000_000 + int(nanoseconds)
        if kind == "enter":
            values = [int(word, 16) for word in arguments.split(", ")]
            calls.append(Call(names.get(int(number), number), values, time))
        elif calls:
            calls[-1].ended, calls[-1].result = time, int(result)
    return calls


def divided(calls: list[Call]) -> list[list[Call]]:
    """A list for each lookup: its marker, its calls, and the next marker."""
    marks = [at for at, call in enumerate(calls) if call.name == MARK]
    lookups = [calls[begin : end + 1] for begin, end in zip(marks, marks[1:])]
    for lookup in lookups:
        name_phases(lookup[1:-1])
    return lookups


def name_phases(calls: list[Call]) -> None:
    """Assigns a phase to each call of a lookup."""
    descriptors: dict[int, Descriptor] = {}
    sent = False
    for call in calls:
        sent = sent or call.name in SENDING
        if call.name in {"openat", "open", "socket"} and call.result >= 0:
            family = call.arguments[0] if call.name == "socket" else None
            descriptors[call.result] = Descriptor(family, [call])
        elif call.name in POLLING:
            call.phase = WAIT if sent else SEND
        elif call.name in STATUS and call.arguments[0] not in descriptors:
            call.phase = FILES
        elif (descriptor := descriptors.get(call.arguments[0])) is not None:
            descriptor.calls.append(call)
            if call.name == "close":
                name_calls(descriptors.pop(call.arguments[0]))
    for descriptor in descriptors.values():
        name_calls(descriptor)
    for call in calls:
        call.phase = call.phase or BUILD  # mostly memory


def name_calls(descriptor: Descriptor) -> None:
    """Assigns phases to the calls of a descriptor. A socket through which data is sent is a socket to a server."""
    to_server = descriptor.family in (AF_INET, AF_INET6) and any(c.name in SENDING for c in descriptor.calls)
    for call in descriptor.calls:
        if descriptor.family is None:
            call.phase = HOSTS
        elif descriptor.family == AF_UNIX:
            call.phase = DAEMON
        elif not to_server:
            call.phase = ORDER
        elif call.name in OPENING:
            call.phase = SOCKET
        elif call.name in SENDING:
            call.phase = SEND
        else:
            call.phase = CLOSE if call.name == "close" else RECEIVE


def add(lookup: list[Call], per_call: float, total: dict[str, Spent]) -> None:
    """Adds the times of a lookup to the total. Half of the overhead of a call is attributed to the call itself."""
    before = lookup[0]
    phase = REQUEST
    for call in lookup[1:]:
        is_last = call is lookup[-1]
        total[BUILD if is_last else phase].own += max(0.0, call.begun - before.ended - per_call / 2)
        if not is_last:
            total[call.phase].kernel += max(0.0, call.ended - call.begun - per_call / 2)
        before, phase = call, call.phase
