"""The performance targets of the library, and whether they are met."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from measure import Figure, Samples, difference, figure, percentile, ratio, slow_ratio
from suites import Results


@dataclass(frozen=True)
class Target:
    """A target: the number must be at most, or at least, the limit."""

    what: str
    limit: float
    unit: str
    figure: Figure
    at_least: bool = False
    beside: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is met, according to the number itself. The spread shows the certainty."""
        return self.figure.value >= self.limit if self.at_least else self.figure.value <= self.limit


def exact(value: float) -> Figure:
    """A number without a spread."""
    return Figure(value, value, value)


def scaled(of: Figure, factor: float) -> Figure:
    """The number in another unit."""
    return Figure(of.value * factor, of.low * factor, of.high * factor)


def all_targets(results: Results) -> Iterator[Target]:
    """All targets, in the order in which they occur in a process."""
    yield from of_starting(results)
    yield from of_passing(results)
    yield from of_matching(results)
    yield from of_the_cache(results)
    yield from of_much(results)


def of_starting(results: Results) -> Iterator[Target]:
    """Targets for starting a process."""
    times, numbers = results.times["start /bin/true"], results.numbers

    # Starting a process takes thirty times as long as loading an empty library. Undisturbed starts vary least.
    def added(ours: list[float], empty: list[float], nothing: list[float]) -> float:
        base = percentile(nothing, 10)
        return (percentile(ours, 10) - base) / (percentile(empty, 10) - base)

    counted = numbers["instructions of /bin/true"]
    for variant, limit in (("ours, no rule", 1.5), ("ours, NSS_BYPASS", 1.6), ("ours, 10000 lines", 1.6)):
        value = figure(added, times[variant], times["empty library"], times["no library"])
        more = [counted[v] - counted["no library"] for v in (variant, "empty library")]
        beside = f"{more[0]:,.0f} instructions, empty library {more[1]:,.0f}"
        yield Target(f"start of a process, added, against an empty library ({variant})", limit, "x", value, beside=beside)
    library, dirty = numbers["library"], numbers["private dirty bytes"]
    yield Target("libraries loaded beyond libc", 0, "", exact(library["libraries beyond libc"]))
    beside = f"empty library {(dirty['empty library'] - dirty['no library']) / 1024:.0f} KiB"
    more_dirty = exact((dirty["ours, NSS_BYPASS"] - dirty["no library"]) / 1024)
    yield Target("private dirty memory of an idle process, added", 32, "KiB", more_dirty, beside=beside)
    relocations = f"{library['relocations']:.0f} relocations"
    yield Target("the library's file", 1.1, "MB", exact(library["bytes"] / 1e6), beside=relocations)


def of_passing(results: Results) -> Iterator[Target]:
    """Targets for lookups that are forwarded to libc."""
    for label in ("numeric", "NULL"):
        times = results.times[f"passed, {label}"]
        yield Target(f"{label} name, passed, added", 30, "ns", difference(times["10 rules"], times["stand-in alone"]))
    times, counted = results.times["passed, unmatched"], results.numbers["instructions of a passed lookup"]
    for lines, limit in ((10, 100), (10_000, 200)):
        added = counted[f"{lines} rules"] - counted["stand-in alone"]
        value = difference(times[f"{lines} rules"], times["stand-in alone"])
        beside = f"{added:,.0f} instructions"
        yield Target(f"unmatched name, {lines:,} rules, added", limit, "ns", value, beside=beside)
    calls = results.numbers["system calls of 1000 passed lookups"]["10000 rules"]
    yield Target("system calls of 1,000 unmatched names: a look at the file each second", 2, "", exact(calls))
    times = results.times["first lookup, unmatched"]
    for lines, limit in ((10, 30), (10_000, 1000)):
        value = scaled(difference(times[f"{lines} rules"], times["0 rules"]), 1e-3)
        yield Target(f"reading a configuration of {lines:,} lines", limit, "us", value)


def of_matching(results: Results) -> Iterator[Target]:
    """Targets for matched lookups without a cache."""
    for records, limit in (("A and AAAA", 0.75), ("A", 0.92)):
        times = results.times[f"lookup, {records}"]
        instructions = results.numbers["instructions of a lookup"]
        beside = f"{instructions['ours']:,.0f} instructions, glibc {instructions['glibc']:,.0f}"
        yield Target(
            f"matched, {records}, against glibc, median",
            limit,
            "x",
            ratio(times["ours"], times["glibc"]),
            beside=beside if records != "A" else "",
        )
        yield Target(f"matched, {records}, against glibc, p99", 1, "x", slow_ratio(times["ours"], times["glibc"]))
        yield Target(f"matched, {records}, against the bare loop", 1.3, "x", ratio(times["ours"], times["bare loop"]))
    yield against_glibc(results, "first matched lookup of a process", "first lookup", 0.8)
    yield against_glibc(results, "the whole of getent ahosts NAME", "getent ahosts NAME", 1)
    calls = results.numbers["system calls of a lookup"]
    yield Target(
        "system calls of a further matched lookup", 14, "", exact(calls["ours"]), beside=f"glibc {calls['glibc']:.0f}"
    )


def of_the_cache(results: Results) -> Iterator[Target]:
    """Targets for lookups with `cache`."""
    times = results.times["lookup, A and AAAA"]
    calls = results.numbers["system calls of a lookup"]
    beside = "" if calls["ours, cache"] < calls["ours"] else "this library asks each time"
    hit = scaled(figure(statistics.median, times["ours, cache"]), 1e-3)
    yield Target("cache, hit", 2, "us", hit, beside=beside)
    faster = ratio(times["glibc, nscd"], times["ours, cache"])
    yield Target("warm nscd against a hit", 5, "x", faster, at_least=True, beside=beside)
    if not beside:
        size = results.numbers["private dirty bytes of a name"]["ours, cache"]
        yield Target("memory of a cached name", 1024, "bytes", exact(size))


def of_much(results: Results) -> Iterator[Target]:
    """Targets for concurrent lookups."""
    times = results.times["8 threads"]
    faster = ratio(times["glibc"], times["ours"])
    yield Target("8 threads, lookups per second against glibc", 1.1, "x", faster, at_least=True)
    for where in ("last line", "DNS"):
        comparison = f"100,000 lines of hosts, {where}"
        yield against_glibc(results, f"hosts of 100,000 lines, name in {where}", comparison, 1)
    yield against_glibc(results, "100 addresses by TCP", "100 addresses by TCP", 0.6)


def against_glibc(results: Results, what: str, comparison: str, limit: float) -> Target:
    """A ratio of medians."""
    times: dict[str, Samples] = results.times[comparison]
    return Target(f"{what}, against glibc", limit, "x", ratio(times["ours"], times["glibc"]))
