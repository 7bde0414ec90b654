"""Turning texts into token ids, and counting them; the tokenizer alone, no model.

A document may hold the literal text of a special token (``<s>``, ``[MASK]``). Taken as that token it
would let a text steer its own vector, so such text is broken up before the tokenizer sees it.
"""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from app.errors import ModelUnavailable
from app.inference.model_folder import ModelFolder

CONTROL_CATEGORIES = frozenset({"Cc", "Cf"})


class FolderTokens:
    """The tokenizer of a model folder; safe to use from several threads."""

    def __init__(self, model: ModelFolder) -> None:
        """Load ``tokenizer.json``: about half a second and 150 MB for a vocabulary of 250,000.

        Raises:
            ModelUnavailable: it does not load.
        """
        self.model = model
        self.tokenizer = load_tokenizer(model.transformer_dir / "tokenizer.json")
        added = self.tokenizer.get_added_tokens_decoder()
        self.special_ids = frozenset(token_id for token_id, token in added.items() if token.special)
        self.special_text = breaking_pattern([token.content for token in added.values() if token.special])
        self.before, self.after = self.frame()
        self.unknown_id = self.find_unknown()

    def encode(self, texts: Sequence[str], prompt: str) -> list[list[int]]:
        """Ids of each text behind ``prompt``, in the model's frame, cut to its longest text.

        A text is never empty: an empty one is the frame and the prompt alone.
        """
        room = self.model.max_tokens - len(self.before) - len(self.after)
        plain = self.plain_ids([prompt + self.escape(text) for text in texts])
        return [[*self.before, *ids[:room], *self.after] for ids in plain]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens in each text, without special tokens and prompts, however long it is."""
        return [len(ids) for ids in self.plain_ids([self.escape(text) for text in texts])]

    def unknown_share(self, text: str) -> float:
        """Share (0..1) of the text's tokens that the model does not know; 0 for an empty text."""
        (ids,) = self.plain_ids([self.escape(text)])
        if not ids or self.unknown_id is None:
            return 0.0
        return ids.count(self.unknown_id) / len(ids)

    def escape(self, text: str) -> str:
        """Put a space into each piece of text that would be read as a special token, also after folding."""
        if self.special_text is None:
            return text
        text = self.special_text.sub(broken, text)
        folded = unicodedata.normalize("NFKC", text)
        if not folded.isprintable():
            folded = "".join(char for char in folded if unicodedata.category(char) not in CONTROL_CATEGORIES)
        return self.special_text.sub(broken, folded) if self.special_text.search(folded) else text

    def plain_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text as it stands, without the frame."""
        if self.model.lower_case:
            texts = [text.lower() for text in texts]
        encodings = self.tokenizer.encode_batch_fast([clean(text) for text in texts], add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def frame(self) -> tuple[list[int], list[int]]:
        """Special tokens that stand before and after a text."""
        framed = self.tokenizer.encode("a", add_special_tokens=True).ids
        (inner,) = self.plain_ids(["a"])
        for start in range(len(framed) - len(inner) + 1):
            if framed[start : start + len(inner)] == inner:
                return framed[:start], framed[start + len(inner) :]
        raise ModelUnavailable("the embedding model's tokenizer frames texts in an unknown way")

    def find_unknown(self) -> int | None:
        """Id of the token for what the model does not know; None if it knows everything."""
        named = getattr(self.tokenizer.model, "unk_token", None)
        for name in (named, "<unk>", "[UNK]"):
            if isinstance(name, str) and (token_id := self.tokenizer.token_to_id(name)) is not None:
                return int(token_id)
        return None


def load_tokenizer(file: Path) -> Any:  # noqa: ANN401 - tokenizers.Tokenizer has no types
    """Load a tokenizer that neither cuts nor pads.

    Raises:
        ModelUnavailable: it does not load.
    """
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:
        raise ModelUnavailable("the embedding model's tokenizer does not load") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def breaking_pattern(contents: Sequence[str]) -> re.Pattern[str] | None:
    """Pattern of the special tokens' texts, longest first; None where there are none."""
    longest_first = sorted({content for content in contents if len(content) > 1}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def broken(found: re.Match[str]) -> str:
    """The found text with a space after its first character."""
    return f"{found[0][0]} {found[0][1:]}"


def clean(text: str) -> str:
    """Make text that the tokenizer takes: lone surrogates become the replacement character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
