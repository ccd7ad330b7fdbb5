import os, sys; HERE = os.path.dirname(os.path.abspath(__file__)); sys.path.remove(HERE)
import numpy as np, torch
x = torch.from_numpy(np.fromfile(HERE + "/../dump/digits/x.f32", np.float32).reshape(-1, 64))
y = torch.from_numpy(np.fromfile(HERE + "/../dump/digits/y.i32", np.int32)).long()
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10))
opt = torch.optim.SGD(net.parameters(), 0.1, fused=True)
f = torch.compile(lambda x, y: torch.nn.functional.cross_entropy(net(x), y))
order = torch.randperm(len(x))
for i in range(0, len(x) - 31, 32):
    j = order[i:i + 32]
    opt.zero_grad()
    loss = f(x[j], y[j])
    loss.backward()
    opt.step()
print(loss.item())
