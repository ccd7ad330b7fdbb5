"""schedulers.json: the learning rate of each of 50 steps; the rate of step t is the one that its update uses."""
from golden import Random, Raw, attributes, values, write
import torch
from torch.optim import SGD, lr_scheduler as S

STEPS, BASE = 50, 0.1
noise = Random("plateau").g
METRIC = [float(max(0.3, 1 - 0.05 * t) + 0.02 * noise.standard_normal()) if t < 30 else 0.3 for t in range(STEPS)]
RISING = [1 - m for m in METRIC]


def rates(make, metric=None, momentum=False):
    o = SGD([torch.zeros(1, requires_grad=True)], lr=BASE, momentum=0.9)
    s, out, beta = make(o), [], []
    for t in range(STEPS):
        out.append(o.param_groups[0]["lr"])
        beta.append(o.param_groups[0]["momentum"])
        o.step()
        if t + 1 < STEPS:
            s.step(metric[t]) if metric else s.step()
    return values(out, False), values(beta, False)


def warmup_cosine(o):
    return S.SequentialLR(o, [S.LinearLR(o, 0.1, 1, 5), S.CosineAnnealingLR(o, 45)], [5])


one = dict(maxRate=1.0, totalSteps=50, warmFraction=0.3, divFactor=25, finalDivFactor=1e4)
CASES = [
    ("step", dict(size=10, factor=0.5), lambda o: S.StepLR(o, 10, 0.5)),
    ("step", dict(size=7, factor=0.1), lambda o: S.StepLR(o, 7, 0.1)),
    ("multiStep", dict(milestones=[5, 20, 21], factor=0.3), lambda o: S.MultiStepLR(o, [5, 20, 21], 0.3)),
    ("exponential", dict(factor=0.95), lambda o: S.ExponentialLR(o, 0.95)),
    ("polynomial", dict(totalSteps=40, power=1), lambda o: S.PolynomialLR(o, 40, 1.0)),
    ("polynomial", dict(totalSteps=30, power=2), lambda o: S.PolynomialLR(o, 30, 2.0)),
    ("cosine", dict(totalSteps=50, minimum=0), lambda o: S.CosineAnnealingLR(o, 50)),
    ("cosine", dict(totalSteps=49, minimum=0.001), lambda o: S.CosineAnnealingLR(o, 49, 0.001)),
    ("cosineWarmRestarts", dict(period=10, multiplier=1, minimum=0), lambda o: S.CosineAnnealingWarmRestarts(o, 10)),
    ("cosineWarmRestarts", dict(period=7, multiplier=2, minimum=0.01), lambda o: S.CosineAnnealingWarmRestarts(o, 7, 2, 0.01)),
    ("linear", dict(startFactor=0.1, endFactor=1, steps=10), lambda o: S.LinearLR(o, 0.1, 1, 10)),
    ("linear", dict(startFactor=1, endFactor=0.2, steps=30), lambda o: S.LinearLR(o, 1, 0.2, 30)),
    ("constant", dict(factor=0.5, steps=8), lambda o: S.ConstantLR(o, 0.5, 8)),
    ("linearThenCosine", dict(startFactor=0.1, warmSteps=5, totalSteps=45), warmup_cosine),
    ("oneCycleCosine", one, lambda o: S.OneCycleLR(o, 1.0, total_steps=50)),
    ("oneCycleLinear", one, lambda o: S.OneCycleLR(o, 1.0, total_steps=50, anneal_strategy="linear")),
    ("oneCycleCosineThreePhases", one, lambda o: S.OneCycleLR(o, 1.0, total_steps=50, three_phase=True)),
]
cases = []
for name, a, make in CASES:
    lr, beta = rates(make)
    c = {"scheduler": name, "attributes": attributes(dict(base=BASE, **a)), "rates": lr}
    if name.startswith("oneCycle"):
        c["momenta"] = beta
    cases.append(c)
for a, metric, k in ((dict(maximize=0, factor=0.5, patience=3, threshold=1e-4, cooldown=0, minimum=0), METRIC, {}),
                     (dict(maximize=0, factor=0.1, patience=1, threshold=1e-2, cooldown=2, minimum=1e-3), METRIC, {}),
                     (dict(maximize=0, factor=0.5, patience=2, threshold=0.05, relative=0, cooldown=1, minimum=0), METRIC, dict(threshold_mode="abs")),
                     (dict(maximize=1, factor=0.5, patience=3, threshold=1e-4, cooldown=0, minimum=0), RISING, {})):
    lr, _ = rates(lambda o: S.ReduceLROnPlateau(o, "max" if a["maximize"] else "min", a["factor"], a["patience"], a["threshold"], cooldown=a["cooldown"],
                                                min_lr=a["minimum"], **k), metric)
    cases.append({"scheduler": "reduceOnPlateau", "attributes": attributes(dict(base=BASE, relative=1, **a) if "relative" not in a else dict(base=BASE, **a)),
                  "metric": values(metric, False), "rates": lr})
write("schedulers.json", cases, torch=torch.__version__)
