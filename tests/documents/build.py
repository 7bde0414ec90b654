"""Writes the sample files from the sources in texts/: ``python tests/documents/build.py [TARGET_DIR]``.

Two builds give the same bytes, so the built files are committed and a test compares them.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from markup import parse
from write_docx import write_docx
from write_pdf import write_pdf

HERE = Path(__file__).resolve().parent
Maker = Callable[[str], bytes]


def pdf(source: str, *, chinese: bool) -> bytes:
    """Return the source as a PDF."""
    return write_pdf(parse(source), chinese=chinese)


def word(source: str, *, chinese: bool) -> bytes:
    """Return the source as a .docx."""
    return write_docx(parse(source), chinese=chinese)


def plain(source: str, *, encoding: str = "utf-8", newline: str = "\n") -> bytes:
    """Return the source as it stands, in another encoding where one is named."""
    return source.replace("\n", newline).encode(encoding)


def utf_16(source: str) -> bytes:
    """Return the source as Windows saves it; the mark is written out because "utf-16" follows the machine's order."""
    return plain("\ufeff" + source, encoding="utf-16-le", newline="\r\n")


# Built file, its source under texts/, and how the one becomes the other.
FILES: list[tuple[str, str, Maker]] = [
    ("files/pediatric-dosing-table.pdf", "pediatric-dosing-table.md", partial(pdf, chinese=True)),
    ("files/press-fault-codes.pdf", "press-fault-codes.md", partial(pdf, chinese=True)),
    ("files/filler-manual.pdf", "filler-manual.md", partial(pdf, chinese=False)),
    ("files/degreaser-safety-sheet.pdf", "degreaser-safety-sheet.md", partial(pdf, chinese=False)),
    ("files/infusion-pump-procedure.docx", "infusion-pump-procedure.md", partial(word, chinese=True)),
    ("versions/infusion-pump-procedure.docx", "versions/infusion-pump-procedure.md", partial(word, chinese=True)),
    ("files/成品检验标准.docx", "成品检验标准.md", partial(word, chinese=True)),
    ("files/疫苗冷链储存规程.docx", "疫苗冷链储存规程.md", partial(word, chinese=True)),
    ("files/infection-control-policy.docx", "infection-control-policy.md", partial(word, chinese=False)),
    ("files/员工休假制度.txt", "员工休假制度.txt", partial(plain, encoding="gb18030", newline="\r\n")),
    ("files/采购管理规定.txt", "采购管理规定.txt", utf_16),
    ("files/醫療氣瓶管理要點.txt", "醫療氣瓶管理要點.txt", plain),
    ("files/IT服务台指南.md", "IT服务台指南.md", plain),
    ("files/visitor-policy.md", "visitor-policy.md", plain),
    ("files/sterile-supply-turnaround.html", "sterile-supply-turnaround.html", plain),
    ("files/faq.jsonl", "faq.jsonl", plain),
]


def build(target_dir: Path) -> None:
    """Write every sample file under ``target_dir``."""
    for name, source, make in FILES:
        file = target_dir / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(make((HERE / "texts" / source).read_text(encoding="utf-8")))


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
