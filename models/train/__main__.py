"""python3 -m models.train genre|mood|instruments --data FOLDER --labels labels.json --out RUN
   python3 -m models.train head --data FOLDER --out RUN"""

import argparse
import sys

from .errors import TrainError


def _common(parser):
    parser.add_argument("--data", required=True, help="folder of the audio files")
    parser.add_argument("--out", required=True, help="folder of the run: new or empty")
    parser.add_argument("--version", default="1.0.0", help="of the model file: MAJOR.MINOR.PATCH")
    parser.add_argument("--set", default="", help="name of the data set in the model file; default: the folder's name")
    parser.add_argument("--licence", default="LicenseRef-unknown", help="SPDX identifier of the weights' licence")
    parser.add_argument("--attribution", default="", help="who made the weights")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--register", nargs="?", const="", metavar="FOLDER",
                        help="runs `kithara models register` with the model file: at the coordinator, or in a folder")


def _parser():
    from .tasks import TASKS

    parser = argparse.ArgumentParser(prog="python3 -m models.train", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest="task", required=True)
    for name, task in TASKS.items():
        one = tasks.add_parser(name, help=f"trains {task.model} from the start")
        _common(one)
        one.add_argument("--labels", required=True, help="labels.json: see models/train/labels.py")
        one.add_argument("--name", default="", help=f"of the model file; default: {task.model}, with the number of "
                         f"classes where that is not {task.size}")
        one.add_argument("--epochs", type=int, default=100, help="at most; training stops early")
        one.add_argument("--batch-size", type=int, default=32)
        one.add_argument("--validation", type=float, default=0.2, help="share of the files")
        one.add_argument("--duration", type=float, default=30.0, help="seconds of each file that are used")
        one.add_argument("--learning-rate", type=float, default=0.001)
    head = tasks.add_parser("head", help="trains a classifier of one's own on the embeddings of msd_musicnn")
    _common(head)
    head.add_argument("--tags", action="store_true",
                      help="class and artist from the files' tags genre and artist, not from FOLDER/CLASS/ARTIST/...")
    head.add_argument("--models", default=None, help="folder of the models; default: ANALYZER_MODEL_PATH")
    head.add_argument("--name", default="genre_head", help="name of the model file")
    return parser


def main():
    try:
        options = vars(_parser().parse_args())
        register = options.pop("register")
        if options["task"] == "head":
            from . import head as work
        else:
            from . import train as work
        path = work.run(work.Options(**options))
        if register is not None:
            from . import export

            export.register(path, register)
    except TrainError as error:
        sys.exit(f"train: {error}")
    except ModuleNotFoundError as error:
        sys.exit(f"train: {error}; see models/train/requirements.txt")


if __name__ == "__main__":
    main()
