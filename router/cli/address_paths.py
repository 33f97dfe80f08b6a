"""Addresses (`s3://bucket/cat.png`) among the paths that commands are given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from router.errors import UsageError
from router.files.addresses import Address, parse
from router.reasons import ReasonCode

if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # the one of this system, as classes below Path have to have it


class AddressPath(_Path):
    """An address that goes where commands have paths. `str` of it shows no secrets; the library gets the whole of it."""

    address: Address | None = None

    def __str__(self) -> str:
        return super().__str__() if self.address is None else str(self.address)

    def __fspath__(self) -> str:
        return super().__str__() if self.address is None else self.address.text

    def __eq__(self, other: object) -> bool:
        return self.address == getattr(other, "address", None) and super().__eq__(other)

    def __hash__(self) -> int:
        return hash(self.address)

    def absolute(self) -> AddressPath:
        """Itself: an address does not depend on the working folder."""
        return self


def as_path(text: str) -> Path:
    """What an argument names. Raises UsageError as `addresses.parse`."""
    found = parse(text)
    if isinstance(found, Path):
        return found
    path = AddressPath(str(found))
    path.address = found
    return path


def is_address(path: Path) -> bool:
    """Whether it is an address."""
    return isinstance(path, AddressPath)


def check_folder_is_local(path: Path) -> None:
    """Raises UsageError where a folder is needed and this is an address."""
    if is_address(path):
        raise UsageError(
            f"{path} is an address, which takes the output of one input",
            code=ReasonCode.BAD_ARGUMENT,
            hint="Name one input, or a folder of this machine",
        )
