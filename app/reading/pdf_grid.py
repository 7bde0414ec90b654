"""Ruling lines of a page -> grids of cells. Pure geometry."""

import itertools
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from app.reading.pdf_place import Box

Ruling = tuple[float, float, float]  # level: y, from x, to x; upright: x, from y, to y

SAME = 2.5  # points; lines so close are one, ends so close touch
OPEN_SIDE = 8.0  # points that lines stick out beyond the last one across them: a side without a line of its own
MAX_RULINGS = 500  # of one direction after joining; more of them are a figure
MAX_GRIDS = 50  # of one page; the largest
MAX_FIELDS = 20_000  # of one grid


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell and the rows and columns it spans; ``bottom`` and ``right`` are one past the last."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid of cells.

    Attributes:
        xs: where its columns begin, and where the last one ends; ``ys`` likewise for rows.
        cells: by their upper left corner, row by row.
        owners: for each row and column the index of the cell that covers it.
    """

    xs: list[float]
    ys: list[float]
    cells: list[Cell]
    owners: list[list[int]]

    @property
    def box(self) -> Box:
        """Where it lies."""
        return Box(self.xs[0], self.ys[0], self.xs[-1], self.ys[-1])

    def at(self, x: float, y: float) -> int:
        """Give the index of the cell at a point; -1 outside."""
        column, row = bisect_right(self.xs, x) - 1, bisect_right(self.ys, y) - 1
        if 0 <= column < len(self.xs) - 1 and 0 <= row < len(self.ys) - 1:
            return self.owners[row][column]
        return -1

    def place(self, cell: Cell) -> Box:
        """Where a cell lies."""
        return Box(self.xs[cell.left], self.ys[cell.top], self.xs[cell.right], self.ys[cell.bottom])


def joined(rulings: list[Ruling]) -> list[Ruling]:
    """Put lines together that lie on each other or go on where another one ends."""
    found: list[Ruling] = []
    group: list[Ruling] = []
    for ruling in sorted(rulings):
        if group and ruling[0] - group[0][0] > SAME:
            found += one_line(group)
            group = []
        group.append(ruling)
    return found + one_line(group)


def one_line(group: list[Ruling]) -> list[Ruling]:
    """Join the lines of one place."""
    if not group:
        return []
    place = sum(ruling[0] for ruling in group) / len(group)
    stretches: list[tuple[float, float]] = []
    for start, end in sorted((start, end) for _, start, end in group):
        if stretches and start <= stretches[-1][1] + SAME:
            stretches[-1] = stretches[-1][0], max(end, stretches[-1][1])
        else:
            stretches.append((start, end))
    return [(place, start, end) for start, end in stretches]


def components(across: list[Ruling], down: list[Ruling]) -> list[tuple[list[Ruling], list[Ruling]]]:
    """Give the sets of lines that touch each other."""
    parents = list(range(len(across) + len(down)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for first, (y, left, right) in enumerate(across):
        for second, (x, top, bottom) in enumerate(down, len(across)):
            if x > right + SAME:
                break  # they are sorted by x
            if left - SAME <= x and top - SAME <= y <= bottom + SAME:
                parents[root(first)] = root(second)
    sets: dict[int, tuple[list[Ruling], list[Ruling]]] = {}
    for index in range(len(parents)):
        level, upright = sets.setdefault(root(index), ([], []))
        if index < len(across):
            level.append(across[index])
        else:
            upright.append(down[index - len(across)])
    return [found for found in sets.values() if len(found[0]) >= 2 and found[1]]


def borders(rulings: list[Ruling], crossing: list[Ruling]) -> list[float]:
    """Give the places of the lines of one direction, and of the open sides that those across them reach to."""
    places = distinct(ruling[0] for ruling in rulings)
    start = min(ruling[1] for ruling in crossing)
    end = max(ruling[2] for ruling in crossing)
    if start < places[0] - OPEN_SIDE:
        places.insert(0, start)
    if end > places[-1] + OPEN_SIDE:
        places.append(end)
    return places


def distinct(places: Iterable[float]) -> list[float]:
    """Give places in order, those too close to be two as one."""
    found: list[float] = []
    for place in sorted(places):
        if not found or place - found[-1] > SAME:
            found.append(place)
    return found


def walls(rulings: list[Ruling], places: list[float], steps: list[float]) -> list[list[bool]]:
    """Tell for each place and each step along it whether a line runs there."""
    found = [[False] * (len(steps) - 1) for _ in places]
    middles = [(start + end) / 2 for start, end in itertools.pairwise(steps)]
    for place, start, end in rulings:
        index = min(range(len(places)), key=lambda at: abs(places[at] - place))
        for step, middle in enumerate(middles):
            if start <= middle <= end:
                found[index][step] = True
    return found


def grid_of(across: list[Ruling], down: list[Ruling]) -> Grid | None:
    """Build the grid of lines that touch each other; None if it has not two rows and two columns."""
    xs, ys = borders(down, across), borders(across, down)
    columns, rows = len(xs) - 1, len(ys) - 1
    if columns < 2 or rows < 2 or columns * rows > MAX_FIELDS:
        return None
    upright, level = walls(down, xs, ys), walls(across, ys, xs)
    owners = [[-1] * columns for _ in range(rows)]
    cells: list[Cell] = []
    for row in range(rows):
        for column in range(columns):
            if owners[row][column] < 0:
                cell = cell_from(row, column, upright, level, owners)
                for inner in range(cell.top, cell.bottom):
                    owners[inner][cell.left : cell.right] = [len(cells)] * (cell.right - cell.left)
                cells.append(cell)
    return Grid(xs, ys, cells, owners)


def cell_from(
    row: int, column: int, upright: list[list[bool]], level: list[list[bool]], owners: list[list[int]]
) -> Cell:
    """Give the largest cell from a corner that no line cuts: first as wide as it goes, then as deep."""
    right, bottom = column + 1, row + 1
    columns = len(owners[0])
    while right < columns and not upright[right][row] and owners[row][right] < 0:
        right += 1
    while bottom < len(owners):
        open_above = not any(level[bottom][column:right])
        uncut = not any(upright[inner][bottom] for inner in range(column + 1, right))
        walled = (column == 0 or upright[column][bottom]) and (right == columns or upright[right][bottom])
        if not (open_above and uncut and walled and all(owner < 0 for owner in owners[bottom][column:right])):
            break
        bottom += 1
    return Cell(row, column, bottom, right)


def grids_of(across: list[Ruling], down: list[Ruling]) -> list[Grid]:
    """Give the grids that the ruling lines of a page make, small ones first."""
    level, upright = joined(across), joined(down)
    if len(level) > MAX_RULINGS or len(upright) > MAX_RULINGS:
        return []
    found = [grid for component in components(level, upright) if (grid := grid_of(*component)) is not None]
    return sorted(found, key=lambda grid: grid.box.area)[-MAX_GRIDS:]
