"""Public conformance checks for plug-ins: call them from your own tests.

>>> from router.testing import check_codec
>>> check_codec(MyCodec())  # doctest: +SKIP
"""

from __future__ import annotations

from router.codecs.conformance import check_codec

__all__ = ["check_codec"]
