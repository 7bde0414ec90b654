"""A store with an administrator and two members."""

import pytest

from app.accounts import people


@pytest.fixture
def catalogue(store):
    return store.catalogue


@pytest.fixture
def people_of(catalogue):
    """Anna administers; Ben and Cora are members. Their ids by name."""
    with catalogue.transaction("r") as transaction:
        return {
            "anna": people.add_user(transaction, "anna", role="administrator"),
            "ben": people.add_user(transaction, "ben"),
            "cora": people.add_user(transaction, "cora"),
        }


@pytest.fixture
def change(catalogue):
    """Run one change in a transaction of its own and return what it returns."""

    def run(work, *arguments, **named):
        with catalogue.transaction("r") as transaction:
            return work(transaction, *arguments, **named)

    return run


@pytest.fixture
def look(catalogue):
    """Read in a transaction of its own."""

    def run(work, *arguments, **named):
        with catalogue.read() as connection:
            return work(connection, *arguments, **named)

    return run
