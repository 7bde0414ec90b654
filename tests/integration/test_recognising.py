"""Text recognised on pictures of pages, by real processes with the real models."""

import io
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from app.errors import DocumentRefused
from app.reading.pool import ReaderPool
from app.settings import load_settings
from ingest.prepare import Incoming, Preparer
from tests.hash_embedder import HashEmbedder

FONT = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
LINES = ("设备每日检查表", "启动前检查油压，正常值为 0.45 MPa。", "Replace the filter XJ-9000 every 250 hours.")


@pytest.fixture(scope="module")
def pool():
    with ReaderPool(load_settings({}).ingest.model_copy(update={"readers": 1})) as opened:
        yield opened


def page(lines=LINES, size=34, width=1_240, height=900):
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.truetype(FONT, size)
    for number, line in enumerate(lines):
        draw.text((110, 100 + 110 * number), line, font=font, fill="black")
    return picture


def png(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def pdf(*pictures):
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    for picture in pictures:
        canvas.setPageSize((picture.width / 2, picture.height / 2))
        canvas.drawImage(ImageReader(picture), 0, 0, picture.width / 2, picture.height / 2)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def recognised(pool, content, name, pages=(1,)):
    return list(pool.recognise(content, list(pages), file_name=name))


def bare(text):
    return "".join(text.split()).replace("，", ",")


def text_of(page):
    return "".join(bare(block.text) for block in page.blocks)


def test_chinese_and_english_lines_are_read_surely_and_words_keep_their_spaces(pool):
    (read,) = recognised(pool, png(page()), "scan.png")

    assert text_of(read) == bare("".join(LINES))
    assert "the filter XJ-9000 every 250 hours" in "\n".join(block.text for block in read.blocks)
    assert read.confidence > 0.9


def test_each_line_has_its_place_on_the_page(pool):
    (read,) = recognised(pool, png(page()), "scan.png")
    boxes = [(block.text[box.start : box.end], box) for block in read.blocks for box in block.boxes]

    (box,) = [box for text, box in boxes if "XJ-9000" in text]
    assert box.left == pytest.approx(110 / 1_240, abs=0.02)
    assert 320 / 900 < box.top < box.bottom < 380 / 900


@pytest.mark.parametrize("turn", [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270])
def test_a_page_that_lies_on_its_side_or_head_is_read_and_its_places_are_those_that_are_seen(pool, turn):
    (read,) = recognised(pool, png(page().transpose(turn)), "scan.png")

    assert text_of(read) == bare("".join(LINES))
    first = read.blocks[0].boxes[0]
    middle = (first.left + first.right) / 2, (first.top + first.bottom) / 2
    expected = {
        Image.Transpose.ROTATE_90: (0.14, 0.8),
        Image.Transpose.ROTATE_180: (0.8, 0.86),
        Image.Transpose.ROTATE_270: (0.86, 0.2),
    }[turn]
    assert middle == pytest.approx(expected, abs=0.08)


def test_a_row_of_a_table_stays_together(pool):
    picture = page(("检验报告单",))
    draw = ImageDraw.Draw(picture)
    for number, row in enumerate(
        (("项目", "结果", "参考范围"), ("WBC", "12.6", "3.5-9.5"), ("血小板计数", "210", "125-350"))
    ):
        for at, cell in enumerate(row):
            draw.text(
                (110 + 360 * at, 260 + 70 * number), cell, font=ImageFont.truetype(FONT, 30, index=2), fill="black"
            )
    (read,) = recognised(pool, png(picture), "scan.png")

    (table,) = [block for block in read.blocks if block.kind == "table"]
    assert table.text.splitlines()[2:] == ["| WBC | 12.6 | 3.5-9.5 |", "| 血小板计数 | 210 | 125-350 |"]
    assert [table.text[box.start : box.end] for box in table.boxes][3:6] == ["WBC", "12.6", "3.5-9.5"]


def test_a_page_that_claims_to_be_tiny_is_read_in_the_detail_that_its_picture_has(pool):
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(62, 45))
    canvas.drawImage(ImageReader(page()), 0, 0, 62, 45)
    canvas.showPage()
    canvas.save()
    (read,) = recognised(pool, buffer.getvalue(), "scan.pdf")

    assert text_of(read) == bare("".join(LINES))


def test_each_frame_of_a_tiff_is_read_and_light_words_on_dark_ground_too(pool):
    frames = [page(("第一页 安全须知",)), ImageOps.invert(page(("第二页 维护记录",)))]
    buffer = io.BytesIO()
    frames[0].save(buffer, "TIFF", save_all=True, append_images=frames[1:])

    assert [text_of(read) for read in recognised(pool, buffer.getvalue(), "fax.tif", (1, 2))] == [
        "第一页安全须知",
        "第二页维护记录",
    ]


def test_a_page_on_which_a_used_process_ends_is_tried_in_a_new_one(pool):
    pages = pool.recognise(pdf(*[page()] * 3), [1, 2, 3], file_name="scan.pdf")
    assert text_of(next(pages)) == bare("".join(LINES))
    (process,) = pool._recognising._busy
    os.kill(process.pid, signal.SIGKILL)

    assert [(read.page, text_of(read), read.trouble) for read in pages] == [
        (number, bare("".join(LINES)), "") for number in (2, 3)
    ]


def test_the_pages_of_a_scanned_pdf_come_one_by_one(pool):
    content = pdf(page(("第一页 安全须知",)), page(("第二页 维护记录",)))
    document = pool.read(content, file_name="scan.pdf")

    assert (document.blocks, sorted(document.scanned)) == ((), [1, 2])
    assert [text_of(read) for read in recognised(pool, content, "scan.pdf", (1, 2))] == [
        "第一页安全须知",
        "第二页维护记录",
    ]


def test_an_empty_picture_has_no_text_and_a_page_that_is_not_there_says_so(pool):
    empty, missing = recognised(pool, png(page(())), "scan.png", (1, 2))

    assert (empty.blocks, empty.trouble) == ((), "")
    assert missing.trouble


def test_noise_is_no_text(pool):
    noise = Image.frombytes("L", (600, 400), random.Random(1).randbytes(240_000))
    (read,) = recognised(pool, png(noise), "noise.png")

    assert len(text_of(read)) < 20


def test_a_damaged_file_is_refused_and_the_pool_goes_on(pool):
    with pytest.raises(DocumentRefused):
        recognised(pool, b"no picture at all", "scan.txt")
    assert recognised(pool, png(page()), "scan.png")[0].blocks


def test_every_door_is_closed_while_the_models_run(pool):
    recognised(pool, png(page()), "scan.png")
    held = pool._recognising.isolation

    assert {name for name, closed in held.items() if not closed} <= {
        "own_network_namespace", "no_capabilities", "only_library_files", "few_system_calls",
    }  # fmt: skip


THREADS = """
import json, os, socket, subprocess, sys, threading
sys.path.insert(0, {root!r})
from app.reading import sandbox
if os.geteuid() == 0 and {user}:
    os.setgroups([]); os.setresgid({user}, {user}, {user}); os.setresuid({user}, {user}, {user})
held = sandbox.enter(memory_bytes=2**31, cpu_s=60, parent=os.getppid(), readable=[], threads=8)
ran = []
threads = [threading.Thread(target=ran.append, args=(number,)) for number in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
escaped = []
attempts = {{"fork": os.fork, "socket": socket.socket, "run": lambda: subprocess.run(["/bin/true"])}}
for name, attempt in attempts.items():
    try:
        if attempt() == 0:
            os._exit(0)
        escaped.append(name)
    except OSError:
        pass
print(json.dumps([len(ran), escaped if held["few_system_calls"] else []]))
"""


@pytest.mark.parametrize("user", [0, 65_534])
def test_the_sandbox_lets_threads_run_and_no_process_start(user):
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-c", THREADS.format(root=root, user=user)]

    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[6, []]\n"


def test_it_yields_to_everything_else(pool):
    recognised(pool, png(page()), "scan.png")

    assert os.sched_getscheduler(pool._recognising._idle[0].pid) == os.SCHED_IDLE


def test_a_scan_becomes_a_version_with_its_places_its_confidence_and_a_note(pool):
    preparer = Preparer(pool, HashEmbedder(), load_settings({}).ingest)
    incoming = Incoming("d1", "scan.pdf", "scan.pdf", pdf(page()))

    first = preparer.prepare(incoming)
    version = preparer.recognise(incoming, lambda: None)

    assert (first.version, first.scans) == (None, 1)
    (layout,) = version.layouts
    ((_, stored),) = version.texts
    assert layout.confidence > 0.9
    assert {stored[start:end] for start, end, *_ in layout.boxes} >= {LINES[0]}
    assert "read from a picture" in version.notes[0]
    assert version.reader == preparer.reader


def test_with_recognition_off_a_scan_is_refused_and_told_why(pool):
    settings = load_settings({}).ingest.model_copy(update={"ocr": False})

    with pytest.raises(DocumentRefused, match="recognition is off"):
        Preparer(pool, HashEmbedder(), settings).prepare(Incoming("d1", "scan.png", "scan.png", png(page())))
