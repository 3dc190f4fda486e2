"""Training of audio models (docs/adding-a-model.md): `python3 -m models.train genre|mood|instruments|head` in the root
of a clone. The input of a network is computed by libkithara, with the code that serves the model later."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for folder in ("python", "models/convert"):  # kithara; ktm.py and the converters
    if str(ROOT / folder) not in sys.path:
        sys.path.append(str(ROOT / folder))
