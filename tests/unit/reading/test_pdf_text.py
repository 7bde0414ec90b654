"""Text layers of PDFs that are none, and pages that must be recognised from their picture."""

import io

import pytest
from PIL import Image
from reportlab.lib.utils import ImageReader

from app.reading.pdf_text import unreadable
from tests.unit.reading.pdf_files import HEIGHT, WIDTH, pdf_of, read, text_at

ENGLISH = "The quick brown fox jumps over the lazy dog while the others watch it from the hill. " * 5
FRENCH = "L'été dernier, les élèves étaient déjà rentrés de la forêt où ils avaient été à pied. " * 5
POLISH = "Chrząszcz brzmi w trzcinie, a źdźbło drży wśród żółtych gęsi i ździebełek trzciny. " * 5
CHINESE = "员工每年享有十天年假，病假另计。" * 20


@pytest.mark.parametrize(
    "text",
    [
        ENGLISH,
        FRENCH,
        POLISH,
        CHINESE,
        "Глава первая. Общие положения о порядке предоставления отпусков. " * 8,
        "M6x20 DIN 912 GPIO_12 PWM3 UART_TX SPI_CLK 0x20070000 " * 20 + "The table of the pins.",
        "目录 ········································ 12\n" * 30,
        "5 °C ± 0.5 °C; 20 °C ± 1 °C\n" * 40,
    ],
)
def test_a_text_in_any_language_is_one(text):
    assert not unreadable(text)


@pytest.mark.parametrize(
    "text",
    [
        "".join(chr(ord(letter) - 29) if ord(letter) > 61 else letter for letter in ENGLISH),
        ENGLISH.translate(str.maketrans("aeiouyAEIOUY", "bcdfghBCDFGH")).replace("th", "qx"),
        CHINESE.encode("utf-8").decode("cp1252", "ignore"),
        CHINESE.encode("gb18030").decode("latin-1"),
        "(cid:12)(cid:33)(cid:7) " * 30,
        "\ue001\ue002\ue003\ue004" * 30,
    ],
)
def test_a_text_that_is_not_what_the_page_shows_is_recognised(text):
    assert unreadable(text)


def picture(canvas, height=HEIGHT):
    file = io.BytesIO()
    Image.effect_noise((100, 140), 40).save(file, "PNG")
    canvas.drawImage(ImageReader(file), 0, 0, WIDTH, height)


def test_pages_without_text_ask_for_recognition_and_empty_ones_do_not():
    def stamped(canvas):
        picture(canvas)
        text_at(["No. 0012"])(canvas)

    def ruled(canvas):
        canvas.line(50, 50, 500, 50)

    content = pdf_of(
        picture,
        lambda canvas: None,
        stamped,
        ruled,
        lambda canvas: (picture(canvas, 100), text_at(["No. 0012"])(canvas)),
        lambda canvas: (picture(canvas), text_at(["这一页的文字虽然在图片上，却完整可读。"] * 3)(canvas)),
    )

    blocks, reading = read(content)

    assert reading.scanned == dict.fromkeys((1, 3), "no readable text (a scan?)")
    assert [block.page for block in blocks] == [5, 6]
    assert reading.all_notes() == []


def test_a_page_of_rubbish_asks_for_recognition_and_yields_nothing():
    rubbish = ["".join(chr(ord(letter) - 29) if ord(letter) > 61 else letter for letter in ENGLISH[:80])] * 8

    blocks, reading = read(pdf_of(text_at(["第一页"]), text_at(rubbish, font="Helvetica")))

    assert [block.page for block in blocks] == [1]
    assert list(reading.scanned) == [2]
    assert "characters" in reading.scanned[2]
