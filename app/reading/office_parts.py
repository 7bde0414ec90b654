"""The parts of an office package and how they refer to each other; each part is read when it is asked for.

Why not the packages of python-docx and python-pptx: they read every part before the first word, and refuse the whole
file for one reference that leads nowhere, one picture of an unknown type, or the strict namespaces. Nothing outside
the package is ever opened: what refers to something outside refers to nothing here.
"""

import io
import posixpath
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from lxml import etree

Element = Any  # of lxml, which comes without type information

# libxml2 itself ends at 256 elements within each other and 10 MB in one text, so every walk may recurse.
PARSING = {
    "resolve_entities": False,
    "no_network": True,
    "remove_comments": True,
    "remove_pis": True,
    "collect_ids": False,
}
STRICT_NAMESPACE = re.compile(rb"\w+://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
TITLE = "{*}title"  # of the Dublin Core, the only one there
DAMAGED_PART = "a part of the file is damaged or nested too deeply; what could not be read of it is missing"
UNREADABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, RuntimeError, KeyError)


@dataclass(frozen=True, slots=True)
class Reference:
    """What one part says of another.

    Attributes:
        kind: the last word of its type, such as ``styles``.
        target: the name of a part that is there.
    """

    kind: str
    target: str


class Package:
    """An open package; the names of its parts are in lower case, without a slash at the front.

    Attributes:
        damaged: names of the parts that could not be read, or not to their end.
    """

    def __init__(self, content: bytes) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(content))
        self._members = {
            info.filename.replace("\\", "/").lstrip("/").lower(): info
            for info in self._archive.infolist()
            if not info.is_dir()
        }
        self.damaged: set[str] = set()

    def file_name(self, name: str) -> str:
        """Give the last part of a part's name as the package writes it."""
        return posixpath.basename(self._members[name].filename.replace("\\", "/"))

    def main(self, usual: str) -> str:
        """Give the name of the part that the document begins with; its usual name if the package does not say."""
        for reference in self.references("").values():
            if reference.kind == "officeDocument":
                return reference.target
        return usual

    def title(self) -> str:
        """Give the title of the metadata."""
        for reference in self.references("").values():
            if reference.kind == "core-properties":
                root = self.root(reference.target)
                return "" if root is None else root.findtext(TITLE) or ""
        return ""

    def read(self, name: str) -> bytes | None:
        """Give the bytes of a part; None if it is not there or cannot be unpacked."""
        if name not in self._members:
            return None
        try:
            return self._archive.read(self._members[name])
        except UNREADABLE:
            self.damaged.add(name)
            return None

    def root(self, name: str) -> Element | None:
        """Give the XML of a part, of a damaged one what can be read; None if that is nothing."""
        content = self.read(name)
        if content is None:
            return None
        if b"//purl.oclc.org/ooxml/" in content:
            content = STRICT_NAMESPACE.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", content)
        try:
            root = etree.fromstring(content, etree.XMLParser(**PARSING))
        except etree.XMLSyntaxError:
            self.damaged.add(name)
            root = recovered(content)
        if root is not None and root.getroottree().docinfo.internalDTD is not None:
            self.damaged.add(name)
            return None  # no office program declares entities
        return root

    def references(self, name: str) -> dict[str, Reference]:
        """Give what a part refers to inside the package, by the ids it uses; of the package itself for no name."""
        folder, file = posixpath.split(name)
        root = self.root(posixpath.join(folder, "_rels", file + ".rels"))
        found: dict[str, Reference] = {}
        for relation in () if root is None else root.iter("{*}Relationship"):
            target = relation.get("Target") or ""
            if relation.get("TargetMode") == "External" or not target:
                continue
            path = (
                posixpath.normpath(posixpath.join("/", folder, unquote(target.replace("\\", "/")))).lstrip("/").lower()
            )
            if path in self._members:
                kind = (relation.get("Type") or "").rstrip("/").rpartition("/")[2]
                found[relation.get("Id") or ""] = Reference(kind, path)
        return found


def recovered(content: bytes) -> Element | None:
    """Give what can be read of a part that is no sound XML."""
    try:
        return etree.fromstring(content, etree.XMLParser(recover=True, **PARSING))
    except etree.XMLSyntaxError:
        return None


def whole(value: str | None, default: int = 0) -> int:
    """Give an attribute that is a whole number; the default for anything else."""
    return int(value) if value and re.fullmatch(r"-?[0-9]{1,12}", value) else default


def shown(element: Element) -> bool:
    """Whether an element is the one of several renderings of the same thing that is read: the first of them."""
    if element.tag != MC + "Fallback":
        return True
    parent = element.getparent()
    return parent is None or parent.find(MC + "Choice") is None
