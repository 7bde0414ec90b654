"""Office packages written part by part, so that a test says exactly what stands in them."""

import io
import zipfile

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
W_NAMESPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    f'xmlns:r="{OFFICE}" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:v="urn:schemas-microsoft-com:vml"'
)
P_NAMESPACES = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    f'xmlns:r="{OFFICE}"'
)


def package(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def relations(*found):
    """Each is id, kind, target, and may be external."""
    lines = [
        f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{target}"'
        + (' TargetMode="External"/>' if external else "/>")
        for key, kind, target, *external in found
    ]
    namespace = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<Relationships xmlns="{namespace}">{"".join(lines)}</Relationships>'


def part(tag, content):
    return f"<w:{tag} {W_NAMESPACES}>{content}</w:{tag}>"


def word(body, *, styles="", numbering="", refers=(), parts=None):
    """A Word document with this body; ``refers`` are its further relations, ``parts`` what they lead to."""
    members = {
        "_rels/.rels": relations(("rId1", "officeDocument", "word/document.xml")),
        "word/document.xml": part("document", f"<w:body>{body}</w:body>"),
        "word/styles.xml": part("styles", styles),
        "word/numbering.xml": part("numbering", numbering),
        "word/_rels/document.xml.rels": relations(
            ("s", "styles", "styles.xml"), ("n", "numbering", "/word/numbering.xml"), *refers
        ),
    }
    return package(members | (parts or {}))


def p(text, properties="", run=""):
    """A paragraph of one run."""
    return (
        f'<w:p><w:pPr>{properties}</w:pPr><w:r><w:rPr>{run}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'
    )


def table(*rows):
    """Each row a list of cells; a cell is its text, or its text and its properties."""
    written = ""
    for row in rows:
        cells = (cell if isinstance(cell, tuple) else (cell, "") for cell in row)
        written += (
            "<w:tr>" + "".join(f"<w:tc><w:tcPr>{how}</w:tcPr>{p(text)}</w:tc>" for text, how in cells) + "</w:tr>"
        )
    return f"<w:tbl>{written}</w:tbl>"


def slide_part(shapes, attributes=""):
    tree = f"<p:spTree><p:nvGrpSpPr/><p:grpSpPr/>{shapes}</p:spTree>"
    return f"<p:sld {P_NAMESPACES} {attributes}><p:cSld>{tree}</p:cSld></p:sld>"


def shape(text, *, at=None, kind="", size=(1_000, 100)):
    """A shape; each line of its text a paragraph. ``at`` is left and top, ``kind`` that of a placeholder."""
    place = f"<p:nvPr><p:ph {kind}/></p:nvPr>" if kind else "<p:nvPr/>"
    frame = f'<a:xfrm><a:off x="{at[0]}" y="{at[1]}"/><a:ext cx="{size[0]}" cy="{size[1]}"/></a:xfrm>' if at else ""
    lines = "".join(
        line if line.startswith("<a:p>") else f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in text.split("\n")
    )
    return (
        f"<p:sp><p:nvSpPr><p:cNvPr id='2' name=''/><p:cNvSpPr/>{place}</p:nvSpPr>"
        f"<p:spPr>{frame}</p:spPr><p:txBody><a:bodyPr/>{lines}</p:txBody></p:sp>"
    )


def slides(*parts, refers=None, more=None):
    """A presentation of these slides; ``refers`` are relations of a slide by its number, from 1."""
    numbers = range(1, len(parts) + 1)
    ids = "".join(f'<p:sldId id="{255 + number}" r:id="r{number}"/>' for number in numbers)
    members = {
        "_rels/.rels": relations(("rId1", "officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f"<p:presentation {P_NAMESPACES}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(
            *((f"r{number}", "slide", f"slides/slide{number}.xml") for number in numbers)
        ),
    }
    for number, content in zip(numbers, parts, strict=True):
        if content is not None:
            members[f"ppt/slides/slide{number}.xml"] = content
    for number, found in (refers or {}).items():
        members[f"ppt/slides/_rels/slide{number}.xml.rels"] = relations(*found)
    return package(members | (more or {}))


def with_member(content, name, change):
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, change(old.read(info)) if info.filename == name else old.read(info))
    return buffer.getvalue()
