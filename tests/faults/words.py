"""The words of good files; no message of the product holds one of them."""

WORDS = ("zymurgy", "brontide", "quokka", "gabbro", "螭吻", "饕餮", "觊觎", "踟蹰")
BEACON = "http://127.0.0.1:00000/"  # what a file points to; a listener's port is put in before it is read
TITLE = "Gabbro and quokka"
ENGLISH = "Brontide zymurgy over gabbro, the quokka said."
CHINESE = "螭吻觊觎饕餮，踟蹰不前。"
TEXT = [f"{number} {ENGLISH} {CHINESE}" for number in range(1, 9)]
ROWS = [["quokka", "gabbro", "饕餮"], *([f"zymurgy {number}", f"{number}.5", "踟蹰"] for number in range(1, 6))]


def quoted(message: str) -> list[str]:
    """Return the words of good files that a message holds."""
    lower = message.casefold()
    return [word for word in WORDS if word in lower]
