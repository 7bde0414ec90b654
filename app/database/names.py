"""What a user, group, knowledge base or key may be called."""

from app.errors import UsageError

LONGEST_NAME = 100


def checked_name(name: str, *, what: str) -> str:
    """Return a usable name.

    Raises:
        UsageError: empty, too long, or with control characters.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(f"a {what} name has 1 to {LONGEST_NAME} printable characters")
    return name
