import os, sys, warnings; HERE = os.path.dirname(os.path.abspath(__file__)); sys.path.remove(HERE)
import numpy as np
from sklearn.neural_network import MLPClassifier
x = np.fromfile(HERE + "/../dump/digits/x.f32", np.float32).reshape(-1, 64)[:1792]
y = np.fromfile(HERE + "/../dump/digits/y.i32", np.int32)[:1792]
clf = MLPClassifier((32,), "tanh", solver="sgd", alpha=0, batch_size=32, learning_rate_init=0.1, momentum=0, nesterovs_momentum=False)
clf.partial_fit(x, y, classes=np.arange(10))
print(clf.loss_)
