import re

import pytest

from app import errors
from app.api.error_handlers import HTTP_STATUS, problem, status_of


def tree(root: type) -> list[type]:
    return [root] + [below for child in root.__subclasses__() for below in tree(child)]


ALL = tree(errors.StrongroomError)


def made(kind: type) -> errors.StrongroomError:
    return kind("what happened", document_id="d1") if kind is errors.DocumentExists else kind("what happened")


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_a_code_and_advice(kind):
    error = made(kind)

    assert 400 <= status_of(error) < 600
    assert re.fullmatch(r"[a-z_]+", error.code)
    assert error.advice.endswith(".")


def test_the_codes_tell_errors_apart():
    codes = [kind.code for kind in ALL]

    assert len(codes) == len(set(codes))


def test_the_tree_is_drawn_in_the_docstring():
    assert {kind.__name__ for kind in ALL} == set(re.findall(r"[A-Z][A-Za-z]+(?=\s)", errors.__doc__)) & {
        kind.__name__ for kind in ALL
    }


def test_what_went_wrong_inside_the_store_is_not_told_to_clients():
    details = problem(errors.StoreDamaged("catalogue.1.db: page 7"), "r1")

    assert "catalogue" not in str(details)
    assert details["status"] == HTTP_STATUS[errors.StoreError]


def test_specific_advice_replaces_the_class_own():
    assert errors.StoreError("x", advice="Do this.").advice == "Do this."
