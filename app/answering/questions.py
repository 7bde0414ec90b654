"""What a question asks for: a figure of some kind, or what no extract can give."""

import re
from dataclasses import dataclass

from app.answering.figures import figures_of

TIMES = frozenset({"ms", "s", "min", "h", "day", "week", "month", "year"})
LENGTHS = frozenset({"nm", "μm", "mm", "cm", "m", "km", "inch"})
DOSES = frozenset({"μg", "mg", "g", "ml", "l", "IU", "mmol", "mg/kg"})
MONEY = frozenset({"CNY", "USD", "EUR", "GBP", "HKD", "JPY"})
ANY: frozenset[str] = frozenset()  # any number

# First match wins: what is narrower stands first.
KINDS: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), units)
    for pattern, units in (
        (r"几个?小时|多少个?小时|\bhow many hours", frozenset({"h", "min"})),
        (r"几分钟|多少分钟|\bhow many minutes", frozenset({"min", "s"})),
        (r"几天|多少天|哪[一]?天|\bhow many days", frozenset({"day", "h", "week"})),
        (r"几周|多少周|几个?星期|\bhow many weeks", frozenset({"week", "day"})),
        (r"几个月|多少个月|\bhow many months", frozenset({"month", "day", "year"})),
        (r"几年|多少年(?!休|假)|\bhow many years|\bhow old|多大年龄|几岁|多少岁", frozenset({"year", "month"})),
        (
            r"多[长少]时间|多久|时限|何时|什么时[候间]|几点"
            r"|\bhow (?:long|often|soon|quickly|fast|early|late)\b|\bwhen\b|\bwhat time\b|\bat the latest\b",
            TIMES,
        ),
        (r"多远|多高|多深|多宽|多厚|距离|间距|\bhow (?:far|high|deep|wide|thick|tall)\b|\bdistance\b", LENGTHS),
        (
            r"多少钱|价格|费用|金额|礼金|押金|罚款|奖金|补贴"
            r"|\bprice|\bcosts?\b|\bhow much does\b|\bfees?\b|\bdeposit\b",
            MONEY,
        ),
        (r"力矩|扭矩|\btorque", frozenset({"N·m"})),
        (r"温度|几度|多少度|闪点|\btemperature|\bflash point|\bhow (?:hot|cold|warm)", frozenset({"°C", "°F", "°"})),
        (r"压力|\bpressure", frozenset({"bar", "Pa", "kPa", "MPa", "psi", "mmHg"})),
        (r"剂量|用量|\bdos(?:e|age)", DOSES),
        (
            r"多少|几[个次种人位台件份倍]|[上下]限|最[大小高低多少]|电话|分机|日期"
            r"|\bhow (?:many|much|large|big|heavy)\b|\bwhat (?:number|percentage|year|date|concentration|strength)\b"
            r"|\bmaximum|\bminimum|\blimit\b|\bwhich year\b|\bstrength\b|\bextension\b",
            ANY,
        ),
    )
)
# An amount of money and nothing else: what holds none cannot be the answer, however much it speaks of the thing.
ASKS_AMOUNT = re.compile(
    r"多少钱|多少元|多少.{0,4}(?:礼金|押金|罚款|奖金|补贴|费用?)\W*\Z"
    r"|(?:价格?|价钱|费用?|押金|礼金|罚款|奖金|补贴)(?:一共)?(?:是|为|要|有)?多少"
    r"|\bhow much (?:does|do|did|is|are|will|would) .{1,60}\b(?:cost|charged?|paid?|fee)\b"
    r"|\bwhat (?:does|do|did|would) .{1,60}\bcost\b"
    r"|\b(?:what|how (?:much|high|large)) is the (?:\w+ ){0,3}(?:price|cost|fee|deposit|fine)\b",
    re.IGNORECASE,
)
MONEY_WORDS = re.compile(
    r"[价费钱薪]|[礼押现奖]金|罚款|补贴|免|\b(?:pric|cost|fee|charg|rate|paid|pay|deposit|free|fine)", re.IGNORECASE
)
BEYOND_EXTRACTS = re.compile(
    r"比较(?!大|小|多|少|高|低|好|快|慢|器)|对比(?!剂|度)|相比|有(?:什么|何|哪些)(?:不同|区别|差异|差别|异同)|(?:的|之间)(?:区别|差异|差别|异同)"
    r"|不同点|优缺点|(?:总结|概括|归纳|概述|综述)(?:一下|出|这|本|全|该|以|如何|主要|所有|《)|(?:请|帮我?|给我|写[一个份]*).{0,8}(?:总结|概括|归纳|概述|综述|摘要|统计)"
    r"|\A\s*(?:总结(?!报告|会)|概括|归纳|概述|综述|统计(?!报表|表|数据|学|员|口径))|统计(?:一下|出|有|所有|全部|多少)|(?:一共|总共|合计|共计)(?:有|是|要)?多少"
    r"|平均(?:每|有|是多少|为多少|多少)|列出(?:所有|全部)|(?:所有|全部|哪些|多少[个份篇]?|几[个份篇])(?:文档|文件|资料|文章|报告)"
    r"|\b(?:compare|comparing|comparison|contrast|differences? between"
    r"|(?:how|what) .{0,40}\bdiffer(?:s|ent)? from|versus|vs"
    r"|summar(?:y of|i[sz]e|i[sz]ing)|(?:give|write|make|short|brief) (?:me )?an? (?:overview|summary)|overview of"
    r"|list (?:all|every)|how many (?:documents|files|reports|articles|papers|procedures|policies)"
    r"|count (?:the|all|how)|(?:in|the) total number|on average|pros and cons|sum up|add up)\b",
    re.IGNORECASE,
)
# Whether something is allowed, and by what a text allows or forbids.
ASKS_PERMISSION = re.compile(
    r"能不能|能否|可否|可不可以|是否(?:可|允许|能)|允许|[可还]?(?:能|可以).{1,30}[吗么]"
    r"|\b(?:may|can|could|allowed|permitted|is it ok)\b",
    re.IGNORECASE,
)
PERMITS = re.compile(
    r"禁|不得|不可|不能|不准|严禁|允许|可以|方可|[可宜](?=[^能])|一律"
    r"|\b(?:must|may|not|never|only|allowed|permitted|prohibited|forbidden)\b",
    re.IGNORECASE,
)
# What only says what a document is for, and what asks for just that.
SCOPE = re.compile(
    r"\s*(?:本(?:制度|规程|标准|规定|手册|办法|表|指南|文件|要点|要點)(?:适用|適用|规定|規定|供|用于|旨在)|适用于|適用於|适用范围"
    r"|(?:this|the) (?:policy|manual|procedure|document|standard|guide|page|sheet|instruction)s? "
    r"(?:applies|apply|is for|describes|covers|says|sets out|explains)|applies to\b)",
    re.IGNORECASE,
)
ASKS_SCOPE = re.compile(r"适用|適用|范围|哪些人|\bappl(?:y|ies)\b|\bscope\b|\bwho(?:m)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The kind of figure that a question asks for; ``units`` is empty where any number may be meant."""

    units: frozenset[str]


def figure_wanted(question: str) -> Wanted | None:
    """Return what kind of figure a question asks for, or None."""
    return next((Wanted(units) for pattern, units in KINDS if pattern.search(question)), None)


def lacks_amount(question: str, text: str) -> bool:
    """Whether a question asks for an amount of money alone, and ``text`` neither names one nor speaks of any.

    A price list may leave the currency to its head, and what is free has no figure: then words must do.
    """
    if ASKS_AMOUNT.search(question) is None or MONEY_WORDS.search(text):
        return False
    return not any(unit in MONEY for _, unit in figures_of(text).numbers)


def beyond_extracts(question: str) -> bool:
    """Whether a question asks to count, compare or sum up, which no extract can answer."""
    return BEYOND_EXTRACTS.search(question) is not None
