"""Readers of the owner's own, named in the settings: ours by contract, or a loader or parser of LangChain's.

They run in the reading process like any other reader. LangChain's are known by what they can do, so that its libraries
are loaded by the owner's module alone. Their exceptions may quote the document, so only the class of one is told.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib.machinery import PathFinder
from typing import Any, get_args

from app.errors import DocumentRefused, SettingsError
from app.reading.block import Block, Kind, TextBox
from app.reading.contract import Reader, Reading
from app.reading.text import blocks

MAX_LEVEL = 100
KINDS = frozenset(get_args(Kind))
ADVICE = "It runs without network, threads, other programs and files; mend it, or take it out of ingest.own_readers."


def check(own_readers: Mapping[str, str], folders: Iterable[str]) -> None:
    """Look for the modules where the reading process will; nothing is imported, so a missing class shows later.

    Raises:
        SettingsError: a module is not there.
    """
    for path in own_readers.values():
        module = path.partition(":")[0]
        if not is_there(module, folders):
            raise SettingsError(
                f"ingest.own_readers: there is no module {module}",
                advice="Install it beside Strongroom, or put its folder on PYTHONPATH.",
            )


def is_there(module: str, folders: Iterable[str]) -> bool:
    """Whether a module lies in one of the folders."""
    first, _, rest = module.partition(".")
    found = PathFinder.find_spec(first, list(folders))
    if found is None or not rest:
        return found is not None
    inside = found.submodule_search_locations
    return inside is not None and is_there(rest, inside)


def reader_of(path: str) -> Reader:
    """Give the reader that is named by ``module:Class``.

    Raises:
        DocumentRefused: it cannot be had.
    """
    module, _, name = path.partition(":")
    try:
        made = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:
        raise failed(path, "cannot be imported", error) from error
    for method, adapted in WAYS.items():
        if callable(getattr(made, method, None)):
            return guarded(path, partial(adapted, made))
    raise DocumentRefused(f"own reader {path}: has none of {', '.join(WAYS)}", advice=ADVICE)


def guarded(path: str, reader: Callable[[bytes, Reading], Iterable[Block]]) -> Reader:
    """Let only sound blocks and refusals out of a reader."""

    def read(content: bytes, reading: Reading) -> Iterator[Block]:
        try:
            for block in reader(content, reading):
                if not is_sound(block):
                    raise TypeError
                yield block
        except (DocumentRefused, MemoryError, RecursionError):
            raise
        except (Exception, SystemExit) as error:
            raise failed(path, "failed", error) from error

    return read


def failed(path: str, what: str, error: BaseException) -> DocumentRefused:
    """Build the refusal of a file whose own reader does not do its work."""
    return DocumentRefused(f"own reader {path}: {what} ({type(error).__name__})", advice=ADVICE)


def is_sound(block: object) -> bool:
    """Whether this is a block that the parent takes."""
    return (
        isinstance(block, Block)
        and block.kind in KINDS
        and all(type(value) is kind for value, kind in ((block.text, str), (block.page, int), (block.level, int)))
        and block.page >= 0
        and 0 <= block.level <= MAX_LEVEL
        and all(isinstance(box, TextBox) and 0 <= box.start < box.end <= len(block.text) for box in block.boxes)
    )


def by_contract(made: Any, content: bytes, reading: Reading) -> Iterable[Block]:  # noqa: ANN401 - the owner's class
    """Read with a class of our contract."""
    found: Iterable[Block] = made().read(content, reading)
    return found


def by_loader(made: Any, content: bytes, reading: Reading) -> Iterator[Block]:  # noqa: ANN401, ARG001 - it takes the path
    """Read with a LangChain ``BaseLoader`` that is made with a path."""
    if not reading.path:
        raise DocumentRefused("its own reader takes no file inside another one; send it as a file of its own")
    yield from blocks_of_documents(made(reading.path).lazy_load(), reading)


def by_parser(made: Any, content: bytes, reading: Reading) -> Iterator[Block]:  # noqa: ANN401 - the owner's class
    """Read with a LangChain ``BaseBlobParser``."""
    blob = importlib.import_module("langchain_core.documents.base").Blob  # the parser's module has loaded it already
    file = blob.from_data(content, path=f"file.{reading.extension}")
    yield from blocks_of_documents(made().lazy_parse(file), reading)


def blocks_of_documents(documents: Iterable[Any], reading: Reading) -> Iterator[Block]:
    """Give the blocks of LangChain's documents, with the page and the title that their metadata name."""
    last = ""
    for document in documents:
        page, title = document.metadata.get("page"), document.metadata.get("title")
        number = page + 1 if type(page) is int and page >= 0 else 0
        if number > reading.max_pages:
            raise DocumentRefused(
                f"more than {reading.max_pages} pages", advice="Split the file, or raise ingest.max_pages."
            )
        reading.pages = max(reading.pages, number)
        if isinstance(title, str) and title.strip() and title != last:
            last = title
            yield Block("heading", title, number, level=1)
        for block in blocks(document.page_content):
            yield Block(block.kind, block.text, number, block.level)


WAYS: dict[str, Callable[[Any, bytes, Reading], Iterable[Block]]] = {
    "lazy_parse": by_parser,
    "lazy_load": by_loader,
    "read": by_contract,
}
