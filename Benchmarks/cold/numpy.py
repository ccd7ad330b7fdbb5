"""The least a Python program can take: the T1 net written out in numpy."""
import os, sys; HERE = os.path.dirname(os.path.abspath(__file__)); sys.path.remove(HERE)
import numpy as np
x = np.fromfile(HERE + "/../dump/digits/x.f32", np.float32).reshape(-1, 64)
y = np.fromfile(HERE + "/../dump/digits/y.i32", np.int32)
r = np.random.default_rng(0)
w = lambda i, o: (r.standard_normal((i, o)) / i ** 0.5).astype(np.float32)
A, a, B, b = w(64, 32), np.zeros(32, np.float32), w(32, 10), np.zeros(10, np.float32)
order, rows = r.permutation(len(x)), np.arange(32)
for i in range(0, len(x) - 31, 32):
    j = order[i:i + 32]
    X, Y = x[j], y[j]
    H = np.tanh(X @ A + a)
    Z = H @ B + b
    Z -= Z.max(1, keepdims=True)
    E = np.exp(Z)
    E /= E.sum(1, keepdims=True)
    l = -np.log(E[rows, Y]).mean()
    E[rows, Y] -= 1
    E /= 32
    D = (E @ B.T) * (1 - H * H)
    B -= 0.1 * (H.T @ E); b -= 0.1 * E.sum(0); A -= 0.1 * (X.T @ D); a -= 0.1 * D.sum(0)
print(l)
