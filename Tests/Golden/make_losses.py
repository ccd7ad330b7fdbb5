"""losses.json: losses and their gradients with respect to the first input."""
from golden import Random, case, write
import numpy as np
import torch
import torch.nn.functional as F

cases = []
REDUCE = {"mean": torch.mean, "sum": torch.sum, "none": lambda v: v}


def add(loss, name, make, fn, reductions=("mean", "sum", "none"), **attrs):
    """fn(reduction, *inputs).  The inputs of a case do not depend on the reduction."""
    for how in reductions:
        inputs = make(Random(f"{loss}/{name}"))
        cases.append(case(loss, f"{name}, {how}", lambda r: inputs, lambda *t: fn(how, *t), wrt=1, head="loss", extra={"reduction": how}, **attrs))


f = lambda *rows: np.array(rows, np.float32)
SPREAD = f([0, 0.3, -0.9, 1, -1, 2, -5, 100, -100, 1e4, -1e4, 1e-6, -1e-6])
for shape in ((4, 3), (7,), (1, 1)):
    pair = lambda r: [r.normal(*shape, scale=1.5), r.normal(*shape)]
    name = str(list(shape)).replace(" ", "")
    add("mse", name, pair, lambda how, x, y: F.mse_loss(x, y, reduction=how))
    add("l1", name, pair, lambda how, x, y: F.l1_loss(x, y, reduction=how))
    for d in (1.0, 0.5):
        add("huber", f"{name} delta {d}", pair, lambda how, x, y: F.huber_loss(x, y, reduction=how, delta=d), delta=d)
        add("smoothL1", f"{name} beta {d}", pair, lambda how, x, y: F.smooth_l1_loss(x, y, reduction=how, beta=d), beta=d)
zero = lambda r: [SPREAD, np.zeros_like(SPREAD)]
add("mse", "extremes", zero, lambda how, x, y: F.mse_loss(x, y, reduction=how), ["none"])
add("l1", "extremes", zero, lambda how, x, y: F.l1_loss(x, y, reduction=how), ["none"])
add("huber", "extremes", zero, lambda how, x, y: F.huber_loss(x, y, reduction=how), ["none"], delta=1)
add("smoothL1", "extremes", zero, lambda how, x, y: F.smooth_l1_loss(x, y, reduction=how), ["none"], beta=1)

LOGITS = f([100, -100, 100, -100, 1e4, -1e4, 1e4, -1e4, 88.8, -88.8, 0, 0, 30, -30, 1e-7, 17])
TARGETS = f([1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 0.5, 1, 0.25, 0.75, 0, 1])
bcel = lambda how, x, y, w=None: F.binary_cross_entropy_with_logits(x, y, reduction=how, pos_weight=w)
add("bceWithLogits", "hard labels", lambda r: [r.normal(5, 3, scale=2), r.booleans(5, 3).astype(np.float32)], bcel)
add("bceWithLogits", "soft labels", lambda r: [r.normal(7, scale=2), r.uniform(0, 1, 7)], bcel)
add("bceWithLogits", "positive weights", lambda r: [r.normal(5, 3, scale=2), r.booleans(5, 3).astype(np.float32), np.array([1, 2.5, 0.5], np.float32)], bcel)
add("bceWithLogits", "extremes", lambda r: [LOGITS, TARGETS], bcel)
bce = lambda how, x, y: F.binary_cross_entropy(x, y, reduction=how)
add("bce", "probabilities", lambda r: [r.uniform(0.02, 0.98, 5, 3), r.booleans(5, 3).astype(np.float32)], bce)
add("bce", "soft labels", lambda r: [r.uniform(0.02, 0.98, 7), r.uniform(0, 1, 7)], bce)
add("bce", "probabilities 0 and 1, logarithm clamped at -100", lambda r: [f([0, 0, 1, 1, 1e-30, 1 - 2**-24]), f([0, 1, 0, 1, 1, 0])], bce)

ce = lambda how, x, y, w=None, s=0.0: F.cross_entropy(x, y, weight=w, reduction=how, label_smoothing=s)
soft = lambda r, *shape: (lambda e: (e / e.sum(-1, keepdims=True)).astype(np.float32))(np.exp(r.normal(*shape).astype(np.float64)))
for n, c in ((5, 4), (1, 3), (3, 1), (8, 10)):
    add("crossEntropy", f"labels [{n},{c}]", lambda r: [r.normal(n, c, scale=2), r.integers(c, n)], ce)
    add("crossEntropy", f"soft labels [{n},{c}]", lambda r: [r.normal(n, c, scale=2), soft(r, n, c)], ce)
for s in (0.1, 0.3):
    add("crossEntropy", f"labels smoothed by {s}", lambda r: [r.normal(5, 4, scale=2), r.integers(4, 5)], lambda how, x, y: ce(how, x, y, s=s), labelSmoothing=s)
    add("crossEntropy", f"soft labels smoothed by {s}", lambda r: [r.normal(5, 4, scale=2), soft(r, 5, 4)], lambda how, x, y: ce(how, x, y, s=s), labelSmoothing=s)
WEIGHTS = f([0.5, 2, 1, 0.25])[0]
add("crossEntropy", "class weights", lambda r: [r.normal(6, 4, scale=2), r.integers(4, 6), WEIGHTS], ce)
add("crossEntropy", "class weights, smoothed by 0.1", lambda r: [r.normal(6, 4, scale=2), r.integers(4, 6), WEIGHTS],
    lambda how, x, y, w: ce(how, x, y, w, 0.1), labelSmoothing=0.1)
BIG = f([100, -100, 0], [100, -100, 0], [1e4, -1e4, 0], [1e4, -1e4, 0], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4], [88.8, -88.8, 88], [1e-7, -1e-7, 0])
add("crossEntropy", "extremes", lambda r: [BIG, np.array([0, 1, 0, 1, 2, 0, 1, 2])], ce)
add("nll", "on probabilities", lambda r: [soft(r, 5, 4), r.integers(4, 5)], lambda how, p, y: F.nll_loss(p.log(), y, reduction=how))
add("nll", "on log-probabilities", lambda r: [np.log(soft(r, 5, 4)), r.integers(4, 5)], lambda how, p, y: F.nll_loss(p, y, reduction=how), logarithms=True)

for p in (1, 2):
    add("multiMargin", f"power {p}", lambda r: [r.normal(5, 4), r.integers(4, 5)], lambda how, x, y: F.multi_margin_loss(x, y, p=p, reduction=how), power=p, margin=1)
    add("hinge", f"power {p}", lambda r: [r.normal(9, scale=1.5), r.g.choice([-1, 1], 9).astype(np.float32)],
        lambda how, x, y: REDUCE[how](torch.clamp(1 - x * y, min=0) ** p), power=p)
    add("hinge", f"extremes, power {p}", lambda r: [f([100, -100, 1e4, -1e4, 0.99, 1.01]), f([1, 1, -1, 1, 1, 1])],
        lambda how, x, y: REDUCE[how](torch.clamp(1 - x * y, min=0) ** p), ["none"], power=p)

kl = lambda how, q, p: F.kl_div(q, p, reduction=how)
add("klDivergence", "log q and p", lambda r: [np.log(soft(r, 5, 4)), soft(r, 5, 4)], kl, ["mean", "sum", "none", "batchmean"])
add("klDivergence", "p with zeros", lambda r: [np.log(soft(r, 2, 3)), f([0, 0.25, 0.75], [1, 0, 0])], kl, ["sum", "none", "batchmean"])
write("losses.json", cases, torch=torch.__version__)
