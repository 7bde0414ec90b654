"""Reading the 4-bit model file of the default embedder: sizes, tokenizer and tensors.

Layout, little-endian; every part follows the one before it without padding:

    magic      4 bytes   b"E5S1"
    sizes      i7 f i    version, hidden, layers, heads, feed-forward, vocabulary, positions... (``Sizes``)
    tokenizer  i5 Q      pieces n, ids of <s> </s> <pad> <unk>, bytes of the text block
               u4[n+1]   where each piece starts in the text block
               f4[n]     log probability of each piece
               u1[]      text block, UTF-8
    folding    i I       entries, bytes; each: u4 code point, u1 k, u4[k] what it becomes
    directory  i         entries; each: u2 length, name, u1 kind, u4 weights, u8 offset, u8 bytes
    data                 at the directory's offsets, counted from the start of the file

Kind 0 is plain f4. Kind 1 packs 32 weights into 18 bytes: an f2 scale, then 16 bytes, of which the
low halves are weights 0..15 and the high halves 16..31; a weight is (half - 8) * scale.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"E5S1"
PLAIN, PACKED = 0, 1
BLOCK_WEIGHTS = 32
BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", BLOCK_WEIGHTS // 2)])
ZERO_POINT = 8


class MalformedModelFile(ValueError):
    """The file does not follow the layout."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The model's measures, as the file gives them."""

    version: int
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float
    block_weights: int


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The unigram tokenizer: pieces with their log probabilities, ids of special ones, character folding."""

    pieces: tuple[tuple[str, float], ...]
    start_id: int
    end_id: int
    pad_id: int
    unknown_id: int
    folding: dict[int, tuple[int, ...]]  # code point -> what it becomes; empty: deleted


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a tensor lies."""

    kind: int
    weights: int
    offset: int
    size_bytes: int


class Cursor:
    """A position in the bytes that moves on as values are taken."""

    def __init__(self, data: bytes) -> None:
        """Start at the beginning."""
        self.data = data
        self.at = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        """Take values laid out as ``struct`` says, little-endian."""
        form = struct.Struct("<" + layout)
        if self.at + form.size > len(self.data):
            raise MalformedModelFile("the model file ends too early")
        values = form.unpack_from(self.data, self.at)
        self.at += form.size
        return values

    def take_bytes(self, count: int) -> bytes:
        """Take ``count`` bytes."""
        if count < 0 or self.at + count > len(self.data):
            raise MalformedModelFile("the model file ends too early")
        self.at += count
        return self.data[self.at - count : self.at]


class QuantisedFile:
    """The parsed file; tensors are unpacked one at a time."""

    def __init__(self, data: bytes) -> None:
        """Read the sizes, tokenizer and directory.

        Raises:
            MalformedModelFile: the bytes do not follow the layout.
        """
        cursor = Cursor(data)
        if cursor.take_bytes(len(MAGIC)) != MAGIC:
            raise MalformedModelFile("not a 4-bit model file")
        self.data = data
        self.sizes = Sizes(*cursor.take("I7ifi"))
        if self.sizes.block_weights != BLOCK_WEIGHTS:
            raise MalformedModelFile(f"blocks of {self.sizes.block_weights} weights are not known")
        self.vocabulary = read_vocabulary(cursor)
        self.directory = dict(read_directory(cursor))

    def tensor(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Unpack the tensor ``name`` as float32 of ``shape``.

        Raises:
            MalformedModelFile: there is none, or its size does not fit the shape.
        """
        entry = self.directory.get(name)
        count = int(np.prod(shape))
        if entry is None or entry.weights != count or entry.offset + entry.size_bytes > len(self.data):
            raise MalformedModelFile(f"tensor {name} does not hold {count} weights")
        if entry.kind == PLAIN and entry.size_bytes == count * 4:
            return np.frombuffer(self.data, "<f4", count, entry.offset).astype(np.float32).reshape(shape)
        if entry.kind == PACKED and entry.size_bytes * BLOCK_WEIGHTS == count * BLOCK.itemsize:
            blocks = np.frombuffer(self.data, BLOCK, count // BLOCK_WEIGHTS, entry.offset)
            return unpack_blocks(blocks).reshape(shape)
        raise MalformedModelFile(f"tensor {name} is packed in an unknown way")


def unpack_blocks(blocks: NDArray[np.void]) -> NDArray[np.float32]:
    """Turn n packed blocks into float32 weights of shape (n, 32)."""
    weights = np.empty((len(blocks), BLOCK_WEIGHTS), np.float32)
    middle = BLOCK_WEIGHTS // 2
    np.subtract(blocks["halves"] & 0x0F, ZERO_POINT, out=weights[:, :middle], dtype=np.float32)
    np.subtract(blocks["halves"] >> 4, ZERO_POINT, out=weights[:, middle:], dtype=np.float32)
    weights *= blocks["scale"].astype(np.float32)[:, None]
    return weights


def read_vocabulary(cursor: Cursor) -> Vocabulary:
    """Take the tokenizer from the cursor."""
    count, start_id, end_id, pad_id, unknown_id = cursor.take("5i")
    (text_bytes,) = cursor.take("Q")
    starts = np.frombuffer(cursor.take_bytes(4 * (count + 1)), "<u4").tolist()
    scores = np.frombuffer(cursor.take_bytes(4 * count), "<f4").tolist()
    text = cursor.take_bytes(text_bytes)
    try:
        pieces = tuple((text[starts[i] : starts[i + 1]].decode(), scores[i]) for i in range(count))
    except UnicodeDecodeError as error:
        raise MalformedModelFile("a piece of the tokenizer is not UTF-8") from error
    entries, folding_bytes = cursor.take("iI")
    end = cursor.at + folding_bytes
    folding = {}
    for _ in range(entries):
        code_point, length = cursor.take("IB")
        folding[code_point] = cursor.take(f"{length}I")
    if cursor.at != end:
        raise MalformedModelFile("the folding table has another length than it says")
    return Vocabulary(pieces, start_id, end_id, pad_id, unknown_id, folding)


def read_directory(cursor: Cursor) -> Iterator[tuple[str, Entry]]:
    """Take the tensor directory from the cursor."""
    (count,) = cursor.take("i")
    for _ in range(count):
        (length,) = cursor.take("H")
        name = cursor.take_bytes(length).decode("ascii", errors="replace")
        kind, weights = cursor.take("BI")
        offset, size_bytes = cursor.take("QQ")
        yield name, Entry(kind, weights, offset, size_bytes)
