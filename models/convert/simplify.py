"""A network while it is converted, and rewrites that give the same function with fewer operators.

Exporters spell out hard swish, SiLU and layer norm, and leave scales beside convolutions. The rewrites compute new
weights in double precision; results change by rounding only. Each rule looks at one node and returns whether it changed
the network.
"""

from dataclasses import dataclass, field

import numpy as np

from ktm import Graph

LINEAR = ("conv", "deconv", "dense")


@dataclass(eq=False)
class Node:
    op: str
    inputs: list
    outputs: list
    attributes: dict = field(default_factory=dict)


class Network:
    def __init__(self):
        self.inputs, self.nodes, self.tensors, self.outputs = [], [], {}, {}
        self.count = 0

    def input(self, name, shape, free):
        self.inputs.append((name, shape, free))

    def tensor(self, array):
        self.count += 1
        name = f"w{self.count}"
        self.tensors[name] = np.asarray(array, np.float64)
        return name

    def node(self, op, inputs, attributes, outputs=1):
        self.count += 1
        names = [f"v{self.count}" + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
        self.nodes.append(Node(op, list(inputs), names, dict(attributes)))
        return names

    def output(self, value, name):
        """A value that is an output, under the name that it gets."""
        self.outputs[name] = value

    def producer(self, value):
        return self._producers.get(value)

    def users(self, value):
        return self._users.get(value, [])

    def alone(self, node):
        """Whether one node reads the result, and it is no output: it may disappear."""
        value = node.outputs[0]
        return len(self.users(value)) == 1 and value not in self.outputs.values()

    def index(self):
        self._producers = {value: node for node in self.nodes for value in node.outputs}
        self._users = {}
        for node in self.nodes:
            for value in set(node.inputs):
                self._users.setdefault(value, []).append(node)

    def replace(self, old, new):
        """Readers of the value `old` read `new`."""
        for node in self.nodes:
            node.inputs = [new if value == old else value for value in node.inputs]
        self.outputs = {name: new if value == old else value for name, value in self.outputs.items()}

    def remove_unused(self):
        needed = set(self.outputs.values())
        for node in reversed(self.nodes):
            if needed & set(node.outputs):
                needed |= set(node.inputs)
        self.nodes = [node for node in self.nodes if needed & set(node.outputs)]
        self.tensors = {name: array for name, array in self.tensors.items() if name in needed}

    def simplify(self):
        changed = True
        while changed:
            changed = False
            for rule in RULES:
                for node in list(self.nodes):
                    self.index()
                    if node in self.nodes and rule(self, node):
                        changed = True
            self.remove_unused()
        return self

    def graph(self):
        """The network as a Graph of the weight format; values and tensors get names of their operators."""
        graph, names = Graph(), {}
        for name, shape, free in self.inputs:
            names[name] = graph.input(name, shape, **free)
        final = {value: name for name, value in self.outputs.items()}
        for i, node in enumerate(self.nodes):
            for j, value in enumerate(node.inputs):
                if value in self.tensors and value not in names:
                    names[value] = graph.tensor(f"{node.op}_{i}_{j}", self.tensors[value])
            out = [final.get(value, f"{node.op}_{i}" + (f"_out{j}" if len(node.outputs) > 1 else ""))
                   for j, value in enumerate(node.outputs)]
            names |= dict(zip(node.outputs, out))
            graph.node(node.op, *[names[value] for value in node.inputs], out=out, **node.attributes)
        graph.output(*[names[value] for value in self.outputs.values()])
        return graph


def _scale_shift(net, node):
    """(scale, shift, axis) of a node that scales; axis None: one number for all."""
    if node.op == "affine":
        return np.float64(node.attributes.get("alpha", 1)), np.float64(node.attributes.get("beta", 0)), None
    return net.tensors[node.inputs[1]], net.tensors[node.inputs[2]], node.attributes.get("axis", 1)


def _is_affine(node, alpha, beta):
    return node is not None and node.op == "affine" and np.isclose(node.attributes.get("alpha", 1), alpha, 1e-6) \
        and np.isclose(node.attributes.get("beta", 0), beta, 1e-6)


def hard_swish(net, node):
    """x * clip(x + 3, 0, 6) / 6."""
    if not _is_affine(node, 1 / 6, 0):
        return False
    product = net.producer(node.inputs[0])
    if product is None or product.op != "mul":
        return False
    for x, other in (product.inputs, product.inputs[::-1]):
        clip = net.producer(other)
        if clip is None or clip.op != "clip" or (clip.attributes["low"], clip.attributes["high"]) != (0, 6):
            continue
        plus = net.producer(clip.inputs[0])
        if _is_affine(plus, 1, 3) and plus.inputs == [x]:
            node.op, node.inputs, node.attributes = "hard_swish", [x], {}
            return True
    return False


def silu(net, node):
    if node.op != "mul":
        return False
    for x, other in (node.inputs, node.inputs[::-1]):
        gate = net.producer(other)
        if gate is not None and gate.op == "sigmoid" and gate.inputs == [x]:
            node.op, node.inputs = "silu", [x]
            return True
    return False


def layer_norm(net, node):
    """(x - mean) / sqrt(mean of (x - mean)^2 + epsilon), both means over the last axis."""
    if node.op != "div":
        return False
    chain = [net.producer(node.inputs[1])]
    for op in ("sqrt", "affine", "reduce_mean", "pow", "sub"):
        if chain[-1] is None or chain[-1].op != op:
            return False
        chain.append(net.producer(chain[-1].inputs[0]))
    _, plus, mean, power, centred = chain[:5]
    first = net.producer(centred.inputs[1])
    if first is None or first.op != "reduce_mean" or first.inputs != centred.inputs[:1] \
            or node.inputs[0] != centred.outputs[0] or power.attributes["exponent"] != 2 \
            or plus.attributes.get("alpha", 1) != 1 or not plus.attributes.get("beta", 0) > 0:
        return False
    if any(row.attributes["axes"] not in ([-1], [2]) or not row.attributes["keep"] for row in (first, mean)):
        return False
    node.op, node.inputs, node.attributes = "layer_norm", [centred.inputs[0]], {"epsilon": plus.attributes["beta"]}
    return True


def layer_norm_scale(net, node):
    before = net.producer(node.inputs[0]) if node.op == "scale" else None
    if before is None or before.op != "layer_norm" or len(before.inputs) != 1 or not net.alone(before) \
            or node.attributes.get("axis", 1) not in (-1, 2):
        return False
    node.op, node.inputs, node.attributes = "layer_norm", before.inputs + node.inputs[1:], before.attributes
    return True


def merge_scales(net, node):
    """Two scales in a row."""
    before = net.producer(node.inputs[0]) if node.op in ("scale", "affine") else None
    if before is None or before.op not in ("scale", "affine") or not net.alone(before):
        return False
    (s1, t1, a1), (s2, t2, a2) = _scale_shift(net, before), _scale_shift(net, node)
    if a1 is not None and a2 is not None and a1 != a2:
        return False
    scale, shift, axis = s1 * s2, t1 * s2 + t2, a1 if a2 is None else a2
    node.inputs = before.inputs[:1]
    if axis is None:
        node.op, node.attributes = "affine", {"alpha": float(scale), "beta": float(shift)}
    else:
        scale, shift = np.broadcast_arrays(scale, shift)
        node.op, node.attributes = "scale", {"axis": axis}
        node.inputs += [net.tensor(scale), net.tensor(shift)]
    return True


def _channels(node, weights):
    """Number of outputs and the view of a scale per output for the weights of a linear node."""
    if node.op == "deconv":
        groups = node.attributes.get("groups", 1)
        return weights.shape[1] * groups, (1, -1) + (1,) * (weights.ndim - 2)
    return weights.shape[0], (-1,) + (1,) * (weights.ndim - 1)


def scale_after(net, node):
    """A scale behind a convolution or a dense layer becomes part of its weights."""
    before = net.producer(node.inputs[0]) if node.op in ("scale", "affine") else None
    if before is None or before.op not in LINEAR or not net.alone(before):
        return False
    scale, shift, axis = _scale_shift(net, node)
    if axis is not None and (before.op != "dense") != (axis == 1) or (axis == 1 and before.op == "dense"):
        return False
    weights = net.tensors.get(before.inputs[1])
    if weights is None or (before.op == "deconv" and before.attributes.get("groups", 1) != 1):
        return False
    count, view = _channels(before, weights)
    scale, shift = np.broadcast_to(scale, count), np.broadcast_to(shift, count)
    bias = net.tensors[before.inputs[2]] if len(before.inputs) > 2 else 0
    names = [net.tensor(weights * scale.reshape(view)), net.tensor(bias * scale + shift)]
    node.op, node.inputs, node.attributes = before.op, before.inputs[:1] + names, before.attributes
    return True


def scale_before(net, node):
    """A scale before a convolution that does not pad; or before any convolution, when it does not shift."""
    before = net.producer(node.inputs[0]) if node.op in ("conv", "dense") else None
    if before is None or before.op not in ("scale", "affine") or not net.alone(before) \
            or node.attributes.get("groups", 1) != 1 or node.inputs[1] not in net.tensors:
        return False
    scale, shift, axis = _scale_shift(net, before)
    weights = net.tensors[node.inputs[1]]
    if (any(node.attributes.get("pad", [])) and np.any(shift)) \
            or (axis is not None and ((axis == 1) != (node.op == "conv"))):
        return False
    count = weights.shape[1]
    bias = net.tensors[node.inputs[2]] if len(node.inputs) > 2 else 0
    added = weights.reshape(len(weights), count, -1).sum(axis=2) @ np.broadcast_to(shift, count)
    view = (1, -1) + (1,) * (weights.ndim - 2)
    names = [net.tensor(weights * np.broadcast_to(scale, count).reshape(view)), net.tensor(bias + added)]
    node.inputs = before.inputs[:1] + names
    return True


def copies(net, node):
    """A convolution of equal channels sums its kernels over them."""
    before = net.producer(node.inputs[0]) if node.op == "conv" else None
    if before is None or before.op != "concat" or before.attributes["axis"] != 1 or len(set(before.inputs)) != 1 \
            or node.attributes.get("groups", 1) != 1:
        return False
    weights = net.tensors[node.inputs[1]]
    shape = (weights.shape[0], len(before.inputs), -1) + weights.shape[2:]
    node.inputs = before.inputs[:1] + [net.tensor(weights.reshape(shape).sum(axis=1))] + node.inputs[2:]
    return True


def slice_before_transpose(net, node):
    """A slice of a transposed value is the transposed slice."""
    before = net.producer(node.inputs[0]) if node.op == "slice" else None
    if before is None or before.op != "transpose":
        return False
    order = before.attributes["order"]
    attributes = node.attributes | {"axis": order[node.attributes.get("axis", 1)]}
    cut = net.node("slice", before.inputs, attributes)
    net.nodes.insert(net.nodes.index(node), net.nodes.pop())
    node.op, node.inputs, node.attributes = "transpose", cut, {"order": order}
    return True


def merge_transposes(net, node):
    before = net.producer(node.inputs[0]) if node.op == "transpose" else None
    if before is None or before.op != "transpose":
        return False
    node.attributes = {"order": [before.attributes["order"][i] for i in node.attributes["order"]]}
    node.inputs = before.inputs
    return True


def matmul_transposed(net, node):
    before = net.producer(node.inputs[1]) if node.op == "matmul" else None
    if before is None or before.op != "transpose" or node.attributes.get("transpose"):
        return False
    *rest, last, previous = before.attributes["order"]
    if rest != list(range(len(rest))) or last != previous + 1:
        return False
    node.inputs, node.attributes = [node.inputs[0], before.inputs[0]], {"transpose": True}
    return True


def nothing(net, node):
    """A scale by 1, a reshape that keeps every dimension, a transposition that keeps the order."""
    keeps = _is_affine(node, 1, 0) or (node.op == "reshape" and not any(node.attributes["shape"])) \
        or (node.op == "transpose" and node.attributes["order"] == sorted(node.attributes["order"]))
    if not keeps or node.op == "reshape" and not _same_rank(net, node):
        return False
    net.replace(node.outputs[0], node.inputs[0])
    net.nodes.remove(node)
    return True


def _same_rank(net, node):
    """A reshape to [0, 0] of three dimensions drops none only if its producer has the same rank, which is known after
    a transposition or a reshape."""
    before = net.producer(node.inputs[0])
    known = {"reshape": "shape", "transpose": "order"}
    return before is not None and before.op in known \
        and len(before.attributes[known[before.op]]) == len(node.attributes["shape"])


RULES = (hard_swish, silu, layer_norm, merge_scales, layer_norm_scale, scale_after, scale_before, copies,
         slice_before_transpose, matmul_transposed, merge_transposes, nothing)
