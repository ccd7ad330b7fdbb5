#!/usr/bin/env python3
"""Writes the built-in data sets as C arrays.

    make_builtin.py digits.csv.gz iris.csv OUT_FOLDER

digits.csv.gz: the 1,797 rows of the UCI test part, 64 values 0...16 and a label, as scikit-learn ships them.
iris.csv: Fisher's 150 flowers (scikit-learn's file: a line of counts and names, then four lengths and a label).
The pixels are stored as one deflated block (zlib format), row after row, the label last; the lengths in tenths of
a centimetre as bytes, so that both sets are exact.
"""
import gzip
import sys
import zlib


def c_array(name, data):
    lines = [",".join(str(b) for b in data[i : i + 40]) for i in range(0, len(data), 40)]
    return (
        "static const unsigned char bytes[%d] = {\n%s\n};\n\n" % (len(data), ",\n".join(lines))
        + "const unsigned char *%s(size_t *count) {\n    *count = sizeof bytes;\n    return bytes;\n}\n" % name
    )


def main(digits_path, iris_path, out):
    rows = [[int(float(v)) for v in line.split(",")] for line in gzip.open(digits_path, "rt").read().split()]
    assert len(rows) == 1797
    assert all(len(r) == 65 and 0 <= min(r) and max(r[:64]) <= 16 and r[64] <= 9 for r in rows)
    packed = zlib.compress(b"".join(bytes(r) for r in rows), 9)
    head = '// Written by Tests/FathomDataTests/Corpus/make_builtin.py; do not edit. Attribution: see NOTICE.\n#include "CFathomDatasets.h"\n\n'
    with open(out + "/digits.c", "w") as f:
        f.write(head + c_array("fathom_digits_deflated", packed))

    flowers = [line.split(",") for line in open(iris_path).read().split()[1:]]
    assert len(flowers) == 150
    lengths = bytearray()
    for row in flowers:
        for text in row[:4]:
            tenths = round(float(text) * 10)
            assert abs(tenths / 10 - float(text)) < 1e-12 and tenths < 256
            lengths.append(tenths)
        lengths.append(int(row[4]))
    with open(out + "/iris.c", "w") as f:
        f.write(head + c_array("fathom_iris_tenths", lengths))


if __name__ == "__main__":
    main(*sys.argv[1:])
