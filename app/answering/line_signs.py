"""By what a sentence or line shows how it hangs together with those around it: pronouns, exceptions, numbering."""

import re

OPENS_WITH_PRONOUN = re.compile(
    r"[\s“\"'（(]*(?:(?:它|他|她|这|那|此|该|其(?![他它余实中])|前者|后者|上述|因此|所以|但|而且|然而|同时)"
    r"|(?:it|its|they|their|he|his|she|her|this|these|those|that|such|however|therefore|thus|also|but|in addition)\b)",
    re.IGNORECASE,
)
# A sentence that limits the one before it: without it a rule reads as if it always held.
TAKES_BACK = re.compile(
    r"[\s“\"'（(]*(?:(?:但|然而|不过|除非|除外|除.{0,20}外|例外|否则|只有|仅限|上述(?:规定|要求|限制)?.{0,4}不适用|[这此该]条?(?:规定|要求|限制)?.{0,4}不适用)"
    r"|(?:but|however|unless|except|exceptions?|otherwise|only if|(?:this|these|that|it) (?:rule |limit )?"
    r"(?:does|do) not apply|not if)\b)",
    re.IGNORECASE,
)
ARTICLE = re.compile(r"\s*第[一二三四五六七八九十百\d]{1,5}[条條款]")
NUMBERED_ITEM = re.compile(r"\s*([（(]?)(?:(\d{1,3})|([一二三四五六七八九十]{1,3}))([)）.．、])")
UNENDING = ".。!！?？;；,，:：、"  # no heading ends with one of these
STEP_NUMBER = re.compile(
    r"\s*(?:第|[Ss]tep\s*|步骤\s*)?[（(]?(?:(\d{1,3})|([一二三四五六七八九]?十?[一二三四五六七八九]?))[)）.．、步:：]"
)
HAN_DIGITS = "一二三四五六七八九"
SEPARATOR_ROW = re.compile(r"[\s|:+=-]+")


def style_of(line: str) -> str:
    """Return how a line is numbered ('1.', '(一)'), the number itself left out; empty if it is not."""
    match = NUMBERED_ITEM.match(line)
    return f"{match[1]}{'1' if match[2] else '一'}{match[4]}" if match else ""


def number_of(item: str) -> int | None:
    """Return the number of a list item, or None if it has none."""
    match = STEP_NUMBER.match(item)
    if match is None or not (match[1] or match[2]):
        return None
    if match[1]:
        return int(match[1])
    tens, ten, units = match[2].rpartition("十")
    return (10 * (HAN_DIGITS.find(tens) + 1 or 1) if ten else 0) + HAN_DIGITS.find(units[-1:] or "零") + 1
