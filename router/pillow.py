"""Pillow reads and writes `.ncr` files once this module is imported: `import router.pillow`.

    Image.open("cat.ncr")                    # header only; pixels are decoded by load(), as for any format
    image.save("cat.ncr", quality=70)        # the neural codec, at a SSIMULACRA2 target; or rate=0..65535
    router.pillow.save(image, "out/cat")     # through a policy, in whichever format it chooses

Limits of the router hold while a file is opened; Pillow's own limit on pixels holds beside them.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from PIL import Image, ImageFile

from router.api import Policy
from router.api import save as _save_by_policy
from router.containers import ncr as container
from router.decoding import decode
from router.errors import RouterError, StreamError
from router.images.arrays import to_pil
from router.limits import DEFAULT_LIMITS

__all__ = ["NcrImageFile", "save"]

FORMAT = "NCR"
EXTENSION = ".ncr"
MEDIA_TYPE = "image/x-ncr"
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


class NcrImageFile(ImageFile.ImageFile):
    """A `.ncr` file as Pillow sees one: size, mode and metadata at once, pixels on first use.

    `info` has `icc_profile`, `exif` and `xmp` under Pillow's names, `record` (the decision, JSON bytes) and `model` (an id).
    """

    format = FORMAT
    format_description = "codec-router neural image"

    def _open(self) -> None:
        self._data: bytes | None = self.fp.read()  # type: ignore[union-attr]
        try:
            file = container.parse(self._data, DEFAULT_LIMITS)
        except StreamError as error:
            raise SyntaxError(str(error)) from error  # what Pillow expects of a file that a plugin cannot read
        self._size = file.header.width, file.header.height
        self._mode = _MODES[file.header.channels]
        exif = None if file.exif is None else b"Exif\x00\x00" + file.exif
        entries = {"icc_profile": file.icc, "exif": exif, "xmp": file.xmp, "record": file.record}
        self.info.update({key: value for key, value in entries.items() if value is not None})
        self.info["model"] = file.model.model_id
        self.tile = []

    def load(self) -> Any:
        """Decode the pixels, once. Raises OSError with the router's own error as its cause."""
        if self._data is not None:
            try:
                image = to_pil(decode(self._data).pixels)
            except RouterError as error:
                raise OSError(str(error)) from error
            self.im, self._data = image.im, None
        return super().load()


def save(image: Image.Image, path: str | Path, policy: Policy = "balanced", **options: Any) -> Path:
    """Write an image through a policy, in the format that it chooses; the suffix is added. Returns the path written.

    Options and errors as in `router.save`.
    """
    return _save_by_policy(image, path, policy, **options)


def _write(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """For `Image.save(..., format="NCR")`: `quality` (SSIMULACRA2, 70 by default) or `rate`; `exif`, `icc_profile`, `xmp`."""
    from router.api import compress

    options = image.encoderinfo
    source = image.copy()
    source.info = {**image.info, **{k: options[k] for k in ("exif", "icc_profile", "xmp") if k in options}}
    if isinstance(source.info.get("exif"), Image.Exif):
        source.info["exif"] = source.info["exif"].tobytes()
    if "rate" in options:
        encoded = compress(source, codec="ncr", settings={"rate": options["rate"]}, on_guard_fail="release")
    else:
        encoded = compress(source, codec="ncr", quality=options.get("quality", 70))
    file.write(encoded.data)


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(container.SIGNATURE)


Image.register_open(FORMAT, NcrImageFile, _accept)
Image.register_save(FORMAT, _write)
Image.register_extension(FORMAT, EXTENSION)
Image.register_mime(FORMAT, MEDIA_TYPE)
