import hashlib
import struct

import numpy as np
import pytest

from app.errors import ModelUnavailable
from app.inference import default_model
from app.inference.quantised_file import MalformedModelFile, QuantisedFile, unpack_blocks


def packed(numbers, scale):
    halves = [(low + 8) | (high + 8) << 4 for low, high in zip(numbers[:16], numbers[16:], strict=True)]
    return struct.pack("<e16B", scale, *halves)


def a_file(tensors, block_weights=32):
    """Write the layout that quantised_file.py describes, by hand."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "\u2581a", "水"]
    text = b"".join(piece.encode() for piece in pieces)
    starts = np.cumsum([0, *(len(piece.encode()) for piece in pieces)]).astype("<u4")
    folding = struct.pack("<IB", 0x01, 0) + struct.pack("<IBI", 0xFF21, 1, 0x41)
    head = b"E5S1" + struct.pack("<I7ifi", 1, 32, 0, 2, 64, len(pieces), 8, 2, 1e-12, block_weights)
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, len(text)) + starts.tobytes()
    head += np.linspace(0, -5, len(pieces)).astype("<f4").tobytes() + text
    head += struct.pack("<iI", 2, len(folding)) + folding
    entries = struct.calcsize("<i") + sum(2 + len(name) + 5 + 16 for name, *_ in tensors)
    offset, directory, data = len(head) + entries, struct.pack("<i", len(tensors)), b""
    for name, kind, weights, content in tensors:
        directory += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BI", kind, weights)
        directory += struct.pack("<QQ", offset + len(data), len(content))
        data += content
    return head + directory + data


NUMBERS = [*range(-8, 8), *range(7, -9, -1)]
TENSORS = [
    ("plain", 0, 3, np.array([1.5, -2, 0.25], "<f4").tobytes()),
    ("packed", 1, 64, packed(NUMBERS, 0.5) + packed(NUMBERS[::-1], -2.0)),
]


def test_reads_sizes_and_tokenizer():
    read = QuantisedFile(a_file(TENSORS))
    assert (read.sizes.hidden, read.sizes.feed_forward, read.sizes.positions) == (32, 64, 8)
    assert [piece for piece, _ in read.vocabulary.pieces][-2:] == ["\u2581a", "水"]
    assert read.vocabulary.pieces[5][1] == pytest.approx(-5)
    assert (read.vocabulary.start_id, read.vocabulary.end_id) == (0, 2)
    assert (read.vocabulary.pad_id, read.vocabulary.unknown_id) == (1, 3)
    assert read.vocabulary.folding == {0x01: (), 0xFF21: (0x41,)}


def test_reads_plain_and_packed_tensors():
    read = QuantisedFile(a_file(TENSORS))
    assert read.tensor("plain", 3).tolist() == [1.5, -2, 0.25]
    tensor = read.tensor("packed", 2, 32)
    assert tensor.dtype == np.float32
    assert tensor[0].tolist() == [number * 0.5 for number in NUMBERS]
    assert tensor[1].tolist() == [number * -2.0 for number in NUMBERS[::-1]]


def test_low_halves_are_the_first_sixteen_weights():
    block = np.zeros(1, np.dtype([("scale", "<f2"), ("halves", "u1", 16)]))
    block["scale"] = 1
    block["halves"][0, 3] = 0x9F  # low 15, high 9
    weights = unpack_blocks(block)
    assert weights[0, 3] == 7
    assert weights[0, 19] == 1
    assert weights[0, 0] == -8


@pytest.mark.parametrize(("name", "shape"), [("plain", (4,)), ("packed", (3, 32)), ("absent", (3,))])
def test_a_tensor_of_another_size_is_refused(name, shape):
    with pytest.raises(MalformedModelFile):
        QuantisedFile(a_file(TENSORS)).tensor(name, *shape)


def test_a_tensor_of_an_unknown_kind_is_refused():
    with pytest.raises(MalformedModelFile):
        QuantisedFile(a_file([("odd", 7, 3, b"\0" * 12)])).tensor("odd", 3)


def test_other_files_are_refused():
    content = a_file(TENSORS)
    for broken in (b"GGUF" + content[4:], content[:60], content[:200], a_file(TENSORS, block_weights=64)):
        with pytest.raises(MalformedModelFile):
            QuantisedFile(broken)


def test_a_cut_tensor_is_refused():
    with pytest.raises(MalformedModelFile):
        QuantisedFile(a_file(TENSORS)[:-1]).tensor("packed", 2, 32)


def test_only_the_known_file_is_read(tmp_path):
    file = tmp_path / "data.bin"
    file.write_bytes(b"anything")
    with pytest.raises(ModelUnavailable, match="not the known one"):
        default_model.read_checked(file)
    assert default_model.read_checked(file, hashlib.sha256(b"anything").hexdigest()) == b"anything"
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        default_model.read_checked(tmp_path / "absent.bin")


def test_finding_the_data_file_runs_none_of_the_package():
    import sys

    assert default_model.find_data_file().name == default_model.DATA_FILE
    assert default_model.PACKAGE not in sys.modules


def test_the_folding_of_the_data_file_is_that_of_the_tokenizer():
    source = QuantisedFile(default_model.read_checked(default_model.find_data_file()))
    normalizer = default_model.build_tokenizer(source.vocabulary).normalizer
    folding = source.vocabulary.folding
    wrong = [
        hex(code_point)
        for code_point, becomes in folding.items()
        if normalizer.normalize_str(chr(code_point)) != "".join(map(chr, becomes))
    ]
    assert wrong == []
    assert normalizer.normalize_str("~～") == "~～"
