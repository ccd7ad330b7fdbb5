#!/usr/bin/env python3
"""Writes the corpus of good and bad pictures that the reader tests walk over. Deterministic; needs numpy and Pillow.

    make_pictures.py   # writes into pictures/ beside this script

pictures/good/NAME.png or .jpg must be read as pictures/expected/NAME.npy (bytes [height, width, channels]): the values of
Pillow where Pillow can read them, else those that were written. Every file in pictures/bad/ must be refused.
pictures/resize/ holds a picture and what Pillow's bilinear resize makes of it in floats, one channel at a time.
"""
import io
import os
import struct
import zlib

import numpy as np
from PIL import Image, PngImagePlugin

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pictures")
H, W = 11, 13


def put(kind, name, data):
    folder = os.path.join(HERE, kind)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def npy(array):
    out = io.BytesIO()
    np.lib.format.write_array(out, np.ascontiguousarray(array))
    return out.getvalue()


def expected(name, array):
    put("expected", name.rsplit(".", 1)[0] + ".npy", npy(array))


def good(name, data, values=None):
    put("good", name, data)
    if values is None:
        image = Image.open(io.BytesIO(data))
        # Grey stays grey; everything else is colour.
        image = image.convert("L" if image.mode in ("L", "LA", "1") else "RGB")
        values = np.asarray(image)
        if values.ndim == 2:
            values = values[:, :, None]
    expected(name, values)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# A PNG writer for what Pillow does not write: 16 bits, interlacing, and everything that is wrong.

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc & 0xFFFFFFFF)


def ihdr(width, height, depth=8, colour=2, interlace=0, compression=0, filtering=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, compression, filtering, interlace))


def packed_lines(array, depth):
    """Lines of samples [h, w, c] with a filter byte of 0 before each."""
    out = b""
    for line in array:
        flat = line.reshape(-1)
        if depth == 16:
            raw = flat.astype(">u2").tobytes()
        elif depth == 8:
            raw = flat.astype(np.uint8).tobytes()
        else:
            bits = "".join(format(int(v), "0%db" % depth) for v in flat)
            bits += "0" * (-len(bits) % 8)
            raw = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        out += b"\0" + raw
    return out


ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def png(array, depth, colour, interlaced=False, before=b"", idat=None, after=b""):
    height, width = array.shape[:2]
    if interlaced:
        raw = b""
        for y, x, dy, dx in ADAM7:
            part = array[y::dy, x::dx]
            if part.size:
                raw += packed_lines(part, depth)
    else:
        raw = packed_lines(array, depth)
    data = zlib.compress(raw) if idat is None else idat
    return (
        SIGNATURE + ihdr(width, height, depth, colour, 1 if interlaced else 0) + before + chunk(b"IDAT", data) + after
        + chunk(b"IEND", b"")
    )


rng = np.random.default_rng(7)
RGB = rng.integers(0, 256, (H, W, 3), dtype=np.uint8)
GREY = RGB[:, :, 0].copy()
# Smooth, so that a JPEG is about what went in.
y, x = np.mgrid[0:H, 0:W]
SMOOTH = np.stack([x * 19 % 256, y * 23 % 256, (x + y) * 10], axis=2).astype(np.uint8)


def good_png():
    rgb, grey = Image.fromarray(RGB), Image.fromarray(GREY)
    alpha = Image.fromarray(rng.integers(0, 256, (H, W), dtype=np.uint8))
    good("rgb8.png", saved(rgb, "PNG"))
    good("grey8.png", saved(grey, "PNG"))
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    good("rgba8.png", saved(rgba, "PNG"), RGB)
    good("grey-alpha8.png", saved(Image.merge("LA", (grey, alpha)), "PNG"), GREY[:, :, None])
    for depth in [1, 2, 4]:
        samples = GREY[:, :, None] >> (8 - depth)
        values = (samples.astype(int) * 255 // (2**depth - 1)).astype(np.uint8)
        good("grey%d.png" % depth, png(samples, depth, 0), values)
        palette = rng.integers(0, 256, (2**depth, 3), dtype=np.uint8)
        good("palette%d.png" % depth, png(samples, depth, 3, before=chunk(b"PLTE", palette.tobytes())), palette[samples[:, :, 0]])
    palette = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    plte = chunk(b"PLTE", palette.tobytes())
    good("palette8.png", png(GREY[:, :, None], 8, 3, before=plte), palette[GREY])
    good("palette-transparent.png", png(GREY[:, :, None], 8, 3, before=plte + chunk(b"tRNS", bytes(range(256)))), palette[GREY])
    good("palette-interlaced.png", png(GREY[:, :, None], 8, 3, True, before=plte), palette[GREY])
    wide = rng.integers(0, 65536, (H, W, 3), dtype=np.uint16)
    good("rgb16.png", png(wide, 16, 2), np.rint(wide / 257.0).astype(np.uint8))
    good("rgb16-interlaced.png", png(wide, 16, 2, True), np.rint(wide / 257.0).astype(np.uint8))
    good("grey16.png", png(wide[:, :, :1], 16, 0), np.rint(wide[:, :, :1] / 257.0).astype(np.uint8))
    good("rgb-interlaced.png", png(RGB, 8, 2, True))
    good("grey1-interlaced.png", png(GREY[:, :, None] >> 7, 1, 0, True), (GREY[:, :, None] >> 7) * 255)
    good("grey-transparent.png", png(GREY[:, :, None], 8, 0, before=chunk(b"tRNS", struct.pack(">H", 5))), GREY[:, :, None])
    good("gamma.png", png(RGB, 8, 2, before=chunk(b"gAMA", struct.pack(">I", 22727))), RGB)
    good("one.png", png(RGB[:1, :1], 8, 2))
    good("line.png", png(RGB[:1], 8, 2))
    good("column.png", png(RGB[:, :1], 8, 2))
    # Texts and profiles that unpack to 50 MB each are passed over, not unpacked.
    bomb = zlib.compress(bytes(50_000_000), 9)
    good("text-bomb.png", png(RGB, 8, 2, before=chunk(b"zTXt", b"k\0\0" + bomb) + chunk(b"iCCP", b"k\0\0" + bomb)), RGB)
    # Damage outside the pixels does not matter.
    good("text-crc.png", png(RGB, 8, 2, before=chunk(b"tEXt", b"k\0v", crc=1)), RGB)
    good("trailing.png", png(RGB, 8, 2) + b"more", RGB)
    good("named.jpg", png(RGB, 8, 2), RGB)


def good_jpeg():
    smooth, grey = Image.fromarray(SMOOTH), Image.fromarray(SMOOTH[:, :, 0].copy())
    good("rgb420.jpg", saved(smooth, "JPEG", quality=90))
    good("rgb444.jpg", saved(smooth, "JPEG", quality=95, subsampling=0))
    good("grey.jpg", saved(grey, "JPEG", quality=90))
    good("progressive.jpg", saved(smooth, "JPEG", quality=90, progressive=True))
    good("restart.jpg", saved(smooth, "JPEG", quality=90, restart_marker_blocks=1))
    good("cmyk.jpg", saved(smooth.convert("CMYK"), "JPEG", quality=95))
    exif = Image.Exif()
    exif[0x0112] = 6
    # A turn that is noted is not made, as Pillow does not make it.
    good("turned.jpg", saved(smooth, "JPEG", quality=90, exif=exif))
    good("text.jpeg", saved(smooth, "JPEG", quality=90, comment=b"x" * 60000))
    big = Image.fromarray(np.kron(SMOOTH, np.ones((9, 7, 1), np.uint8)))
    good("larger.jpg", saved(big, "JPEG", quality=75))


def bad_png():
    whole = png(RGB, 8, 2)
    put("bad", "empty.png", b"")
    put("bad", "signature.png", SIGNATURE)
    put("bad", "magic.png", b"\x88" + whole[1:])
    put("bad", "no-chunks.png", SIGNATURE + chunk(b"IEND", b""))
    for share in [0.1, 0.5, 0.9]:
        put("bad", "cut-%d.png" % (share * 100), whole[: int(len(whole) * share)])
    put("bad", "no-end.png", whole[:-12])
    put("bad", "cut-end.png", whole[:-1])
    raw = zlib.compress(packed_lines(RGB, 8))

    def made(header, idat=raw, before=b""):
        return SIGNATURE + header + before + chunk(b"IDAT", idat) + chunk(b"IEND", b"")

    put("bad", "zero-width.png", made(ihdr(0, H)))
    put("bad", "zero-height.png", made(ihdr(W, 0)))
    put("bad", "negative.png", made(ihdr(0xFFFFFFFF, 0xFFFFFFFF)))
    put("bad", "largest.png", made(ihdr(0x7FFFFFFF, 0x7FFFFFFF)))
    put("bad", "million.png", made(ihdr(1_000_000, 1_000_000)))
    put("bad", "huge.png", made(ihdr(30_000, 30_000)))
    put("bad", "depth3.png", made(ihdr(W, H, depth=3)))
    put("bad", "depth16-palette.png", made(ihdr(W, H, depth=16, colour=3)))
    put("bad", "colour5.png", made(ihdr(W, H, colour=5)))
    put("bad", "interlace2.png", made(ihdr(W, H, interlace=2)))
    put("bad", "compression1.png", made(ihdr(W, H, compression=1)))
    put("bad", "no-palette.png", made(ihdr(W, H, colour=3)))
    put("bad", "no-data.png", SIGNATURE + ihdr(W, H) + chunk(b"IEND", b""))
    put("bad", "short-data.png", made(ihdr(W, H), zlib.compress(packed_lines(RGB, 8)[:-40])))
    put("bad", "bad-deflate.png", made(ihdr(W, H), raw[:40] + bytes(20) + raw[60:]))
    put("bad", "not-deflate.png", made(ihdr(W, H), b"no compressed data at all"))
    put("bad", "filter9.png", made(ihdr(W, H), zlib.compress(b"\x09" + packed_lines(RGB, 8)[1:])))
    put("bad", "crc-header.png", SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 0), crc=1) + whole[33:])
    put("bad", "crc-data.png", SIGNATURE + ihdr(W, H) + chunk(b"IDAT", raw, crc=1) + chunk(b"IEND", b""))
    put("bad", "length.png", SIGNATURE + struct.pack(">I", 0xFFFFFFFF) + whole[12:])
    put("bad", "two-headers.png", SIGNATURE + ihdr(W, H) + whole[8:])
    put("bad", "critical.png", SIGNATURE + ihdr(W, H) + chunk(b"ABCD", b"") + whole[33:])
    # 5,000 × 4,800 pixels of one colour in 70 kB, and 20,000 × 20,000 in 50 kB.
    put("bad", "bomb.png", made(ihdr(5000, 4800), zlib.compress(bytes(4800 * 15001), 9)))
    put("bad", "bomb1.png", made(ihdr(20000, 20000, depth=1, colour=0), zlib.compress(bytes(20000 * 2501), 9)))


def bad_jpeg():
    image = Image.fromarray(np.kron(SMOOTH, np.ones((9, 7, 1), np.uint8)))
    whole = saved(image, "JPEG", quality=90)
    progressive = saved(image, "JPEG", quality=90, progressive=True)
    put("bad", "empty.jpg", b"")
    put("bad", "magic.jpg", b"\xff\xd7" + whole[2:])
    put("bad", "start.jpg", whole[:3])
    put("bad", "two-bytes.jpg", whole[:2])
    for share in [0.1, 0.3, 0.6, 0.95]:
        put("bad", "cut-%d.jpg" % (share * 100), whole[: int(len(whole) * share)])
    put("bad", "cut-progressive.jpg", progressive[: len(progressive) * 2 // 3])
    frame = whole.index(b"\xff\xc0")

    def patched(offset, data, base=whole):
        return base[:offset] + data + base[offset + len(data) :]

    put("bad", "zero-height.jpg", patched(frame + 5, b"\0\0"))
    put("bad", "zero-width.jpg", patched(frame + 7, b"\0\0"))
    put("bad", "huge.jpg", patched(frame + 5, b"\xff\xdc\xff\xdc"))
    # Within the most pixels, but far more than the file can hold.
    put("bad", "claims.jpg", patched(frame + 5, struct.pack(">HH", 6000, 6000)))
    put("bad", "taller.jpg", patched(frame + 5, struct.pack(">H", 200)))
    put("bad", "precision12.jpg", patched(frame + 4, b"\x0c"))
    put("bad", "components5.jpg", patched(frame + 9, b"\x05"))
    put("bad", "components0.jpg", patched(frame + 9, b"\0"))
    put("bad", "sampling.jpg", patched(frame + 11, b"\xff"))
    put("bad", "lossless.jpg", patched(frame, b"\xff\xc3"))
    tables = whole.index(b"\xff\xc4")
    # The usual tables stand in for those that are missing.
    good("no-huffman.jpg", patched(tables, b"\xff\xfe"))
    put("bad", "huffman-count.jpg", patched(tables + 5, b"\xff" * 16))
    scan = whole.index(b"\xff\xda")
    put("bad", "scan-zeros.jpg", patched(scan + 100, bytes(600)))
    put("bad", "scan-missing.jpg", whole[:scan] + b"\xff\xd9")
    frame2 = progressive.index(b"\xff\xc2")
    put("bad", "huge-progressive.jpg", patched(frame2 + 5, struct.pack(">HH", 6000, 6000), progressive))
    first = progressive.index(b"\xff\xda")
    second = progressive.index(b"\xff\xc4", first)
    put("bad", "many-scans.jpg", progressive[:second] + progressive[first:second] * 300 + progressive[second:])
    quantisation = whole.index(b"\xff\xdb")
    put("bad", "no-quantisation.jpg", patched(quantisation, b"\xff\xfe", patched(whole.index(b"\xff\xdb", quantisation + 2), b"\xff\xfe")))


def other():
    image = Image.fromarray(RGB)
    put("bad", "gif.png", saved(image, "GIF"))
    put("bad", "bmp.png", saved(image, "BMP"))
    put("bad", "tiff.jpg", saved(image, "TIFF"))
    put("bad", "webp.jpg", saved(image, "WEBP"))
    put("bad", "text.png", b"This is no picture.\n")
    put("bad", "script.jpg", b"<script>alert(1)</script>")


def resize():
    height, width = 37, 53
    source = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    put("resize", "source.png", saved(Image.fromarray(source), "PNG"))
    for to_height, to_width in [(8, 8), (32, 32), (5, 100), (100, 5), (74, 106), (37, 20), (1, 1), (38, 54)]:
        planes = [
            np.asarray(Image.fromarray(source[:, :, c].astype(np.float32)).resize((to_width, to_height), Image.BILINEAR))
            for c in range(3)
        ]
        put("resize", "%dx%d.npy" % (to_height, to_width), npy(np.stack(planes, axis=2).astype("<f4")))
    grey = np.asarray(Image.fromarray(source).convert("L"))
    put("resize", "grey.npy", npy(grey))


good_png()
good_jpeg()
bad_png()
bad_jpeg()
other()
resize()
