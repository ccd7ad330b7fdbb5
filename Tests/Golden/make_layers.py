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
write("layers.json", cases, torch=torch.__version__)
