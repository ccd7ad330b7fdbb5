#!/bin/sh
# Writes every file of golden values again.  PYTHON: an interpreter with the packages of Benchmarks/requirements/py.txt.
set -e
cd "$(dirname "$0")"
for script in make_*.py; do
    "${PYTHON:-python3}" "$script"
done
