import hashlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import app.vault
from app.errors import UsageError
from app.vault.recovery_key import LENGTH, SYMBOLS, RecoveryKey, mark_of, shown_mark

STORE_ID, OTHER_STORE_ID = "0123456789abcdef", "fedcba9876543210"
SECRET = bytes(range(0x80, 0xA0))
SHOWN = "322D-G20R-50W4-GP38-F249-HA5R-S3CE-HY89-34MK-JJAS-D5WR-K6D9-Q74X-KTFM-69XN"
# Of this store: secret, as it is shown, the wrapping key. They stand in FORMAT.md and hold for ever.
VECTORS = [
    (SECRET, SHOWN, "794f14a392f403c75dabb4fe668ca3a86cb07d9104e61618dd16cf9abfeb67b2"),
    (
        bytes(32),
        "322D-0000-0000-0000-0000-0000-0000-0000-0000-0000-0000-0000-0000-0004-2AAV",
        "3e938f2c70bcf175ea77d4604a5d5411a9b4d7d61168d0ea1b5e870de2418dd3",
    ),
    (
        b"\xff" * 32,
        "322D-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZQ-WWT7",
        "cdf3ee3b0cc1c70ce4b8cbf58210a053634e3a51d3d99057d49d5559a6cd897c",
    ),
]


def written_by_hand(store_id, secret):
    """Write a recovery key from FORMAT.md alone, bit by bit."""
    mark = first_bits(b"store|" + store_id.encode(), 20)
    check = first_bits(b"check|" + int(mark, 2).to_bytes(3, "big") + secret, 24)
    bits = mark + "".join(f"{byte:08b}" for byte in secret) + check
    symbols = "".join(SYMBOLS[int(bits[start : start + 5], 2)] for start in range(0, 300, 5))
    return "-".join(symbols[start : start + 4] for start in range(0, 60, 4))


def first_bits(message, bits):
    digest = hashlib.sha256(b"strongroom recovery key v1|" + message).digest()
    return "".join(f"{byte:08b}" for byte in digest)[:bits]


@pytest.mark.parametrize(("secret", "shown", "wrapping_key"), VECTORS)
def test_a_key_that_was_printed_once_is_read_for_ever(secret, shown, wrapping_key):
    key = RecoveryKey.typed(shown)

    assert key.secret == secret
    assert key.mark == mark_of(STORE_ID)
    assert key.wrapping_key().hex() == wrapping_key
    assert RecoveryKey(mark_of(STORE_ID), secret).shown() == shown


def test_the_vectors_stand_in_the_format():
    written = (Path(app.vault.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")

    assert [shown for _, shown, key in VECTORS if f"`{shown}` | `{key}`" not in written] == []


@given(secret=st.binary(min_size=32, max_size=32), store_id=st.text(max_size=40))
def test_a_key_is_written_as_the_format_says_and_comes_back(secret, store_id):
    key = RecoveryKey(mark_of(store_id), secret)

    assert key.shown() == written_by_hand(store_id, secret)
    assert RecoveryKey.typed(key.shown()) == key


def test_the_wrapping_key_is_made_as_rfc_5869_says_and_is_not_the_secret():
    pseudorandom = hmac.new(bytes(32), SECRET, hashlib.sha256).digest()
    expected = hmac.new(pseudorandom, b"strongroom slot v1|recovery key\x01", hashlib.sha256).digest()

    assert RecoveryKey(0, SECRET).wrapping_key() == expected


def test_new_keys_are_never_alike_and_carry_the_mark_of_their_store():
    keys = [RecoveryKey.new(STORE_ID) for _ in range(100)]

    assert len({key.secret for key in keys}) == 100
    assert {key.shown()[:4] for key in keys} == {"322D"} == {shown_mark(mark_of(STORE_ID))}


def test_it_is_printed_in_groups_that_fit_a_line_and_holds_no_letters_that_look_alike():
    shown = RecoveryKey.new(STORE_ID).shown()

    assert [len(group) for group in shown.split("-")] == [4] * 15
    assert len(shown) < 80
    assert not set("ILOU") & set(SYMBOLS)


def test_its_secret_stays_out_of_what_is_printed_of_the_object():
    key = RecoveryKey(mark_of(STORE_ID), SECRET)

    assert SECRET.hex() not in repr(key)
    assert repr(SECRET) not in repr(key)


FULL_WIDTH = {ord(symbol): ord(symbol) + 0xFEE0 for symbol in SYMBOLS + "-"}


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param(SHOWN.lower(), id="small letters"),
        pytest.param(SHOWN.replace("-", ""), id="no dashes"),
        pytest.param(SHOWN.replace("-", " "), id="spaces"),
        pytest.param(f"  {SHOWN}\r\n", id="line end"),
        pytest.param(SHOWN.replace("-", "\n"), id="a group a line"),
        pytest.param(SHOWN.replace("-", " – "), id="long dashes"),
        pytest.param(SHOWN.replace("-", "\u00a0\u200b"), id="spaces of a text program"),
        pytest.param("\ufeff" + SHOWN, id="byte order mark"),
        pytest.param(SHOWN.replace("0", "o").replace("1", "l"), id="o for 0"),
        pytest.param(SHOWN.replace("0", "O"), id="capital O for 0"),
        pytest.param(SHOWN.translate(FULL_WIDTH).replace("-", "\u3000"), id="full width of a Chinese keyboard"),
    ],
)
def test_how_it_is_typed_does_not_matter(typed):
    assert RecoveryKey.typed(typed) == RecoveryKey(mark_of(STORE_ID), SECRET)


def test_every_single_wrong_symbol_is_a_typing_error():
    symbols = SHOWN.replace("-", "")
    for place, right in enumerate(symbols):
        for wrong in set(SYMBOLS) - {right}:
            with pytest.raises(UsageError, match="typing error"):
                RecoveryKey.typed(symbols[:place] + wrong + symbols[place + 1 :])


def test_every_two_neighbours_that_changed_places_are_a_typing_error():
    symbols = SHOWN.replace("-", "")
    for place in range(LENGTH - 1):
        first, second = symbols[place : place + 2]
        if first != second:
            with pytest.raises(UsageError, match="typing error"):
                RecoveryKey.typed(symbols[:place] + second + first + symbols[place + 2 :])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "0 characters"),
        ("   ", "0 characters"),
        (SHOWN[:-1], "59 characters"),
        (SHOWN + "0", "61 characters"),
        (SHOWN * 2, "120 characters"),
        (SHOWN.replace("G20R", "GU0R"), "group 2"),
        (SHOWN[:-1] + "*", "group 15"),
        ("知识" * 30, "group 1 "),
        ("x" * 1_000, "1000 characters"),
    ],
)
def test_a_typing_error_says_where_to_look_and_never_what_was_typed(typed, said):
    with pytest.raises(UsageError, match=said) as refused:
        RecoveryKey.typed(typed)

    told = f"{refused.value} {refused.value.advice}"
    assert "15 groups of 4" in told
    assert not any(group in told for group in typed.split("-") if len(group) == 4)


@given(typed=st.text(max_size=200))
def test_any_text_at_all_is_a_typing_error(typed):
    with pytest.raises(UsageError):
        RecoveryKey.typed(typed)
