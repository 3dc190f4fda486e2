"""The pieces of a user's collection: their class and artist, by folders or by tags. Plain Python (tags: mutagen)."""

import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from .errors import TrainError

LEAST_ARTISTS = 5
KINDS = {".ogg", ".mp3", ".flac", ".wav", ".m4a", ".opus", ".aac", ".wma"}


@dataclass(frozen=True)
class Piece:
    path: Path
    label: str
    artist: str


def from_folders(folder):
    """FOLDER/CLASS/ARTIST/.../file. Files directly in the folder of a class have no artist: TrainError."""
    folder, pieces = Path(folder), []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in KINDS:
            continue
        parts = path.relative_to(folder).parts
        if len(parts) < 3:
            raise TrainError(f"{path} has no folder of its artist: {folder}/CLASS/ARTIST/FILE, or use --tags")
        pieces.append(Piece(path, parts[0], parts[1]))
    return pieces


def from_tags(folder):
    """Class and artist by the tags genre and artist; files without them are left out."""
    import mutagen

    pieces = []
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix.lower() not in KINDS:
            continue
        tags = mutagen.File(path, easy=True) or {}
        label, artist = ((tags.get(name) or [""])[0].strip() for name in ("genre", "artist"))
        if label and artist:
            pieces.append(Piece(path, label, artist))
        else:
            print(f"left out: {path}: no tag {'artist' if label else 'genre'}", file=sys.stderr)
    return pieces


def check(pieces):
    """The classes in order. TrainError: fewer than two, or one with too few artists."""
    artists = defaultdict(set)
    for piece in pieces:
        artists[piece.label].add(piece.artist.casefold())
    few = [f"{label}: {len(names)}" for label, names in sorted(artists.items()) if len(names) < LEAST_ARTISTS]
    if few:
        raise TrainError(f"each class needs {LEAST_ARTISTS} artists at least; there are fewer of {', '.join(few)}")
    if len(artists) < 2:
        raise TrainError("there must be two classes at least")
    return sorted(artists)
