"""The comparisons."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import counts
from measure import Plan, Samples, Variant, interleaved
from phases import phases
from world import DOMAIN, SERVER, Place, World

NAME = f"a1-1.{DOMAIN}"
LONG_LIST = f"a100-1.{DOMAIN}"
RULES = f"*.{DOMAIN}"
UNMATCHED = "www.unmatched.example"
EAI_NONAME = -2

GROWING_RULES = [10, 100, 1000, 10_000, 100_000]
GROWING_THREADS = [1, 2, 4, 8]
GROWING_ADDRESSES = [1, 4, 16, 100, 1000]
GROWING_SERVERS = [1, 2, 3]
GROWING_HOSTS = [10, 1000, 10_000, 100_000]
CACHED_NAMES = 4000

NEIGHBOURS = {
    "libnss_wrapper": ("libnss-wrapper", "libnss_wrapper.so"),
    "torsocks": ("torsocks", "torsocks/libtorsocks.so"),
    "proxychains4": ("libproxychains4", "libproxychains.so.4"),
    "libfaketime": ("libfaketime", "faketime/libfaketime.so.1"),
}


@dataclass
class Results:
    """The times by comparison and variant, and other numbers by name."""

    times: dict[str, dict[str, Samples]] = field(default_factory=dict)
    numbers: dict[str, dict[str, float]] = field(default_factory=dict)
    # The phases of a matched lookup, by variant and phase, if they could be recorded.
    phases: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)


def rules(lines: int) -> str:
    """A configuration with this number of lines, with all kinds of patterns, none of which match a looked up name."""
    kinds = ["host{}.rules.example", "*.zone{}.example", "node{}-*", "*-part{}.example"]
    return "".join(f"bypass {kinds[number % len(kinds)].format(number)}\n" for number in range(lines))


def hosts(lines: int) -> str:
    """This number of lines of a hosts file, the last of which contains the name last.hosts.example."""
    line = "10.{}.{}.{} host{}.hosts.example host{}\n"
    numbers = range(lines - 1)
    text = "".join(line.format(n >> 16 & 255, n >> 8 & 255, n & 255, n, n) for n in numbers)
    return text + f"10.200.0.1 last.hosts.{DOMAIN}\n"


class Bench:
    """Runs the comparisons in a world."""

    def __init__(self, world: World, quick: bool) -> None:
        self.world, self.quick = world, quick
        self.results = Results()
        self.plain = world.place("plain")
        self.library = str(world.library)
        self.behind = f"{self.library} {world.program('stand_in.so')}"

    # ---- Parts of variants ----

    def plan(self, rounds: int, count: int, batch: int = 1) -> Plan:
        """A plan for the core for measured processes. `rounds` is the number for a full run."""
        return Plan(max(10, rounds // 5) if self.quick else rounds, count, batch, self.world.client_core)

    def configuration(self, lines: int) -> str:
        """A file with this number of rules."""
        return str(self.world.file(f"rules-{lines}.conf", rules(lines)))

    def cached(self, entries: int = 1000) -> dict[str, str]:
        """The library with a cache."""
        file = self.world.file(f"cache-{entries}.conf", f"bypass {RULES}\ncache {entries}\n")
        return {"LD_PRELOAD": self.library, "NSS_BYPASS_CONF": str(file)}

    def ours(self) -> dict[str, str]:
        """The library with a matching rule."""
        return {"LD_PRELOAD": self.library, "NSS_BYPASS": RULES}

    def lookups(self, mode: str, name: str, family: str = "both", function: str = "gai") -> list[str]:
        """The command that performs lookups."""
        return [self.world.program("lookups"), mode, function, name, family]

    def pair(self, name: str, family: str = "both", place: Place | None = None) -> list[Variant]:
        """Variants with glibc and with the library, for the same name."""
        place, words = place or self.plain, self.lookups("rounds", name, family)
        return [Variant("glibc", place, words), Variant("ours", place, words, self.ours())]

    def compare(self, name: str, variants: list[Variant], plan: Plan) -> None:
        """Measures variants, and stores the samples."""
        self.results.times[name] = interleaved(self.world, variants, plan)

    # ---- Starting ----

    def preloads(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        """The libraries to preload: label, library, environment."""
        yield "no library", "", {}
        yield "empty library", self.world.program("empty.so"), {}
        yield "ours, no rule", self.library, {}
        yield "ours, NSS_BYPASS", self.library, {"NSS_BYPASS": "rancher-metadata, .rancher.internal"}
        for lines in (10, 10_000):
            yield f"ours, {lines} lines", self.library, {"NSS_BYPASS_CONF": self.configuration(lines)}
        chain = self.world.file("proxychains.conf", "strict_chain\nquiet_mode\n[ProxyList]\nsocks5 127.0.0.1 9050\n")
        for label, (_, file) in NEIGHBOURS.items():
            for path in glob.glob(f"/usr/lib/*/{file}")[:1]:
                yield label, path, {"PROXYCHAINS_CONF_FILE": str(chain)} if label == "proxychains4" else {}

    def start(self) -> None:
        """Starting /bin/true with each of the libraries to preload."""
        variants = [
            Variant(label, self.plain, [self.world.program("spawn"), "/bin/true"], {"BENCH_PRELOAD": path, **variables})
            for label, path, variables in self.preloads()
        ]
        self.compare("start /bin/true", variants, self.plan(300, 10))

    def getent(self) -> None:
        """A whole process that performs a lookup."""
        words = [self.world.program("spawn"), "/usr/bin/getent", "ahosts", NAME]
        ours = {"BENCH_PRELOAD": self.library, "NSS_BYPASS": RULES}
        variants = [Variant("glibc", self.plain, words), Variant("ours", self.plain, words, ours)]
        self.compare("getent ahosts NAME", variants, self.plan(1000, 3))

    # ---- Matched names ----

    def matched(self) -> None:
        """Repeated lookups of a matched name, in all variants."""
        nscd = self.world.place("nscd", daemon="nscd")
        by_socket = self.world.place("nscd-by-socket", daemon="nscd by socket")
        unscd = self.world.place("unscd", daemon="unscd")
        loop = {"BENCH_SERVER": SERVER}
        for family in ("both", "v4"):
            words = self.lookups("rounds", NAME, family)
            variants = [
                *self.pair(NAME, family),
                Variant("ours, cache", self.plain, words, self.cached()),
                Variant("bare loop", self.plain, self.lookups("rounds", NAME, family, "raw"), loop),
                Variant("glibc, nscd", nscd, words),
                Variant("glibc, nscd not shared", by_socket, words),
                Variant("glibc, unscd", unscd, words),
                Variant("glibc, nscd, configured", nscd, words, {"BENCH_MODULES": "files dns"}),
            ]
            self.compare(f"lookup, {'A and AAAA' if family == 'both' else 'A'}", variants, self.plan(500, 50))

    def libc_first(self) -> None:
        """The overhead of libc first, with an nscd that has a positive or a negative cache entry for the name."""
        nscd = self.world.place("nscd", daemon="nscd")
        ours = {"LD_PRELOAD": self.library, "NSS_BYPASS": "+*"}
        for label, name, code in (("found by libc", NAME, 0), ("found nowhere", f"nobody.{DOMAIN}", EAI_NONAME)):
            words = self.lookups("rounds", name)
            variants = [
                Variant("glibc, nscd", nscd, words, code=code),
                Variant("ours, libc first", nscd, words, ours, code),
                Variant("glibc", self.plain, words, code=code),
            ]
            self.compare(f"libc first, {label}", variants, self.plan(200, 50))

    def first(self) -> None:
        """The first lookup of a process."""
        words = [self.world.program("spawn"), "--told", *self.lookups("once", NAME)]
        variants = [
            Variant("glibc", self.plain, words),
            Variant("ours", self.plain, words, {"BENCH_PRELOAD": self.library, "NSS_BYPASS": RULES}),
            Variant("glibc, nscd", self.world.place("nscd", daemon="nscd"), words),
        ]
        self.compare("first lookup", variants, self.plan(1000, 2))

    def tcp(self) -> None:
        """A list that is too long for a UDP message."""
        self.compare("100 addresses by TCP", self.pair(LONG_LIST), self.plan(100, 20))

    def many_lines(self) -> None:
        """A hosts file with 100,000 lines: a name in it, and one in DNS."""
        place = self.world.place("hosts-100000", hosts=hosts(100_000))
        for label, name in (("last line", f"last.hosts.{DOMAIN}"), ("DNS", NAME)):
            self.compare(f"100,000 lines of hosts, {label}", self.pair(name, place=place), self.plan(50, 1))

    def threads(self) -> None:
        """Concurrent lookups in threads on all cores: the elapsed time per lookup in nanoseconds."""
        for number in GROWING_THREADS:
            self.compare(f"{number} threads", self.threaded(number), self.on_all_cores(number))

    def threaded(self, number: int) -> list[Variant]:
        """Variants with glibc, the library, and the library with a cache, in this number of threads."""
        words = [*self.lookups("rounds", NAME), str(number)]
        return [
            Variant("glibc", self.plain, words),
            Variant("ours", self.plain, words, self.ours()),
            Variant("ours, cache", self.plain, words, self.cached()),
        ]

    def on_all_cores(self, threads: int) -> Plan:
        """A plan in which a round is a single sample."""
        return Plan(20 if self.quick else 60, 800 // threads)

    # ---- Overhead for unmatched lookups ----

    def passed(self) -> None:
        """The overhead of the library alone, with a substitute for libc that does nothing."""
        variants = [Variant("stand-in alone", self.plain, [], {"LD_PRELOAD": self.world.program("stand_in.so")})]
        for lines in (0, *GROWING_RULES):
            environment = {"LD_PRELOAD": self.behind}
            if lines:
                environment["NSS_BYPASS_CONF"] = self.configuration(lines)
            variants.append(Variant(f"{lines} rules", self.plain, [], environment))
        for label, name in (("unmatched", UNMATCHED), ("numeric", "192.0.2.1"), ("NULL", "-")):
            words = self.lookups("rounds", name)
            chosen = variants if label == "unmatched" else variants[:3]
            named = [Variant(v.label, v.place, words, v.environment, EAI_NONAME) for v in chosen]
            self.compare(f"passed, {label}", named, self.plan(200, 20, 200))

    def reading(self) -> None:
        """The first lookup, which reads the configuration."""
        words = [self.world.program("spawn"), "--told", *self.lookups("once", UNMATCHED)]
        variants = []
        for lines in (0, *GROWING_RULES):
            environment = {"BENCH_PRELOAD": self.behind, "BENCH_MAY_FAIL": "1"}
            if lines:
                environment["NSS_BYPASS_CONF"] = self.configuration(lines)
            variants.append(Variant(f"{lines} rules", self.plain, words, environment))
        self.compare("first lookup, unmatched", variants, self.plan(100, 5))

    # ---- Scaling ----

    def growth(self) -> None:
        """Scaling with the numbers of addresses, servers, and lines of hosts."""
        for addresses in GROWING_ADDRESSES:
            name = f"a{addresses}-1.{DOMAIN}"
            self.compare(f"{addresses} addresses", self.pair(name), self.plan(50, 10))
        for servers in GROWING_SERVERS:
            # No server listens on the first ones, which the kernel reports immediately.
            dead = [f"127.0.0.{60 + number}" for number in range(servers - 1)]
            place = self.world.place(f"servers-{servers}", servers=[*dead, SERVER])
            self.compare(f"{servers} servers", self.pair(NAME, place=place), self.plan(50, 10))
        for lines in GROWING_HOSTS:
            place = self.world.place(f"hosts-{lines}", hosts=hosts(lines))
            self.compare(f"{lines} lines of hosts", self.pair(NAME, place=place), self.plan(50, 1 + 1000 // lines))

    # ---- Counts ----

    def counted(self) -> None:
        """The system calls and instructions of a further lookup, and of starting a process."""
        words = self.lookups("run", NAME)
        matched = [
            Variant("glibc", self.plain, words),
            Variant("ours", self.plain, words, self.ours()),
            Variant("ours, cache", self.plain, words, self.cached()),
        ]
        calls = {v.label: counts.system_calls(self.world, v, 20) for v in matched}
        for label, by_name in calls.items():
            self.results.numbers[f"system calls of a lookup, {label}"] = {n: c / 20 for n, c in by_name.items()}
        self.results.numbers["system calls of a lookup"] = {v: c.total() / 20 for v, c in calls.items()}
        self.results.numbers["instructions of a lookup"] = {
            v.label: counts.instructions_per_lookup(self.world, v, 5, 25) for v in matched
        }
        self.counted_passed()
        self.results.numbers["instructions of /bin/true"] = {
            label: counts.instructions(
                self.world, Variant(label, self.plain, ["/bin/true"], preloaded(path, variables))
            )
            for label, path, variables in self.preloads()
        }

    def counted_passed(self) -> None:
        """The same for an unmatched lookup."""
        words = self.lookups("run", UNMATCHED)
        alone = Variant("stand-in alone", self.plain, words, {"LD_PRELOAD": self.world.program("stand_in.so")})
        variants = [alone]
        for lines in (10, 10_000):
            environment = {"LD_PRELOAD": self.behind, "NSS_BYPASS_CONF": self.configuration(lines)}
            variants.append(Variant(f"{lines} rules", self.plain, words, environment))
        calls = counts.system_calls(self.world, variants[-1], 1000)
        self.results.numbers["system calls of 1000 passed lookups"] = {"10000 rules": calls.total()}
        self.results.numbers["instructions of a passed lookup"] = {
            v.label: counts.instructions_per_lookup(self.world, v, 100, 1100) for v in variants
        }

    def phased(self) -> None:
        """The phases of a matched lookup."""
        words = self.lookups("run", NAME)
        variants = [Variant("glibc", self.plain, words), Variant("ours", self.plain, words, self.ours())]
        times = self.results.times["lookup, A and AAAA"]
        self.results.phases = phases(self.world, variants, {v.label: times[v.label].median() for v in variants})

    def memory(self) -> None:
        """The private dirty memory of an idle process, and of each name in the cache, in bytes."""
        os.sync()  # Pages of a file that was just built are dirty, and are counted for a process that maps it alone.
        words = self.lookups("idle", NAME)
        self.results.numbers["private dirty bytes"] = {
            label: counts.printed_number(Variant(label, self.plain, words, preloaded(path, variables)), runs=5)
            for label, path, variables in self.preloads()
        }
        different = [*self.lookups("memory", f"a1-1.n%d.{DOMAIN}"), str(CACHED_NAMES)]
        kept = {
            "ours": counts.printed_number(Variant("", self.plain, different, self.ours())),
            "ours, cache": counts.printed_number(Variant("", self.plain, different, self.cached(10_000))),
        }
        self.results.numbers["private dirty bytes of a name"] = {v: n / CACHED_NAMES for v, n in kept.items()}

    def file(self) -> None:
        """The library file."""
        self.results.numbers["library"] = {
            "bytes": self.world.library.stat().st_size,
            "relocations": counts.relocations(self.world.library),
            "libraries beyond libc": len(counts.needed_libraries(self.world.library)),
        }


def preloaded(path: str, variables: dict[str, str]) -> dict[str, str]:
    """An environment with LD_PRELOAD, if there is a library to preload."""
    return {"LD_PRELOAD": path, **variables} if path else variables
