"""The outline of a PDF: which lines of its pages are headings."""

import itertools
import re

import pypdfium2

MAX_ENTRIES = 20_000
MAX_TITLE_CHARS = 200
MAX_TITLE_LINES = 3
PAGES_AN_ENTRY = 10  # an outline with fewer entries names the parts of a file, not the headings of a text
FEW_ENTRIES = 3
SPACES = re.compile(r"\s+")
NUMBER = re.compile(r"^(?:第[\d一二三四五六七八九十百]+[章节篇部]|[\da-z]{1,3}(?:\.\d{1,3})*\.?)")


def squeeze(text: str) -> str:
    """Give what is compared when a title is looked for on its page."""
    return SPACES.sub("", text).lower().rstrip(".:：")


class Outline:
    """The titles of a document's outline by page."""

    def __init__(self, document: pypdfium2.PdfDocument) -> None:
        self._titles: dict[int, dict[str, int]] = {}
        count = 0
        try:
            for entry in itertools.islice(document.get_toc(max_depth=8), MAX_ENTRIES):
                target = entry.get_dest()
                index = None if target is None else target.get_index()
                title = squeeze(entry.get_title())
                if index is not None and index >= 0 and title:
                    self._titles.setdefault(index + 1, {}).setdefault(title, entry.level + 1)
                    count += 1
        except (pypdfium2.PdfiumError, ValueError, RecursionError):
            pass  # the outline is an extra: without it the text is still there
        self.rich = count >= max(FEW_ENTRIES, len(document) / PAGES_AN_ENTRY)

    def take(self, page: int, lines: list[str]) -> tuple[int, int]:
        """Tell the level of the title that begins with the first of these lines of a page, and its number of lines.

        Each title is found once. Zeros if no title begins there.
        """
        titles = self._titles.get(page)
        if not titles or len(lines[0]) > MAX_TITLE_CHARS:
            return 0, 0
        whole = ""
        for count, line in enumerate(lines[:MAX_TITLE_LINES], 1):
            whole += squeeze(line)
            for form in (whole, NUMBER.sub("", whole)):
                if form in titles:
                    return titles.pop(form), count
            if not any(title.startswith((whole, NUMBER.sub("", whole) or whole)) for title in titles):
                break
        return 0, 0
