import inspect
import re

import pytest

from app import errors
from app.api.error_handlers import HTTP_STATUS, problem, status_of

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.StrongroomError) and kind.__module__ == errors.__name__
]


def one_of(kind, message="something went wrong"):
    return kind(message, document_id="d1") if kind is errors.DocumentExists else kind(message)


def own_code(kind):
    return "code" in vars(kind)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_has_a_status_through_its_ancestors(kind):
    status = status_of(one_of(kind))

    assert 400 <= status < 600
    assert status == HTTP_STATUS[next(ancestor for ancestor in kind.__mro__ if ancestor in HTTP_STATUS)]


def test_what_the_caller_did_wrong_is_a_4xx_and_what_the_house_did_wrong_a_5xx():
    callers = {kind for kind in CLASSES if status_of(one_of(kind)) < 500}

    assert callers == {
        errors.UsageError,
        errors.NotAuthenticated,
        errors.WrongCredentials,
        errors.NotPermitted,
        errors.CsrfRefused,
        errors.NotFound,
        errors.ConflictError,
        errors.DocumentExists,
        errors.NameTaken,
        errors.DocumentLocked,
        errors.DocumentRefused,
        errors.TooLarge,
        errors.TooBusy,
        errors.TooManyAttempts,
    }


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_has_a_code_for_programs_and_advice_for_people(kind):
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)
    assert re.fullmatch(r"[A-Z].+\.", kind.advice)


def test_a_code_is_used_by_one_class_or_inherited_from_it():
    own = [kind.code for kind in CLASSES if own_code(kind)]

    assert len(own) == len(set(own))


def test_every_leaf_has_a_code_of_its_own():
    leaves = [kind for kind in CLASSES if not kind.__subclasses__()]

    assert [kind.__name__ for kind in leaves if not own_code(kind)] == []


def test_codes_are_stable():
    """Programs depend on these: a code may be added, none may change."""
    assert {kind.__name__: kind.code for kind in CLASSES}.items() >= {
        "StrongroomError": "error",
        "UsageError": "usage",
        "SettingsError": "settings",
        "StoreError": "store",
        "StoreMissing": "store_missing",
        "StoreExists": "store_exists",
        "StoreBusy": "store_busy",
        "StoreReplaced": "store_replaced",
        "StoreDamaged": "store_damaged",
        "SealBroken": "seal_broken",
        "StoreFull": "store_full",
        "KeyUnavailable": "key_unavailable",
        "AccessError": "access",
        "NotAuthenticated": "not_authenticated",
        "WrongCredentials": "wrong_credentials",
        "NotPermitted": "not_permitted",
        "CsrfRefused": "csrf",
        "NotFound": "not_found",
        "ConflictError": "conflict",
        "DocumentExists": "document_exists",
        "NameTaken": "name_taken",
        "DocumentLocked": "document_locked",
        "DocumentRefused": "document_refused",
        "TooLarge": "too_large",
        "TooBusy": "too_busy",
        "TooManyAttempts": "too_many_attempts",
        "ModelUnavailable": "model_unavailable",
    }.items()


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = set(re.findall(r"[A-Z][A-Za-z]+(?=\s{2,}|\n)", errors.__doc__.split("\n\n", 2)[1]))

    assert drawn == {kind.__name__ for kind in CLASSES}


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind is not errors.DocumentExists])
def test_advice_for_one_case_goes_before_the_advice_of_the_class(kind):
    assert kind("message", advice="Do this.").advice == "Do this."
    assert kind("message").advice == kind.advice
    assert str(kind("message")) == "message"


@pytest.mark.parametrize("kind", CLASSES)
def test_a_problem_is_told_in_full_and_with_its_request(kind):
    details = problem(one_of(kind), "r1")

    assert set(details) >= {"type", "title", "status", "code", "detail", "advice", "request_id"}
    assert (details["status"], details["code"], details["request_id"]) == (status_of(one_of(kind)), kind.code, "r1")


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if issubclass(kind, errors.StoreError)])
def test_a_client_learns_nothing_about_the_inside_of_the_store(kind):
    details = problem(kind("catalogue.1.db at /secret/place", advice="Run: chmod 600 /secret/place"), "r1")

    assert "secret" not in str(details)
    assert "catalogue" not in str(details)


def test_a_document_that_exists_is_named_by_its_id():
    assert problem(errors.DocumentExists("exists", document_id="d1"), "r1")["document_id"] == "d1"
