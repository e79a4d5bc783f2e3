"""Measures the library in comparison with glibc, daemons and similar libraries. Run by scripts/bench in namespaces."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import report
from suites import Bench
from targets import all_targets
from world import World


def arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: two minutes instead of ten")
    parser.add_argument("--counts", action="store_true", help="only what is the same in every run: no times")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the JSON goes (target/bench/bench.json)")
    parser.add_argument("--commit", required=True, help=argparse.SUPPRESS)
    for name in ("directory", "library", "unscd"):
        parser.add_argument(f"--{name}", type=Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(bench: Bench, counts_only: bool) -> None:
    """Runs all comparisons."""
    parts = [bench.file, bench.memory, bench.counted] if counts_only else [
        bench.file, bench.start, bench.passed, bench.reading, bench.matched, bench.libc_first, bench.first, bench.getent, bench.tcp,
        bench.many_lines, bench.threads, bench.memory, bench.counted, bench.phased,
        bench.growth,
    ]  # fmt: skip
    for part in parts:
        begun = time.monotonic()
        part()
        print(f"bench: {part.__name__}: {time.monotonic() - begun:.1f} s", file=sys.stderr)


def main() -> None:
    """Measures, prints the tables, and writes the numbers."""
    chosen = arguments()
    world = World(chosen.directory, chosen.library, chosen.unscd)
    where = report.circumstances(world, chosen.commit)
    try:
        world.start_server()
        bench = Bench(world, chosen.quick)
        measure(bench, chosen.counts)
    finally:
        world.close()
    show = report.as_markdown if chosen.markdown else report.as_text
    if chosen.counts:
        print(show(report.count_table(bench.results)))
        return
    targets = list(all_targets(bench.results))
    tables = [
        report.target_table(targets),
        *report.time_tables(bench.results),
        *report.growth_tables(bench.results),
        *report.phase_tables(bench.results),
        report.count_table(bench.results),
    ]
    print("\n".join(show(table) for table in tables))
    file = chosen.json or chosen.directory / "bench.json"
    file.write_text(report.as_json(where, bench.results, targets))
    print(f"{sum(target.met for target in targets)} of {len(targets)} targets met; all numbers: {file}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
