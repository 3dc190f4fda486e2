"""The instructions of a Containerfile, as far as packaging/fleet uses them, and their execution in a folder that stands
for the image's files. No layers and no cache; network and processes are those of the host."""
import json
import pathlib
import re
import shlex
import shutil

KNOWN = {"RUN", "COPY", "ENV", "USER", "VOLUME", "EXPOSE", "ENTRYPOINT"}


class Stage:
    def __init__(self, base):
        """base: a stage, or None for an image from elsewhere."""
        self.steps = list(base.steps) if base else []
        self.env = dict(base.env) if base else {}
        self.user = base.user if base else "0:0"
        self.entrypoint = base.entrypoint if base else None

    def add(self, word, rest):
        if word not in KNOWN:
            raise ValueError(f"unknown instruction {word}")
        if word == "ENV":
            self.env.update(part.split("=", 1) for part in shlex.split(rest))
        elif word == "USER":
            self.user = rest
        elif word == "ENTRYPOINT":
            self.entrypoint = json.loads(rest)
        self.steps.append((word, rest))


def stages(path):
    """{name: Stage}"""
    text = re.sub(r"^#.*\n", "", pathlib.Path(path).read_text(), flags=re.M)
    found, stage = {}, None
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if not line.strip():
            continue
        word, rest = line.split(None, 1)
        if word == "FROM":
            base, _, name = re.match(r"(\S+)( AS (\S+))?", rest).groups()
            stage = found[name] = Stage(found.get(base))
        else:
            stage.add(word, rest.strip())
    return found


def execute(stage, chroot, context):
    """chroot.run(*words, user=None) executes in chroot.root; context: the folder that COPY reads."""
    user = "0:0"
    for word, rest in stage.steps:
        if word == "USER":
            user = rest
        elif word == "RUN":
            if user != "0:0":
                raise ValueError("RUN as another user than root")
            chroot.run("/bin/sh", "-c", rest)
        elif word == "COPY":
            *sources, target = rest.split()
            folder = chroot.root / target.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            for pattern in sources:
                matches = list(pathlib.Path(context).glob(pattern))
                if not matches:
                    raise FileNotFoundError(pattern)
                for match in matches:
                    shutil.copy(match, folder)
