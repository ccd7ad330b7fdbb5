import os, sys; HERE = os.path.dirname(os.path.abspath(__file__)); sys.path.remove(HERE)
import numpy as np, tensorflow as tf
x = np.fromfile(HERE + "/../dump/digits/x.f32", np.float32).reshape(-1, 64)
y = np.fromfile(HERE + "/../dump/digits/y.i32", np.int32)
r = np.random.default_rng(0)
w = lambda i, o: (r.standard_normal((i, o)) / i ** 0.5).astype(np.float32)
P = [tf.Variable(v) for v in (w(64, 32), np.zeros(32, np.float32), w(32, 10), np.zeros(10, np.float32))]

@tf.function(input_signature=[tf.TensorSpec([32, 64]), tf.TensorSpec([32], tf.int32)])
def step(x, y):
    with tf.GradientTape() as tape:
        z = tf.tanh(x @ P[0] + P[1]) @ P[2] + P[3]
        l = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, z))
    for p, g in zip(P, tape.gradient(l, P)):
        p.assign_sub(0.1 * g)
    return l

order = r.permutation(len(x))
for i in range(0, len(x) - 31, 32):
    j = order[i:i + 32]
    l = step(x[j], y[j])
print(float(l))
