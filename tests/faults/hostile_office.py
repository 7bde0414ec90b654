"""Hostile Office files: parts that ask for other files or the network, that expand, that loop, that lie about sizes."""

import io
import zipfile
from collections.abc import Callable
from functools import partial

from tests.faults.attack import STOLEN, THEFT, Attack
from tests.faults.good_office import RELATION, docx, ods, pptx, rewritten, xlsx
from tests.faults.hostile_archives import zip_of
from tests.faults.words import BEACON, ENGLISH

# Extension -> (a good file, its main part, the relationships of that part).
KINDS: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "docx": (docx, "word/document.xml", "word/_rels/document.xml.rels"),
    "xlsx": (xlsx, "xl/sharedStrings.xml", "xl/_rels/workbook.xml.rels"),
    "pptx": (pptx, "ppt/slides/slide1.xml", "ppt/slides/_rels/slide1.xml.rels"),
    "ods": (ods, "content.xml", ""),
}
LAUGHS = '<!DOCTYPE z [<!ENTITY a0 "gabbro">' + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)
) + "]>"  # fmt: skip
QUADRATIC = f'<!DOCTYPE z [<!ENTITY a "{"g" * 100_000}">]>'
STEAL = f'<!DOCTYPE z [<!ENTITY a SYSTEM "{THEFT}">]>'
FETCH = f'<!DOCTYPE z [<!ENTITY % p SYSTEM "{BEACON}p.dtd"> %p;]>'
XINCLUDE = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{THEFT}" parse="text"/>'
STYLESHEET = f'<?xml-stylesheet type="text/xsl" href="{BEACON}a.xsl"?>'


def part_of(package: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return archive.read(name).decode()


def declared(kind: str, doctype: str, entity: str, encoding: str = "utf-8") -> bytes:
    """Put a document type before the main part, and use its entity where a word stands."""
    build, name, _ = KINDS[kind]
    package = build()
    text = part_of(package, name)
    _, _, body = text.partition("?>")
    body = body.replace("gabbro", entity, 1).replace("Gabbro", entity, 1)
    changed = f'<?xml version="1.0" encoding="{encoding}"?>{doctype}{body}'.encode(encoding)
    return rewritten(package, **{name: changed})


def related(kind: str, relation: str, target: str, mode: str = "External") -> bytes:
    """Add a relationship to the main part."""
    build, _, name = KINDS[kind]
    package = build()
    added = f'<Relationship Id="rId999" Type="{RELATION}/{relation}" Target="{target}" TargetMode="{mode}"/>'
    changed = part_of(package, name).replace("</Relationships>", added + "</Relationships>")
    return rewritten(package, **{name: changed.encode()})


def replaced(kind: str, name: str, old: str, new: str) -> bytes:
    """Change a text in a part."""
    package = KINDS[kind][0]()
    return rewritten(package, **{name: part_of(package, name).replace(old, new, 1).encode()})


def deep(kind: str, name: str, before: str, tag: str) -> bytes:
    """Nest an element a hundred thousand times."""
    return replaced(kind, name, before, f"<{tag}>" * 100_000 + f"</{tag}>" * 100_000 + before)


def sheet_of(rows: str, dimension: str = "A1:C4") -> bytes:
    """Write an XLSX with these rows in its first sheet."""
    name = "xl/worksheets/sheet1.xml"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    sheet = f'<worksheet xmlns="{main}"><dimension ref="{dimension}"/><sheetData>{rows}</sheetData></worksheet>'
    return rewritten(xlsx(), **{name: sheet.encode()})


def cell(place: str, text: str = ENGLISH) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


CORNERS = f'<row r="1">{cell("A1")}</row><row r="1048576">{cell("XFD1048576")}</row>'
REPEATED = (
    '<table:table-row table:number-rows-repeated="1048576"><table:table-cell office:value-type="string"'
    ' table:number-columns-repeated="16384"><text:p>gabbro</text:p></table:table-cell></table:table-row>'
)
XML_ATTACKS = tuple(
    attack
    for kind in KINDS
    for attack in (
        Attack(f"an external entity in {kind}", f"a.{kind}", partial(declared, kind, STEAL, "&a;"), never=STOLEN),
        Attack(f"a remote document type in {kind}", f"a.{kind}", partial(declared, kind, FETCH, "")),
        Attack(
            f"a billion laughs in {kind}", f"a.{kind}", partial(declared, kind, LAUGHS, "&a9;"), never="gabbro" * 100
        ),
        Attack(
            f"an entity a hundred thousand times long in {kind}",
            f"a.{kind}",
            partial(declared, kind, QUADRATIC, "&a;" * 10_000),
            never="g" * 200_000,
        ),
        Attack(
            f"an external entity in UTF-16 in {kind}",
            f"a.{kind}",
            partial(declared, kind, STEAL, "&a;", "utf-16"),
            never=STOLEN,
        ),
        Attack(f"XInclude in {kind}", f"a.{kind}", partial(declared, kind, "", XINCLUDE), never=STOLEN),
        Attack(f"a remote stylesheet in {kind}", f"a.{kind}", partial(declared, kind, STYLESHEET, "")),
    )
)
RELATION_ATTACKS = tuple(
    attack
    for kind in ("docx", "xlsx", "pptx")
    for attack in (
        Attack(
            f"a remote template in {kind}",
            f"a.{kind}",
            partial(related, kind, "attachedTemplate", BEACON),
            holds="quokka",
        ),
        Attack(f"a remote picture in {kind}", f"a.{kind}", partial(related, kind, "image", BEACON), holds="quokka"),
        Attack(
            f"a linked file in {kind}",
            f"a.{kind}",
            partial(related, kind, "oleObject", THEFT),
            holds="quokka",
            never=STOLEN,
        ),
        Attack(
            f"a relationship out of the package in {kind}",
            f"a.{kind}",
            partial(related, kind, "image", "../../../../../etc/passwd", "Internal"),
            never=STOLEN,
        ),
    )
)
ATTACKS = (
    *XML_ATTACKS,
    *RELATION_ATTACKS,
    Attack("a Word file that needs itself", "a.docx", partial(related, "docx", "aFChunk", "document.xml", "Internal")),
    Attack(
        "a hundred thousand nested tables", "a.docx", partial(deep, "docx", "word/document.xml", "<w:sectPr", "w:tbl")
    ),
    Attack(
        "a hundred thousand nested groups",
        "a.pptx",
        partial(deep, "pptx", "ppt/slides/slide1.xml", "<p:sp>", "p:grpSp"),
    ),
    Attack("a hundred thousand nested cells", "a.xlsx", partial(sheet_of, "<row>" * 100_000)),
    Attack(
        "a cell that spans two billion columns",
        "a.docx",
        partial(replaced, "docx", "word/document.xml", "<w:tcPr>", '<w:tcPr><w:gridSpan w:val="2147483647"/>'),
        holds="quokka",
    ),
    Attack("a sheet of two cells in far corners", "a.xlsx", partial(sheet_of, CORNERS)),
    Attack(
        "a sheet that says it is full",
        "a.xlsx",
        partial(sheet_of, f'<row r="1">{cell("A1")}</row>', "A1:XFD1048576"),
        holds=ENGLISH,
    ),
    Attack("a cell beyond any sheet", "a.xlsx", partial(sheet_of, f'<row r="1">{cell("ZZZZZZZ99999999999")}</row>')),
    Attack("a cell in a row of eight digits", "a.xlsx", partial(sheet_of, f'<row r="1">{cell("A99999999")}</row>')),
    Attack(
        "a row of a number beyond any sheet", "a.xlsx", partial(sheet_of, f'<row r="99999999999">{cell("A1")}</row>')
    ),
    Attack(
        "shared strings that say they are four billion",
        "a.xlsx",
        partial(replaced, "xlsx", "xl/sharedStrings.xml", 'uniqueCount="', 'uniqueCount="4294967295" old="'),
    ),
    Attack(
        "a cell that names a string far away",
        "a.xlsx",
        partial(sheet_of, '<row r="1"><c r="A1" t="s"><v>4294967295</v></c></row>'),
    ),
    Attack(
        "a sheet repeated over all rows and columns",
        "a.ods",
        partial(replaced, "ods", "content.xml", "</table:table>", REPEATED + "</table:table>"),
    ),
    Attack(
        "a part of a Word file that expands a thousand times",
        "a.docx",
        lambda: rewritten(docx(), **{"word/document.xml": bytes(80 * 10**6)}),
        says="times",
    ),
    Attack("a sheet that expands a thousand times", "a.xlsx", partial(sheet_of, " " * 80 * 10**6)),
    Attack(
        "a slide that expands a thousand times",
        "a.pptx",
        lambda: rewritten(pptx(), **{"ppt/slides/slide1.xml": b" " * 80 * 10**6}),
    ),
    Attack("an Office file of folders alone", "a.docx", partial(zip_of, ("word/", b"")), says="damaged"),
    Attack("an Excel file of folders alone", "a.xlsx", partial(zip_of, ("xl/", b"")), says="damaged"),
    Attack("a presentation of folders alone", "a.pptx", partial(zip_of, ("ppt/", b"")), says="damaged"),
)
