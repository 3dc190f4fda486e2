"""The operators of the weight format, read from models/graph/ops.def, so that there is one list of them."""

import re
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).resolve().parent.parent / "graph" / "ops.def"
ROW = re.compile(r'^KT_OP\(\w+,\s*(\w+),\s*(\d+),\s*(\d+),\s*(\d+),\s*"([^"]*)"')
ATTRIBUTE = re.compile(r"([a-z_]+) +(?:\[before\.\.\., after\.\.\.\] )?(\[[^\]]*\]|[^\s,]+)")


@dataclass(frozen=True)
class Operator:
    name: str
    least: int
    most: int
    outputs: int
    attributes: frozenset


def read(path=TABLE):
    table = {}
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        row = ROW.match(line)
        if row:
            name, least, most, outputs, attributes = row.groups()
            names = frozenset(match[0] for match in ATTRIBUTE.findall(attributes))
            table[name] = Operator(name, int(least), int(most), int(outputs), names)
    return table


OPERATORS = read()
