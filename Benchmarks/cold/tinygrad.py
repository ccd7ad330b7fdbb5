import os, sys; HERE = os.path.dirname(os.path.abspath(__file__)); sys.path.remove(HERE)
os.environ["DEV"] = "CPU:CLANG"
import numpy as np
from tinygrad import Tensor, TinyJit
x = np.fromfile(HERE + "/../dump/digits/x.f32", np.float32).reshape(-1, 64)
y = np.fromfile(HERE + "/../dump/digits/y.i32", np.int32)
r = np.random.default_rng(0)
w = lambda i, o: Tensor((r.standard_normal((i, o)) / i ** 0.5).astype(np.float32)).contiguous().realize()
P = [w(64, 32), Tensor.zeros(32).contiguous().realize(), w(32, 10), Tensor.zeros(10).contiguous().realize()]

@TinyJit
def step(x, y):
    l = x.linear(P[0], P[1]).tanh().linear(P[2], P[3]).sparse_categorical_crossentropy(y)
    for p, g in zip(P, l.gradient(*P)):
        p.assign(p - 0.1 * g)
    Tensor.realize(l, *P)
    return l

order = r.permutation(len(x))
for i in range(0, len(x) - 31, 32):
    j = order[i:i + 32]
    l = step(Tensor(x[j]).realize(), Tensor(y[j]).realize())
print(l.item())
