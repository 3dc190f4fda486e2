"""Outputs of the models of a folder for a file, computed by libkithara as the node computes them: blocks over the file,
the mean of their outputs."""

from pathlib import Path

import numpy as np
import yaml

from .errors import TrainError

BLOCKS = 8  # of a file, evenly spaced: what the node takes by default


def deployed(folder, name):
    """The file of the deployed version in models.yml. TrainError: there is none."""
    try:
        document = yaml.safe_load((Path(folder) / "models.yml").read_text(encoding="utf-8"))
        return Path(folder) / document["models"]["audio"][name]["path"]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        why = f"{folder} has no deployed model {name} (`ops/models fetch` installs the default set)"
        raise TrainError(why) from None


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
        chosen = np.unique(np.linspace(0, len(blocks) - 1, min(BLOCKS, len(blocks))).round().astype(int))
        values = [np.asarray(rows).mean(axis=0) for rows in model.run(np.ascontiguousarray(blocks[chosen]))]
        return dict(zip(model.info["graph_outputs"], values))
