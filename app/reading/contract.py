"""What a reader module is: ``read(content, reading)`` yields blocks and tells ``reading`` the rest.

A reader raises ``DocumentRefused`` for what it can name; anything else it lets pass, the child
turns it into "damaged". It need not clean or shorten text: the child does, in one place.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from app.reading.block import Block, TextBox

Reader = Callable[[bytes, "Reading"], Iterator[Block]]

MAX_BLOCK_CHARS = 20_000  # longer text is cut at a line or sentence; keeps an answer line below 100 KiB
MAX_NOTES = 50
MAX_TITLE_CHARS = 300
MEANINGLESS_TITLE = re.compile(
    r"(?:untitled|无标题|未命名).{0,12}|(?:table of )?contents|目录|目錄"
    r"|(?:sheet|工作表|表|feuil|foglio|tabelle|hoja)\s?\d*"
    r"|(?:.*[\\/])?\S*\.(?:docx?|indd|tex|dvi|qxd|pdf|rtf|html?)|[\W\d_]+",
    re.IGNORECASE,
)
# NUL and other controls but tab and newline; lone surrogates, which no encoding can store; and what nobody sees but
# a model reads: soft hyphens, zero-width and bidirectional signs, tags. The joiners stay, some scripts need them.
UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff"
    "\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
LINE_ENDS = re.compile(r"\r\n?|\x85|\u2028|\u2029|\x0b|\x0c")
CUT_AFTER = ("\n", "。", "！", "？", ". ", "；", "，", " ")


@dataclass(slots=True)
class Reading:
    """One file being read: what the reader may know, and what it finds beside the blocks.

    Attributes:
        max_pages: the reader refuses a document with more.
        extension: lower case, without the dot; a hint, never trusted.
        password: opens the file if it is protected; empty if none was given.
        path: opens the file, for an own reader that insists on one; empty where the file has none of its own.
        title: of the metadata; empty if it names none.
        page_notes: page -> what is wrong with it.
        scanned: page -> why its text must be recognised from its picture; such a page yields no block.
        empty_reason: why there is no text, should there be none.
        depth: 0 for the file itself, 1 for what is attached to it or packed in it, which is read no deeper.
    """

    max_pages: int
    extension: str = ""
    password: str = ""
    path: str = ""
    title: str = ""
    pages: int = 0
    notes: list[str] = field(default_factory=list)
    page_notes: dict[int, str] = field(default_factory=dict)
    scanned: dict[int, str] = field(default_factory=dict)
    empty_reason: str = "the file holds no readable text"
    depth: int = 0

    def all_notes(self) -> list[str]:
        """Give the notes, those of pages in order."""
        notes = self.notes + notes_by_page(self.page_notes)
        if len(notes) > MAX_NOTES:
            notes = [*notes[:MAX_NOTES], f"and {len(notes) - MAX_NOTES} more notes"]
        return notes


def notes_by_page(page_notes: Mapping[int, str]) -> list[str]:
    """Give notes on pages as lines, runs of pages with the same note in one."""
    runs: list[tuple[int, int, str]] = []
    for page, note in sorted(page_notes.items()):
        if runs and runs[-1][1] == page - 1 and runs[-1][2] == note:
            runs[-1] = (runs[-1][0], page, note)
        else:
            runs.append((page, page, note))
    return [f"page {first}: {note}" if first == last else f"pages {first}-{last}: {note}" for first, last, note in runs]


def clean(text: str) -> str:
    """Take out controls, make every line end a newline; all other characters stay."""
    return UNWANTED.sub("", LINE_ENDS.sub("\n", text))


TITLE_WORDS = re.compile(r"[^\W\d_\u3400-\u9fff]{2,}|\d+|[\u3400-\u9fff]")
OPENING_CHARS = 4_000
# Of the metadata titles of 23 real PDFs the four below it were a template's, a tool's or a department's; all true ones
# were above.
LEAST_TITLE_SHARE = 0.3


def clean_title(title: str) -> str:
    """Give a title as one line; empty if it is only a file name or a placeholder."""
    title = " ".join(clean(title).split()).removeprefix("Microsoft Word - ")[:MAX_TITLE_CHARS]
    return "" if MEANINGLESS_TITLE.fullmatch(title) else title


def cut_long(text: str, limit: int = MAX_BLOCK_CHARS) -> Iterator[str]:
    """Cut text into stretches of at most ``limit`` characters, at the best border near the end."""
    start = 0
    while len(text) - start > limit:
        end = start + limit
        for mark in CUT_AFTER:
            found = text.rfind(mark, start + limit // 2, end)
            if found >= 0:
                end = found + len(mark)
                break
        yield text[start:end]
        start = end
    yield text[start:]


def tidy(block: Block) -> Iterator[Block]:
    """Give the block as it may leave the child: clean, not empty, not too long."""
    whole = clean(block.text)
    boxes = moved(block.boxes, block.text) if block.boxes and whole != block.text else block.boxes
    if block.kind == "heading" and whole != " ".join(whole.split()):
        whole, boxes = " ".join(whole.split()), ()
    start = 0
    for index, stretch in enumerate(cut_long(whole)):
        text = stretch.strip("\n").rstrip()
        if text.strip():
            kind = "paragraph" if block.kind == "heading" and index else block.kind
            first = start + len(stretch) - len(stretch.lstrip("\n"))
            inside = tuple(boxes_within(boxes, first, first + len(text))) if boxes else ()
            yield Block(kind, text, block.page, block.level if kind == "heading" else 0, inside)
        start += len(stretch)


def moved(boxes: tuple[TextBox, ...], text: str) -> tuple[TextBox, ...]:
    """Give the boxes of a text for its cleaned form."""
    marks = sorted({mark for box in boxes for mark in (box.start, box.end)})
    at, length, places = 0, 0, {}
    for mark in marks:
        length += len(clean(text[at:mark]))
        at, places[mark] = mark, length
    return tuple(replace(box, start=places[box.start], end=places[box.end]) for box in boxes)


def boxes_within(boxes: tuple[TextBox, ...], start: int, end: int) -> Iterator[TextBox]:
    """Give the boxes of a stretch of a text, counted from its beginning."""
    for box in boxes:
        first, last = max(box.start, start), min(box.end, end)
        if first < last:
            yield replace(box, start=first - start, end=last - start)


def markdown_table(rows: list[list[str]]) -> str:
    """Write rows as a Markdown table, the first as its header; empty rows and columns go.

    A table of one column is no table: it comes back as plain lines.
    """
    cells = [[" ".join(cell.split()) for cell in row] for row in rows]
    width = max((len(row) for row in cells), default=0)
    filled = [row + [""] * (width - len(row)) for row in cells if any(row)]
    kept = [column for column in range(width) if any(row[column] for row in filled)]
    if len(kept) < 2:
        return "\n".join(row[column] for row in filled for column in kept)
    lines = ["| " + " | ".join(row[column].replace("|", "\\|") for column in kept) + " |" for row in filled]
    lines.insert(1, "|" + " --- |" * len(kept))
    return "\n".join(lines)


def stands_in(title: str, opening: str) -> bool:
    """Whether the words of a title stand in the opening of its document, as those of a template or a tool do not."""
    words, there = TITLE_WORDS.findall(title.casefold()), set(TITLE_WORDS.findall(opening.casefold()))
    return sum(word in there for word in words) >= LEAST_TITLE_SHARE * len(words)
