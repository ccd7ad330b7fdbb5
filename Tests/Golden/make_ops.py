"""ops.json: primitives and their gradients."""
from golden import EXTREMES, FEW_EXTREMES, Random, case, write
import numpy as np
import torch
import torch.nn.functional as F

cases = []


def add(*a, **k):
    cases.append(case(*a, **k))


def label(*shapes):
    return "x".join("[" + ",".join(map(str, s)) + "]" for s in shapes)


# -- elementwise, one operand
ANY, AWAY, POSITIVE = "normal", "away", "positive"
UNARY = {
    "neg": (torch.neg, ANY), "exp": (torch.exp, ANY), "log": (torch.log, POSITIVE), "log1p": (torch.log1p, POSITIVE),
    "expm1": (torch.expm1, ANY), "tanh": (torch.tanh, ANY), "sigmoid": (torch.sigmoid, ANY), "softplus": (lambda x: torch.logaddexp(x, torch.zeros_like(x)), ANY),
    "erf": (torch.erf, ANY), "sqrt": (torch.sqrt, POSITIVE), "rsqrt": (torch.rsqrt, POSITIVE), "abs": (torch.abs, AWAY),
    "sign": (torch.sign, AWAY), "floor": (torch.floor, AWAY), "sin": (torch.sin, ANY), "cos": (torch.cos, ANY),
    "reciprocal": (torch.reciprocal, AWAY), "square": (torch.square, ANY), "relu": (torch.relu, AWAY),
}
for op, (fn, domain) in UNARY.items():
    for shape in ((), (1,), (7,), (3, 5), (2, 1, 3), (37,)):
        make = {ANY: lambda r: [r.normal(*shape, scale=1.5)], AWAY: lambda r: [r.away(*shape) * np.float32(1.7)],
                POSITIVE: lambda r: [r.uniform(0.05, 4, *shape)]}[domain]
        add(op, label(shape), make, fn)
    add(op, "empty [0,3]", lambda r: [np.zeros((0, 3), np.float32)], fn)
    add(op, "extremes", lambda r: [EXTREMES], fn, grad=False)
for op in ("abs", "sign", "relu"):
    add(op, "ties: zeros", lambda r: [np.array([0.0, -0.0, 1, -1], np.float32)], UNARY[op][0])
add("erf", "small and large", lambda r: [np.array([1e-8, 1e-3, -1e-3, 2, 3, -3, 3.9, 5, -6], np.float32)], torch.erf)
add("log1p", "small", lambda r: [np.array([1e-8, -1e-8, 1e-4, -1e-4, -0.5, -0.99, 1e6], np.float32)], torch.log1p)
add("expm1", "small", lambda r: [np.array([1e-8, -1e-8, 1e-4, -1e-4, -20, 10], np.float32)], torch.expm1)
add("sin", "large arguments", lambda r: [np.array([10, -100, 1000.5, 1e4, 3.1415927], np.float32)], torch.sin)
add("cos", "large arguments", lambda r: [np.array([10, -100, 1000.5, 1e4, 1.5707964], np.float32)], torch.cos)

# -- elementwise, two operands, broadcasting
PAIRS = [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((2, 3, 4), (3, 1)), ((), (2, 3)), ((1,), (5,)), ((17,), (17,)),
         ((2, 1, 1, 3), (4, 1))]
BINARY = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "max": torch.maximum, "min": torch.minimum}
for op, fn in BINARY.items():
    for a, b in PAIRS:
        add(op, label(a, b), lambda r: [r.away(*a), r.away(*b)], fn)
    add(op, "empty [0,3]x[3]", lambda r: [np.zeros((0, 3), np.float32), r.away(3)], fn)
for a, b in PAIRS:
    add("pow", label(a, b), lambda r: [r.uniform(0.1, 3, *a), r.uniform(-2, 2, *b)], torch.pow)
for e in (2.0, 3.0, -1.0, 0.5, 0.0, 1.0):
    add("pow", f"constant exponent {e}", lambda r: [np.abs(r.away(7)) if e == 0.5 else r.away(7), np.array(e, np.float32)], torch.pow)
for op in ("max", "min"):
    add(op, "ties", lambda r: [np.array([1, 2, 3], np.float32), np.array([1, 3, 2], np.float32)], BINARY[op])
grid = lambda r: [np.repeat(FEW_EXTREMES, len(FEW_EXTREMES)), np.tile(FEW_EXTREMES, len(FEW_EXTREMES))]
for op, fn in {**BINARY, "pow": torch.pow}.items():
    add(op, "extremes", grid, fn, grad=False)

COMPARE = {"equal": torch.eq, "notEqual": torch.ne, "less": torch.lt, "lessOrEqual": torch.le, "greater": torch.gt, "greaterOrEqual": torch.ge}
for op, fn in COMPARE.items():
    for a, b in PAIRS[:5]:
        add(op, label(a, b), lambda r: [r.integers(3, *a).astype(np.float32), r.integers(3, *b).astype(np.float32)], fn, grad=False)
    add(op, "extremes", grid, fn, grad=False)
for op, fn in (("logicalAnd", torch.logical_and), ("logicalOr", torch.logical_or)):
    for a, b in PAIRS[:5]:
        add(op, label(a, b), lambda r: [r.booleans(*a), r.booleans(*b)], fn, grad=False)
for a in ((), (7,), (3, 4), (0, 3)):
    add("logicalNot", label(a), lambda r: [np.asarray(r.booleans(*a))], torch.logical_not, grad=False)
for c, a, b in (((3, 4), (3, 4), (3, 4)), ((3, 1), (4,), (3, 4)), ((4,), (3, 4), ()), ((2, 1, 3), (4, 1), (1, 3)), ((1,), (1,), (1,))):
    add("select", label(c, a, b), lambda r: [r.booleans(*c), r.normal(*a), r.normal(*b)], torch.where)
add("select", "the branch not taken is not finite", lambda r: [np.array([True, False, True]), np.array([1, np.nan, 2], np.float32),
    np.array([np.inf, 3, -np.inf], np.float32)], torch.where)
add("clamp", "[3,5]", lambda r: [r.normal(3, 5)], lambda x: x.clamp(-0.5, 0.75), low=-0.5, high=0.75)

# -- reductions
AXES = [((2, 3, 4), [0]), ((2, 3, 4), [1]), ((2, 3, 4), [2]), ((2, 3, 4), [-1]), ((2, 3, 4), [0, 1]), ((2, 3, 4), [0, 2]),
        ((2, 3, 4), [0, 1, 2]), ((1, 5), [0]), ((1, 5), [1]), ((5, 1), [1]), ((5, 7), [0]), ((5, 7), [1]), ((37,), [0]), ((3, 65), [1])]
REDUCE = {"sum": torch.sum, "mean": torch.mean, "amax": torch.amax, "amin": torch.amin, "logsumexp": torch.logsumexp}
for op, fn in REDUCE.items():
    for shape, axes in AXES:
        for keep in (False, True) if len(shape) > 2 else (False,):
            add(op, f"{label(shape)} over {axes}{' keep' * keep}", lambda r: [r.distinct(*shape)], lambda x: fn(x, dim=axes, keepdim=keep),
                axes=axes, keepDims=keep)


def prod(x, axes, keep):
    for a in axes:
        x = x.prod(a, keepdim=True)
    return x if keep else x.squeeze(tuple(axes))


for shape, axes in AXES:
    for keep in (False, True) if len(shape) > 2 else (False,):
        add("prod", f"{label(shape)} over {axes}{' keep' * keep}", lambda r: [r.away(*shape)], lambda x: prod(x, axes, keep), axes=axes, keepDims=keep)
add("prod", "zeros", lambda r: [np.array([[2, 3, 4, -5, 6], [2, 0, 4, -5, 6], [2, 0, 4, 0, 6], [0, 0, 0, 0, 0], [-0.0, 3, 4, 5, 6]], np.float32)],
    lambda x: x.prod(1), axes=[1], keepDims=False)
add("prod", "empty [0,3] over [0]", lambda r: [np.zeros((0, 3), np.float32)], lambda x: x.prod(0), axes=[0], keepDims=False)
for op, fn in (("var", torch.var), ("std", torch.std)):
    for shape, axes in AXES:
        n = np.prod([shape[i] for i in axes])
        if n == 1:
            continue
        for c in (0, 1):
            add(op, f"{label(shape)} over {axes} correction {c}", lambda r: [r.normal(*shape) + np.float32(0.5)],
                lambda x: fn(x, dim=axes, correction=c), axes=axes, keepDims=False, correction=c)
for c in (0, 1):
    add("std", f"a constant row, correction {c}", lambda r: [np.array([[2, 2, 2, 2], [1, 2, 3, 5]], np.float32)],
        lambda x: torch.std(x, dim=[1], correction=c), axes=[1], keepDims=False, correction=c)
add("var", "far from zero", lambda r: [r.normal(4, 9) + np.float32(1000)], lambda x: torch.var(x, dim=[1], correction=0), axes=[1], keepDims=False, correction=0)
add("sum", "empty [0,3] over [0]", lambda r: [np.zeros((0, 3), np.float32)], lambda x: x.sum(dim=[0]), axes=[0], keepDims=False)
add("sum", "wide range", lambda r: [np.array([[1e8, 1, -1e8, 1], [3e38, 3e38, -3e38, -3e38]], np.float32)], lambda x: x.sum(dim=[1]), grad=False, axes=[1], keepDims=False)
add("amax", "ties", lambda r: [np.array([[1, 3, 3], [2, 2, 2]], np.float32)], lambda x: x.amax(dim=[1]), axes=[1], keepDims=False)
add("amin", "ties", lambda r: [np.array([[1, 1, 3], [2, 2, 2]], np.float32)], lambda x: x.amin(dim=[1]), axes=[1], keepDims=False)
inf, nan = np.inf, np.nan
ROWS = np.array([[1000, 1000, 1000, 1000], [-1000, -1001, -1002, -1003], [1e4, -1e4, 0, 1], [88.7, 88.7, 88.8, -104], [-inf, 0, 1, 2],
                 [-inf, -inf, -inf, 3], [3.4e38, 3.4e38, 0, -3.4e38], [1e-45, -1e-45, 0, -0.0], [nan, 1, 2, 3], [inf, 1, 2, 3]], np.float32)
for op in ("sum", "mean", "amax", "amin", "logsumexp"):
    add(op, "extremes", lambda r: [ROWS], lambda x: REDUCE[op](x, dim=[1]), grad=False, axes=[1], keepDims=False)
add("prod", "extremes", lambda r: [ROWS], lambda x: x.prod(1), grad=False, axes=[1], keepDims=False)
add("logsumexp", "all -inf, and both infinities", lambda r: [np.array([[-inf, -inf], [-inf, inf], [inf, inf]], np.float32)],
    lambda x: torch.logsumexp(x, dim=[1]), grad=False, axes=[1], keepDims=False)
for op, fn in (("softmax", torch.softmax), ("logSoftmax", torch.log_softmax)):
    for shape, axis in (((7,), 0), ((3, 5), 0), ((3, 5), 1), ((3, 5), -1), ((2, 3, 4), 1), ((4, 1), 1), ((3, 65), 1), ((1, 1), 1)):
        add(op, f"{label(shape)} over {axis}", lambda r: [r.normal(*shape, scale=2)], lambda x: fn(x, axis), axis=axis)
    add(op, "extremes", lambda r: [ROWS], lambda x: fn(x, 1), grad=False, axis=1)
    add(op, "large logits", lambda r: [ROWS[:4]], lambda x: fn(x, 1), axis=1)

# -- matrix products
for a, b in (((3, 4), (4, 5)), ((1, 1), (1, 1)), ((1, 7), (7, 1)), ((7, 1), (1, 7)), ((17, 9), (9, 13)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)),
             ((3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((1, 3, 4), (6, 4, 2)), ((4,), (4,)), ((4,), (4, 5)), ((3, 4), (4,)), ((4,), (2, 4, 3)),
             ((2, 3, 4), (4,)), ((2, 0), (0, 3)), ((0, 3), (3, 2))):
    add("matmul", label(a, b), lambda r: [r.normal(*a), r.normal(*b)], torch.matmul, transposeA=False, transposeB=False)
for a, b, ta, tb in (((4, 3), (4, 5), 1, 0), ((3, 4), (5, 4), 0, 1), ((4, 3), (5, 4), 1, 1), ((2, 4, 3), (2, 5, 4), 1, 1), ((2, 3, 4), (5, 4), 0, 1)):
    add("matmul", f"{label(a, b)} transposed {ta}{tb}", lambda r: [r.normal(*a), r.normal(*b)],
        lambda x, y: (x.mT if ta else x) @ (y.mT if tb else y), transposeA=ta, transposeB=tb)

# -- shapes
for a, b in (((2, 6), (3, 4)), ((12,), (2, 3, 2)), ((2, 3), (6,)), ((1,), ()), ((), (1, 1)), ((3, 1, 2), (3, 2))):
    add("reshape", f"{label(a)} to {label(b)}", lambda r: [r.normal(*a)], lambda x: x.reshape(b) * 1, shape=list(b))
for a, p in (((2, 3), [1, 0]), ((2, 3, 4), [2, 0, 1]), ((2, 3, 4), [0, 2, 1]), ((1, 3, 1, 2), [3, 2, 1, 0])):
    add("permute", f"{label(a)} {p}", lambda r: [r.normal(*a)], lambda x: x.permute(p) * 1, axes=p)
for a, b in (((4,), (3, 4)), ((3, 1), (3, 4)), ((), (2, 3)), ((1, 2, 1), (3, 2, 2))):
    add("broadcast", f"{label(a)} to {label(b)}", lambda r: [r.normal(*a)], lambda x: x.expand(b) * 1, shape=list(b))
for a, start, end, step in (((7,), [1], [6], [1]), ((7,), [0], [7], [2]), ((7,), [1], [7], [3]), ((5, 6), [1, 0], [4, 6], [1, 1]),
                            ((5, 6), [0, 1], [5, 6], [2, 3]), ((2, 5, 3), [1, 1, 0], [2, 5, 3], [1, 2, 2]), ((4, 3), [2, 0], [2, 3], [1, 1])):
    add("slice", f"{label(a)} {start}:{end}:{step}", lambda r: [r.normal(*a)],
        lambda x: x[tuple(slice(*t) for t in zip(start, end, step))] * 1, starts=start, ends=end, steps=step)
for a, low, high, v in (((3,), [1], [2], 0.0), ((2, 3), [0, 1], [1, 0], 0.0), ((2, 3), [1, 1], [1, 1], -2.5), ((1, 2, 2), [0, 2, 0], [1, 0, 1], 1.0)):
    add("pad", f"{label(a)} {low} {high} with {v}", lambda r: [r.normal(*a)],
        lambda x: F.pad(x, [n for l, h in reversed(list(zip(low, high))) for n in (l, h)], value=v), low=low, high=high, value=v)
for shapes, axis in ((((2, 3), (4, 3)), 0), (((2, 3), (2, 1), (2, 2)), 1), (((2, 1, 2), (2, 3, 2)), 1), (((3,), (1,)), 0), (((0, 3), (2, 3)), 0)):
    add("concat", f"{label(*shapes)} along {axis}", lambda r: [r.normal(*s) for s in shapes], lambda *x: torch.cat(x, axis), axis=axis)
for a, axis, sizes in (((7, 2), 0, [3, 4]), ((2, 6), 1, [1, 2, 3])):
    for part in range(len(sizes)):
        add("split", f"{label(a)} along {axis} into {sizes}, part {part}", lambda r: [r.normal(*a)],
            lambda x: x.split(sizes, axis)[part] * 1, axis=axis, sizes=sizes, part=part)
for a, axes in (((5,), [0]), ((2, 3), [1]), ((2, 3), [0, 1])):
    add("reverse", f"{label(a)} {axes}", lambda r: [r.normal(*a)], lambda x: x.flip(axes), axes=axes)

# -- indexing
for a, i, axis in (((4, 3), (2, 3), 0), ((4, 3), (4, 5), 1), ((4, 3), (4, 1), 1), ((2, 3, 4), (2, 2, 4), 1), ((1, 1), (1, 3), 1)):
    add("gatherAlong", f"{label(a, i)} along {axis}", lambda r: [r.normal(*a), r.integers(a[axis], *i)], lambda x, j: torch.gather(x, axis, j), axis=axis)
for rows, width, i in ((5, 3, (4,)), (5, 3, (2, 3)), (1, 4, (3,)), (3, 1, (7,))):
    add("gatherRows", f"[{rows},{width}] rows {label(i)}", lambda r: [r.normal(rows, width), r.integers(rows, *i)], lambda t, j: F.embedding(j, t))
add("gatherRows", "the same row every time", lambda r: [r.normal(3, 2), np.full(6, 1)], lambda t, j: F.embedding(j, t))
for rows, width, n in ((5, 3, 4), (3, 2, 9), (4, 1, 1)):
    add("scatterAddRows", f"[{n},{width}] into {rows} rows", lambda r: [r.normal(n, width), r.integers(rows, n)],
        lambda u, j: torch.zeros(rows, width, dtype=u.dtype).index_add(0, j, u), rows=rows)
for a, u, axis in (((4, 3), (2, 3), 0), ((4, 3), (4, 5), 1), ((2, 3, 4), (2, 5, 4), 1)):
    add("scatterAddAlong", f"{label(u)} into {label(a)} along {axis}", lambda r: [r.normal(*a), r.normal(*u), r.integers(a[axis], *u)],
        lambda x, v, j: x.scatter_add(axis, j, v), axis=axis)
for shape, n in (((5,), 3), ((2, 3), 4), ((3,), 1)):
    add("oneHot", f"{label(shape)} of {n}", lambda r: [r.integers(n, *shape)], lambda j: F.one_hot(j, n).float(), grad=False, classes=n)
for a, axis in (((7,), 0), ((3, 4), 0), ((3, 4), 1), ((2, 3, 2), 1), ((1, 1), 0)):
    add("cumsum", f"{label(a)} along {axis}", lambda r: [r.normal(*a)], lambda x: x.cumsum(axis), axis=axis)
    for d in (False, True):
        add("sort", f"{label(a)} along {axis}{' descending' * d}", lambda r: [r.distinct(*a)], lambda x: x.sort(axis, descending=d).values, axis=axis, descending=d)
    add("argmax", f"{label(a)} along {axis}", lambda r: [r.distinct(*a)], lambda x: x.argmax(axis), grad=False, axis=axis)
    add("argmin", f"{label(a)} along {axis}", lambda r: [r.distinct(*a)], lambda x: x.argmin(axis), grad=False, axis=axis)
for a, k, axis, largest in (((7,), 3, 0, True), ((7,), 3, 0, False), ((3, 5), 2, 1, True), ((4, 3), 4, 0, True), ((3, 5), 1, 1, False)):
    where = f"{label(a)} {k} {'largest' if largest else 'smallest'} along {axis}"
    x = Random(where).distinct(*a)
    add("topK", where, lambda r: [x], lambda t: t.topk(k, axis, largest).values, k=k, axis=axis, largest=largest)
    add("topKIndices", where, lambda r: [x], lambda t: t.topk(k, axis, largest).indices, grad=False, k=k, axis=axis, largest=largest)

# -- convolution and pooling: images NCHW, filters [out, in / groups, height, width]
for x, w, bias, stride, pad, dilation, groups in (
        ((2, 3, 6, 5), (4, 3, 3, 3), 1, 1, 1, 1, 1), ((1, 1, 5, 5), (1, 1, 3, 3), 0, 1, 0, 1, 1), ((2, 2, 7, 7), (3, 2, 3, 3), 0, 2, 1, 1, 1),
        ((1, 2, 7, 6), (2, 2, 2, 3), 1, 2, 0, 1, 1), ((1, 2, 8, 8), (2, 2, 3, 3), 0, 1, 2, 2, 1), ((2, 4, 5, 5), (4, 2, 3, 3), 1, 1, 1, 1, 2),
        ((1, 3, 4, 4), (3, 1, 3, 3), 0, 1, 1, 1, 3), ((2, 3, 4, 4), (5, 3, 1, 1), 1, 1, 0, 1, 1), ((1, 2, 5, 5), (2, 2, 1, 1), 0, 2, 0, 1, 1)):
    add("conv2d", f"{label(x, w)} stride {stride} padding {pad} dilation {dilation} groups {groups}{' bias' * bias}",
        lambda r: [r.normal(*x), r.normal(*w)] + [r.normal(w[0])] * bias,
        lambda *t: F.conv2d(*t, **({} if bias else {"bias": None}), stride=stride, padding=pad, dilation=dilation, groups=groups),
        stride=stride, padding=pad, dilation=dilation, groups=groups)
for x, size, stride, pad in (((2, 2, 4, 4), 2, 2, 0), ((1, 2, 5, 5), 2, 2, 0), ((1, 1, 6, 5), 3, 2, 1), ((1, 1, 5, 5), 3, 1, 0)):
    name = f"{label(x)} size {size} stride {stride} padding {pad}"
    add("maxPool2d", name, lambda r: [r.distinct(*x)], lambda t: F.max_pool2d(t, size, stride, pad), size=size, stride=stride, padding=pad)
    for count in (0, 1):
        if count or pad:
            add("averagePool2d", name + (" counting the padding" if pad and count else ""), lambda r: [r.normal(*x)],
                lambda t: F.avg_pool2d(t, size, stride, pad, count_include_pad=bool(count)), size=size, stride=stride, padding=pad, countPadding=count)

write("ops.json", cases, torch=torch.__version__)
