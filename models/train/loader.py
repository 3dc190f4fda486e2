"""Data of a training run: files and labels in, batches of 128 x 128 mel blocks out. Blocks lie in one file on disk, so
that a data set may be larger than the memory."""

import math
import sys
from pathlib import Path

import numpy as np

from . import frontend, labels
from .errors import TrainError


class Blocks:
    """Blocks of many files, one after another in a file on disk; span[file] is where they are."""

    def __init__(self, path):
        self.path, self.span, self.count, self._map = Path(path), {}, 0, None

    def fill(self, files, compute):
        """compute(file) gives [n, BANDS, FRAMES]. A file that cannot be read is left out: returns {file: reason}."""
        import kithara

        skipped = {}
        with self.path.open("wb") as out:
            for number, file in enumerate(files, 1):
                try:
                    blocks = compute(file)
                except kithara.Error as error:
                    skipped[file] = str(error)
                    print(f"left out: {file}: {error}", file=sys.stderr)
                    continue
                out.write(np.ascontiguousarray(blocks, np.float32).tobytes())
                self.span[file] = range(self.count, self.count + len(blocks))
                self.count += len(blocks)
                if number % 50 == 0 or number == len(files):
                    print(f"{number} of {len(files)} files, {self.count} blocks", flush=True)
        if self.count == 0:
            raise TrainError("no file could be read")
        self._map = np.memmap(self.path, np.float32, "r", shape=(self.count, frontend.BANDS, frontend.FRAMES))
        return skipped

    def take(self, indices):
        return self._map[indices]


def batches(loader, examples, batch_size, seed):
    """A Keras data set of examples; shuffled per epoch where there is a seed."""
    import keras

    class Batches(keras.utils.PyDataset):
        def __init__(self):
            super().__init__()
            self.random = np.random.default_rng(seed)
            self.blocks, rows = loader.indices(examples)
            self.targets = np.stack([loader.task.encode(examples[row].label, loader.classes) for row in rows])
            self.order = np.arange(len(self.blocks))
            self.on_epoch_end()

        def __len__(self):
            return math.ceil(len(self.order) / batch_size)

        def __getitem__(self, index):
            chosen = self.order[index * batch_size:(index + 1) * batch_size]
            return loader.inputs(self.blocks[chosen]), loader.task.targets(self.targets[chosen])

        def on_epoch_end(self):
            if seed is not None:
                self.random.shuffle(self.order)

    return Batches()


class AudioDataLoader:
    """The specification's loader: a folder, labels.json, a sample rate and the seconds that are used of each file."""

    def __init__(self, task, data_path, labels_path, work, sample_rate=22050, duration=30.0):
        """work: a folder for the blocks."""
        if sample_rate != frontend.INPUT["rate_hz"]:
            raise TrainError(f"the front end is defined at {frontend.INPUT['rate_hz']} Hz")
        self.task, self.data, self.duration = task, Path(data_path), duration
        self.examples = labels.read(labels_path, data_path)
        self.classes = task.classes([example.label for example in self.examples])
        self.blocks = Blocks(Path(work) / "blocks.f32")
        self.training = self.validation = ()
        self.skipped, self.mean, self.inverse_std = {}, None, None

    def create_datasets(self, batch_size=32, validation_split=0.2, seed=1):
        """(training, validation) as Keras data sets."""
        self._compute()
        present = [example for example in self.examples if example.file in self.blocks.span]
        self.training, self.validation = labels.split(present, validation_split, seed)
        statistics = frontend.Statistics()
        for example in self.training:
            statistics.add(self.blocks.take(self.blocks.span[example.file]))
        self.mean, self.inverse_std = statistics.mean(), statistics.inverse_std()
        return batches(self, self.training, batch_size, seed), batches(self, self.validation, batch_size, None)

    def _compute(self):
        import kithara

        with kithara.Context() as context, frontend.open_frontend() as front:
            def compute(file):
                samples = context.read_mono(self.data / file, front.rate_hz, 0, self.duration)
                return np.asarray(front.blocks(front.rows(samples))).reshape(-1, frontend.BANDS, frontend.FRAMES)

            self.skipped = self.blocks.fill([example.file for example in self.examples], compute)

    def indices(self, examples):
        """(block, row of examples) of each block, as arrays."""
        pairs = [(block, row) for row, example in enumerate(examples) for block in self.blocks.span[example.file]]
        return np.array([block for block, _ in pairs]), np.array([row for _, row in pairs])

    def inputs(self, indices):
        """Normalised blocks as the network takes them: [n, BANDS, FRAMES, 1]."""
        return frontend.normalise(self.blocks.take(indices), self.mean, self.inverse_std)[..., None]
