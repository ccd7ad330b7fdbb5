#!/usr/bin/env python3
"""Writes the corpus of good and bad files that the reader tests walk over. Deterministic; needs numpy.

    make.py            # writes into good/ and bad/ beside this script

Every file in bad/ must be refused by the reader of its extension. Values in good/ follow the formula
x[i] = i/4 - 1 in row-major order, unless said otherwise.
"""
import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
X = (np.arange(24, dtype=np.float64) / 4 - 1).reshape(2, 3, 4)


def put(kind, name, data):
    folder = os.path.join(HERE, kind)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def npy(array, version=None, fortran=False):
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asfortranarray(array) if fortran else array, version=version)
    return out.getvalue()


def header(text, data=b"", version=1, length=None):
    text = text.encode("latin1") if isinstance(text, str) else text
    size = len(text) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", size) + text + data


def dictionary(descr="'<f4'", fortran="False", shape="(2,)", more=""):
    return "{'descr': %s, 'fortran_order': %s, 'shape': %s, %s}\n" % (descr, fortran, shape, more)


def good_npy():
    for code in ["<f4", ">f4", "<f8", ">f8", "<f2", ">f2"]:
        put("good", "%s.npy" % code.replace("<", "le-").replace(">", "be-"), npy(X.astype(code)))
    put("good", "fortran.npy", npy(X.astype("<f4"), fortran=True))
    put("good", "be-fortran.npy", npy(X.astype(">f8"), fortran=True))
    put("good", "version2.npy", npy(X.astype("<f4"), version=(2, 0)))
    put("good", "version3.npy", npy(X.astype("<f4"), version=(3, 0)))
    # Integers: 0 ... 23, or -12 ... 11 where signed.
    for code in ["u1", "<u2", ">u2", "<u4", ">u4", "<u8", ">u8"]:
        put("good", "int-%s.npy" % code.replace("<", "le-").replace(">", "be-"), npy(np.arange(24).astype(code).reshape(2, 12)))
    for code in ["i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8"]:
        put("good", "sint-%s.npy" % code.replace("<", "le-").replace(">", "be-"), npy((np.arange(24) - 12).astype(code).reshape(2, 12)))
    put("good", "bool.npy", npy(np.array([True, False, True])))
    put("good", "scalar.npy", npy(np.array(2.5, dtype="<f4")))
    put("good", "empty.npy", npy(np.zeros((0, 5), dtype="<f4")))
    # Rounds differently by way of Double: 2^60 + 2^36 + 1 lies just above the middle of two Floats.
    put("good", "rounding.npy", npy(np.array([(1 << 60) + (1 << 36) + 1, -(1 << 60) - (1 << 36) - 1], dtype="<i8")))
    put("good", "rounded.npy", npy(np.array([(1 << 60) + (1 << 36) + 1, -(1 << 60) - (1 << 36) - 1], dtype="<i8").astype("<f4")))


def bad_npy():
    f4 = npy(X.astype("<f4"))
    two = struct.pack("<2f", 1, 2)
    put("bad", "empty.npy", b"")
    put("bad", "magic-only.npy", b"\x93NUMPY")
    put("bad", "jpeg.npy", b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(100))
    put("bad", "truncated.npy", f4[:-1])
    put("bad", "trailing.npy", f4 + b"\0")
    put("bad", "version9.npy", b"\x93NUMPY\x09\x00" + f4[8:])
    put("bad", "header-4gib.npy", header("{", version=2, length=0xFFFFFFFF))
    put("bad", "header-cut.npy", header("{'descr'", length=200))
    put("bad", "object.npy", npy(np.array([1, "a"], dtype=object)))
    put("bad", "object-dtype.npy", header(dictionary("'|O'", shape="(1,)"), bytes(8)))
    put("bad", "string.npy", npy(np.array(["ab", "c"])))
    put("bad", "bytes.npy", npy(np.array([b"ab", b"c"])))
    put("bad", "complex.npy", npy(np.array([1j])))
    put("bad", "time.npy", npy(np.array(["2020-01-01"], dtype="M8[D]")))
    put("bad", "record.npy", npy(np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", "<f4")])))
    put("bad", "code.npy", header("__import__('os').system('true')\n", two))
    put("bad", "code-in-shape.npy", header(dictionary(shape="(len('ab'),)"), two))
    put("bad", "parentheses.npy", header("(" * 60000 + "\n"))
    put("bad", "parentheses-1e5.npy", header("(" * 100000 + "\n", version=2))
    put("bad", "nested-shape.npy", header(dictionary(shape="((2,),)"), two))
    put("bad", "shape-65536.npy", header(dictionary(shape="(65536, 65536)").ljust(70)[:70]))
    put("bad", "shape-overflow.npy", header(dictionary(shape="(4611686018427387905, 4)"), two))
    put("bad", "shape-overflow-zero.npy", header(dictionary(shape="(4294967296, 4294967296, 0)")))
    put("bad", "shape-30-digits.npy", header(dictionary(shape="(%s,)" % ("1" * 30)), two))
    put("bad", "shape-negative.npy", header(dictionary(shape="(-2,)"), two))
    put("bad", "shape-float.npy", header(dictionary(shape="(2.0,)"), two))
    put("bad", "shape-exponent.npy", header(dictionary(shape="(2e0,)"), two))
    put("bad", "shape-string.npy", header(dictionary(shape="('2',)"), two))
    put("bad", "shape-no-tuple.npy", header(dictionary(shape="(2)"), two))
    put("bad", "shape-many.npy", header(dictionary(shape="(%s)" % ("1, " * 100)), two[:4]))
    put("bad", "key-twice.npy", header(dictionary(more="'shape': (2,), "), two))
    put("bad", "key-unknown.npy", header(dictionary(more="'x': True, "), two))
    put("bad", "key-missing.npy", header("{'descr': '<f4', 'fortran_order': False}\n", two))
    put("bad", "string-endless.npy", header("{'descr: (2,)\n", two))
    put("bad", "after-dictionary.npy", header(dictionary() + "x", two))
    put("bad", "no-byte-order.npy", header(dictionary("'f4'"), two))
    put("bad", "fortran-number.npy", header(dictionary(fortran="1"), two))
    put("bad", "double-too-large.npy", npy(np.array([1.0, 1e300])))


def npz(entries, method):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in entries:
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.compress_type = method
            with z.open(info, "w", force_zip64=True) as f:
                f.write(data)
    return out.getvalue()


def zip_entry(name, packed, size, crc, method=0, flags=0):
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, flags, method, 0, 33, crc, len(packed), size, len(name), 0)
    return local + name + packed, (name, len(packed), size, crc, method, flags)


def zip_file(parts, count=None, offsets=None):
    """An archive made by hand: parts are results of zip_entry."""
    body = b""
    directory = b""
    for index, (data, (name, packed, size, crc, method, flags)) in enumerate(parts):
        offset = len(body) if offsets is None else offsets[index]
        directory += struct.pack(
            "<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, flags, method, 0, 33, crc, packed, size, len(name), 0, 0, 0, 0, 0, offset
        ) + name
        body += data
    number = len(parts) if count is None else count
    return body + directory + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, number, number, len(directory), len(body), 0)


def stored(name, data=None):
    data = npy(X.astype("<f4")) if data is None else data
    return zip_entry(name, data, len(data), zlib.crc32(data))


def deflate(data):
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    return c.compress(data) + c.flush()


def zips():
    x = npy(X.astype("<f4"))
    y = npy(np.array([1, 0], dtype="<i8"))
    put("good", "stored.npz", npz([("x.npy", x), ("y.npy", y)], zipfile.ZIP_STORED))
    put("good", "deflated.npz", npz([("x.npy", x), ("y.npy", y)], zipfile.ZIP_DEFLATED))
    targets = np.array([0.5, -2.25], dtype="<f4")
    put("good", "regression.npz", npz([("x.npy", x), ("y.npy", npy(targets))], zipfile.ZIP_STORED))
    put("good", "by-hand.npz", zip_file([stored(b"x.npy")]))

    good = zip_file([stored(b"x.npy"), stored(b"y.npy", y)])
    put("bad", "empty.npz", b"")
    put("bad", "truncated.npz", good[:-30])
    put("bad", "front-cut.npz", good[40:])
    put("bad", "trailing.npz", good + b"\0")
    put("bad", "traversal.npz", zip_file([stored(b"../../x.npy")]))
    put("bad", "traversal-inside.npz", zip_file([stored(b"a/../../x.npy")]))
    put("bad", "absolute.npz", zip_file([stored(b"/x.npy")]))
    put("bad", "backslash.npz", zip_file([stored(b"..\\x.npy")]))
    put("bad", "drive.npz", zip_file([stored(b"c:x.npy")]))
    put("bad", "nul.npz", zip_file([stored(b"x\0.npy")]))
    put("bad", "no-name.npz", zip_file([stored(b"")]))
    put("bad", "not-utf8.npz", zip_file([stored(b"\xff\xfe.npy")]))
    put("bad", "duplicate.npz", zip_file([stored(b"x.npy"), stored(b"x.npy")]))
    put("bad", "overlap.npz", zip_file([stored(b"x.npy"), stored(b"x.npy")], offsets=[0, 0]))
    # One block of data that serves two entries, both of them sound: the second lies within the values of the first.
    inner = stored(b"b.npy")
    values = npy(np.frombuffer(inner[0], dtype="u1"))
    outer = stored(b"a.npy", values)
    put("bad", "overlap-inside.npz", zip_file([outer, (b"", inner[1])], offsets=[0, len(outer[0]) - len(inner[0])]))
    put("bad", "count.npz", zip_file([stored(b"x.npy")], count=2))
    put("bad", "count-65535.npz", zip_file([stored(b"x.npy")], count=65535))
    put("bad", "offset.npz", zip_file([stored(b"x.npy")], offsets=[0x7FFFFFFF]))
    put("bad", "encrypted.npz", zip_file([zip_entry(b"x.npy", x, len(x), zlib.crc32(x), flags=1)]))
    put("bad", "method.npz", zip_file([zip_entry(b"x.npy", x, len(x), zlib.crc32(x), method=14)]))
    put("bad", "crc.npz", zip_file([zip_entry(b"x.npy", x, len(x), 1)]))
    put("bad", "sizes.npz", zip_file([zip_entry(b"x.npy", x, len(x) - 1, zlib.crc32(x))]))
    put("bad", "not-npy.npz", zip_file([stored(b"x.txt", b"hello")]))
    # Local header and directory disagree about the name.
    put("bad", "two-names.npz", zip_file([stored(b"x.npy")]).replace(b"x.npy", b"z.npy", 1))
    # 100 MB of zeros in 100 KB, with a header that would be right.
    bomb = header(dictionary(shape="(25000000,)"), bytes(100_000_000))
    put("bad", "bomb.npz", zip_file([zip_entry(b"x.npy", deflate(bomb), len(bomb), zlib.crc32(bomb), method=8)]))
    # Claims to be small.
    liar = bytes(10_000_000)
    put("bad", "bomb-liar.npz", zip_file([zip_entry(b"x.npy", deflate(liar), 100, zlib.crc32(liar), method=8)]))
    put("bad", "deflate-cut.npz", zip_file([zip_entry(b"x.npy", deflate(x)[:-5], len(x), zlib.crc32(x), method=8)]))
    put("bad", "deflate-garbage.npz", zip_file([zip_entry(b"x.npy", b"\xff" * 50, len(x), zlib.crc32(x), method=8)]))
    put("bad", "deflate-trailing.npz", zip_file([zip_entry(b"x.npy", deflate(x) + b"abc", len(x), zlib.crc32(x), method=8)]))


def idx_file(code, array, dims=None):
    dims = array.shape if dims is None else dims
    return bytes([0, 0, code, len(dims)]) + b"".join(struct.pack(">I", d) for d in dims) + array.tobytes()


def gz(data):
    return gzip.compress(data, mtime=0)


def idx():
    u8 = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    kinds = [(8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")]
    for code, dtype in kinds:
        put("good", "kind%d.idx" % code, idx_file(code, u8.astype(dtype)))
    put("good", "kind8.idx.gz", gz(idx_file(8, u8)))
    # Values cut by the 64 KB chunks of the unpacking: the header has 12 bytes, the values 8.
    long = (np.arange(40000) - 20000).astype(">f8").reshape(200, 200)
    put("good", "long-double.idx.gz", gz(idx_file(14, long)))
    put("good", "members.idx.gz", gz(idx_file(8, u8)[:9]) + gz(idx_file(8, u8)[9:]))
    put("good", "labels.idx", idx_file(8, np.array([3, 1, 4, 1, 5], dtype=np.uint8)))

    good = idx_file(8, u8)
    put("bad", "empty.idx", b"")
    put("bad", "three-bytes.idx", good[:3])
    put("bad", "magic.idx", b"\x01" + good[1:])
    put("bad", "type.idx", good[:2] + b"\x0a" + good[3:])
    put("bad", "rank0.idx", bytes([0, 0, 8, 0]) + b"\1")
    put("bad", "rank255.idx", bytes([0, 0, 8, 255]) + bytes(8))
    put("bad", "dims-ff.idx", bytes([0, 0, 8, 3]) + b"\xff" * 12 + bytes(10))
    put("bad", "dims-ff-and-0.idx", bytes([0, 0, 8, 4]) + b"\xff" * 12 + bytes(4))
    put("bad", "dims-cut.idx", good[:10])
    put("bad", "truncated.idx", good[:-1])
    put("bad", "trailing.idx", good + b"\0")
    put("bad", "truncated.idx.gz", gz(good)[:-9])
    put("bad", "truncated-early.idx.gz", gz(good)[:12])
    put("bad", "header-only.idx.gz", gz(good)[:2])
    put("bad", "crc.idx.gz", gz(good)[:-8] + b"\0\0\0\0" + gz(good)[-4:])
    put("bad", "garbage-after.idx.gz", gz(good) + b"garbage")
    put("bad", "short-inside.idx.gz", gz(good[:-1]))
    put("bad", "bomb.idx.gz", gz(idx_file(8, np.zeros(100_000_000, dtype=np.uint8))))
    put("bad", "huge-claim.idx.gz", gz(idx_file(8, u8, dims=(60000, 28, 28))))


def csv():
    """Long enough that unpacking it takes several chunks."""
    colours = ["red", '"light, blue"', "grün"]
    lines = ["length,colour,width,kind"]
    lines += ["%r,%s,%d,%s" % (i / 8 - 300, colours[i % 3], 3 * i, "ab"[i % 2]) for i in range(3000)]
    text = "\n".join(lines).encode() + b"\n"
    put("good", "table.csv", text)
    put("good", "table.csv.gz", gz(text))
    # Two members, the first of which ends within a number.
    cut = text.index(b"-275.") + 3
    put("good", "members.csv.gz", gz(text[:cut]) + gz(text[cut:]))
    put("bad", "truncated.csv.gz", gz(text)[:-9])
    put("bad", "crc.csv.gz", gz(text)[:-8] + b"\0\0\0\0" + gz(text)[-4:])
    put("bad", "short-inside.csv.gz", gz(text[:-3] + b"\n"))


def cifar():
    # 251 does not divide a plane, so that the planes differ.
    record = bytes([3]) + bytes(i % 251 for i in range(3072))
    put("good", "two.cifar", record + bytes([9]) + bytes(3072))
    put("bad", "empty.cifar", b"")
    put("bad", "truncated.cifar", record[:-1])
    put("bad", "label.cifar", bytes([10]) + bytes(3072))


def archive():
    """The layout of the published cifar-10-binary.tar.gz, one image per file, as two kinds of tar write it."""
    for kind, form in [("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)]:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as tar:
            folder = tarfile.TarInfo("cifar-10-batches-bin")
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
            names = ["batches.meta.txt"] + ["data_batch_%d.bin" % i for i in range(1, 6)] + ["test_batch.bin"]
            for index, name in enumerate(names):
                info = tarfile.TarInfo("cifar-10-batches-bin/" + name)
                data = bytes([index]) + bytes([10 * index]) * 3072 if name.endswith("bin") else b"airplane\n"
                info.size = len(data)
                if kind == "pax":
                    info.pax_headers = {"mtime": "1.5"}
                tar.addfile(info, io.BytesIO(data))
        put("archive-" + kind, "cifar-10-binary.tar.gz", gz(out.getvalue()))


if __name__ == "__main__":
    good_npy()
    bad_npy()
    zips()
    idx()
    csv()
    cifar()
    archive()
