import os, sys; HERE = os.path.dirname(os.path.abspath(__file__)); sys.path.remove(HERE)
import numpy as np, jax, jax.numpy as jnp
x = np.fromfile(HERE + "/../dump/digits/x.f32", np.float32).reshape(-1, 64)
y = np.fromfile(HERE + "/../dump/digits/y.i32", np.int32)
r = np.random.default_rng(0)
w = lambda i, o: (r.standard_normal((i, o)) / i ** 0.5).astype(np.float32)
P = [w(64, 32), np.zeros(32, np.float32), w(32, 10), np.zeros(10, np.float32)]

def loss(P, x, y):
    logp = jax.nn.log_softmax(jnp.tanh(x @ P[0] + P[1]) @ P[2] + P[3])
    return -jnp.mean(jnp.take_along_axis(logp, y[:, None], 1))

@jax.jit
def step(P, x, y):
    l, G = jax.value_and_grad(loss)(P, x, y)
    return [p - 0.1 * g for p, g in zip(P, G)], l

order = r.permutation(len(x))
for i in range(0, len(x) - 31, 32):
    j = order[i:i + 32]
    P, l = step(P, x[j], y[j])
print(float(l))
