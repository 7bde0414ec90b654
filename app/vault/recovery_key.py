"""The recovery key: 256 random bits as a person can print, keep and type them.

    60 symbols in 15 groups of 4:  store mark (4) | secret and check (56)
    300 bits, big endian:          mark (20) | secret (256) | check (24)

The symbols are Crockford's base 32 (Douglas Crockford, "Base 32"): digits and capitals without I, L, O and U.
The mark tells the key of another store, and the check a typing error, from a key that was replaced. Both are
truncated SHA-256 and help nobody to guess: 256 bits stay random.
"""

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass, field
from typing import Self

from app.errors import UsageError
from app.vault.keys import KEY_BYTES, derive_slot_key

KIND = "recovery key"
SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
READ_AS = str.maketrans("ILO", "110")
SYMBOL_BITS, GROUP = 5, 4
MARK_BITS, CHECK_BITS = 20, 24
SECRET_BITS = 8 * KEY_BYTES
LENGTH = (MARK_BITS + SECRET_BITS + CHECK_BITS) // SYMBOL_BITS  # 60 symbols, no bit to spare
DOMAIN = b"strongroom recovery key v1|"


@dataclass(frozen=True, slots=True)
class RecoveryKey:
    """A recovery key of one store.

    Attributes:
        mark: tells which store it belongs to; shown as the first group.
        secret: 32 bytes; opens nothing by itself, see ``wrapping_key``.
    """

    mark: int
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls, store_id: str) -> Self:
        """Make one from the random numbers of the operating system."""
        return cls(mark_of(store_id), secrets.token_bytes(KEY_BYTES))

    @classmethod
    def typed(cls, text: str) -> Self:
        """Read what a person typed; case, spaces and dashes do not matter, nor does the width of letters.

        Raises:
            UsageError: it cannot be a recovery key: a typing error.
        """
        symbols = plain(text)
        if len(symbols) != LENGTH:
            raise mistyped(f"it has {len(symbols)} characters, a recovery key has {LENGTH}")
        number = 0
        for place, symbol in enumerate(symbols):
            digit = SYMBOLS.find(symbol)
            if digit < 0:
                raise mistyped(f"group {place // GROUP + 1} holds a character that no recovery key has")
            number = number << SYMBOL_BITS | digit
        rest, check = divmod(number, 1 << CHECK_BITS)
        mark, secret = divmod(rest, 1 << SECRET_BITS)
        key = cls(mark, secret.to_bytes(KEY_BYTES, "big"))
        if check != key.check():
            raise mistyped("at least one character is not as it was shown")
        return key

    def shown(self) -> str:
        """Return it as it is printed: ``XXXX-XXXX-...``, 15 groups."""
        number = (self.mark << SECRET_BITS | int.from_bytes(self.secret, "big")) << CHECK_BITS | self.check()
        return in_groups(number, LENGTH)

    def check(self) -> int:
        """Return the check of mark and secret."""
        return truncated_hash(b"check|" + self.mark.to_bytes(3, "big") + self.secret, CHECK_BITS)

    def wrapping_key(self) -> bytes:
        """Return the key of the slot that this recovery key opens."""
        return derive_slot_key(self.secret, KIND)


def mark_of(store_id: str) -> int:
    """Return the mark that all recovery keys of a store begin with."""
    return truncated_hash(b"store|" + store_id.encode(), MARK_BITS)


def shown_mark(mark: int) -> str:
    """Return a mark as the group it is printed as."""
    return in_groups(mark, MARK_BITS // SYMBOL_BITS)


def truncated_hash(message: bytes, bits: int) -> int:
    """Return the first bits of SHA-256, in this module's domain."""
    return int.from_bytes(hashlib.sha256(DOMAIN + message).digest(), "big") >> (256 - bits)


def in_groups(number: int, length: int) -> str:
    """Write a number with ``length`` symbols, in groups."""
    mask = (1 << SYMBOL_BITS) - 1
    symbols = "".join(SYMBOLS[number >> SYMBOL_BITS * place & mask] for place in reversed(range(length)))
    return "-".join(symbols[start : start + GROUP] for start in range(0, length, GROUP))


def plain(text: str) -> str:
    """Return the symbols alone: NFKC makes ordinary letters of full-width ones, as a Chinese keyboard writes them."""
    letters = unicodedata.normalize("NFKC", text).upper().translate(READ_AS)
    return "".join(one for one in letters if unicodedata.category(one) not in {"Pd", "Zs", "Zl", "Zp", "Cc", "Cf"})


def mistyped(what: str) -> UsageError:
    """Return the error of a key that was not typed as it was shown; it never shows what was typed."""
    return UsageError(
        f"the recovery key has a typing error: {what}",
        advice=f"Type it as it was shown: {LENGTH // GROUP} groups of {GROUP}; case, spaces and dashes do not matter.",
    )
