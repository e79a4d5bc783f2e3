"""The tables, as text or Markdown, and the JSON."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import time
from pathlib import Path

from measure import Samples, ratio
from suites import (
    GROWING_ADDRESSES,
    GROWING_HOSTS,
    GROWING_RULES,
    GROWING_SERVERS,
    GROWING_THREADS,
    NEIGHBOURS,
    Results,
)
from targets import Target
from world import World

Table = tuple[str, list[str], list[list[str]]]

GROWTH = {
    "addresses": ("{} addresses", GROWING_ADDRESSES),
    "servers, of which only the last is there": ("{} servers", GROWING_SERVERS),
    "lines of hosts": ("{} lines of hosts", GROWING_HOSTS),
    "threads: the time that goes by for each of their lookups": ("{} threads", GROWING_THREADS),
}


def number(value: float) -> str:
    """A number with three significant digits."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def target_table(targets: list[Target]) -> Table:
    """The table of targets."""
    rows = []
    for target in targets:
        unit = target.unit if target.unit == "x" else f" {target.unit}".rstrip()
        limit = f"{'>=' if target.at_least else '<='} {target.limit:,g}{unit}"
        spread = f"{number(target.figure.low)} to {number(target.figure.high)}"
        exactly = target.figure.low == target.figure.high
        met = "yes" if target.met else "NO"
        rows.append(
            [target.what, limit, number(target.figure.value) + unit, "" if exactly else spread, met, target.beside]
        )
    return "Targets", ["what", "target", "measured", "p10 to p90", "met", "beside it"], rows


def time_tables(results: Results) -> list[Table]:
    """The tables of comparisons with other variants than glibc and the library."""
    return [
        time_table(name, series)
        for name, series in results.times.items()
        if len(series) > 2
        and not name.startswith(("passed, unm", "first lookup, unm"))
        and not name.endswith("threads")
    ]


def time_table(name: str, series: dict[str, Samples]) -> Table:
    """The times in microseconds, and the ratios to the first row."""
    first = next(iter(series.values()))
    rows = []
    for label, samples in series.items():
        points = samples.summary()
        times = [number(points[point] / 1000) for point in ("p50", "p10", "p90", "p99")]
        rows.append([label, *times, number(ratio(samples, first).value) + "x"])
    return f"{name}, microseconds", ["", "median", "p10", "p90", "p99", "ratio"], rows


def growth_tables(results: Results) -> list[Table]:
    """The tables of scaling."""
    rows = []
    alone = results.times["passed, unmatched"]["stand-in alone"].median()
    for count in GROWING_RULES:
        passing = results.times["passed, unmatched"][f"{count} rules"].median() - alone
        first = results.times["first lookup, unmatched"]
        reading = first[f"{count} rules"].median() - first["0 rules"].median()
        rows.append([f"{count:,}", number(passing), number(reading / 1000)])
    tables: list[Table] = [("Growth with rules", ["rules", "unmatched, ns added", "reading, us"], rows)]
    for what, (pattern, sizes) in GROWTH.items():
        rows = [growth_row(results.times[pattern.format(size)], size) for size in sizes]
        labels = results.times[pattern.format(sizes[0])]
        head = ["", *(f"{label}, us" for label in labels), "ours against glibc"]
        tables.append((f"Growth with {what}", head, rows))
    return tables


def growth_row(series: dict[str, Samples], size: int) -> list[str]:
    """A row of medians."""
    medians = [number(samples.median() / 1000) for samples in series.values()]
    return [f"{size:,}", *medians, number(ratio(series["ours"], series["glibc"]).value) + "x"]


def phase_tables(results: Results) -> list[Table]:
    """The table of phases of a lookup, or none if they could not be recorded."""
    if len(results.phases) < 2:
        return []
    glibc, ours = results.phases["glibc"], results.phases["ours"]
    rows = [
        [phase, *(number(of_one[phase][where] / 1000) for of_one in (glibc, ours) for where in ("kernel", "own"))]
        for phase in glibc
    ]
    head = ["", "glibc, kernel", "glibc, own code", "ours, kernel", "ours, own code"]
    return [("Phases of a matched lookup, microseconds", head, rows)]


def count_table(results: Results) -> Table:
    """The table of deterministic numbers."""
    rows = [
        [what, label, number(value)]
        for what, values in results.numbers.items()
        for label, value in values.items()
        if "of a lookup, " not in what
    ]
    return "Counts", ["", "", ""], rows


def as_text(table: Table) -> str:
    """Formats a table in columns."""
    title, head, rows = table
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [head, *rows]]
    return "\n".join([title, *(f"  {line}" for line in lines if line)]) + "\n"


def as_markdown(table: Table) -> str:
    """Formats a table in Markdown."""
    title, head, rows = table
    lines = ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]
    return "\n".join([f"### {title}", "", *lines]) + "\n"


def output_of(words: list[str]) -> str:
    """The output of a command, or an empty string if it fails."""
    try:
        ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    except OSError:
        return ""
    return ended.stdout.strip()


def circumstances(world: World, commit: str) -> dict[str, object]:
    """Describes the machine and the measured software."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    packages = [package for package, _ in NEIGHBOURS.values()]
    query = ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages, "nscd"]
    versions = dict(line.split(" ", 1) for line in output_of(query).splitlines())
    changes = world.unscd.parents[1] / "share/doc/unscd/changelog.Debian.gz"
    unscd = re.search(r"\((.*?)\)", output_of(["zcat", str(changes)]))
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {
            "cpu": model[1] if model else platform.processor(),
            "cores": os.cpu_count(),
            "load before": [round(load, 2) for load in os.getloadavg()],
        },
        "kernel": platform.release(),
        "glibc": " ".join(platform.libc_ver()),
        "versions": versions | ({"unscd": unscd[1]} if unscd else {}),
        "library": {
            "path": str(world.library),
            "commit": commit,
            "bytes": world.library.stat().st_size,
        },
    }


def as_json(where: dict[str, object], results: Results, targets: list[Target]) -> str:
    """All results, in nanoseconds."""
    rows = [
        {
            "what": target.what,
            "target": target.limit,
            "at least": target.at_least,
            "unit": target.unit,
            "value": target.figure.value,
            "p10": target.figure.low,
            "p90": target.figure.high,
            "met": target.met,
            "beside": target.beside,
        }
        for target in targets
    ]
    times = {
        name: {label: samples.summary() for label, samples in series.items()} for name, series in results.times.items()
    }
    everything = {**where, "targets": rows, "nanoseconds": times, "numbers": results.numbers, "phases": results.phases}
    return json.dumps(everything, indent=1) + "\n"
