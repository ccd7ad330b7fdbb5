"""metrics.json: metrics by scikit-learn."""
from golden import Random, tensor, values, write
import numpy as np
import sklearn
from sklearn import metrics as M

f = lambda v: values(np.atleast_1d(np.asarray(v, np.float64)), False)
cases = []
for name, n, c, only in (("4 classes", 60, 4, None), ("2 classes", 33, 2, None), ("a class never predicted, one never true", 40, 5, 3), ("10 classes", 200, 10, None), ("one sample", 1, 3, None)):
    r = Random(f"classes/{name}")
    y = r.integers(c - 1 if only else c, n)
    scores = (r.normal(n, c) + 1.5 * np.eye(c, dtype=np.float32)[y]).astype(np.float32)
    if only:
        scores[:, 0] = -50
    p, labels = scores.argmax(1), list(range(c))
    one = {"metric": "classification", "name": name, "scores": tensor(scores), "labels": tensor(y), "predicted": tensor(p), "confusion": tensor(M.confusion_matrix(y, p, labels=labels)),
           "accuracy": f(M.accuracy_score(y, p)), "balancedAccuracy": f(M.balanced_accuracy_score(y, p)), "cohenKappa": f(M.cohen_kappa_score(y, p, labels=labels)) if n > 1 else None}
    hits = np.argsort(-scores, 1, kind="stable")
    one["topK"] = f([(hits[:, :k] == y[:, None]).any(1).mean() for k in range(1, c + 1)])
    if c > 2 and n > 1:       # scikit-learn's own, where it accepts the input
        for k in (2, c - 1):
            assert abs(M.top_k_accuracy_score(y, scores, k=k, labels=labels) - (hits[:, :k] == y[:, None]).any(1).mean()) < 1e-12
    for key, fn in (("precision", M.precision_score), ("recall", M.recall_score), ("f1", M.f1_score)):
        one[key] = f(fn(y, p, labels=labels, average=None, zero_division=0))
        for average in ("macro", "micro", "weighted"):
            one[key + average.capitalize()] = f(fn(y, p, labels=labels, average=average, zero_division=0))
    cases.append(one)
for name, n, digits in (("continuous scores", 50, None), ("many ties", 60, 1), ("all scores equal", 20, 0), ("perfect", 12, "perfect"), ("inverted", 12, "inverted")):
    r = Random(f"auc/{name}")
    y = r.integers(2, n)
    y[:2] = [0, 1]
    s = {"perfect": y * 2.0 - 1, "inverted": 1.0 - y}.get(digits, r.normal(n) + 0.8 * y)
    s = np.zeros(n) if digits == 0 else np.round(s, digits) if digits == 1 else s
    s = s.astype(np.float32)
    fpr, tpr, _ = M.roc_curve(y, s, drop_intermediate=False)
    cases.append({"metric": "ranking", "name": name, "scores": tensor(s), "labels": tensor(y), "rocAUC": f(M.roc_auc_score(y, s)), "averagePrecision": f(M.average_precision_score(y, s)),
                  "falsePositiveRates": f(fpr), "truePositiveRates": f(tpr)})
for name, shape in (("one output", (25,)), ("offset 1000", (40,)), ("three outputs", (10, 3))):
    r = Random(f"regression/{name}")
    y = (r.normal(*shape) + np.float32(1000 if "1000" in name else 0)).astype(np.float32)
    p = (y + r.normal(*shape, scale=0.4)).astype(np.float32)
    a, b = y.astype(np.float64), p.astype(np.float64)
    cases.append({"metric": "regression", "name": name, "targets": tensor(y), "predicted": tensor(p), "mse": f(M.mean_squared_error(a, b)), "rmse": f(M.root_mean_squared_error(a, b)) if len(shape) == 1 else None,
                  "mae": f(M.mean_absolute_error(a, b)), "r2": f(M.r2_score(a, b)), "explainedVariance": f(M.explained_variance_score(a, b))})
write("metrics.json", cases, scikitLearn=sklearn.__version__)
