"""Units of measure in Chinese and English, so that '5 毫克', '5mg' and '5 milligrams' are one figure."""

import re

# One line a unit: its canonical name first, then what else it is written as. Words also take a plural s.
TABLE = """
nm 纳米
μm um 微米
mm 毫米 millimeter millimetre
cm 厘米 公分 centimeter centimetre
m 米 meter metre
km 公里 千米 kilometer kilometre
inch 英寸 inches
m^2 m2 平方米 sqm
m^3 m3 立方米
μg ug mcg 微克 microgram
mg 毫克 milligram
g 克 gram
kg 公斤 千克 kilogram kilo
t 吨 ton tonne
ml mL 毫升 milliliter millilitre
l L 升 liter litre
ms 毫秒 millisecond
s 秒 秒钟 sec second
min 分钟 minute
h 小时 个小时 hr hour
day 天 日 d
week 周 星期 个星期 wk
month 月 个月 月份
year 年 岁 周岁 yr
mV 毫伏
V 伏 伏特 volt
kV 千伏
mA 毫安
A 安培 amp ampere
mAh 毫安时
Ah 安时
mW 毫瓦
W 瓦 watt
kW 千瓦 kilowatt
MW 兆瓦 megawatt
kWh 千瓦时
Ω 欧姆 ohm
kΩ 千欧
Hz 赫兹 hertz
kHz 千赫
MHz 兆赫
GHz 吉赫
Pa 帕 pascal
kPa 千帕
MPa 兆帕
bar 巴
psi
N 牛顿 newton
N·m Nm 牛米
J 焦耳 joule
kJ 千焦
kcal 千卡 大卡
°C 摄氏度 celsius
°F 华氏度 fahrenheit
° 度 degree
dB 分贝 decibel
% 百分点 percent
‰
bit 比特 位元
byte 字节
KB kB
MB 兆字节
GB
TB
kbps Kbps
Mbps
Gbps
rpm
px 像素 pixel
CNY 元 块钱 人民币 人民币元 RMB ¥ yuan
USD 美元 美金 $ dollar
EUR 欧元 € euro
GBP 英镑 £
HKD 港元 港币
JPY 日元
mmol 毫摩尔
mmol/L
mg/L
mg/kg
mg/m^3 mg/m3
g/L
km/h
m/s
mmHg 毫米汞柱
IU 国际单位
person 人 people persons
time 次 times
"""
CANONICAL: dict[str, str] = {}
for _line in TABLE.strip().splitlines():
    _name, *_others = _line.split()
    for _spelling in (_name, *_others):
        CANONICAL[_spelling] = _name
        if _spelling.isascii() and _spelling.isalpha() and _spelling.islower() and len(_spelling) >= 2:
            CANONICAL.setdefault(_spelling + "s", _name)

_LOWER: dict[str, set[str]] = {}
for _spelling, _name in CANONICAL.items():
    _LOWER.setdefault(_spelling.lower(), set()).add(_name)
# mW and MW differ by case alone: those are taken as written, all others in any case.
ANY_CASE: dict[str, str] = {spelling: min(names) for spelling, names in _LOWER.items() if len(names) == 1}

MULTIPLIERS: dict[str, int] = {
    "万亿": 10**12, "百万": 10**6, "千万": 10**7, "万": 10**4, "亿": 10**8,
    "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
}  # fmt: skip
CURRENCY_SIGNS = "$€£¥"


def _alternatives(spellings: list[str]) -> str:
    return "|".join(re.escape(spelling) for spelling in sorted(spellings, key=lambda text: (-len(text), text)))


_han = [spelling for spelling in CANONICAL if re.match(r"[\u4e00-\u9fff]", spelling)]
_letters = [spelling for spelling in CANONICAL if len(spelling) == 1 and spelling not in _han]
_words = [spelling for spelling in CANONICAL if len(spelling) > 1 and spelling not in _han]
# A Latin unit ends where its letters end ('5 mg' but not '5 mgr'), and one letter is taken as written
# ('5 A' but not '5 a day'); a Chinese unit is the longest that fits.
UNIT = rf"(?:(?:(?i:{_alternatives(_words)})|{_alternatives(_letters)})(?![A-Za-z0-9])|{_alternatives(_han)})"
MULTIPLIER = rf"(?:{_alternatives(list(MULTIPLIERS))})"
# A unit that is named for a column or a table: '(mg)', '单位：元'.
LOOSE_UNIT = re.compile(rf"(?:[(（\[]\s*|(?:单位|[Uu]nits?)\s*[:：]?\s*|\bin\s+)(?P<unit>{UNIT})")


def canonical_unit(spelling: str) -> str:
    """Return the canonical name of a unit as written; unknown spellings stay as they are."""
    return CANONICAL.get(spelling) or ANY_CASE.get(spelling.lower()) or spelling
