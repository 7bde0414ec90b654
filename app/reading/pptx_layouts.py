"""What the shapes of a slide take from its layout and master: where they stand, and which text is bulleted."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.reading.office_drawings import A
from app.reading.office_parts import Element, Package, Reference, whole
from app.reading.pptx_order import Box

P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
TITLES = frozenset({"title", "ctrTitle"})
MARGINS = frozenset({"dt", "ftr", "sldNum", "hdr"})
PLACE = f"{P}nvPr/{P}ph"


@dataclass(slots=True)
class Layout:
    """The placeholders of a layout or master, by their number and by their type."""

    places: dict[str, Element] = field(default_factory=dict)
    bullets: Element | None = None
    master: "Layout | None" = None

    def find(self, place: Element) -> Iterator[Element]:
        """Give what a placeholder inherits from, the nearest first."""
        kind = place.get("type") or "obj"
        found = self.places.get(f"#{place.get('idx') or '0'}") if kind not in TITLES else None
        found = self.places.get(kind) if found is None else found
        if found is not None:
            yield found
        if self.master is not None:
            yield from self.master.find(place)
        elif found is None and kind not in TITLES | MARGINS and "body" in self.places:
            yield self.places["body"]


def placeholder(shape: Element) -> Element | None:
    """Give what makes a shape a placeholder."""
    first = next(iter(shape), None)
    return None if first is None else first.find(PLACE)


def kind_of(shape: Element) -> str:
    """Give the type of a placeholder; empty for other shapes."""
    place = placeholder(shape)
    return "" if place is None else place.get("type") or "obj"


def box_in(shape: Element) -> Box | None:
    """Give where a shape itself says that it stands."""
    for holder in (P + "spPr", P + "grpSpPr", None):
        frame = shape.find(P + "xfrm") if holder is None else shape.find(f"{holder}/{A}xfrm")
        if frame is None:
            continue
        start, size = frame.find(A + "off"), frame.find(A + "ext")
        if start is not None and size is not None:
            left, top = whole(start.get("x")), whole(start.get("y"))
            return Box(left, top, left + max(whole(size.get("cx")), 0), top + max(whole(size.get("cy")), 0))
    return None


class Layouts:
    """The layouts and masters of a presentation; each is read once."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._layouts: dict[str, Layout] = {}

    def of(self, references: dict[str, Reference], kind: str = "slideLayout") -> Layout | None:
        """Give the layout that a slide refers to, with its master."""
        name = next((one.target for one in references.values() if one.kind == kind), "")
        if not name:
            return None
        if name not in self._layouts:
            root = self._package.root(name)
            made = Layout()
            for shape in () if root is None else root.iterfind(f"{P}cSld/{P}spTree/{P}sp"):
                place = placeholder(shape)
                if place is not None:
                    made.places.setdefault(place.get("type") or "obj", shape)
                    made.places.setdefault(f"#{place.get('idx') or '0'}", shape)
            made.bullets = None if root is None else root.find(f"{P}txStyles/{P}bodyStyle")
            if kind == "slideLayout":
                made.master = self.of(self._package.references(name), "slideMaster")
            self._layouts[name] = made
        return self._layouts[name]
