"""The lines that were seen on a picture, in the order in which they are read: columns, and rows with their cells.

A page is seldom scanned quite straight, so its lines are first laid level.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from app.reading.pdf_place import Box

LONG = 4.0  # times its height: such a line tells how far the page leans
MOST_SLOPE = 0.2  # a line that leans more is no line of the text
# A gap from top to bottom parts columns of prose if lines of so many heights stand on both sides, most of the page
# long; shorter ones are the cells of a table, which are read row by row.
PROSE_WIDTH = 9.0
FEW_LINES = 4
LEAST_BESIDE = 0.5  # of the shorter column's height
MOST_CROSSING = 0.3  # of the lines
MOST_COLUMNS = 6
SAME_ROW = 0.5  # of the lower one's height, between the middles
CELL_GAP = 1.0  # of the height: a wider gap parts cells


class Placed(NamedTuple):
    """A line and its place, laid level; ``number`` tells it from the others."""

    number: int
    box: Box

    @property
    def middle(self) -> float:
        """Half-way between top and bottom."""
        return (self.box.top + self.box.bottom) / 2


@dataclass(slots=True)
class Row:
    """What stands side by side: cells, each of one or more lines."""

    cells: list[list[Placed]]

    @property
    def box(self) -> Box:
        """The smallest box around all."""
        first, *others = (line.box for cell in self.cells for line in cell)
        for box in others:
            first = first.joined(box)
        return first


Corner = tuple[float, float]


def slope_of(quads: Sequence[Sequence[Corner]]) -> float:
    """Give how far the lines sink on their way to the right; 0 where nothing tells."""
    slopes = []
    for (x0, y0), (x1, y1), _, (_, y3) in quads:
        if x1 - x0 > LONG * abs(y3 - y0) and abs(slope := (y1 - y0) / (x1 - x0)) < MOST_SLOPE:
            slopes.append(slope)
    return median(slopes) if slopes else 0.0


def level(quads: Sequence[Sequence[Corner]]) -> list[Placed]:
    """Lay lines level, each given by its corners, clockwise from the upper left."""
    lean = math.atan(slope_of(quads))
    cosine, sine = math.cos(lean), math.sin(lean)
    placed = []
    for index, quad in enumerate(quads):
        xs, ys = zip(*((x * cosine + y * sine, y * cosine - x * sine) for x, y in quad), strict=True)
        left, right = (xs[0] + xs[3]) / 2, (xs[1] + xs[2]) / 2
        top, bottom = (ys[0] + ys[1]) / 2, (ys[2] + ys[3]) / 2
        placed.append(Placed(index, Box(min(left, right), min(top, bottom), max(left, right), max(top, bottom))))
    return placed


class Sides(NamedTuple):
    """What a gap parts."""

    left: list[Placed]
    right: list[Placed]
    crossing: list[Placed]


def parted(lines: Sequence[Placed], at: float) -> Sides:
    """Part lines by an upright line."""
    sides = Sides([], [], [])
    for line in lines:
        if line.box.right <= at:
            sides.left.append(line)
        elif line.box.left >= at:
            sides.right.append(line)
        else:
            sides.crossing.append(line)
    return sides


def prose(lines: Sequence[Placed]) -> bool:
    """Tell whether these lines are long enough for a column of prose."""
    return len(lines) >= FEW_LINES and median(line.box.width / line.box.height for line in lines) >= PROSE_WIDTH


def beside(left: Sequence[Placed], right: Sequence[Placed]) -> bool:
    """Tell whether two columns stand beside each other, not one below the other."""
    tops = [min(line.box.top for line in side) for side in (left, right)]
    bottoms = [max(line.box.bottom for line in side) for side in (left, right)]
    shorter = min(bottom - top for top, bottom in zip(tops, bottoms, strict=True))
    return min(bottoms) - max(tops) >= LEAST_BESIDE * shorter


def gap_of(lines: Sequence[Placed]) -> float | None:
    """Give where the gap between two columns of prose is, if there is one."""
    lefts, rights = sorted(line.box.left for line in lines), sorted(line.box.right for line in lines)
    best: tuple[int, int] | None = None
    found = None
    for at in sorted(set(lefts)):
        after, before = len(lines) - bisect_right(lefts, at - 1), bisect_right(rights, at)
        crossing = len(lines) - before - after
        if min(before, after) < FEW_LINES or crossing > MOST_CROSSING * len(lines):
            continue
        merit = (-crossing, min(before, after))
        if best is None or merit > best:
            sides = parted(lines, at)
            if prose(sides.left) and prose(sides.right) and beside(sides.left, sides.right):
                best, found = merit, at
    return found


def in_order(lines: Sequence[Placed], columns: int = MOST_COLUMNS) -> Iterator[list[Placed]]:
    """Give the lines of one column after the other; what goes across several comes between those above and below."""
    at = gap_of(lines) if columns > 1 else None
    if at is None:
        if lines:
            yield list(lines)
        return
    sides = parted(lines, at)
    borders = sorted(line.middle for line in sides.crossing)
    bands: list[Sides] = [Sides([], [], []) for _ in range(len(borders) + 1)]
    for name in ("left", "right"):
        for line in getattr(sides, name):
            getattr(bands[bisect_right(borders, line.middle)], name).append(line)
    for line in sides.crossing:
        bands[bisect_right(borders, line.middle)].crossing.append(line)
    across: list[Placed] = []
    for band in bands:
        across += band.crossing
        if band.left or band.right:
            if across:
                yield across
            across = []
            yield from in_order(band.left, columns - 1)
            yield from in_order(band.right, columns - 1)
    if across:
        yield across


def rows_of(lines: Sequence[Placed]) -> list[Row]:
    """Give the rows of a column, from top to bottom."""
    rows: list[list[Placed]] = []
    for line in sorted(lines, key=lambda one: one.middle):
        for row in reversed(rows[-3:]):
            if all(same_row(other, line) for other in row):
                row.append(line)
                break
        else:
            rows.append([line])
    return [Row(list(cells_of(sorted(row, key=lambda one: one.box.left)))) for row in rows]


def same_row(one: Placed, other: Placed) -> bool:
    """Tell whether two lines stand side by side."""
    lower = min(one.box.height, other.box.height)
    overlap = min(one.box.right, other.box.right) - max(one.box.left, other.box.left)
    return abs(one.middle - other.middle) <= SAME_ROW * lower and overlap <= lower


def cells_of(row: Sequence[Placed]) -> Iterator[list[Placed]]:
    """Give what stands close together in a row."""
    cell = [row[0]]
    for line in row[1:]:
        if line.box.left - cell[-1].box.right > CELL_GAP * max(line.box.height, cell[-1].box.height):
            yield cell
            cell = []
        cell.append(line)
    yield cell
