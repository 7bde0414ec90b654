"""Why a file was refused, and what was noted of it, is said in Chinese: each message in the code has its pattern."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
KNOWN = REPOSITORY / "app" / "web" / "static" / "words-reasons-zh.js"
# Pages that cannot be drawn are answered by a status, and owners' readers speak for themselves.
NOT_SHOWN = {"page_picture.py", "pictures.py"}
REFUSALS = {"DocumentRefused", "DocumentLocked"}
PLACES = ("page_notes", "scanned")
FILLED = "7"  # in the place of numbers and names


def sentences(node: ast.expr, constants: dict[str, str]) -> list[str]:
    """The sentences that an expression may be, as far as it says so itself."""
    found: list[str] = []
    match node:
        case ast.Constant(value=str(value)):
            found = [value]
        case ast.JoinedStr(values=parts):
            found = ["".join(str(part.value) if isinstance(part, ast.Constant) else FILLED for part in parts)]
        case ast.IfExp(body=one, orelse=other):
            found = sentences(one, constants) + sentences(other, constants)
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in constants:
            found = [constants[name]]
        case ast.Call(func=ast.Attribute(value=template, attr="format")):
            found = [re.sub(r"\{[^}]*\}", FILLED, said) for said in sentences(template, constants)]
    return found


def said_by(node: ast.AST, constants: dict[str, str]) -> list[str]:
    """The refusals and notes that a piece of code gives."""
    given: list[ast.expr] = []
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *_]) if name in REFUSALS:
            given = [first]
        case ast.Call(func=ast.Attribute(value=value, attr="append"), args=[first]) if is_notes(value):
            given = [first]
        case ast.Call(func=ast.Attribute(attr="note"), args=[first]):
            given = [first]
        case ast.Assign(targets=[ast.Subscript(value=ast.Attribute(attr=attr))], value=value) if attr in PLACES:
            given = [value]
        case ast.Assign(targets=[ast.Attribute(attr="empty_reason")], value=value):
            given = [value]
        case ast.FunctionDef(name="trouble_of"):
            given = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value is not None]
    return [said for one in given for said in sentences(one, constants) if said]


def is_notes(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="self")):
            return False  # its own, such as footnotes
        case ast.Attribute(attr="notes") | ast.Name(id="notes"):
            return True
    return False


def messages() -> Iterator[tuple[str, str]]:
    files = sorted([*(REPOSITORY / "app" / "reading").glob("*.py"), *(REPOSITORY / "ingest").glob("*.py")])
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}
    shared = {name: value for tree in trees.values() for name, value in constants_of(tree)}
    for file, tree in trees.items():
        if file.name not in NOT_SHOWN:
            for node in ast.walk(tree):
                for said in said_by(node, shared | dict(constants_of(tree))):
                    yield file.name, said


def constants_of(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(value))):
                yield name, value


def patterns() -> list[re.Pattern[str]]:
    found = re.findall(r"^  \[/(.+?)/s?, \(", KNOWN.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.compile(one.replace(r"\/", "/")) for one in found]


def test_what_is_said_of_single_pages_has_its_chinese():
    named = {
        "app/reading/pptx.py": ("NO_TEXT", "HIDDEN", "DAMAGED_SLIDE"),
        "app/reading/pool.py": ("PAGE_TOO_SLOW", "PAGE_CRASHED"),
        "app/reading/recognise.py": ("DAMAGED",),
        "ingest/prepare.py": ("WAITS", "NOTHING_THERE"),
    }
    troubles = ["read from a picture, 93% sure"]
    for file, names in named.items():
        constants = dict(constants_of(ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))))
        troubles += [re.sub(r"\{[^}]*\}", FILLED, constants[name]) for name in names]
    troubles += [f"{trouble}; a hidden slide" for trouble in troubles if "slide" in trouble]
    known = patterns()

    assert [trouble for trouble in troubles if not any(pattern.search(trouble) for pattern in known)] == []


def test_every_refusal_and_note_has_its_chinese():
    said = sorted(set(messages()))
    known = patterns()

    assert len(said) > 40
    assert [one for one in said if not any(pattern.search(one[1]) for pattern in known)] == []
