"""Outputs of the models of a folder for a file, computed by libkithara as the node computes them: blocks over the file,
the mean of their outputs."""

from pathlib import Path

import numpy as np
import yaml

from .errors import TrainError

BLOCKS, KEPT = 8, 64  # of a file: what the node takes by default (node/audio/models/patches.c)


def deployed(folder, name):
    """The file of the deployed version in models.yml. TrainError: there is none."""
    try:
        document = yaml.safe_load((Path(folder) / "models.yml").read_text(encoding="utf-8"))
        return Path(folder) / document["models"]["audio"][name]["path"]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        why = f"{folder} has no deployed model {name} (`ops/models fetch` installs the default set)"
        raise TrainError(why) from None


def choose(count):
    """The blocks that the node runs of so many: evenly spread over those that it keeps."""
    kept = range(count)
    while len(kept) > KEPT:
        kept = kept[::2]
    n = min(BLOCKS, len(kept))
    return [kept[(2 * i + 1) * len(kept) // (2 * n)] for i in range(n)]


class Extractor:
    """Opens the models of a folder when they are needed."""

    def __init__(self, context, folder):
        self.context, self.folder, self.models = context, folder, {}

    def model(self, name):
        import kithara

        if name not in self.models:
            path = deployed(self.folder, name)
            model = kithara.Model(path)
            audio = model.info["input"]["kind"] == "audio"
            self.models[name] = model, kithara.Frontend(path) if audio else None
        return self.models[name]

    def outputs(self, path, name):
        """{output: vector} of an audio model; None where the file is too short for a block."""
        model, front = self.model(name)
        blocks = np.asarray(front.blocks(front.rows(self.context.read_mono(path, front.rate_hz))))
        if len(blocks) == 0:
            return None
        chosen = choose(len(blocks))
        values = [np.asarray(rows).mean(axis=0) for rows in model.run(np.ascontiguousarray(blocks[chosen]))]
        return dict(zip(model.info["graph_outputs"], values))
