"""Mail -> blocks: the subject, who wrote to whom, the text, the mails and the files in it.

Of a text that stands there twice the plain form is read, unless it is a stub or the other one holds
a table. The names of all attachments stand in the head, so that they are found even if unreadable.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from itertools import chain

from app.reading import html
from app.reading import text as plain_text
from app.reading.block import Block
from app.reading.contract import Reading
from app.reading.mail_part import Part, bytes_of, charset_of, file_name, from_base64, parse, text_of
from app.reading.mail_part import field as field_of
from app.reading.readers import MAX_ATTACHMENTS, attached

MAX_PARTS = 100_000
MAX_DEPTH = 50  # of parts in parts
MAX_MAILS = 10  # forwarded within each other
MAX_NAMES_CHARS = 20_000
STUB_SHARE = 0.5
HEAD = ("From", "To", "Cc", "Date")
SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
SEALED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted"})
OUTLOOK = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
REPORTS = frozenset({"message/delivery-status", "message/disposition-notification"})
ENCRYPTED = "the mail is encrypted or sealed; save its text from the mail program of its reader"
IN_OUTLOOK = "winmail.dat: attachments in a form that only Outlook reads; have them sent once more as files"
ELSEWHERE = "a part of the mail lies elsewhere and was not fetched"
TOO_MANY = f"parts beyond {MAX_PARTS}, or nested deeper than {MAX_DEPTH}, were left out"
NO_TEXT = "the mail holds no text"


@dataclass(slots=True)
class Contents:
    """What a mail holds, in order.

    Attributes:
        texts: plain ones, pages, and of what stands there twice both.
    """

    texts: list[tuple[Part | None, Part | None]] = field(default_factory=list)  # plain, page
    mails: list[Part] = field(default_factory=list)
    files: list[tuple[str, Part]] = field(default_factory=list)


class Sorting:
    """Sorts the parts of a mail, and of the mails in it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._parts = 0

    def note(self, note: str) -> None:
        """Say something about the mail, once."""
        if note not in self._reading.notes:
            self._reading.notes.append(note)

    def sort(self, part: Part, contents: Contents, depth: int = 0) -> None:
        """Add a part and all in it to ``contents``."""
        self._parts += 1
        if self._parts > MAX_PARTS or depth > MAX_DEPTH:
            self.note(TOO_MANY)
            return
        kind, payload = part.get_content_type(), part.get_payload()
        if not isinstance(payload, list):
            self._sort_leaf(part, kind, contents)
            return
        inner = [one for one in payload if isinstance(one, Message)]
        if kind in REPORTS or kind == "message/external-body":
            contents.texts.append((part, None)) if kind in REPORTS else self.note(ELSEWHERE)
        elif kind.startswith("message/"):
            contents.mails.extend(mail_in(part, one) for one in inner)
        elif kind == "multipart/alternative":
            contents.texts.extend(self._sort_alternatives(inner, contents, depth))
        else:
            for one in inner:
                self.sort(one, contents, depth + 1)

    def _sort_alternatives(
        self, parts: list[Part], contents: Contents, depth: int
    ) -> Iterator[tuple[Part | None, Part | None]]:
        """Sort the forms of one text; give them as one."""
        forms = Contents([], contents.mails, contents.files)
        for one in parts:
            self.sort(one, forms, depth + 1)
        plain = next((plain for plain, _ in forms.texts if plain is not None), None)
        page = next((page for _, page in reversed(forms.texts) if page is not None), None)
        if plain is not None or page is not None:
            yield plain, page

    def _sort_leaf(self, part: Part, kind: str, contents: Contents) -> None:
        name, disposition = file_name(part), part.get_content_disposition()
        if kind in SEALED:
            self.note(ENCRYPTED)
        elif kind in OUTLOOK or name.lower() == "winmail.dat":
            self.note(IN_OUTLOOK)
        elif kind in {"text/plain", "text/html"} and disposition != "attachment" and not name:
            contents.texts.append((part, None) if kind == "text/plain" else (None, part))
        elif kind.startswith("image/") and disposition != "attachment":
            pass  # a picture within the text
        elif kind not in SIGNATURES and (name or kind != "text/calendar"):
            contents.files.append((name or "attachment", part))


def mail_in(part: Part, mail: Part) -> Part:
    """Give a forwarded mail, which some programs pack in Base64 though they should not."""
    payload = mail.get_payload()
    if not mail.keys() and isinstance(payload, str) and part.get("content-transfer-encoding", "").lower() == "base64":
        return parse(from_base64(payload))
    return mail


def report_text(part: Part) -> str:
    """Give the fields of a report on delivery."""
    payload = part.get_payload()
    groups = [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []
    return "\n\n".join(
        "\n".join(f"{name}: {field_of(group, name)}" for name in dict.fromkeys(group)) for group in groups
    )


def text_blocks(plain: Part | None, page: Part | None, reading: Reading) -> Iterator[Block]:
    """Give one text of a mail, in the better of its forms."""
    written = "" if plain is None else (report_text(plain) if plain.is_multipart() else text_of(plain))
    if page is not None:
        inner = Reading(max_pages=reading.max_pages, depth=reading.depth)
        shown = list(html.page_blocks(html.decode_html(bytes_of(page), charset_of(page)), inner))
        tables = any(block.kind == "table" for block in shown)
        chars = sum(len("".join(block.text.split())) for block in shown if block.kind != "margin")
        if tables or len("".join(written.split())) < STUB_SHARE * chars:
            reading.notes.extend(inner.notes)
            yield from shown
            return
    yield from plain_text.blocks(written)


def head(mail: Part, files: list[tuple[str, Part]]) -> Block:
    """Give who wrote to whom, when, and what is attached."""
    lines = [f"{name}: {value}" for name in HEAD if (value := field_of(mail, name))]
    if files:
        lines.append("Attachments: " + ", ".join(name for name, _ in files)[:MAX_NAMES_CHARS])
    return Block("paragraph", "\n".join(lines))


def mail_blocks(mail: Part, reading: Reading, sorting: Sorting, level: int) -> Iterator[Block]:
    """Give the blocks of a mail and of all in it, its headings from ``level`` on."""
    contents = Contents()
    sorting.sort(mail, contents)
    subject = field_of(mail, "Subject")
    if level == 1:
        reading.title = subject
    if subject:
        yield Block("heading", subject, level=level)
    yield head(mail, contents.files)
    for block in chain.from_iterable(text_blocks(*forms, reading) for forms in contents.texts):
        yield Block(block.kind, block.text, level=block.level + level if block.kind == "heading" else 0)
    for inner in contents.mails:
        if level < MAX_MAILS:
            yield from mail_blocks(inner, reading, sorting, level + 1)
        else:
            sorting.note(f"mails forwarded more than {MAX_MAILS} times within each other were left out")
    for name, part in contents.files[:MAX_ATTACHMENTS]:
        for block in attached(name, bytes_of(part), reading):
            yield Block(block.kind, block.text, level=block.level + level if block.kind == "heading" else 0)
    if len(contents.files) > MAX_ATTACHMENTS:
        sorting.note(f"of {len(contents.files)} attachments only the first {MAX_ATTACHMENTS} were read")


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Give the blocks of a mail."""
    reading.empty_reason = NO_TEXT
    yield from mail_blocks(parse(content), reading, Sorting(reading), 1)
