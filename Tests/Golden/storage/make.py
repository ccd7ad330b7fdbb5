"""Writes the safetensors files that the storage tests read and must write: pip install numpy safetensors==0.8.0"""

import pathlib

import numpy as np
from safetensors import TensorSpec, serialize
from safetensors.numpy import save_file

here = pathlib.Path(__file__).parent

# What Fathom also writes: its own output must be the same bytes.
save_file(
    {
        "blocks.0.dense.weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 4,
        "blocks.0.dense.bias": np.array([-1.5, np.inf, np.nan], np.float32),
        "step": np.array(1234567890123, np.int64),
        "doubles": np.array([1 / 3, -0.0]),
        "index": np.array([[-1], [7]], np.int32),
        "bytes": np.array([0, 255, 3], np.uint8),
        "empty": np.zeros((0, 3), np.float32),
        "caf\u00e9 \"\\\n\x01\x7f/": np.ones(1, np.float32),
        "cafe\u0301 \"\\\n\x01\x7f/": np.full(1, 2, np.float32),
    },
    here / "written.safetensors",
    metadata={"note": "tab\t, \u00fc, \U0001f9e0"},
)

# Types that Fathom only reads. A bfloat16 is the upper half of a float.
floats = np.array([1.0, -2.5, 3.140625, np.inf, 2.0**-130], np.float32)
bfloat = (floats.view(np.uint32) >> 16).astype(np.uint16)
half = np.array([1.0, -2.5, 65504.0, 2.0**-24, -np.inf], np.float16)
flags = np.array([True, False, True])


def spec(dtype, array):
    return TensorSpec(dtype=dtype, shape=array.shape, data_ptr=array.ctypes.data, data_len=array.nbytes)


parts = {"bf16": spec("bfloat16", bfloat), "f16": spec("float16", half), "flags": spec("bool", flags)}
(here / "read.safetensors").write_bytes(serialize(parts, None))
