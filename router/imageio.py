"""imageio reads and writes `.ncr` files once this module is imported: `import router.imageio`.

    iio.imread("cat.ncr")                    # (H, W) or (H, W, C), uint8
    iio.imwrite("cat.ncr", image, quality=70)
    iio.improps("cat.ncr"), iio.immeta("cat.ncr")  # from the header; nothing is decoded

imageio has no entry points through which it would find the plug-in by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from router.containers import ncr as container
from router.decoding import decompress
from router.errors import CodecUnavailableError, UsageError
from router.images.sample import Pixels
from router.limits import DEFAULT_LIMITS, Limits
from router.ncr_info import info
from router.ncr_writing import encode
from router.quality.target import Number
from router.reasons import ReasonCode

try:
    from imageio.config import FileExtension, PluginConfig, extension_list, known_extensions, known_plugins
    from imageio.core.request import URI_BYTES, InitializationError, IOMode, Request
    from imageio.core.v3_plugin_api import ImageProperties, PluginV3
except ImportError as error:
    raise CodecUnavailableError(
        "imageio is not installed", code=ReasonCode.MISSING_EXTRA, hint="pip install imageio", foreign=error
    ) from error

__all__ = ["NcrPlugin"]

NAME = "NCR"
EXTENSION = ".ncr"


class NcrPlugin(PluginV3):
    """A `.ncr` file as imageio sees one: one image, with index 0."""

    def __init__(self, request: Request) -> None:
        """Raises imageio's InitializationError for what is no `.ncr` file, so that it asks the next plug-in."""
        super().__init__(request)
        self._data: bytes | None = None
        if request.mode.io_mode == IOMode.read:
            ours = bytes(request.firstbytes).startswith(container.SIGNATURE)
        else:
            ours = EXTENSION in (request.extension, request.format_hint)
        if not ours:
            raise InitializationError("not a .ncr file")

    def read(
        self,
        *,
        index: int | EllipsisType | None = None,
        decoding: str | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Pixels:
        """The pixels, (H, W) for gray or (H, W, C), uint8; with `index=...`, (1, H, W) or (1, H, W, C).

        `decoding` and `limits` as in `router.decompress`, errors too; UsageError for another index.
        """
        pixels = decompress(self._read(index), as_array=True, decoding=decoding, limits=limits)
        return pixels[np.newaxis] if index is ... else pixels

    def iter(self, **options: Any) -> Iterator[Pixels]:
        """The one image; options as in `read`."""
        yield self.read(index=0, **options)

    def write(
        self, ndimage: ArrayLike | list[ArrayLike], *, quality: Number | None = None, rate: int | None = None
    ) -> bytes | None:
        """Encode (H, W) or (H, W, C), uint8, at `quality` (SSIMULACRA2, 70 by default) or a fixed `rate` (0 to 65535).

        Nothing is written where encoding fails. Raises UsageError for several images or a quality and a rate, and what
        `router.compress` does.
        """
        images = ndimage if isinstance(ndimage, list) else [ndimage]
        if len(images) != 1:
            raise UsageError(
                f"a .ncr file holds one image, not {len(images)}", code=ReasonCode.BAD_ARGUMENT, hint="Write a file for each"
            )
        data = encode(np.asarray(images[0]), quality, rate)
        self.request.get_file().write(data)
        return data if self.request._uri_type == URI_BYTES else None

    def properties(self, index: int | EllipsisType | None = 0) -> ImageProperties:
        """Shape and type, from the header."""
        header = container.parse(self._read(index), DEFAULT_LIMITS).header
        shape = (header.height, header.width, *([header.channels] if header.channels > 1 else []))
        several = index is ...
        return ImageProperties(
            shape=(1, *shape) if several else shape,
            dtype=np.dtype(np.uint8),
            n_images=1 if several else None,
            is_batch=several,
        )

    def metadata(self, index: int | EllipsisType | None = 0, exclude_applied: bool = True) -> dict[str, Any]:
        """`icc_profile`, `exif`, `xmp`, `record` (the decision, JSON bytes) and `model`, from the header.

        None of it is applied to the pixels: files are upright.
        """
        return info(container.parse(self._read(index), DEFAULT_LIMITS))

    def _read(self, index: int | EllipsisType | None) -> bytes:
        if index not in (None, 0, ...):
            raise UsageError(
                f"a .ncr file holds one image, and none of index {index}", code=ReasonCode.BAD_ARGUMENT, hint="Read index 0"
            )
        if self._data is None:
            self._data = self.request.get_file().read()
        return self._data


known_plugins[NAME] = PluginConfig(name=NAME, class_name=NcrPlugin.__name__, module_name=__name__)
if EXTENSION not in known_extensions:
    _extension = FileExtension(name="codec-router neural image", extension=EXTENSION, priority=[NAME])
    known_extensions[EXTENSION] = [_extension]
    extension_list.append(_extension)
