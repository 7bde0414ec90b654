"""Rows of any shape: whatever form is chosen for them, no cell is lost."""

import random

import pytest

from app.reading.contract import MAX_BLOCK_CHARS, tidy
from app.reading.rows import blocks_of_rows


def sheet(chance, rows, width):
    """Make rows with gaps of all kinds; every cell holds something that no other does."""
    cells = 0
    for _ in range(rows):
        filled = chance.choice([0, 0.1, 0.5, 0.9, 1])
        row = []
        for _ in range(chance.randint(0, width)):
            cells += 1
            text = chance.choice([f"w{cells}w", f"{cells}.5", f"w{cells}w " + "word " * chance.choice([0, 0, 200])])
            row.append(text.strip() if chance.random() < filled else "")
        yield row


@pytest.mark.parametrize("rows", [1, 3, 10, 150])
def test_every_cell_of_any_sheet_is_in_its_text(rows):
    chance = random.Random(rows)
    for _ in range(200):
        made = list(sheet(chance, rows, chance.randint(1, 12)))
        text = "\n".join(tidied.text for block in blocks_of_rows(map(list, made)) for tidied in tidy(block))

        assert [cell for row in made for cell in row if cell and cell not in text] == []


def test_rows_without_end_are_given_as_they_come():
    def endless():
        number = 0
        while True:
            yield ["item", f"number {number}"] if number == 0 else [f"item {number}", str(number)]
            number += 1

    blocks = blocks_of_rows(endless())
    first = [next(blocks) for _ in range(3)]

    assert all(block.text.startswith("| item | number 0 |\n") for block in first)
    assert max(len(block.text) for block in first) < MAX_BLOCK_CHARS
