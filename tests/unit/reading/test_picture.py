"""Picture files: counted, bounded, and decoded as a viewer shows them."""

import io
import zlib

import pytest
from PIL import Image

from app.errors import DocumentRefused
from app.reading import picture
from app.reading.contract import Reading


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read(content, max_pages=10):
    reading = Reading(max_pages=max_pages)
    assert list(picture.read(content, reading)) == []
    return reading


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF"])
def test_each_kind_is_one_page_that_waits_for_recognition(kind):
    reading = read(saved(Image.new("RGB", (40, 30), "white"), kind))

    assert (reading.pages, list(reading.scanned)) == (1, [1])


def test_each_frame_of_a_tiff_is_a_page_and_only_the_first_of_a_gif():
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]

    assert read(saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])).pages == 3
    assert read(saved(frames[0], "GIF", save_all=True, append_images=frames[1:])).pages == 1


def test_a_frame_is_given_by_its_page():
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    content = saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])

    assert picture.frame_of(content, 2, 10**6).getpixel((5, 5)) == (0, 0, 255)
    with pytest.raises(DocumentRefused):
        picture.frame_of(content, 3, 10**6)


def test_more_pages_than_allowed_are_refused():
    frames = [Image.new("L", (4, 3)) for _ in range(12)]

    with pytest.raises(DocumentRefused, match="more than 10 pages"):
        read(saved(frames[0], "TIFF", save_all=True, append_images=frames[1:]))


def test_a_picture_of_absurd_size_is_refused_by_its_head():
    content = bytearray(saved(Image.new("1", (8, 8)), "PNG"))
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")

    with pytest.raises(DocumentRefused, match="too large"):
        read(bytes(content))


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + bytes(50), b"II*\x00\xff\xff\xff\xff", b"GIF89a"])
def test_a_damaged_picture_is_refused(content):
    with pytest.raises(DocumentRefused, match="damaged"):
        read(content)


def test_a_picture_is_upright_on_white_and_small_enough():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    turned = picture.frame_of(saved(Image.new("RGB", (40, 20), "red"), "JPEG", exif=exif), 1, 10**6)
    clear = picture.frame_of(saved(Image.new("RGBA", (40, 20), (0, 0, 0, 0)), "PNG"), 1, 10**6)
    small = picture.frame_of(saved(Image.new("RGB", (400, 200)), "PNG"), 1, 800)

    assert turned.size == (20, 40)
    assert clear.getpixel((1, 1)) == (255, 255, 255)
    assert small.size == (40, 20)


def test_shades_of_more_than_eight_bits_keep_their_range():
    deep = Image.new("I;16", (40, 20), 1_000)
    deep.paste(4_000, (0, 0, 20, 20))
    seen = picture.frame_of(saved(deep, "TIFF"), 1, 10**6)

    assert (seen.getpixel((5, 5)), seen.getpixel((35, 5))) == ((255, 255, 255), (0, 0, 0))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_kind_is_turned_as_its_file_says_also_where_it_is_made_smaller(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (400, 200), "white")
    image.paste((0, 0, 0), (0, 0, 200, 200))  # the left half, which comes to lie above
    seen = picture.frame_of(saved(image, kind, exif=exif), 1, 20_000)

    assert seen.size == (100, 200)
    assert (seen.getpixel((50, 20))[0] < 20, seen.getpixel((50, 180))[0] > 230) == (True, True)


def test_a_frame_that_is_too_large_is_noted_and_the_others_are_read():
    frames = [Image.new("1", (8, 8)), Image.new("1", (4_000, 8))]
    reading = read(saved(frames[0], "TIFF", save_all=True, append_images=frames[1:]))

    assert (reading.pages, list(reading.scanned), "too large" in reading.page_notes[2]) == (2, [1], True)


def test_a_tiff_whose_frames_go_in_a_circle_ends():
    content = bytearray(saved(Image.new("1", (8, 8)), "TIFF"))
    first = int.from_bytes(content[4:8], "little")
    entries = int.from_bytes(content[first : first + 2], "little")
    follows = first + 2 + 12 * entries
    content[follows : follows + 4] = first.to_bytes(4, "little")

    assert read(bytes(content)).pages == 1
