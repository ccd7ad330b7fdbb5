"""JAX: one jitted step with donated buffers; "scan" runs 50 steps per call inside lax.scan."""
import os, sys
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import timing, workloads as W
a = timing.args(["jit", "scan"])
import jax
import jax.numpy as jnp
from jax import lax

w, f = W.ALL[a.workload], W.facts(a.workload, nhwc=True)
DN = ("NHWC", "HWIO", "NHWC")


class Ops:
    def __init__(self, P, S, train):
        self.P, self.S, self.train, self.new = P, S, train, {}

    def dense(self, x, n, i, o, chw=None): return x @ self.P[n + ".w"] + self.P[n + ".b"]

    def highway(self, x, n, d):
        u = x @ self.P[n + ".w"] + self.P[n + ".b"]
        return x + jax.nn.sigmoid(u[:, d:]) * (jnp.tanh(u[:, :d]) - x)

    def conv(self, x, n, i, o, k, stride, bias=False):
        y = lax.conv_general_dilated(x, self.P[n + ".w"], (stride, stride), [(k // 2, k // 2)] * 2, dimension_numbers=DN)
        return y + self.P[n + ".b"] if bias else y

    def bn(self, x, n, c):
        g, b, m, v = self.P[n + ".g"], self.P[n + ".b"], self.S[n + ".m"], self.S[n + ".v"]
        if not self.train:
            s = g * lax.rsqrt(v + W.EPS)
            return x * s + (b - m * s)
        axes, count = tuple(range(x.ndim - 1)), x.size // c
        mu = jnp.mean(x, axes)
        var = jnp.maximum(jnp.mean(x * x, axes) - mu * mu, 0)
        self.new[n + ".m"] = m + W.BN_MOMENTUM * (lax.stop_gradient(mu) - m)
        self.new[n + ".v"] = v + W.BN_MOMENTUM * (lax.stop_gradient(var) * (count / (count - 1)) - v)
        return (x - mu) * (g * lax.rsqrt(var + W.EPS)) + b

    def relu(self, x): return jnp.maximum(x, 0)
    def tanh(self, x): return jnp.tanh(x)
    def add(self, x, y): return x + y

    def maxpool2(self, x):                     # reshape form: its gradient avoids select-and-scatter
        n, h, v, c = x.shape
        return x.reshape(n, h // 2, 2, v // 2, 2, c).max((2, 4))

    def gap(self, x): return x.mean((1, 2))
    def flatten(self, x): return x.reshape(x.shape[0], -1)


P = {n: jnp.asarray(v) for n, v in f.params.items()}
S = {n: jnp.asarray(v) for n, v in f.stats.items()}
x, y = jnp.asarray(f.x), jnp.asarray(f.y.astype("int32"))
zeros = lambda: {n: jnp.zeros_like(p) for n, p in P.items()}
state = (P, S, zeros() if w.opt in ("momentum", "adam") else {}, zeros() if w.opt == "adam" else {}, jnp.zeros((), jnp.int32))


def train_step(state, x, y):
    P, S, m, v, t = state

    def loss_of(P):
        ops = Ops(P, S, True)
        logp = jax.nn.log_softmax(w.net(ops, x))
        return -jnp.mean(jnp.take_along_axis(logp, y[:, None], 1)), ops.new
    (loss, S), G = jax.value_and_grad(loss_of, has_aux=True)(P)
    t = t + 1
    c1, c2 = 1 - W.BETA1 ** t, jnp.sqrt(1 - W.BETA2 ** t)
    Q, m2, v2 = {}, {}, {}
    for n, p in P.items():
        g = G[n] + w.wd * p if w.wd else G[n]
        if w.opt == "sgd":
            Q[n] = p - w.lr * g
        elif w.opt == "momentum":
            m2[n] = W.MOMENTUM * m[n] + g
            Q[n] = p - w.lr * m2[n]
        else:
            m2[n] = W.BETA1 * m[n] + (1 - W.BETA1) * g
            v2[n] = W.BETA2 * v[n] + (1 - W.BETA2) * g * g
            Q[n] = p - w.lr * (m2[n] / c1) / (jnp.sqrt(v2[n]) / c2 + W.ADAM_EPS)
    return (Q, S, m2, v2, t), loss


K = 50 if a.variant == "scan" else 1
if not w.train:
    fn = jax.jit(lambda P, S, x: w.net(Ops(P, S, False), x))
    def step(): return fn(P, S, x)
else:
    if K == 1:
        fn = jax.jit(train_step, donate_argnums=0)
    else:
        def many(state, x, y):
            state, losses = lax.scan(lambda s, _: train_step(s, x, y), state, None, length=K)
            return state, losses
        fn = jax.jit(many, donate_argnums=0)

    def step():
        global state
        state, loss = fn(state, x, y)
        return loss


def sync(h):
    jax.block_until_ready(state if w.train else h)
    return float(h.reshape(-1)[-1 if K > 1 else 0])


timing.measure(a, step, sync, steps_per_call=K, losses=(lambda h: h.tolist()) if K > 1 else None, peer=f"jax {jax.__version__} {a.variant}",
               flush_denormals=float((jnp.full((8,), 2e-38) * jnp.float32(0.1)).sum()) == 0.0)
