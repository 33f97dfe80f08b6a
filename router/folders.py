"""Searching folders for images: by suffix, and by content where the suffix does not tell; what is left out is counted by kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from router.errors import InputError
from router.reasons import ReasonCode

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".avif", ".jxl", ".gif", ".bmp", ".tif", ".tiff"}
    | {".ppm", ".pgm", ".pnm", ".pbm"}
)
"""Suffixes of what is read here: such a file is taken whatever it holds, so that a damaged one is a failure."""
_RAW = ".dng .nef .nrw .cr2 .cr3 .crw .arw .sr2 .srf .orf .rw2 .raf .pef .srw .3fr .iiq .erf .kdc .mos .mrw .x3f"
_NOT_READ = {
    "HEIC/HEIF": (".heic", ".heif", ".hif"),
    "DICOM": (".dcm", ".dicom"),
    "JPEG 2000": (".jp2", ".j2k", ".j2c", ".jpx", ".jpf"),
    "camera raw": tuple(_RAW.split()),
    "video": (".mov", ".mp4", ".m4v", ".avi", ".mkv", ".webm"),
    "JPEG XR": (".jxr", ".wdp", ".hdp"),
    "SVG": (".svg", ".svgz"),
    "Photoshop": (".psd", ".psb"),
    "OpenEXR": (".exr",),
    "TGA": (".tga",),
    "Windows icon": (".ico", ".cur"),
}
_KIND_OF_SUFFIX = {suffix: kind for kind, suffixes in _NOT_READ.items() for suffix in suffixes}
_HEAD = 4096


@dataclass
class LeftOut:
    """Files and folders that a search came by and did not take.

    Attributes:
        kinds: those that are or may hold images, by kind ("HEIC/HEIF", "linked folder", ...), in the order of the search.
        others: how many other files, by suffix ("no suffix" without one).
        problems: folders that could not be searched, with the error.
    """

    kinds: dict[str, list[Path]] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)
    problems: list[tuple[Path, InputError]] = field(default_factory=list)

    def _add(self, path: Path, kind: str | None) -> None:
        if kind is not None:
            self.kinds.setdefault(kind, []).append(path)
        else:
            suffix = path.suffix.lower() or "no suffix"
            self.others[suffix] = self.others.get(suffix, 0) + 1


def images_below(
    folder: Path,
    *,
    left_out: LeftOut,
    suffixes: Collection[str] = IMAGE_SUFFIXES,
    signature: bytes | None = None,
    passed_over: Callable[[Path], bool] = lambda path: False,
) -> list[Path]:
    """Images below a folder at any depth, sorted. Hidden files and folders are not looked at; linked folders are not entered.

    Args:
        folder: where to search.
        left_out: is told what was not taken, and which folders could not be searched.
        suffixes: files that are taken for their names.
        signature: files that begin with it are taken too.
        passed_over: folders that are not searched, and not counted.
    """
    return sorted(search(folder, left_out=left_out, suffixes=suffixes, signature=signature, passed_over=passed_over))


def search(
    folder: Path,
    *,
    left_out: LeftOut,
    suffixes: Collection[str] = IMAGE_SUFFIXES,
    signature: bytes | None = None,
    passed_over: Callable[[Path], bool] = lambda path: False,
) -> Iterator[Path]:
    """`images_below` as they are found: the files of a folder in the order of their names, then its folders."""
    for path in _walk(folder, left_out, passed_over):
        if path.suffix.lower() in suffixes or _begins(path, signature):
            yield path
            continue
        kind, readable = kind_of(path)
        if readable:
            yield path
        else:
            left_out._add(path, kind)


def kind_of(path: Path) -> tuple[str | None, bool]:
    """The image format of a file whose suffix is none of an image that is read, and whether it is read; (None, False) for others.

    Camera raw files are told by their suffixes: most of them are TIFFs that begin with a preview.
    """
    named = _KIND_OF_SUFFIX.get(path.suffix.lower())
    if named == "camera raw":
        return named, False
    from router.images.probe import recognised

    head = _head(path)
    if head is None:
        return "file that may not be read", False
    known = recognised(head)
    return (named, False) if known is None else known


def _begins(path: Path, signature: bytes | None) -> bool:
    return signature is not None and (_head(path) or b"").startswith(signature)


def _head(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return None


def _walk(root: Path, left_out: LeftOut, passed_over: Callable[[Path], bool]) -> Iterator[Path]:
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:  # names and kinds only: there may be a million in one folder
                listed = sorted((entry.name, _kind(entry)) for entry in entries if not entry.name.startswith("."))
        except OSError as error:
            problem = InputError(
                f"{folder} cannot be searched: {error.strerror}", code=ReasonCode.UNREADABLE, hint="Check its permissions"
            )
            left_out.problems.append((folder, problem))
            continue
        inner = []
        for name, kind in listed:
            path = folder / name
            if kind == _FOLDER:
                if not passed_over(path):
                    inner.append(path)
            elif kind == _FILE:
                yield path
            else:
                left_out._add(path, kind)
        waiting += reversed(inner)


_FOLDER, _FILE = "folder", "file"


def _kind(entry: os.DirEntry[str]) -> str:
    """One of the two, or what it is that is neither."""
    if entry.is_dir(follow_symlinks=False):
        return _FOLDER
    return _FILE if _is_file(entry) else _odd(entry)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself, or into a folder that may not be entered
        return False


def _odd(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_dir():
            return "linked folder"
    except OSError:
        pass
    return "link to nothing that can be read" if entry.is_symlink() else "no regular file"
