import hashlib
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import app.vault
from app.errors import SealBroken
from app.vault.sealed_file import FRAME_BYTES, nonce_of, seal, seal_bytes, unseal, unseal_bytes, write_durably

REPOSITORY = Path(__file__).resolve().parents[3]
FILE_KEY = bytes(range(0x20, 0x40))
CONTEXT = b"strongroom test|original|7"
SALT = bytes(range(32))
PREFIX = bytes(range(0xA0, 0xA7))
TAG_BYTES = 16
HEADER_BYTES = 51 + len(CONTEXT)

# Format 1. These bytes must open for ever: never change them, add new ones.
HEADER_OF_VECTORS = (
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fa0a1a2a3a4a5a6"
    "001a7374726f6e67726f6f6d20746573747c6f726967696e616c7c37"
)
SMALL_VECTORS = {
    "empty": (b"", 65_536, "53525346000100010000" + HEADER_OF_VECTORS + "364cb41c4f8f9d1a93a995fcc0239311"),
    "one byte": (b"\0", 65_536, "53525346000100010000" + HEADER_OF_VECTORS + "4c1914fe3457ad11895b60b4c4e2f93801"),
    "text": (
        "知识 is sealed.".encode(),
        4_096,
        "53525346000100001000"
        + HEADER_OF_VECTORS
        + "ab9bcc378a0726981dbcb57786751100eede4367a1b808542c52daabed417fe423",
    ),
}
LARGE_VECTORS = {
    "exactly one frame": (65_536, 65_536, "bf94d72675199f503deb2c36f2b381dabbcbd453fe3049fada0c586510ee2e78"),
    "exactly two frames": (131_072, 65_536, "d5ed3ab1855909be95c964e62c9351cee79bfbf7a090f7ee8830d2100ba5d020"),
    "two frames and a byte": (131_073, 65_536, "3fcfef3b2be1035d569c56dfe025c326c7075a2bcf727d673bee99448507cbad"),
    "small frames": (8_193, 4_096, "b924f6b813cb00523b6202a9dc6377c96eb2c93bd5148d3012da395f9e1b27c3"),
}


def sealed_by_hand(plain, *, frame_bytes, context=CONTEXT):
    """A second writer of the format, from FORMAT.md and not from our code, with a fixed salt and prefix."""
    header = b"SRSF\x00\x01" + frame_bytes.to_bytes(4, "big") + SALT + PREFIX
    header += len(context).to_bytes(2, "big") + context
    key = HKDF(algorithm=SHA256(), length=32, salt=SALT, info=b"strongroom sealed file v1").derive(FILE_KEY)
    frames = [plain[start : start + frame_bytes] for start in range(0, len(plain), frame_bytes)] or [b""]
    sealed = header
    for counter, frame in enumerate(frames):
        nonce = PREFIX + counter.to_bytes(4, "big") + bytes([counter == len(frames) - 1])
        sealed += AESGCM(key).encrypt(nonce, frame, hashlib.sha256(header).digest())
    return sealed


def opened(sealed, *, file_key=FILE_KEY, context=CONTEXT):
    return unseal_bytes(sealed, file_key=file_key, context=context)


def head_and_frames(sealed, *, frame_bytes=FRAME_BYTES):
    """Split a sealed file into its header and its frames."""
    body, step = sealed[HEADER_BYTES:], frame_bytes + TAG_BYTES
    return sealed[:HEADER_BYTES], [body[start : start + step] for start in range(0, len(body), step)]


@pytest.fixture(scope="module")
def three_frames():
    """Two frames of 4 KiB and one of a single byte."""
    return sealed_by_hand(os.urandom(8_193), frame_bytes=4_096)


@pytest.mark.parametrize(
    "size",
    [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES, 3 * FRAME_BYTES + 1, 5_000_000],
)
def test_what_was_sealed_comes_back(size):
    plain = os.urandom(size)

    sealed = seal_bytes(plain, file_key=FILE_KEY, context=CONTEXT)

    frames = max(1, -(-size // FRAME_BYTES))
    assert len(sealed) == HEADER_BYTES + size + frames * TAG_BYTES
    assert opened(sealed) == plain


@hypothesis_settings(deadline=None, max_examples=40)
@given(
    sizes=st.lists(
        st.one_of(
            st.integers(0, 300),
            st.sampled_from([FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES, 2 * FRAME_BYTES + 1]),
        ),
        max_size=5,
    ),
    context=st.binary(max_size=80),
)
def test_how_the_source_is_cut_into_pieces_does_not_matter(sizes, context):
    pieces = [bytes([number + 1]) * size for number, size in enumerate(sizes)]

    sealed = b"".join(seal(pieces, file_key=FILE_KEY, context=context))

    assert opened(sealed, context=context) == b"".join(pieces)
    assert len(sealed) == 51 + len(context) + sum(sizes) + TAG_BYTES * max(1, -(-sum(sizes) // FRAME_BYTES))


@pytest.mark.parametrize("name", SMALL_VECTORS)
def test_a_file_of_format_1_opens_for_ever(name):
    plain, frame_bytes, sealed = SMALL_VECTORS[name]

    assert opened(bytes.fromhex(sealed)) == plain
    assert sealed_by_hand(plain, frame_bytes=frame_bytes).hex() == sealed


@pytest.mark.parametrize("name", LARGE_VECTORS)
def test_a_large_file_of_format_1_opens_for_ever(name):
    size, frame_bytes, digest = LARGE_VECTORS[name]
    sealed = sealed_by_hand(b"a" * size, frame_bytes=frame_bytes)

    assert hashlib.sha256(sealed).hexdigest() == digest
    assert opened(sealed) == b"a" * size


def test_the_written_format_holds_the_vectors_that_are_tested():
    written = (Path(app.vault.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")

    for _, frame_bytes, sealed in SMALL_VECTORS.values():
        assert f"{frame_bytes:,} | `{sealed}`" in written
    for name, (size, frame_bytes, digest) in LARGE_VECTORS.items():
        sealed_bytes = len(sealed_by_hand(b"a" * size, frame_bytes=frame_bytes))
        assert f"| {name} | {size:,} | {frame_bytes:,} | {sealed_bytes:,} | `{digest}` |" in written


def test_no_two_writings_are_alike_and_none_shows_the_text():
    plain = "canary 知识".encode() * 10

    first, second = (seal_bytes(plain, file_key=FILE_KEY, context=CONTEXT) for _ in range(2))

    assert first[10:49] != second[10:49]  # salt and prefix
    assert first[HEADER_BYTES:] != second[HEADER_BYTES:]
    assert b"canary" not in first


@pytest.mark.parametrize("flipped", [0x01, 0x80, 0xFF])
def test_every_changed_byte_is_refused(flipped):
    sealed = bytes.fromhex(SMALL_VECTORS["text"][2])

    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= flipped
        with pytest.raises(SealBroken):
            opened(bytes(changed))


def test_every_cut_of_a_small_file_is_refused():
    sealed = bytes.fromhex(SMALL_VECTORS["text"][2])

    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            opened(sealed[:length])


def test_every_cut_of_a_file_of_several_frames_is_refused(three_frames):
    for length in range(len(three_frames)):
        with pytest.raises(SealBroken):
            opened(three_frames[:length])


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_bad_tag_is_refused_in_the_first_a_middle_and_the_last_frame(three_frames, broken):
    head, frames = head_and_frames(three_frames, frame_bytes=4_096)
    frames[broken] = frames[broken][:-1] + bytes([frames[broken][-1] ^ 1])

    with pytest.raises(SealBroken, match=f"frame {broken}"):
        opened(head + b"".join(frames))


@pytest.mark.parametrize(
    "order",
    [
        pytest.param([1, 0, 2], id="the first two swapped"),
        pytest.param([0, 2, 1], id="the last two swapped"),
        pytest.param([0, 0, 1, 2], id="the first repeated"),
        pytest.param([0, 1, 1, 2], id="the middle repeated"),
        pytest.param([0, 1, 2, 2], id="the last repeated"),
        pytest.param([1, 2], id="the first missing"),
        pytest.param([0, 2], id="the middle missing"),
        pytest.param([0, 1], id="the last missing"),
        pytest.param([], id="all missing"),
        pytest.param([0, 1, 2, 0], id="the first appended"),
    ],
)
def test_frames_open_only_in_their_own_order(three_frames, order):
    head, frames = head_and_frames(three_frames, frame_bytes=4_096)

    with pytest.raises(SealBroken):
        opened(head + b"".join(frames[number] for number in order))


@pytest.mark.parametrize("added", [b"\0", b"\0" * TAG_BYTES, b"\0" * (4_096 + TAG_BYTES), b"x" * 10_000])
@pytest.mark.parametrize("size", [0, 1, 4_096, 8_192, 8_193])
def test_bytes_after_the_end_are_refused(size, added):
    with pytest.raises(SealBroken):
        opened(sealed_by_hand(b"a" * size, frame_bytes=4_096) + added)


def test_a_frame_of_another_writing_of_the_same_file_does_not_fit():
    first, second = (seal_bytes(b"a" * 2 * FRAME_BYTES, file_key=FILE_KEY, context=CONTEXT) for _ in range(2))
    (head, frames), (_, others) = head_and_frames(first), head_and_frames(second)

    with pytest.raises(SealBroken, match="frame 1"):
        opened(head + frames[0] + others[1])


def test_nothing_is_given_out_of_a_frame_that_does_not_verify(three_frames):
    head, frames = head_and_frames(three_frames, frame_bytes=4_096)

    opening = unseal(BytesIO(head + frames[0] + frames[2]), file_key=FILE_KEY, context=CONTEXT)

    assert len(next(opening)) == 4_096
    with pytest.raises(SealBroken, match="frame 1"):
        next(opening)


def test_another_key_does_not_open_it():
    sealed = seal_bytes(b"text", file_key=FILE_KEY, context=CONTEXT)

    with pytest.raises(SealBroken):
        opened(sealed, file_key=bytes(32))


@pytest.mark.parametrize("context", [b"", CONTEXT[:-1], CONTEXT + b"7", b"strongroom test|original|8"])
def test_another_place_does_not_open_it(context):
    sealed = seal_bytes(b"text", file_key=FILE_KEY, context=CONTEXT)

    with pytest.raises(SealBroken, match="another place"):
        opened(sealed, context=context)


def test_a_file_cannot_be_moved_by_writing_another_place_into_it():
    sealed = seal_bytes(b"text", file_key=FILE_KEY, context=CONTEXT)
    moved = sealed.replace(b"original|7", b"original|8")

    with pytest.raises(SealBroken, match="frame 0"):
        opened(moved, context=b"strongroom test|original|8")


@pytest.mark.parametrize("version", [0, 2, 255])
def test_an_unknown_version_is_refused_and_shown(version):
    sealed = bytearray(seal_bytes(b"text", file_key=FILE_KEY, context=CONTEXT))
    sealed[5] = version

    with pytest.raises(SealBroken, match=f"format 1 .*5352534600{version:02x}"):
        opened(bytes(sealed))


@pytest.mark.parametrize("frame_bytes", [0, 1, 4_095, 4 * 2**20 + 1, 2**32 - 1])
def test_a_silly_frame_length_is_refused_before_memory_is_taken(frame_bytes):
    sealed = bytearray(seal_bytes(b"text", file_key=FILE_KEY, context=CONTEXT))
    sealed[6:10] = frame_bytes.to_bytes(4, "big")

    with pytest.raises(SealBroken, match=f"frames of {frame_bytes} bytes"):
        opened(bytes(sealed))


@pytest.mark.parametrize("frame_bytes", [4_096, 4 * 2**20])
def test_the_smallest_and_largest_frames_open(frame_bytes):
    assert opened(sealed_by_hand(b"a" * 10_000, frame_bytes=frame_bytes)) == b"a" * 10_000


def test_the_counter_ends_before_a_nonce_would_come_again():
    assert nonce_of(PREFIX, 2**32 - 1, last=True) == PREFIX + b"\xff\xff\xff\xff\x01"
    with pytest.raises(SealBroken, match="too long"):
        nonce_of(PREFIX, 2**32, last=False)


def test_nonces_differ_by_frame_and_by_being_last():
    nonces = {nonce_of(PREFIX, counter, last=last) for counter in range(1_000) for last in (False, True)}

    assert len(nonces) == 2_000


def test_a_durable_write_replaces_the_whole_file_and_only_its_owner_reads_it(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"a much longer old content")
    file.chmod(0o644)

    write_durably(file, [b"ne", b"", b"w"])

    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("raised", [OSError, KeyboardInterrupt])
def test_a_write_that_fails_half_way_leaves_what_was_there_and_nothing_else(tmp_path, old, raised):
    file = tmp_path / "file"
    if old is not None:
        file.write_bytes(old)

    def pieces():
        yield b"half " * 100_000
        raise raised

    with pytest.raises(raised):
        write_durably(file, pieces())

    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == ([] if old is None else [old])


def test_a_writer_that_is_killed_half_way_leaves_the_old_file(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"old")
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from app.vault.sealed_file import write_durably\n"
        "def pieces():\n"
        "    yield b'half' * 100_000\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_durably(Path(sys.argv[1]), pieces())\n"
    )

    ended = subprocess.run([sys.executable, "-c", program, str(file)], cwd=REPOSITORY, check=False)

    assert ended.returncode == -9
    assert file.read_bytes() == b"old"


def test_a_write_into_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_durably(tmp_path / "absent" / "file", [b"x"])
