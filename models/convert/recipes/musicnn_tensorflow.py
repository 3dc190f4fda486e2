"""musicnn's and vgg's published graphs in TensorFlow, layer by layer as in the package's models.py."""

import os
import tempfile

from errors import Missing


class _Net:
    def __init__(self, prefix):
        try:
            import tensorflow as tf
        except ImportError:
            raise Missing("tensorflow") from None
        # The files are named ".index" and ".data-..."; TensorFlow takes such a prefix for a folder.
        with tempfile.TemporaryDirectory() as folder:
            for end in (".index", ".data-00000-of-00001"):
                os.symlink(os.path.abspath(prefix + end), f"{folder}/model{end}")
            reader = tf.train.load_checkpoint(f"{folder}/model")
            self.variables = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
        self.tf, self.norms, self.convs = tf, 0, 0

    def get(self, name):
        return self.tf.constant(self.variables[name])

    def norm(self, x):
        prefix = "batch_normalization" + (f"_{self.norms}/" if self.norms else "/")
        self.norms += 1
        parts = [self.get(prefix + name) for name in ("moving_mean", "moving_variance", "beta", "gamma")]
        return self.tf.nn.batch_normalization(x, *parts, 1e-3)

    def conv(self, x, padding="VALID", name=None):
        name = name or "conv2d" + (f"_{self.convs}" if self.convs else "")
        self.convs += 1
        y = self.tf.nn.conv2d(x, self.get(f"{name}/kernel"), 1, padding)
        return self.tf.nn.relu(self.tf.nn.bias_add(y, self.get(f"{name}/bias")))

    def dense(self, x, name):
        return self.tf.matmul(x, self.get(f"{name}/kernel")) + self.get(f"{name}/bias")

    def pad_time(self, x):
        return self.tf.pad(x, [[0, 0], [3, 3], [0, 0], [0, 0]])


def _musicnn(net, x):
    tf = net.tf
    x = net.norm(x)
    timbral = [tf.reduce_max(net.norm(net.conv(net.pad_time(x))), axis=2) for _ in range(2)]
    temporal = [tf.reduce_max(net.norm(net.conv(x, "SAME")), axis=2) for _ in range(3)]
    front = tf.concat(timbral + temporal, 2)[..., None]
    turn = lambda y: tf.transpose(y, [0, 1, 3, 2])
    m1 = turn(net.norm(net.conv(net.pad_time(front))))
    m2 = turn(net.norm(net.conv(net.pad_time(m1)))) + m1
    m3 = turn(net.norm(net.conv(net.pad_time(m2)))) + m2
    every = tf.concat([front, m1, m2, m3], 2)
    mean, _ = tf.nn.moments(every, axes=[1])
    pooled = tf.concat([tf.reduce_max(every, axis=1), mean], 2)
    flat = net.norm(tf.reshape(pooled, [pooled.shape[0], -1]))
    embedding = net.norm(tf.nn.relu(net.dense(flat, "dense")))
    return {"tags": tf.sigmoid(net.dense(embedding, "dense_1")).numpy(), "embedding": embedding.numpy()}


def _vgg(net, x):
    tf = net.tf
    x = net.norm(x)
    pools = (((4, 1), 2), ((2, 2), 2), ((2, 2), 2), ((2, 2), 2), ((4, 4), 4))
    for i, (size, stride) in enumerate(pools, 1):
        x = tf.nn.max_pool2d(net.norm(net.conv(x, "SAME", f"{i}CNN")), size, stride, "VALID")
    return {"tags": tf.sigmoid(net.dense(tf.reshape(x, [x.shape[0], -1]), "dense")).numpy()}


def run(name, prefix, x):
    """x: [N, 1, time, frequency]."""
    net = _Net(prefix)
    return (_musicnn if name.endswith("musicnn") else _vgg)(net, net.tf.constant(x.transpose(0, 2, 3, 1)))
