import pytest

from app.accounts.attempts import PER_ADDRESS, PER_NAME, PER_NAME_AND_ADDRESS, Attempts, network_of
from app.errors import TooManyAttempts

HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def attempts():
    return Attempts()


def guess(attempts, name, address, times):
    """Type wrong passwords; return how many were let through."""
    tried = 0
    for _ in range(times):
        try:
            attempts.check(name, address)
        except TooManyAttempts:
            continue
        attempts.wrong(name, address)
        tried += 1
    return tried


def test_twenty_wrong_passwords_are_slowed_and_it_is_said_for_how_long(attempts):
    assert guess(attempts, "ben", HERE, 20) == PER_NAME_AND_ADDRESS.amount

    with pytest.raises(TooManyAttempts) as refused:
        attempts.check("ben", HERE)
    assert 0 < refused.value.retry_after_s <= PER_NAME_AND_ADDRESS.get_expiry()


def test_others_and_other_names_are_not_slowed_by_it(attempts):
    guess(attempts, "ben", HERE, 20)

    attempts.check("ben", THERE)
    attempts.check("cora", HERE)


def test_a_right_password_clears_the_count_of_its_name_and_address_alone(attempts):
    guess(attempts, "ben", HERE, 4)
    guess(attempts, "ben", THERE, 4)
    attempts.right("ben", HERE)

    assert guess(attempts, "ben", HERE, 20) == PER_NAME_AND_ADDRESS.amount
    assert guess(attempts, "ben", THERE, 20) == 1


def test_one_address_cannot_try_a_password_on_everybody(attempts):
    tried = sum(guess(attempts, f"user{number}", HERE, 1) for number in range(200))

    assert tried == PER_ADDRESS.amount
    attempts.check("user0", THERE)


def test_an_account_of_ones_own_does_not_clear_the_count_of_the_address(attempts):
    for number in range(200):
        guess(attempts, f"user{number}", HERE, 1)
        attempts.right("mine", HERE)

    with pytest.raises(TooManyAttempts):
        attempts.check("ben", HERE)


def test_many_addresses_get_one_guess_each_and_lock_nobody_out(attempts):
    addresses = [f"198.51.100.{number}" for number in range(200)]
    tried = sum(guess(attempts, "ben", address, 5) for address in addresses)

    slowed = PER_NAME.amount // PER_NAME_AND_ADDRESS.amount
    assert tried == PER_NAME.amount + len(addresses) - slowed
    attempts.check("ben", HERE)  # the right password, at the first try, from where nobody guessed


def test_a_name_counts_the_same_whether_or_not_it_exists(attempts):
    assert guess(attempts, "nobody at all", HERE, 20) == guess(attempts, "ben", THERE, 20)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("local", "local"),
    ],
)
def test_a_client_is_its_address_or_its_network(address, network):
    assert network_of(address) == network


def test_an_address_that_changes_within_its_network_is_still_the_same_client(attempts):
    for number in range(20):
        guess(attempts, "ben", f"2001:db8:1:2::{number}", 1)

    with pytest.raises(TooManyAttempts):
        attempts.check("ben", "2001:db8:1:2::ffff")
