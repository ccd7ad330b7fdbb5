import os, sys; HERE = os.path.dirname(os.path.abspath(__file__)); sys.path.remove(HERE)
import numpy as np, mlx.core as mx, mlx.nn as nn
mx.set_default_device(mx.cpu)
x = mx.array(np.fromfile(HERE + "/../dump/digits/x.f32", np.float32).reshape(-1, 64))
y = mx.array(np.fromfile(HERE + "/../dump/digits/y.i32", np.int32))
r = np.random.default_rng(0)
w = lambda i, o: mx.array((r.standard_normal((i, o)) / i ** 0.5).astype(np.float32))
P = [w(64, 32), mx.zeros(32), w(32, 10), mx.zeros(10)]

def loss(P, x, y):
    return nn.losses.cross_entropy(mx.addmm(P[3], mx.tanh(mx.addmm(P[1], x, P[0])), P[2]), y, reduction="mean")

grad = mx.value_and_grad(loss)
order = mx.array(r.permutation(len(x)))
for i in range(0, len(x) - 31, 32):                # eager: mx.compile would run the C++ compiler
    j = order[i:i + 32]
    l, G = grad(P, x[j], y[j])
    P = [p - 0.1 * g for p, g in zip(P, G)]
    mx.eval(P)
print(l.item())
