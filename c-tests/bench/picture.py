"""Draws a diagram of the time spent in the phases of a lookup: picture.py JSON SVG"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

Phases = dict[str, dict[str, float]]

WIDTH, MARGIN, TEXT = 960, 20, 250
BAR, ROW = 34, 40
COLOURS = [
    "#8c6bb1", "#888888", "#4eb3d3", "#2b8cbe", "#7bccc4", "#41ab5d", "#d9d9d9", "#fe9929", "#bdbdbd", "#ef6548",
    "#fdd49e",
]  # fmt: skip
TITLE = "Where the time of a lookup goes: A and AAAA, no cache, a server on the same machine"
LEGEND = "Microseconds in the kernel (full colour) + in the process itself up to the next system call (paler)."
FONT = "font-family='sans-serif' font-size='13'"


def text(x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal") -> str:
    """A line of text."""
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-weight='{weight}'>{escape(words)}</text>"


def box(x: float, y: float, width: float, height: float, colour: str, opacity: float, title: str) -> str:
    """A rectangle, with a title that is shown when the pointer is over it."""
    place = f"x='{x:.2f}' y='{y:.2f}' width='{max(width, 0):.2f}' height='{height:.2f}'"
    style = f"fill='{colour}' fill-opacity='{opacity}' stroke='white' stroke-width='0.5'"
    return f"<rect {place} {style}><title>{escape(title)}</title></rect>"


def total(phases: Phases) -> float:
    """The total time of all phases in nanoseconds."""
    return sum(spent["kernel"] + spent["own"] for spent in phases.values())


def stacked(label: str, phases: Phases, y: float, scale: float) -> list[str]:
    """A bar with all phases. Times in the kernel have a full colour, and those in the process a lighter one."""
    parts = [text(MARGIN, y + BAR / 2 + 5, f"{label}: {total(phases) / 1000:.1f} µs", weight="bold")]
    x = float(TEXT)
    for colour, (phase, spent) in zip(COLOURS, phases.items()):
        for where, opacity in (("kernel", 1), ("own", 0.55)):
            width = spent[where] * scale
            if not width:
                continue
            title = f"{label}, {phase}, {'in the kernel' if where == 'kernel' else 'own code'}: {spent[where]:.0f} ns"
            parts.append(box(x, y, width, BAR, colour, opacity, title))
            x += width
    return parts


def row(phase: str, colour: str, spent: list[tuple[str, dict[str, float]]], y: float, scale: float) -> list[str]:
    """The bars of a phase for both, one below the other."""
    parts = [text(TEXT - 10, y + 17, phase, anchor="end")]
    height = (ROW - 8) / len(spent)
    for at, (label, times) in enumerate(spent):
        top, kernel, own = y + at * height, times["kernel"] * scale, times["own"] * scale
        numbers = f"{label} {times['kernel'] / 1000:.1f} + {times['own'] / 1000:.1f}"
        parts.append(box(TEXT, top, kernel, height - 1, colour, 1, numbers))
        parts.append(box(TEXT + kernel, top, own, height - 1, colour, 0.55, numbers))
        parts.append(text(TEXT + kernel + own + 6, top + height - 4, numbers))
    return parts


def draw(measured: dict[str, Any]) -> str:
    """The whole diagram."""
    phases: dict[str, Phases] = measured["phases"]
    widest = max(map(total, phases.values()))
    where = f"{measured['machine']['cpu']}, Linux {measured['kernel']}, {measured['glibc']}"
    about = f"{measured['date'][:10]}, commit {measured['library']['commit']}. {where}."
    parts = [
        text(MARGIN, 28, TITLE, weight="bold"),
        text(MARGIN, 48, LEGEND),
        text(MARGIN, 66, about),
    ]
    y = 82.0
    for label, of_one in phases.items():
        parts += stacked(label, of_one, y, (WIDTH - TEXT - MARGIN) / widest)
        y += BAR + 8
    y += 12
    names = next(iter(phases.values()))
    longest = max(spent["kernel"] + spent["own"] for of_one in phases.values() for spent in of_one.values())
    for colour, phase in zip(COLOURS, names):
        spent = [(label, of_one[phase]) for label, of_one in phases.items()]
        parts += row(phase, colour, spent, y, (WIDTH - TEXT - MARGIN - 150) / longest)
        y += ROW
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {y + 10:.0f}' {FONT}>"
    return "\n".join([head, f"<rect width='{WIDTH}' height='{y + 10:.0f}' fill='white'/>", *parts, "</svg>\n"])


def main(source: Path, drawing: Path) -> int:
    """Reads the JSON file, and writes the diagram."""
    measured = json.loads(source.read_text())
    if not measured.get("phases"):
        print(f"{source}: no phases in it: perf could not record on that machine", file=sys.stderr)
        return 1
    drawing.parent.mkdir(parents=True, exist_ok=True)
    drawing.write_text(draw(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
