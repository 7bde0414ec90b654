"""The words of the page: the same in both languages, none missing, none without use, one for every error."""

import inspect
import re
from pathlib import Path

import pytest

from app import errors

WEB = Path(__file__).resolve().parents[3] / "app" / "web"
STATIC = WEB / "static"
SCRIPTS = sorted(file for file in STATIC.glob("*.js") if not file.name.startswith("words-") and file.name != "docs.js")
TEMPLATE = WEB / "templates" / "index.html"
KEY = re.compile(r"^  (\w+): ", re.MULTILINE)
HAN = re.compile(r"[\u4e00-\u9fff]")
# Keys that are put together from a part that says which one.
BUILT = ("error_", "state_", "stage_", "part_", "role_", "theme_", "kind_", "health_", "chunk_")
# Codes of the framework's own refusals and of what happens before the server is reached.
MORE_CODES = {"method_not_allowed", "unreachable", "cut_off"}
MOST_BYTES_OF_FIRST_LOAD = 150_000
# Words that come with a part of the page when that is opened.
PARTS = ("", "reading-")
LATER = {"administration.js", "health.js", "docs.js", "reading.js", "reading_pieces.js", "reading.css"}


def words(language: str) -> str:
    return "\n".join((STATIC / f"words-{part}{language}.js").read_text(encoding="utf-8") for part in PARTS)


def keys(language: str) -> list[str]:
    return KEY.findall(words(language))


def sources() -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in (*SCRIPTS, TEMPLATE))


def test_both_languages_have_the_same_keys_in_the_same_order():
    assert keys("en") == keys("zh")
    assert len(keys("en")) == len(set(keys("en"))) > 200


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_error_code_has_words(language):
    codes = {
        kind.code for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.StrongroomError)
    }

    assert {key for key in keys(language) if key.startswith("error_")} == {
        f"error_{code}" for code in codes | MORE_CODES
    }


def test_every_word_that_is_asked_for_exists():
    asked = set(re.findall(r'(?:data-text|data-label)="(\w+)"', sources()))
    asked |= set(re.findall(r'\b(?:say|label)\([^"()]*(?:\([^"()]*\))?[^"()]*, "(\w+)"', sources()))
    asked |= set(re.findall(r'\bsentence\("[\w-]+", "[^"]*", "(\w+)"', sources()))
    asked |= set(re.findall(r'\b(?:button|iconButton)\("[^"]*", "(\w+)"', sources()))
    asked |= set(re.findall(r'\b(?:title|why|act|check): "(\w+)"', sources()))
    asked |= set(re.findall(r'\btext\("(\w+)"', sources()))

    assert len(asked) > 120
    assert asked - set(keys("en")) == set()


def test_no_word_is_without_use():
    named = set(re.findall(r"""["'](\w+)["']""", sources()))

    unused = [
        key
        for key in keys("en")
        if key not in named and key.removesuffix("_why") not in named and not key.startswith(BUILT)
    ]
    assert unused == []


def test_chinese_is_chinese_and_english_is_english():
    chinese = dict(re.findall(r"^  (\w+): (.*),$", words("zh"), re.MULTILINE))
    english = dict(re.findall(r"^  (\w+): (.*),$", words("en"), re.MULTILINE))
    no_words = {"other_language", "page_of"}

    assert {key for key, said in chinese.items() if not HAN.search(said)} == no_words
    assert {key for key, said in english.items() if HAN.search(said)} == {"other_language"}


def test_no_script_writes_html_or_keeps_a_secret():
    forbidden = re.compile(
        r'innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|sessionStorage|style="'
    )
    assert forbidden.search(sources()) is None

    stored = re.findall(r'^\s*const CHOICE = "([\w.]+)"', sources(), re.MULTILINE)
    assert sorted(stored) == ["strongroom.language", "strongroom.theme"]
    assert sources().count("localStorage.setItem(") == len(stored)


def test_no_script_is_longer_than_a_reader_can_hold():
    lines = {
        file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in (*SCRIPTS, *STATIC.glob("*.css"))
    }

    assert {name: count for name, count in lines.items() if count > 300} == {}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_first_load_is_light(language):
    first_words = f"words-{language}.js"
    files = [
        file
        for file in STATIC.iterdir()
        if file.name not in LATER and (file.name == first_words or not file.name.startswith("words-"))
    ]

    assert sum(file.stat().st_size for file in (*files, TEMPLATE)) <= MOST_BYTES_OF_FIRST_LOAD
