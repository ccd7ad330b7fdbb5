"""What is measured: the nets, batches, optimizers, and their counts.  No framework is imported here.

A net is one function net(o, x), where `o` is a peer's operations (dense, bn, relu, ...), so all peers
run the same mathematics from the same numpy parameters on the same data.  `describe` walks it with
shapes only, and gives the parameters and the analytic FLOP count:

    FLOPs of a step = sum over dense and conv layers of 2*MACs * (3, or 2 for the layers fed by the data)
    (forward, weight gradient, input gradient; nothing else is counted)
"""
from dataclasses import dataclass
import math
import numpy as np

EPS, BN_MOMENTUM, MOMENTUM, BETA1, BETA2, ADAM_EPS = 1e-5, 0.1, 0.9, 0.9, 0.999, 1e-8
CLASSES = 10


def tiny(o, x):
    return o.dense(o.tanh(o.dense(x, "l0", 64, 32)), "l1", 32, 10)


def deep(o, x):
    for i in range(30):
        x = o.relu(o.bn(o.dense(x, f"l{i}", 64 if i == 0 else 128, 128), f"n{i}", 128))
    return o.dense(x, "head", 128, 10)


def wide(o, x):
    x = o.relu(o.dense(x, "l0", 784, 2048))
    x = o.relu(o.dense(x, "l1", 2048, 2048))
    return o.dense(x, "l2", 2048, 10)


def resmlp(o, x):
    x = o.dense(x, "stem", 784, 256)
    for i in range(24):
        h = o.dense(o.relu(o.bn(x, f"b{i}.n0", 256)), f"b{i}.l0", 256, 256)
        h = o.dense(o.relu(o.bn(h, f"b{i}.n1", 256)), f"b{i}.l1", 256, 256)
        x = o.add(x, h)
    return o.dense(x, "head", 256, 10)


def highway(o, x):
    x = o.dense(x, "stem", 784, 64)
    for i in range(50):
        x = o.highway(x, f"h{i}", 64)      # one 64 -> 128 product, halves H and T
    return o.dense(x, "head", 64, 10)


def lenet(o, x):
    x = o.maxpool2(o.relu(o.conv(x, "c0", 1, 32, 5, 1, bias=True)))
    x = o.maxpool2(o.relu(o.conv(x, "c1", 32, 64, 5, 1, bias=True)))
    x = o.relu(o.dense(o.flatten(x), "l0", 3136, 512, chw=(64, 7, 7)))
    return o.dense(x, "l1", 512, 10)


def resnet20(o, x):
    x = o.relu(o.bn(o.conv(x, "stem", 3, 16, 3, 1), "stem.n", 16))
    c = 16
    for s, d in enumerate((16, 32, 64)):
        for b in range(3):
            n, stride = f"s{s}b{b}", 2 if s > 0 and b == 0 else 1
            h = o.relu(o.bn(o.conv(x, n + ".c0", c, d, 3, stride), n + ".n0", d))
            h = o.bn(o.conv(h, n + ".c1", d, d, 3, 1), n + ".n1", d)
            if stride == 2:
                x = o.bn(o.conv(x, n + ".cs", c, d, 1, 2), n + ".ns", d)
            x, c = o.relu(o.add(x, h)), d
    return o.dense(o.gap(x), "head", 64, 10)


@dataclass(frozen=True)
class Workload:
    key: str
    title: str
    net: object
    shape: tuple          # one sample: (features,) or (channels, height, width)
    batch: int
    opt: str = ""         # "sgd" | "momentum" | "adam"; "" means inference
    lr: float = 0.0
    wd: float = 0.0

    @property
    def train(self):
        return self.opt != ""


ALL = {w.key: w for w in [
    Workload("T1", "tiny MLP 64-32-10", tiny, (64,), 32, "sgd", 1e-2),
    Workload("T2", "deep 30x(dense128-BN-ReLU)", deep, (64,), 64, "momentum", 1e-6),
    Workload("T3", "wide 784-2048-2048-10", wide, (784,), 256, "adam", 1e-5),
    Workload("T4", "resmlp 24 blocks of 256", resmlp, (784,), 128, "adam", 1e-5),
    Workload("T5", "highway 50x64", highway, (784,), 64, "momentum", 1e-2),
    Workload("T6", "lenet 28x28", lenet, (1, 28, 28), 64, "adam", 1e-5),
    Workload("T7", "resnet20 32x32", resnet20, (3, 32, 32), 128, "momentum", 1e-3, 1e-4),
    Workload("I1", "inference, T1 net", tiny, (64,), 1),
    Workload("I2", "inference, T3 net", wide, (784,), 1),
    Workload("I3", "inference, T7 net", resnet20, (3, 32, 32), 1),
]}


class Describe:
    """The operations on shapes (without the batch): collects parameters, counts and matrix products."""

    def __init__(self, w):
        self.rng, self.w = np.random.default_rng(7), w
        self.params, self.stats, self.chw = {}, {}, {}
        self.gemms, self.convs, self.acts = [], [], 0      # gemms: (M, N, K, has input gradient)
        self.net_input = w.shape

    def _w(self, name, shape, fan, gain=2.0):
        self.params[name] = (self.rng.standard_normal(shape) * math.sqrt(gain / fan)).astype(np.float32)

    def _out(self, shape):
        self.acts += math.prod(shape)
        return tuple([*shape])          # a new object, so that `is not net_input` holds

    def dense(self, x, n, i, o, chw=None):
        assert math.prod(x) == i, (n, x, i)
        last = o == CLASSES
        self._w(n + ".w", (i, o), i, 1.0 if last or self.w.net in (tiny, resmlp, highway) else 2.0)
        self.params[n + ".b"] = np.zeros(o, np.float32)
        if chw:
            self.chw[n + ".w"] = chw
        self.gemms.append((self.w.batch, o, i, x is not self.net_input))
        return self._out((o,))

    def highway(self, x, n, d):
        self._w(n + ".w", (d, 2 * d), d, 1.0)
        self.params[n + ".b"] = np.concatenate([np.zeros(d), np.full(d, -2.0)]).astype(np.float32)
        self.gemms.append((self.w.batch, 2 * d, d, True))
        self._out((2 * d,))
        return self._out((d,))

    def conv(self, x, n, i, o, k, stride, bias=False):
        assert x[0] == i
        self._w(n + ".w", (o, i, k, k), i * k * k)
        if bias:
            self.params[n + ".b"] = np.zeros(o, np.float32)
        out = (o, x[1] // stride, x[2] // stride)
        self.convs.append((self.w.batch, i, x[1], o, k, stride, x is not self.net_input))
        return self._out(out)

    def bn(self, x, n, c):
        self.params[n + ".g"], self.params[n + ".b"] = np.ones(c, np.float32), np.zeros(c, np.float32)
        self.stats[n + ".m"], self.stats[n + ".v"] = np.zeros(c, np.float32), np.ones(c, np.float32)
        return self._out(x)

    def relu(self, x): return self._out(x)
    def tanh(self, x): return self._out(x)
    def add(self, x, y): return self._out(x)
    def maxpool2(self, x): return self._out((x[0], x[1] // 2, x[2] // 2))
    def gap(self, x): return (x[0],)
    def flatten(self, x): return (math.prod(x),)


@dataclass
class Facts:
    params: dict           # name -> float32 array; dense [in, out], conv OIHW; highway [in, H|T]
    stats: dict            # name -> running mean (.m) and variance (.v)
    x: np.ndarray          # [batch, features] or NCHW
    y: np.ndarray          # int64 labels
    n_params: int
    gflop: float           # of one step (or one forward pass)
    acts: int              # activation elements written by one forward pass of the batch
    gemms: list
    convs: list


def facts(key, nhwc=False):
    """Parameters, data and counts of workload `key`.  nhwc: images NHWC, conv HWIO, flatten rows permuted."""
    w = ALL[key]
    d = Describe(w)
    w.net(d, d.net_input)
    flop = sum(2.0 * m * n * k * (1 if not w.train else 3 if g else 2) for m, n, k, g in d.gemms)
    flop += sum(2.0 * b * (h // s) ** 2 * o * i * k * k * (1 if not w.train else 3 if g else 2)
                for b, i, h, o, k, s, g in d.convs)
    rng = np.random.default_rng(11)
    x = rng.standard_normal((w.batch,) + w.shape).astype(np.float32)
    y = rng.integers(0, CLASSES, w.batch).astype(np.int64)
    params = d.params
    if nhwc and len(w.shape) == 3:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        for n, a in params.items():
            if a.ndim == 4:
                params[n] = np.ascontiguousarray(a.transpose(2, 3, 1, 0))
            elif n in d.chw:
                c, h, v = d.chw[n]
                params[n] = np.ascontiguousarray(a.reshape(c, h, v, -1).transpose(1, 2, 0, 3).reshape(c * h * v, -1))
    return Facts(params, d.stats, x, y, sum(p.size for p in params.values()), flop / 1e9,
                 d.acts * w.batch, d.gemms, d.convs)


def dump(folder):
    """Parameters, statistics, data and labels of every workload as raw little-endian files, with an index; and the
    digits of the cold start (scikit-learn's 1,797 images of 8 x 8, scaled to 0 ... 1)."""
    import json, os
    from sklearn.datasets import load_digits
    digits = load_digits()
    for k in ALL:
        f = facts(k)
        os.makedirs(os.path.join(folder, k), exist_ok=True)
        index = []
        for name, a in {**f.params, **f.stats, "x": f.x, "y": f.y.astype(np.int32)}.items():
            a.tofile(os.path.join(folder, k, name))
            index.append({"name": name, "shape": a.shape, "type": str(a.dtype)})
        with open(os.path.join(folder, k, "index.json"), "w") as out:
            json.dump(index, out, indent=1)
    os.makedirs(os.path.join(folder, "digits"), exist_ok=True)
    (digits.data / 16).astype("<f4").tofile(os.path.join(folder, "digits", "x.f32"))
    digits.target.astype("<i4").tofile(os.path.join(folder, "digits", "y.i32"))      # the last file: run.py looks for it


if __name__ == "__main__":
    import sys
    if sys.argv[1:2] == ["--dump"]:
        dump(sys.argv[2])
    for k, w in ALL.items():
        f = facts(k)
        print(f"{k} {w.title:28s} batch {w.batch:4d} {w.opt or 'forward':9s} params {f.n_params:9,d} "
              f"GFLOP {f.gflop:9.5f} activations {f.acts * 4 / 1e6:8.2f} MB  layers {len(f.gemms) + len(f.convs)}")
