"""What the scripts share: seeded inputs, running a function in float32 and float64, and compact JSON."""
import os, warnings, zlib
# the same instruction sets everywhere, so that a rerun changes no digit
os.environ.update(ATEN_CPU_CAPABILITY="avx2", MKL_CBWR="COMPATIBLE", ONEDNN_MAX_CPU_ISA="AVX2")
import numpy as np
import torch

warnings.simplefilter("ignore")

HERE = os.path.dirname(os.path.abspath(__file__))
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

# every place where float32 arithmetic changes its behaviour: zeros, subnormals, the ends of exp, the largest number
EXTREMES = np.array([s * v for v in (0.0, 1e-45, 1e-40, 1.1754944e-38, 1e-20, 1e-4, 0.5, 1.0, 17.0, 87.3, 88.7, 88.8,
                                     103.0, 104.0, 1e10, 3.4e38, np.inf) for s in (1, -1)] + [np.nan], np.float32)
FEW_EXTREMES = np.array([s * v for v in (0.0, 1e-45, 1.0, 2.5, 3.4e38, np.inf) for s in (1, -1)] + [np.nan], np.float32)


class Random:
    """Inputs of one case, seeded by its name: adding a case changes no other."""

    def __init__(self, name):
        self.g = np.random.default_rng(zlib.crc32(name.encode()))

    def normal(self, *shape, scale=1.0):
        return (self.g.standard_normal(shape) * scale).astype(np.float32)

    def uniform(self, low, high, *shape):
        return self.g.uniform(low, high, shape).astype(np.float32)

    def away(self, *shape):
        """Of both signs, at least 0.1 from zero."""
        return (self.g.uniform(0.1, 2, shape) * self.g.choice([-1, 1], shape)).astype(np.float32)

    def integers(self, high, *shape):
        return self.g.integers(0, high, shape)

    def booleans(self, *shape):
        return self.g.random(shape) < 0.5

    def distinct(self, *shape):
        """No two equal, and no two close: for sorting and extrema."""
        n = int(np.prod(shape))
        return ((self.g.permutation(n) - n / 2 + self.g.uniform(0.1, 0.4, n)) * 0.25).reshape(shape).astype(np.float32)


def number(v, single):
    """The shortest text that gives the same bits back; "inf", "-inf" and "nan" as strings."""
    v = float(v)
    if v != v:
        return '"nan"'
    if v in (float("inf"), float("-inf")):
        return '"inf"' if v > 0 else '"-inf"'
    s = str(np.float32(v)) if single else repr(v)
    return s[:-2] if s.endswith(".0") and s != "-0.0" else s


class Raw(str):
    """Text that is already JSON."""


def values(a, single=None):
    a = np.asarray(a)
    if single is None:
        single = a.dtype == np.float32
    return Raw("[" + ",".join(number(v, single) for v in a.ravel().tolist()) + "]")


def kind(a):
    a = np.asarray(a)
    return {"f": "f32" if a.dtype == np.float32 else "f64", "i": "i32", "b": "bool"}[a.dtype.kind]


def tensor(a):
    a = np.asarray(a)
    return {"shape": list(a.shape), "dtype": kind(a), "values": values(a)}


def text(v):
    if isinstance(v, Raw):
        return str(v)
    if isinstance(v, dict):
        return "{" + ",".join(f'"{k}":{text(x)}' for k, x in v.items()) + "}"
    if isinstance(v, (list, tuple)):
        return "[" + ",".join(map(text, v)) + "]"
    if isinstance(v, str):
        return '"' + v + '"'
    return "null" if v is None else number(v, False)


def attributes(a):
    """Every attribute is a list of numbers, so that one type reads them all."""
    return {k: [float(x) for x in (v if isinstance(v, (list, tuple, np.ndarray)) else [v])] for k, v in a.items()}


def write(file, cases, key="cases", **top):
    path = os.path.join(HERE, file)
    with open(path, "w") as f:
        f.write("{" + "".join(f'"{k}":{text(v)},\n' for k, v in top.items()))
        f.write(f'"{key}":[\n' + ",\n".join(map(text, cases)) + "\n]}\n")
    print(f"{file}: {len(cases)} cases, {os.path.getsize(path) / 1e3:.0f} kB")


def arrays(ts):
    return [t.detach().numpy() for t in ts]


def run(fn, inputs, weight, dtype, grad=True, wrt=99):
    """Output, and gradients of sum(output * weight) with respect to the float ones of the first `wrt` inputs, in `dtype`."""
    ts = [torch.from_numpy(np.array(a)) for a in inputs]
    ts = [t.to(dtype) if t.is_floating_point() else t for t in ts]
    for t in ts[:wrt]:
        t.requires_grad_(grad and t.is_floating_point())
    out = fn(*ts)
    if not grad:
        return out.detach().numpy(), None
    (out * torch.from_numpy(weight).to(dtype)).sum().backward()
    none = lambda t: np.zeros(t.shape, np.float64 if dtype == torch.float64 else np.float32)
    return out.detach().numpy(), [None if not t.requires_grad else none(t) if t.grad is None else t.grad.numpy() for t in ts]


def case(op, name, make, fn, grad=True, weight=None, wrt=99, head="op", extra={}, **attrs):
    """One case: make(random) gives the inputs, fn(*tensors) the output."""
    r = Random(f"{op}/{name}")
    inputs = [np.asarray(a) for a in make(r)]
    shape = run(fn, inputs, None, torch.float32, False)[0].shape
    if weight is None:
        weight = np.asarray(r.away(*shape))
    elif np.ndim(weight) == 0:
        weight = np.full(shape, weight, np.float32)
    out, g = run(fn, inputs, weight, torch.float32, grad, wrt)
    out64, g64 = run(fn, inputs, weight, torch.float64, grad, wrt)
    c = {head: op, "name": name, **extra, "attributes": attributes(attrs), "inputs": [tensor(a) for a in inputs], "output": tensor(out)}
    if out.dtype == np.float32:
        c["output64"] = values(out64)
    if grad:
        c["weight"] = values(weight)
        c["gradients"] = [None if a is None else values(a) for a in g]
        c["gradients64"] = [None if a is None else values(a) for a in g64]
    return c
