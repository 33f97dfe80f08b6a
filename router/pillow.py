"""Pillow reads and writes `.ncr` files once this module is imported: `import router.pillow`.

    Image.open("cat.ncr")                    # header only; pixels are decoded by load(), as for any format
    image.save("cat.ncr", quality=70)        # the neural codec, at a SSIMULACRA2 target; or rate=0..65535
    router.pillow.save(image, "out/cat")     # through a policy, in whichever format it chooses

Limits of the router hold while a file is opened; Pillow's own limit on pixels holds beside them.
"""

from __future__ import annotations

from typing import IO, Any, BinaryIO, cast

from PIL import Image, ImageFile

from router.api import save
from router.containers import ncr as container
from router.decoding import decode
from router.errors import RouterError, StreamError
from router.files.named import read_stream
from router.images.arrays import to_pil
from router.limits import DEFAULT_LIMITS
from router.ncr_info import info
from router.ncr_writing import encode

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
        self._data: bytes | None = read_stream(cast("BinaryIO", self.fp), DEFAULT_LIMITS)
        try:
            file = container.parse(self._data, DEFAULT_LIMITS)
        except StreamError as error:
            raise SyntaxError(str(error)) from error  # what Pillow expects of a file that a plugin cannot read
        self._size = file.header.width, file.header.height
        self._mode = _MODES[file.header.channels]
        self.info.update(info(file))
        self.tile = []

    def load(self) -> Any:
        """Decode the pixels, once. Raises OSError with the router's own error as its cause."""
        if self._data is not None:
            try:
                image = to_pil(decode(self._data).pixels)
            except RouterError as error:
                raise OSError(str(error)) from error
            self.im, self._data = image.im, None
            if self._exclusive_fp and self.fp is not None:  # opened by Pillow, which closes it where it decodes itself
                self.fp.close()
            self.fp = None
        return super().load()


def _write(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """For `Image.save(..., format="NCR")`: `quality` (SSIMULACRA2, 70 by default) or `rate`; `exif`, `icc_profile`, `xmp`."""
    options = image.encoderinfo
    source = image.copy()
    source.info = {**image.info, **{k: options[k] for k in ("exif", "icc_profile", "xmp") if k in options}}
    if isinstance(source.info.get("exif"), Image.Exif):
        source.info["exif"] = source.info["exif"].tobytes()
    file.write(encode(source, options.get("quality"), options.get("rate")))


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(container.SIGNATURE)


Image.register_open(FORMAT, NcrImageFile, _accept)
Image.register_save(FORMAT, _write)
Image.register_extension(FORMAT, EXTENSION)
Image.register_mime(FORMAT, MEDIA_TYPE)
