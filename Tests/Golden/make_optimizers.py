"""optimizers.json: parameters after 1, 2, 10 and 100 steps on a fixed sequence of gradients."""
from golden import Random, attributes, tensor, values, write
import numpy as np
import torch
from torch import optim

STEPS, SIZE, KEEP = 100, 8, (1, 2, 10, 100)
r = Random("optimizers")
start = r.normal(SIZE)
# scales from 1e-4 to 100; one coordinate drifts, one has no gradient for ten steps (divisions by epsilon), one flips sign
grads = r.normal(STEPS, SIZE) * np.array([1, 1, 1e-4, 1e-2, 100, 0.5, 1, 1], np.float32)
grads[:, 1] += np.float32(1)
grads[:10, 6] = 0
grads[:, 7] = np.abs(grads[:, 7]) * np.where(np.arange(STEPS) % 2, -1, 1)
grads = grads.astype(np.float32)

ADAM = dict(learningRate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8)


def adam(cls, **k):
    return lambda p, a: cls(p, lr=a["learningRate"], betas=(a["beta1"], a["beta2"]), eps=a["epsilon"], weight_decay=a.get("weightDecay", 0), foreach=False, **k)


sgd = lambda p, a: optim.SGD(p, lr=a["learningRate"], momentum=a.get("momentum", 0), dampening=a.get("dampening", 0),
                             weight_decay=a.get("weightDecay", 0), nesterov=bool(a.get("nesterov", 0)), foreach=False)
adagrad = lambda p, a: optim.Adagrad(p, lr=a["learningRate"], lr_decay=a.get("decay", 0), eps=a["epsilon"], weight_decay=a.get("weightDecay", 0),
                                     initial_accumulator_value=a.get("initialAccumulator", 0), foreach=False)
adadelta = lambda p, a: optim.Adadelta(p, lr=a["learningRate"], rho=a["rho"], eps=a["epsilon"], weight_decay=a.get("weightDecay", 0), foreach=False)
rms = lambda p, a: optim.RMSprop(p, lr=a["learningRate"], alpha=a["rho"], eps=a["epsilon"], momentum=a.get("momentum", 0), centered=bool(a.get("centered", 0)),
                                 weight_decay=a.get("weightDecay", 0), foreach=False)
nadam = lambda p, a: optim.NAdam(p, lr=a["learningRate"], betas=(a["beta1"], a["beta2"]), eps=a["epsilon"], momentum_decay=a["momentumDecay"],
                                 weight_decay=a.get("weightDecay", 0), foreach=False)
RMS = dict(learningRate=0.01, rho=0.99, epsilon=1e-8)
CASES = [
    ("sgd", "plain", sgd, dict(learningRate=0.1)),
    ("sgd", "momentum", sgd, dict(learningRate=0.1, momentum=0.9)),
    ("sgd", "nesterov", sgd, dict(learningRate=0.1, momentum=0.9, nesterov=1)),
    ("sgd", "weight decay", sgd, dict(learningRate=0.1, weightDecay=0.05)),
    ("sgd", "nesterov, weight decay", sgd, dict(learningRate=0.05, momentum=0.8, nesterov=1, weightDecay=0.01)),
    ("sgd", "momentum, dampening", sgd, dict(learningRate=0.1, momentum=0.9, dampening=0.5)),
    ("adagrad", "plain", adagrad, dict(learningRate=0.1, epsilon=1e-10)),
    ("adagrad", "decay, initial accumulator, weight decay", adagrad, dict(learningRate=0.1, epsilon=1e-10, decay=0.01, initialAccumulator=0.1, weightDecay=0.01)),
    ("adadelta", "plain", adadelta, dict(learningRate=1.0, rho=0.9, epsilon=1e-6)),
    ("adadelta", "weight decay", adadelta, dict(learningRate=0.5, rho=0.95, epsilon=1e-6, weightDecay=0.01)),
    ("rmsprop", "plain", rms, RMS),
    ("rmsprop", "centered", rms, dict(RMS, centered=1)),
    ("rmsprop", "momentum", rms, dict(RMS, momentum=0.9)),
    ("rmsprop", "centered, momentum, weight decay", rms, dict(RMS, rho=0.9, centered=1, momentum=0.5, weightDecay=0.01)),
    ("adam", "plain", adam(optim.Adam), ADAM),
    ("adam", "other betas, large epsilon", adam(optim.Adam), dict(ADAM, beta1=0.8, beta2=0.95, epsilon=1e-3)),
    ("adam", "weight decay", adam(optim.Adam), dict(ADAM, weightDecay=0.05)),
    ("amsgrad", "plain", adam(optim.Adam, amsgrad=True), ADAM),
    ("adamw", "weight decay", adam(optim.AdamW), dict(ADAM, weightDecay=0.05)),
    ("adamax", "plain", adam(optim.Adamax), ADAM),
    ("radam", "plain", adam(optim.RAdam), ADAM),
    ("nadam", "plain", nadam, dict(ADAM, momentumDecay=0.004)),
    ("nadam", "weight decay", nadam, dict(ADAM, momentumDecay=0.004, weightDecay=0.05)),
]


def by_torch(make, a, dtype):
    p = torch.from_numpy(start.copy()).to(dtype).requires_grad_()
    o, kept = make([p], a), {}
    for i in range(STEPS):
        p.grad = torch.from_numpy(grads[i].copy()).to(dtype)
        o.step()
        if i + 1 in KEEP:
            kept[str(i + 1)] = values(p.detach().numpy().copy())
    return kept


def lion(a, dtype):
    """Chen et al. 2023, algorithm 2, with decoupled weight decay."""
    p, m, kept = start.astype(dtype), np.zeros(SIZE, dtype), {}
    lr, b1, b2, decay = (dtype(a[k]) for k in ("learningRate", "beta1", "beta2", "weightDecay"))
    for i in range(STEPS):
        g = grads[i].astype(dtype)
        p = p - lr * (np.sign(b1 * m + (1 - b1) * g) + decay * p)
        m = b2 * m + (1 - b2) * g
        if i + 1 in KEEP:
            kept[str(i + 1)] = values(p)
    return kept


cases = [{"optimizer": o, "name": n, "attributes": attributes(a), "after": by_torch(make, a, torch.float32), "after64": by_torch(make, a, torch.float64)}
         for o, n, make, a in CASES]
for decay in (0.0, 0.1):
    a = dict(learningRate=0.01, beta1=0.9, beta2=0.99, weightDecay=decay)
    cases.append({"optimizer": "lion", "name": f"weight decay {decay}", "attributes": attributes(a), "after": lion(a, np.float32), "after64": lion(a, np.float64)})
write("optimizers.json", cases, torch=torch.__version__, initial=tensor(start), gradients=tensor(grads))
