"""Cockpit for PyTorch (1.0.2, with BackPACK) on the steps of T1 and T2 (D1, D2), as its manual shows, every step
tracked.  T3 (D3) does not fit in 24 GB: BackPACK keeps every sample's own gradient; T7 is not a chain of modules."""
import os, sys
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import timing, workloads as W
a = timing.args(["economy", "business", "full", "off"])
import warnings
warnings.simplefilter("ignore")
import torch
from torch import nn
torch.set_num_threads(a.threads)
key = a.workload.replace("D", "T")
w, f = W.ALL[key], W.facts(key)


class Build:
    """Only chains of layers: collects modules, with the shared parameters."""
    def __init__(self): self.layers = []

    def _add(self, m):
        self.layers.append(m)

    def dense(self, x, n, i, o, chw=None):
        m = nn.Linear(i, o)
        with torch.no_grad():
            m.weight.copy_(torch.from_numpy(f.params[n + ".w"]).t()), m.bias.copy_(torch.from_numpy(f.params[n + ".b"]))
        self._add(m)

    def bn(self, x, n, c): self._add(nn.BatchNorm1d(c))
    def relu(self, x): self._add(nn.ReLU())
    def tanh(self, x): self._add(nn.Tanh())


b = Build()
try:
    w.net(b, None)
except AttributeError:
    sys.exit(3)
net, mean, each = nn.Sequential(*b.layers), nn.CrossEntropyLoss(), nn.CrossEntropyLoss(reduction="none")
x, y = torch.from_numpy(f.x), torch.from_numpy(f.y)
opt = torch.optim.Adam(net.parameters(), w.lr, fused=True) if w.opt == "adam" else torch.optim.SGD(net.parameters(), w.lr, 0.9, fused=True)
if a.variant != "off":
    from backpack import extend
    from cockpit import Cockpit
    from cockpit.utils.configuration import configuration
    net, mean, each = extend(net), extend(mean), extend(each)
    cockpit = Cockpit(net.parameters(), quantities=configuration(a.variant))
count = 0


def step():
    global count
    opt.zero_grad()
    out = net(x)
    loss = mean(out, y)
    if a.variant == "off":
        loss.backward()
    else:
        with cockpit(count, info={"batch_size": w.batch, "individual_losses": each(out, y), "loss": loss, "optimizer": opt}):
            loss.backward(create_graph=cockpit.create_graph(count))
    opt.step()
    count += 1
    return loss.detach()


timing.measure(a, step, float, peer=f"cockpit 1.0.2 {a.variant}")
