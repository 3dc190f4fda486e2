"""Labels of a data set, and its split. Plain Python.

labels.json is one object: the path of each file below the data folder, and its label. A label is a text (genre), a list
of texts (instruments) or {"valence": 0.2, "arousal": 0.7} (mood). Where files belong together (one artist, one album),
{"label": ..., "group": "name of the artist"} keeps them on one side of the split:

    {"rock/one.ogg": "rock", "jazz/two.ogg": {"label": "jazz", "group": "Some Artist"}}
"""

import json
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from .errors import TrainError


@dataclass(frozen=True)
class Example:
    file: str  # below the data folder
    label: object
    group: str  # files of one group are not separated


def _unwrap(file, value):
    if isinstance(value, dict) and "label" in value:
        return Example(file, value["label"], f"group {value.get('group', file)}")
    return Example(file, value, f"file {file}")


def read(path, folder):
    """The examples in the order of their files. TrainError: not valid, or a file is missing."""
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainError(f"{path}: {error}") from None
    if not isinstance(rows, dict) or not rows:
        raise TrainError(f"{path}: expected one object with a member per file")
    missing = [file for file in rows if not (Path(folder) / file).is_file()]
    if missing:
        raise TrainError(f"{path}: {len(missing)} files are not in {folder}, for example {missing[0]}")
    return [_unwrap(file, rows[file]) for file in sorted(rows)]


def split(examples, share, seed):
    """(training, validation): the share of the groups of each label goes to validation, at least one where a label has
    two. Depends on nothing but its arguments. TrainError: a side has no files."""
    members, strata = defaultdict(list), defaultdict(list)
    for example in examples:
        if example.group not in members:  # a group counts for the label of its first file
            strata[example.label if isinstance(example.label, str) else ""].append(example.group)
        members[example.group].append(example)
    training, validation = [], []
    for label in sorted(strata):
        groups = sorted(strata[label])
        random.Random(f"{seed} {label}").shuffle(groups)
        count = min(max(1, round(share * len(groups))), len(groups) - 1)
        for i, group in enumerate(groups):
            (validation if i < count else training).extend(members[group])
    if not training or not validation:
        raise TrainError(f"{len(examples)} files in {len(members)} groups cannot be split")
    return training, validation
