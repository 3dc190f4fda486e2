"""The fit that tempo and bar positions share: a conditional logit, each piece a choice among its candidates."""
import numpy as np
from scipy.optimize import minimize


def fit(data, l2, weights, keep, others=None):
    """Weights of the features that make what is right most probable among a piece's candidates.

    Of data: X [candidates][features], right [candidates], kind (a key of weights), sure. l2: the price of large weights.
    Features whose keep is False have the weights `others`, or 0.
    """
    some = [d for d in data if d["sure"] and d["right"].any()]
    out = np.zeros(len(keep)) if others is None else np.where(keep, 0, others)
    base = np.concatenate([d["X"] @ out for d in some])
    X = np.concatenate([d["X"][:, keep] for d in some])
    deviation = X.std(0) + 1e-9
    X /= deviation
    right = np.concatenate([d["right"] for d in some])
    weight, n = np.array([weights[d["kind"]] for d in some]), np.array([len(d["X"]) for d in some])
    first, total = np.r_[0, np.cumsum(n)[:-1]], weight.sum()

    def loss(w):
        s = base + X @ w
        p = np.exp(s - np.repeat(np.maximum.reduceat(s, first), n))
        p /= np.repeat(np.add.reduceat(p, first), n)
        share = np.add.reduceat(np.where(right, p, 0), first) + 1e-12
        q = np.where(right, p, 0) / np.repeat(share, n)
        return (l2 * (w @ w) * total - (weight * np.log(share)).sum(),
                2 * l2 * w * total - X.T @ (np.repeat(weight, n) * (q - p)))

    out[keep] = minimize(loss, np.zeros(keep.sum()), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x / deviation
    return out
