"""layers.json: layers with fixed parameters: output, gradients of inputs and parameters, running statistics."""
from golden import Random, attributes, tensor, values, write
import copy
import numpy as np
import torch
from torch import nn

cases = []
EXACT = np.float32


def layer(kind, name, module, parameters, make, eval=False, buffers=None, steps=1, integer=False, **attrs):
    """Runs a module `steps` times in float32 and in float64; one case a step."""
    module.load_state_dict({**module.state_dict(), **{k: torch.from_numpy(np.asarray(v)) for k, v in {**parameters, **(buffers or {})}.items()}})
    floats = lambda m: {k: v.numpy().copy() for k, v in m.named_buffers() if v.is_floating_point()}
    both = {torch.float32: module, torch.float64: copy.deepcopy(module).double()}
    r = Random(f"{kind}/{name}")
    for step in range(steps):
        x = np.asarray(make(r))
        c, weight = {}, None
        for dtype, m in both.items():
            m.train(not eval)
            m.zero_grad()
            t = torch.from_numpy(x) if integer else torch.from_numpy(x).to(dtype).requires_grad_()
            before = floats(m)
            out = m(t)
            if weight is None:
                weight = np.asarray(r.away(*out.shape))
            (out * torch.from_numpy(weight).to(dtype)).sum().backward()
            gx = None if integer else values(t.grad.numpy())
            gp = {k: values(p.grad.numpy()) for k, p in m.named_parameters()}
            if dtype == torch.float32:
                c = {"layer": kind, "name": name + (f", step {step + 1}" if steps > 1 else ""), "training": float(not eval), "attributes": attributes(attrs),
                     "parameters": {k: tensor(p.detach().numpy()) for k, p in m.named_parameters()}, "inputs": [tensor(x)], "output": tensor(out.detach().numpy()),
                     "output64": None, "weight": values(weight), "gradients": [gx], "gradients64": None, "parameterGradients": gp, "parameterGradients64": None}
                if before:
                    c.update(buffersBefore={k: tensor(v) for k, v in before.items()}, buffersAfter={k: tensor(v) for k, v in floats(m).items()})
            else:
                c.update(output64=values(out.detach().numpy()), gradients64=[gx], parameterGradients64=gp)
                if before:
                    c["buffersAfter64"] = {k: values(v) for k, v in floats(m).items()}
        cases.append(c)


R = Random("layers")
for i, o, shape in ((3, 4, (5, 3)), (1, 1, (1, 1)), (7, 2, (2, 3, 7))):
    layer("linear", f"{i} to {o}", nn.Linear(i, o), {"weight": R.normal(o, i), "bias": R.normal(o)}, lambda r: r.normal(*shape))
layer("linear", "without bias", nn.Linear(3, 2, bias=False), {"weight": R.normal(2, 3)}, lambda r: r.normal(4, 3))

BN = dict(momentum=0.1, epsilon=1e-5)
scale, shift = R.uniform(0.5, 1.5, 3), R.normal(3)
for batch in (6, 2):
    bn = nn.BatchNorm1d(3)
    layer("batchNorm", f"batch {batch}", bn, {"weight": scale, "bias": shift}, lambda r: r.normal(batch, 3, scale=2) + EXACT(1), steps=3, **BN)
    after = {k: v.numpy().copy() for k, v in bn.named_buffers() if v.is_floating_point()}
    layer("batchNorm", f"evaluation after batch {batch}", nn.BatchNorm1d(3), {"weight": scale, "bias": shift}, lambda r: r.normal(4, 3), eval=True, buffers=after, **BN)
layer("batchNorm", "without scale and shift", nn.BatchNorm1d(3, affine=False), {}, lambda r: r.normal(5, 3), **BN)
layer("batchNorm", "a constant feature", nn.BatchNorm1d(2), {}, lambda r: np.stack([np.full(4, 3, EXACT), r.normal(4)], 1), **BN)
layer("batchNorm2d", "images NCHW", nn.BatchNorm2d(2), {"weight": scale[:2], "bias": shift[:2]}, lambda r: r.normal(3, 2, 3, 2), steps=2, **BN)

for n, shape in ((5, (3, 5)), (4, (2, 3, 4)), (1, (3, 1))):
    layer("layerNorm", f"of {n}", nn.LayerNorm(n), {"weight": R.uniform(0.5, 1.5, n), "bias": R.normal(n)}, lambda r: r.normal(*shape), epsilon=1e-5)
    layer("rmsNorm", f"of {n}", nn.RMSNorm(n, eps=1e-6), {"weight": R.uniform(0.5, 1.5, n)}, lambda r: r.normal(*shape), epsilon=1e-6)
layer("layerNorm", "without scale and shift", nn.LayerNorm(5, elementwise_affine=False), {}, lambda r: r.normal(3, 5), epsilon=1e-5)
layer("layerNorm", "a constant row", nn.LayerNorm(4), {}, lambda r: np.stack([np.full(4, 2, EXACT), r.normal(4)]), epsilon=1e-5)
layer("groupNorm", "4 channels in 2 groups", nn.GroupNorm(2, 4), {"weight": R.uniform(0.5, 1.5, 4), "bias": R.normal(4)}, lambda r: r.normal(2, 4, 3), groups=2, epsilon=1e-5)

layer("embedding", "5 rows of 3", nn.Embedding(5, 3), {"weight": R.normal(5, 3)}, lambda r: np.array([[0, 4, 4], [2, 0, 4]]), integer=True)
layer("prelu", "one slope", nn.PReLU(), {"weight": np.array([0.25], EXACT)}, lambda r: r.away(4, 3))
layer("prelu", "a slope a feature", nn.PReLU(3), {"weight": np.array([0.25, -0.5, 2], EXACT)}, lambda r: r.away(4, 3))
layer("dropout", "evaluation", nn.Dropout(0.5), {}, lambda r: r.normal(3, 4), eval=True, rate=0.5)
layer("conv2d", "2 to 3, 3 x 3, padding 1", nn.Conv2d(2, 3, 3, padding=1), {"weight": R.normal(3, 2, 3, 3), "bias": R.normal(3)}, lambda r: r.normal(2, 2, 5, 4), stride=1, padding=1)


# Images, channels first there. Shapes drawn at random, odd ones among them; windows as they fall.
def spatial(r, axes, low, high):
    return [int(n) for n in r.g.integers(low, high + 1, axes)]


def weights(m, r):
    return {k: r.normal(*p.shape, scale=0.5) for k, p in m.named_parameters()}


for axes in (1, 2, 3):
    r = Random(f"convolutions of {axes} axes")
    Conv, Transposed = getattr(nn, f"Conv{axes}d"), getattr(nn, f"ConvTranspose{axes}d")
    Max, Average = getattr(nn, f"MaxPool{axes}d"), getattr(nn, f"AvgPool{axes}d")
    for i in range(6 if axes < 3 else 3):
        groups = (1, 1, 2, 3)[i % 4]
        depthwise = i == 4
        c, o = groups * spatial(r, 1, 1, 2)[0], groups * spatial(r, 1, 1, 2)[0]
        if depthwise:
            groups, c, o = 4, 4, 8
        kernel, stride, dilation = spatial(r, axes, 1, 3), spatial(r, axes, 1, 2 + (i == 5)), spatial(r, axes, 1, 1 + (i % 3 == 1))
        padding = [int(r.g.integers(0, (k - 1) * d // 2 + 1)) for k, d in zip(kernel, dilation)]
        size = [max((k - 1) * d + 1, n) for k, d, n in zip(kernel, dilation, spatial(r, axes, 3, 8 - 2 * (axes == 3) - axes))]
        bias = i % 2 == 0
        m = Conv(c, o, kernel, stride, padding, dilation, groups, bias)
        layer(f"conv{axes}d", f"{c} to {o}, {size}, case {i + 1}", m, weights(m, r), lambda q: q.normal(2, c, *size), stride=stride, padding=padding, dilation=dilation, groups=groups)
        extra = [int(r.g.integers(0, s)) for s in stride]
        m = Transposed(c, o, kernel, stride, padding, extra, groups, bias, dilation)
        if all((n - 1) * s - 2 * p + d * (k - 1) + e + 1 > 0 for n, s, p, d, k, e in zip(size, stride, padding, dilation, kernel, extra)):
            layer(f"convTranspose{axes}d", f"{c} to {o}, {size}, case {i + 1}", m, weights(m, r), lambda q: q.normal(2, c, *size),
                  stride=stride, padding=padding, outputPadding=extra, dilation=dilation, groups=groups)
    for i in range(4 if axes < 3 else 2):
        kernel, stride = spatial(r, axes, 1, 3), spatial(r, axes, 1, 3)
        padding = [int(r.g.integers(0, k // 2 + 1)) for k in kernel]
        size = [max(k, n) for k, n in zip(kernel, spatial(r, axes, 3, 9 - 2 * axes))]
        layer("maxPool", f"{axes} axes, {size}, case {i + 1}", Max(kernel, stride, padding), {}, lambda q: q.distinct(2, 2, *size), kernel=kernel, stride=stride, padding=padding)
        layer("averagePool", f"{axes} axes, {size}, case {i + 1}", Average(kernel, stride, padding, count_include_pad=i % 2 == 0), {}, lambda q: q.normal(2, 2, *size),
              kernel=kernel, stride=stride, padding=padding, countPadding=i % 2 == 0)
        size, out = spatial(r, axes, 2, 9 - 2 * axes), spatial(r, axes, 1, 4)
        layer("adaptiveAverage", f"{axes} axes, {size} to {out}, case {i + 1}", getattr(nn, f"AdaptiveAvgPool{axes}d")(out if axes > 1 else out[0]), {}, lambda q: q.normal(2, 2, *size), size=out)
        layer("adaptiveMax", f"{axes} axes, {size} to {out}, case {i + 1}", getattr(nn, f"AdaptiveMaxPool{axes}d")(out if axes > 1 else out[0]), {}, lambda q: q.distinct(2, 2, *size), size=out)
    size = spatial(r, axes, 1, 4)
    for factor in (2, 3):
        layer("upsampleNearest", f"{axes} axes, {size} by {factor}", nn.Upsample(scale_factor=factor, mode="nearest"), {}, lambda q: q.normal(1, 2, *size), factor=factor)
        layer("upsampleBilinear", f"{axes} axes, {size} by {factor}", nn.Upsample(scale_factor=factor, mode=("linear", "bilinear", "trilinear")[axes - 1], align_corners=False), {},
              lambda q: q.normal(1, 2, *size), factor=factor)
    size = spatial(r, axes, 2, 6 - axes)
    m = getattr(nn, f"BatchNorm{axes}d")(3)
    layer("batchNormImages", f"{axes} axes, {size}", m, weights(m, r), lambda q: q.normal(2, 3, *size), steps=2, **BN)
    m = nn.GroupNorm(axes, 3 * axes)
    layer("groupNorm", f"{axes} axes, {size}", m, weights(m, r), lambda q: q.normal(2, 3 * axes, *size, scale=2), groups=axes, epsilon=1e-5)
    m = getattr(nn, f"InstanceNorm{axes}d")(3, affine=axes != 2)
    layer("instanceNorm", f"{axes} axes, {size}", m, weights(m, r), lambda q: q.normal(2, 3, *size, scale=2), epsilon=1e-5)


# Blocks of the literature, written from their formulas.
F = nn.functional


class SqueezeExcitation(nn.Module):
    def __init__(self, c, u):
        super().__init__()
        self.reduce, self.expand = nn.Linear(c, u), nn.Linear(u, c)

    def perceptron(self, pooled):
        return self.expand(F.relu(self.reduce(pooled)))

    def forward(self, x):
        return x * torch.sigmoid(self.perceptron(x.mean((2, 3))))[:, :, None, None]


class CBAM(SqueezeExcitation):
    def __init__(self, c, u, k):
        super().__init__(c, u)
        self.spatial = nn.Conv2d(2, 1, k, padding=k // 2, bias=False)

    def forward(self, x):
        y = x * torch.sigmoid(self.perceptron(x.mean((2, 3))) + self.perceptron(x.amax((2, 3))))[:, :, None, None]
        return y * torch.sigmoid(self.spatial(torch.cat([y.mean(1, True), y.amax(1, True)], 1)))


class GlobalContext(nn.Module):
    def __init__(self, c, u):
        super().__init__()
        self.attention, self.norm = nn.Linear(c, 1, bias=False), nn.LayerNorm(u)
        self.reduce, self.expand = nn.Linear(c, u), nn.Linear(u, c)

    def forward(self, x):
        places = x.flatten(2).transpose(1, 2)
        context = (torch.softmax(self.attention(places), 1).transpose(1, 2) @ places)[:, 0]
        return x + self.expand(F.relu(self.norm(self.reduce(context))))[:, :, None, None]


class Gate(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(2, 1, k, padding=k // 2, bias=False), nn.BatchNorm2d(1)

    def forward(self, x):
        return x * torch.sigmoid(self.norm(self.convolution(torch.cat([x.amax(1, True), x.mean(1, True)], 1))))


class TripletAttention(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.alongHeight, self.alongWidth, self.alongChannels = Gate(k), Gate(k), Gate(k)

    def forward(self, x):
        turn = lambda gate, order: gate(x.permute(order)).permute(order)
        return (turn(self.alongHeight, (0, 2, 1, 3)) + turn(self.alongWidth, (0, 3, 2, 1)) + self.alongChannels(x)) / 3


class ShuffleAttention(nn.Module):
    def __init__(self, c, groups):
        super().__init__()
        self.groups, n = groups, c // (2 * groups)
        pair = lambda: nn.ParameterDict({"scale": nn.Parameter(torch.zeros(n)), "shift": nn.Parameter(torch.ones(n))})
        self.channel, self.place, self.norm = pair(), pair(), nn.GroupNorm(n, n)

    def forward(self, x):
        b, c, h, w = x.shape
        first, second = x.reshape(b * self.groups, -1, h, w).chunk(2, 1)
        over = lambda p: p[None, :, None, None]
        gate = lambda p, z: torch.sigmoid(over(p["scale"]) * z + over(p["shift"]))
        y = torch.cat([first * gate(self.channel, first.mean((2, 3), True)), second * gate(self.place, self.norm(second))], 1)
        return y.reshape(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w)


class DynamicConvolution(nn.Module):
    """The kernels are mixed, then applied: one group of a convolution for each image."""

    def __init__(self, c, o, k, kernels, u, temperature, stride):
        super().__init__()
        self.reduce, self.expand = nn.Linear(c, u), nn.Linear(u, kernels)
        self.weight, self.bias = nn.Parameter(torch.zeros(kernels, o, c, k, k)), nn.Parameter(torch.zeros(kernels, o))
        self.temperature, self.stride, self.padding = temperature, stride, k // 2

    def forward(self, x):
        b, c, h, w = x.shape
        shares = torch.softmax(self.expand(F.relu(self.reduce(x.mean((2, 3))))) / self.temperature, 1)
        weight = torch.einsum("bk,kocij->bocij", shares, self.weight)
        y = F.conv2d(x.reshape(1, b * c, h, w), weight.flatten(0, 1), (shares @ self.bias).flatten(), self.stride, self.padding, groups=b)
        return y.reshape(b, -1, *y.shape[2:])


class Capsules(nn.Module):
    def __init__(self, inputs, features, count, dimension, iterations, exact):
        super().__init__()
        self.weight, self.sizes = nn.Parameter(torch.zeros(inputs, features, count * dimension)), (count, dimension)
        self.iterations, self.exact = iterations, exact

    def forward(self, x):
        u = torch.einsum("bif,ifjd->bijd", x, self.weight.unflatten(2, self.sizes))
        logits = torch.zeros(u.shape[:3], dtype=u.dtype)
        for i in range(self.iterations):
            last = i == self.iterations - 1
            seen = u if self.exact or last else u.detach()
            s = (torch.softmax(logits, 2)[..., None] * seen).sum(1)
            n = (s * s).sum(-1, True)
            v = s * n.sqrt() / (1 + n)
            logits = logits + (seen * v[:, None]).sum(-1)
        return v


r = Random("blocks")
for c, u, reduction in ((4, 2, 2), (6, 1, 16)):
    layer("squeezeExcitation", f"{c} channels", m := SqueezeExcitation(c, u), weights(m, r), lambda q: q.normal(2, c, 3, 2), reduction=reduction)
    layer("convolutionalAttention", f"{c} channels", m := CBAM(c, u, 3), weights(m, r), lambda q: q.distinct(2, c, 4, 3), reduction=reduction, kernel=3)
layer("globalContext", "4 channels", m := GlobalContext(4, 4), weights(m, r), lambda q: q.normal(2, 4, 3, 2), reduction=2)
layer("globalContext", "16 channels", m := GlobalContext(16, 8), weights(m, r), lambda q: q.normal(2, 16, 2, 2), reduction=2)
for k, shape in ((3, (2, 4, 5, 3)), (7, (2, 3, 4, 5))):
    layer("tripletAttention", f"kernel {k}", m := TripletAttention(k), weights(m, r), lambda q: q.distinct(*shape), kernel=k, **BN)
for c, groups in ((8, 2), (6, 1), (12, 6)):
    layer("shuffleAttention", f"{c} channels in {groups} groups", m := ShuffleAttention(c, groups), weights(m, r), lambda q: q.normal(2, c, 3, 3), groups=groups)
layer("dynamicConvolution", "4 kernels", m := DynamicConvolution(4, 3, 3, 4, 1, 30.0, 1), weights(m, r), lambda q: q.normal(2, 4, 4, 3), reduction=4, temperature=30, stride=1)
layer("dynamicConvolution", "2 kernels, strided", m := DynamicConvolution(6, 2, 3, 2, 3, 1.0, 2), weights(m, r), lambda q: q.normal(3, 6, 5, 4), reduction=2, temperature=1, stride=2)
for iterations in (1, 2, 3):
    for exact in (True, False):
        layer("capsules", f"{iterations} iterations" + (", exact" if exact else ""), m := Capsules(5, 3, 4, 2, iterations, exact), weights(m, r), lambda q: q.normal(3, 5, 3),
              iterations=iterations, exact=exact, dimension=2)


# Blocks around which the input is carried: as it is, or through a matrix where the width changes.
class Carrying(nn.Module):
    def __init__(self, i, u):
        super().__init__()
        if i != u:
            self.projection = nn.Linear(i, u, bias=False)

    def carried(self, x):
        return self.projection(x) if hasattr(self, "projection") else x


class PreActivation(Carrying):
    """He et al. 2016: normalisation and activation before each product, nothing after the sum."""

    def __init__(self, i, u, normalizing=True):
        super().__init__(i, u)
        self.batchNorm1, self.batchNorm2 = (nn.BatchNorm1d(i), nn.BatchNorm1d(u)) if normalizing else (nn.Identity(), nn.Identity())
        self.dense1, self.dense2 = nn.Linear(i, u), nn.Linear(u, u)

    def forward(self, x):
        y = self.dense1(F.relu(self.batchNorm1(x)))
        return self.carried(x) + self.dense2(F.relu(self.batchNorm2(y)))


class PostActivation(Carrying):
    """He et al. 2015: normalisation after each product, activations between and after the sum."""

    def __init__(self, i, u, normalizing=True):
        super().__init__(i, u)
        self.batchNorm1, self.batchNorm2 = (nn.BatchNorm1d(u), nn.BatchNorm1d(u)) if normalizing else (nn.Identity(), nn.Identity())
        self.dense1, self.dense2 = nn.Linear(i, u), nn.Linear(u, u)

    def forward(self, x):
        y = F.relu(self.batchNorm1(self.dense1(x)))
        return F.relu(self.carried(x) + self.batchNorm2(self.dense2(y)))


class NormalizedProjection(PostActivation):
    def __init__(self, i, u):
        super().__init__(i, u)
        self.projection.norm = nn.BatchNorm1d(u)

    def carried(self, x):
        return self.projection.norm(self.projection(x))


class StridedResidual(nn.Module):
    def __init__(self, c, o, k, stride):
        super().__init__()
        self.convolution1 = nn.Conv2d(c, o, k, stride, k // 2)
        self.projection = nn.Conv2d(c, o, 1, stride, bias=False)

    def forward(self, x):
        return self.projection(x) + torch.tanh(self.convolution1(x))


class Highway(Carrying):
    """Srivastava et al. 2015; the rows of `weight` are those of H, then those of T."""

    def __init__(self, i, u, k=None):
        super().__init__(i, u)
        self.weight, self.bias, self.k = nn.Parameter(torch.zeros(2 * u, i, *(k or ()))), nn.Parameter(torch.zeros(2 * u)), k

    def forward(self, x):
        if self.k:
            sums = F.conv2d(x, self.weight, self.bias, padding=[n // 2 for n in self.k])
            h, t = sums.chunk(2, 1)
            carried = self.carried(x.movedim(1, -1)).movedim(-1, 1)
        else:
            h, t = F.linear(x, self.weight, self.bias).chunk(2, -1)
            carried = self.carried(x)
        h, t = torch.tanh(h), torch.sigmoid(t)
        return h * t + carried * (1 - t)


r = Random("shortcuts")
for i, u in ((4, 4), (3, 5), (5, 2)):
    layer("preActivation", f"{i} to {u}", m := PreActivation(i, u), weights(m, r), lambda q: q.normal(6, i), **BN)
    layer("postActivation", f"{i} to {u}", m := PostActivation(i, u), weights(m, r), lambda q: q.normal(6, i), **BN)
    layer("highway", f"{i} to {u}", m := Highway(i, u), weights(m, r), lambda q: q.normal(4, i))
layer("preActivation", "3 to 5 without norms", m := PreActivation(3, 5, False), weights(m, r), lambda q: q.normal(6, 3), normalizing=0)
layer("postActivation", "3 to 5 without norms", m := PostActivation(3, 5, False), weights(m, r), lambda q: q.normal(6, 3), normalizing=0)
layer("preActivation", "3 to 5, evaluation", m := PreActivation(3, 5), weights(m, r), lambda q: q.normal(6, 3), eval=True, **BN)
layer("normalizedProjection", "3 to 5", m := NormalizedProjection(3, 5), weights(m, r), lambda q: q.normal(6, 3), **BN)
layer("stridedResidual", "2 to 4, [5, 4] by 2", m := StridedResidual(2, 4, 3, 2), weights(m, r), lambda q: q.normal(2, 2, 5, 4), stride=2)
layer("highway", "rows of 3 to 5", m := Highway(3, 5), weights(m, r), lambda q: q.normal(2, 4, 3))
layer("highway", "2 channels, 3 x 3", m := Highway(2, 2, (3, 3)), weights(m, r), lambda q: q.normal(2, 2, 4, 3))
layer("highway", "2 to 3 channels, 3 x 1", m := Highway(2, 3, (3, 1)), weights(m, r), lambda q: q.normal(2, 2, 4, 3))
write("layers.json", cases, torch=torch.__version__)
