"""Counting wrong passwords, so that guessing is slow and no stranger can lock anybody out.

Counted in memory: a restart forgets them, which costs more time than it gains.
"""

import ipaddress
import math
import time

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from app.errors import TooManyAttempts

# Five wrong passwords in five minutes for one name at one address; thirty in five minutes for all names at one address;
# and once a name has had a hundred in an hour from anywhere, one in five minutes for it at each address. So whoever is
# attacked from elsewhere still gets in with the right password, and the attacker needs a new address for every guess.
PER_NAME_AND_ADDRESS: RateLimitItem = RateLimitItemPerMinute(5, 5)
PER_ADDRESS: RateLimitItem = RateLimitItemPerMinute(30, 5)
PER_NAME: RateLimitItem = RateLimitItemPerHour(100)
WHEN_A_NAME_IS_ATTACKED = 1
IPV6_NETWORK_BITS = 64  # whoever has one address of it has them all


class Attempts:
    """Wrong passwords by name and client address."""

    def __init__(self) -> None:
        """Start without any."""
        self._windows = FixedWindowRateLimiter(MemoryStorage())

    def check(self, name: str, address: str) -> None:
        """Refuse the next attempt if there were too many wrong ones.

        Raises:
            TooManyAttempts: says when to try again.
        """
        address = network_of(address)
        pair = self._windows.get_window_stats(PER_NAME_AND_ADDRESS, name, address)
        wrong = PER_NAME_AND_ADDRESS.amount - pair.remaining
        attacked = not self._windows.test(PER_NAME, name)
        if wrong >= (WHEN_A_NAME_IS_ATTACKED if attacked else PER_NAME_AND_ADDRESS.amount):
            raise too_many(pair.reset_time)
        if not self._windows.test(PER_ADDRESS, address):
            raise too_many(self._windows.get_window_stats(PER_ADDRESS, address).reset_time)

    def wrong(self, name: str, address: str) -> None:
        """Count a wrong password."""
        address = network_of(address)
        self._windows.hit(PER_NAME_AND_ADDRESS, name, address)
        self._windows.hit(PER_ADDRESS, address)
        self._windows.hit(PER_NAME, name)

    def right(self, name: str, address: str) -> None:
        """Forget what was wrong for this name at this address."""
        self._windows.clear(PER_NAME_AND_ADDRESS, name, network_of(address))


def too_many(until: float) -> TooManyAttempts:
    """Return the refusal with the time that is left."""
    return TooManyAttempts("too many wrong passwords", retry_after_s=max(1, math.ceil(until - time.time())))


def network_of(address: str) -> str:
    """Return what stands for a client: its IPv4 address, or its IPv6 network."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))
