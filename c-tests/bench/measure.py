"""Alternating rounds (ABAB...), and the statistics of the results."""

from __future__ import annotations

import os
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field

from world import Place, World, expect

# The number of groups of rounds. Each group has enough samples for percentiles, and the groups determine the spread.
GROUPS = 10


@dataclass(frozen=True)
class Variant:
    """A variant to be compared: a program in a place, with an environment."""

    label: str
    place: Place
    words: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    # The expected return value of getaddrinfo, so that failed lookups, which are fast, are detected.
    code: int = 0


@dataclass(frozen=True)
class Plan:
    """The numbers of rounds, samples in a round, and calls in a sample."""

    rounds: int
    count: int
    batch: int = 1
    # The core for the measured process, or None for all cores.
    core: int | None = None


@dataclass(frozen=True)
class Samples:
    """The times of one call in nanoseconds, by round."""

    rounds: list[list[float]]

    def all(self) -> list[float]:
        """The samples of all rounds."""
        return [sample for samples in self.rounds for sample in samples]

    def groups(self) -> list[list[float]]:
        """The samples of adjacent rounds, in groups."""
        count = min(GROUPS, len(self.rounds))
        bounds = [len(self.rounds) * at // count for at in range(count + 1)]
        return [Samples(self.rounds[begin:end]).all() for begin, end in zip(bounds, bounds[1:])]

    def median(self) -> float:
        """The median of all samples."""
        return statistics.median(self.all())

    def summary(self) -> dict[str, float]:
        """The summary for the JSON file."""
        values = self.all()
        points = {f"p{point}": percentile(values, point) for point in (10, 25, 50, 75, 90, 99)}
        return {"samples": len(values), **points}


@dataclass(frozen=True)
class Figure:
    """A number with its spread: the 10th and 90th percentile over groups of rounds."""

    value: float
    low: float
    high: float


def percentile(values: list[float], point: float) -> float:
    """A percentile, by the nearest-rank method."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * point / 100))]


def figure(of: Callable[..., float], *series: Samples) -> Figure:
    """Applies `of` to the samples of each series: of all rounds, and of each group for the spread."""
    groups = [of(*group) for group in zip(*(one.groups() for one in series))]
    return Figure(of(*(one.all() for one in series)), percentile(groups, 10), percentile(groups, 90))


def ratio(one: Samples, other: Samples) -> Figure:
    """The ratio of the medians of `one` and `other`."""
    return figure(lambda a, b: statistics.median(a) / statistics.median(b), one, other)


def slow_ratio(one: Samples, other: Samples) -> Figure:
    """The ratio of the 99th percentiles: the median over groups, since a disturbance may affect either of them."""
    groups = [percentile(a, 99) / percentile(b, 99) for a, b in zip(one.groups(), other.groups())]
    return Figure(statistics.median(groups), percentile(groups, 10), percentile(groups, 90))


def difference(one: Samples, other: Samples) -> Figure:
    """The difference between the medians of `one` and `other` in nanoseconds."""
    return figure(lambda a, b: statistics.median(a) - statistics.median(b), one, other)


def interleaved(world: World, variants: list[Variant], plan: Plan) -> dict[str, Samples]:
    """Measures all variants alternately, with one process for each. Each round begins with another variant."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {plan.core} if plan.core is not None else {world.client_core, world.server_core})
    processes = [world.start(v.place.command(v.words, v.environment), input_pipe=True) for v in variants]
    os.sched_setaffinity(0, own)
    for variant, process in zip(variants, processes):
        first = expect(process, "ready")
        if first and int(first[0]) != variant.code:
            raise RuntimeError(f"{variant.label}: the lookup ends with code {first[0]}, not {variant.code}")
    rounds: list[list[list[float]]] = [[] for _ in variants]
    for number in range(-1, plan.rounds):  # the first one is for warming up, and is discarded
        for turn in range(len(variants)):
            at = (turn + max(number, 0)) % len(variants)
            samples = take_turn(processes[at], plan)
            if number >= 0:
                rounds[at].append(samples)
    for process in processes:
        world.processes.remove(process)
        process.communicate()
    return {variant.label: Samples(taken) for variant, taken in zip(variants, rounds)}


def take_turn(process: subprocess.Popen[str], plan: Plan) -> list[float]:
    """Runs one round of one variant."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(f"{plan.count} {plan.batch}\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line.endswith("\n"):
        raise RuntimeError(f"a process that measures has ended: {process.args!r}")
    return [int(word) / plan.batch for word in line.split()]
