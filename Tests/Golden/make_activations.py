"""activations.json: activations and their derivatives on a grid."""
from golden import case, tensor, values, attributes, Random, write
import numpy as np
import torch
import torch.nn.functional as F

GRID = np.concatenate([np.arange(-24, 25) / 4, [-20, 20, -88.8, 88.8, -1e4, 1e4]]).astype(np.float32)
# name: function, parameters, points where the derivative is a convention
ELEMENTWISE = [
    ("identity", lambda x: x * 1, {}, []),
    ("sigmoid", torch.sigmoid, {}, []),
    *[("sigmoid", lambda x, a=a: torch.sigmoid(a * x), {"slope": a}, []) for a in (0.5, 2.0, 3.0)],
    ("tanh", torch.tanh, {}, []),
    ("scaledTanh", lambda x: 1.7159 * torch.tanh(2 / 3 * x), {"amplitude": 1.7159, "slope": 2 / 3}, []),
    ("relu", F.relu, {}, [0]),
    ("leakyReLU", lambda x: F.leaky_relu(x, 0.01), {"slope": 0.01}, [0]),
    ("prelu", lambda x: F.prelu(x, torch.tensor([0.25], dtype=x.dtype)), {"slope": 0.25}, [0]),
    ("rrelu", lambda x: F.rrelu(x, 1 / 8, 1 / 3, training=False), {"lower": 1 / 8, "upper": 1 / 3}, [0]),
    ("relu6", F.relu6, {}, [0, 6]),
    ("elu", lambda x: F.elu(x, 1.0), {"alpha": 1.0}, []),
    ("elu", lambda x: F.elu(x, 0.5), {"alpha": 0.5}, [0]),
    ("selu", F.selu, {}, [0]),
    ("celu", lambda x: F.celu(x, 1.0), {"alpha": 1.0}, []),
    ("celu", lambda x: F.celu(x, 2.0), {"alpha": 2.0}, []),
    ("gelu", F.gelu, {}, []),
    ("geluTanh", lambda x: F.gelu(x, approximate="tanh"), {}, []),
    ("silu", F.silu, {}, []),
    ("swish", lambda x: x * torch.sigmoid(1.5 * x), {"beta": 1.5}, []),
    ("mish", F.mish, {}, []),
    ("softplus", F.softplus, {"beta": 1.0, "threshold": 20.0}, []),
    ("softplus", lambda x: F.softplus(x, 2.0), {"beta": 2.0, "threshold": 20.0}, []),
    ("softsign", F.softsign, {}, []),
    ("hardSigmoid", F.hardsigmoid, {}, [-3, 3]),
    ("hardTanh", F.hardtanh, {"low": -1.0, "high": 1.0}, [-1, 1]),
    ("hardSwish", F.hardswish, {}, [-3, 3]),
    ("logSigmoid", F.logsigmoid, {}, []),
    ("threshold", lambda x: F.threshold(x, 0.5, -2.0), {"threshold": 0.5, "value": -2.0}, [0.5]),
    ("softShrink", lambda x: F.softshrink(x, 0.5), {"lambda": 0.5}, [-0.5, 0.5]),
    ("hardShrink", lambda x: F.hardshrink(x, 0.5), {"lambda": 0.5}, [-0.5, 0.5]),
    ("tanhShrink", F.tanhshrink, {}, []),
    ("exponential", torch.exp, {}, []),
    ("sine", torch.sin, {}, []),
    ("gaussian", lambda x: torch.exp(-x * x), {}, []),
]
# functions of the two halves (a, b) of the last axis
GATED = {"glu": lambda a, b: a * torch.sigmoid(b), "geglu": lambda a, b: a * F.gelu(b), "swiglu": lambda a, b: a * F.silu(b),
         "maxoutOf2": torch.maximum}
ROWS = np.array([[100, 100, 100, 100, 100], [-100, 100, 0, 1, 2], [1e4, -1e4, 0, 9999.5, 1], [0, 0, 0, 0, 0], [88.8, -88.8, 88, 87, -104]], np.float32)

cases = []
for name, fn, parameters, kinks in ELEMENTWISE:
    title = ", ".join(f"{k} {v:.4g}" for k, v in parameters.items())
    cases.append(case(name, title, lambda r: [GRID], fn, weight=1, head="activation", extra={"kinks": [float(k) for k in kinks]}, **parameters))
for name, fn in GATED.items():
    both = lambda x: fn(*x.chunk(2, -1))
    if name == "glu":
        both = lambda x: F.glu(x, -1)
    cases.append(case(name, "grid", lambda r: [np.stack([GRID[:49], r.g.permutation(GRID[:49]) + np.float32(0.1)], 1)], both,
                      head="activation", extra={"kinks": []}))
    cases.append(case(name, "rows", lambda r: [r.normal(3, 6)], both, head="activation", extra={"kinks": []}))
cases.append(case("crelu", "rows", lambda r: [r.away(3, 4)], lambda x: torch.cat([F.relu(x), F.relu(-x)], -1), head="activation", extra={"kinks": [0]}))
for name, fn in (("softmax", F.softmax), ("logSoftmax", F.log_softmax)):
    cases.append(case(name, "rows", lambda r: [r.normal(4, 5, scale=2)], lambda x: fn(x, dim=-1), head="activation", extra={"kinks": []}))
    cases.append(case(name, "large", lambda r: [ROWS], lambda x: fn(x, dim=-1), head="activation", extra={"kinks": []}))


def sparsemax(z):
    """Martins and Astudillo 2016, algorithm 1: the projection of z onto the simplex."""
    s = np.sort(z)[::-1]
    k = np.arange(1, len(z) + 1)
    support = k[1 + k * s > np.cumsum(s)][-1]
    tau = (np.cumsum(s)[support - 1] - 1) / support
    return np.maximum(z - tau, 0)


def sparsemax_gradient(p, w):
    """Its transposed Jacobian, diag(s) - s sᵀ / |s| with s the indicator of the support, times w."""
    s = (p > 0).astype(np.float64)
    return s * (w - (s @ w) / s.sum())


for name, make in (("rows", lambda r: r.normal(6, 5)), ("small", lambda r: r.normal(4, 3, scale=0.2)), ("large", lambda r: ROWS)):
    r = Random(f"sparsemax/{name}")
    x = make(r)
    w = r.away(*x.shape)
    p = np.stack([sparsemax(row.astype(np.float64)) for row in x])
    g = np.stack([sparsemax_gradient(a, b.astype(np.float64)) for a, b in zip(p, w)])
    cases.append({"activation": "sparsemax", "name": name, "kinks": [], "attributes": attributes({}), "inputs": [tensor(x)],
                  "output": tensor(p.astype(np.float32)), "output64": values(p), "weight": values(w),
                  "gradients": [values(g.astype(np.float32))], "gradients64": [values(g)]})
write("activations.json", cases, torch=torch.__version__)
