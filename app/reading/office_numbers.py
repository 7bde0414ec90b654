"""How the numbers of lists are written in office documents: 1, a, iv, 三, 叁, ③."""

import re

MOST_ROMAN = 3_999
MOST_LETTERS = 26 * 10  # a to z, then aa to zz, as office programs go on
ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
# Digits from nought, then the words for ten, a hundred, a thousand, ten thousand.
CHINESE = ("〇一二三四五六七八九", "十百千万")
LEGAL_SIMPLIFIED = ("零壹贰叁肆伍陆柒捌玖", "拾佰仟万")
LEGAL_TRADITIONAL = ("零壹貳參肆伍陸柒捌玖", "拾佰仟萬")
THOUSAND = ("零一二三四五六七八九", "十百千万")
STEMS = "甲乙丙丁戊己庚辛壬癸"
BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
CIRCLES = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
PARENTHESES = "⑴⑵⑶⑷⑸⑹⑺⑻⑼⑽⑾⑿⒀⒁⒂⒃⒄⒅⒆⒇"
FULL_STOPS = "⒈⒉⒊⒋⒌⒍⒎⒏⒐⒑⒒⒓⒔⒕⒖⒗⒘⒙⒚⒛"
HAN_CIRCLES = "㊀㊁㊂㊃㊄㊅㊆㊇㊈㊉"
SERIES = {
    "ideographTraditional": STEMS,
    "ideographZodiac": BRANCHES,
    "decimalEnclosedCircle": CIRCLES,
    "decimalEnclosedCircleChinese": CIRCLES,
    "decimalEnclosedParen": PARENTHESES,
    "decimalEnclosedFullstop": FULL_STOPS,
    "ideographEnclosedCircle": HAN_CIRCLES,
}
HAN = {
    "chineseCounting": CHINESE,
    "taiwaneseCounting": CHINESE,
    "japaneseCounting": CHINESE,
    "ideographDigital": CHINESE,
    "taiwaneseDigital": CHINESE,
    "japaneseDigitalTenThousand": CHINESE,
    "chineseCountingThousand": THOUSAND,
    "taiwaneseCountingThousand": THOUSAND,
    "chineseLegalSimplified": LEGAL_SIMPLIFIED,
    "ideographLegalTraditional": LEGAL_TRADITIONAL,
    "japaneseLegal": LEGAL_TRADITIONAL,
}
DIGIT_BY_DIGIT = frozenset({"ideographDigital", "taiwaneseDigital", "japaneseDigitalTenThousand"})


def roman(number: int) -> str:
    """Write a number between 1 and 3,999 in small Roman letters."""
    written = ""
    for value, letters in ROMAN:
        written += letters * (number // value)
        number %= value
    return written


def letters(number: int) -> str:
    """Write a number from 1 as a letter, doubled after z."""
    return chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)


def han(number: int, digits: str, units: str) -> str:
    """Write a number below 100,000 in Chinese; 12 without a one before the ten."""
    if number < 10:
        return digits[number]
    written, gap = "", False
    for power in range(4, -1, -1):
        digit = number // 10**power % 10
        if not digit:
            gap = bool(written)
            continue
        written += (digits[0] if gap else "") + digits[digit] + (units[power - 1] if power else "")
        gap = False
    return written[1:] if number < 20 and written[0] == "一" else written


def ordinal(number: int) -> str:
    """Write 1st, 2nd, 3rd."""
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def written_in_han(form: str, number: int) -> str:
    """Write a number below 100,000 in one of the Chinese forms."""
    digits, units = HAN[form]
    if form in DIGIT_BY_DIGIT:
        return "".join(digits[int(digit)] for digit in str(number))
    return han(number, digits, units)


def written(form: str, number: int) -> str:
    """Write a number of a list in a form that Office names; unknown forms and numbers out of range in digits."""
    series = SERIES.get(form)
    if series and 0 < number <= len(series):
        return series[number - 1]
    if form in HAN and 0 <= number < 100_000:
        return written_in_han(form, number)
    if form.endswith("Roman") and 0 < number <= MOST_ROMAN:
        return roman(number).upper() if form.startswith("upper") else roman(number)
    if form.endswith("Letter") and 0 < number <= MOST_LETTERS:
        return letters(number).upper() if form.startswith("upper") else letters(number)
    return in_digits(form, number)


def in_digits(form: str, number: int) -> str:
    """Write a number in one of the forms that use digits."""
    if form == "none":
        return ""
    if form == "ordinal":
        return ordinal(number)
    if form == "numberInDash":
        return f"- {number} -"
    if form in {"decimalFullWidth", "decimalFullWidth2"}:
        return str(number).translate({ord(digit): chr(ord(digit) + 0xFEE0) for digit in "0123456789"})
    width = 2 if form == "decimalZero" else len(zeros[0]) if (zeros := re.match(r"0+\d", form)) else 1
    return str(number).zfill(width)
