"""Deterministic numbers: instructions, system calls, memory, and the library file."""

from __future__ import annotations

import re
import statistics
import subprocess
from collections import Counter
from pathlib import Path

from measure import Variant
from world import World

MARK = "getppid"  # called by `lookups run` before each lookup


def instructions(world: World, variant: Variant) -> int:
    """The number of instructions of a process in user space, counted by callgrind."""
    log = world.directory / "files" / "callgrind.log"
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--log-file={log}"]
    variant.place.output([*tool, *variant.words], variant.environment)
    found = re.search(r"Collected : (\d+)", log.read_text())
    if found is None:
        raise RuntimeError("callgrind has counted nothing")
    return int(found[1])


def instructions_per_lookup(world: World, variant: Variant, few: int, many: int) -> float:
    """The number of instructions of a further lookup. `variant` lacks its last word, the number of lookups."""
    few_took, many_took = (instructions(world, with_number(variant, number)) for number in (few, many))
    return (many_took - few_took) / (many - few)


def system_calls(world: World, variant: Variant, lookups: int) -> Counter[str]:
    """The system calls of this number of further lookups, by name."""
    log = world.directory / "files" / "strace.log"
    tool = ["strace", "-f", "-o", str(log), "-E", f"LD_PRELOAD={variant.environment.get('LD_PRELOAD', '')}"]
    others = {name: value for name, value in variant.environment.items() if name != "LD_PRELOAD"}
    variant.place.output([*tool, *with_number(variant, lookups).words], others)
    names = [found[1] for line in log.read_text().splitlines() if (found := re.match(r"\d+ +(\w+)\(", line))]
    marks = [at for at, name in enumerate(names) if name == MARK]
    if len(marks) != lookups + 1:
        raise RuntimeError(f"strace has seen {len(marks)} marks of {lookups + 1}")
    return Counter(name for name in names[marks[0] : marks[-1]] if name != MARK)


def with_number(variant: Variant, number: int) -> Variant:
    """The variant with an additional last word."""
    words = [*variant.words, str(number)]
    return Variant(variant.label, variant.place, words, variant.environment, variant.code)


def printed_number(variant: Variant, runs: int = 1) -> float:
    """The median of the numbers that the program prints in this number of runs."""
    return statistics.median(int(variant.place.output(variant.words, variant.environment)) for _ in range(runs))


def needed_libraries(library: Path) -> list[str]:
    """The dependencies of the library, except libc and the dynamic linker."""
    output = subprocess.run(["readelf", "-dW", str(library)], stdout=subprocess.PIPE, text=True, check=True).stdout
    names = re.findall(r"\(NEEDED\).*\[(.*)\]", output)
    return [name for name in names if name != "libc.so.6" and not name.startswith("ld-linux")]


def relocations(library: Path) -> int:
    """The number of relocations that are processed when the library is loaded."""
    output = subprocess.run(["readelf", "-rW", str(library)], stdout=subprocess.PIPE, text=True, check=True).stdout
    return sum(int(number) for number in re.findall(r"contains (\d+) entr", output))
