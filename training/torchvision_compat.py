"""Declare the torchvision operators that a CPU-only torch build lacks, so that `import compressai` works.

compressai imports torchvision, whose Python side registers fake kernels for `torchvision::nms` and `torchvision::qnms` at
import. Where torchvision's compiled library is absent or built for another torch, these operators do not exist and the
import fails with "operator torchvision::nms does not exist". Nothing here uses either operator: declaring their signatures is
enough. Where torchvision is whole this module does nothing.

Call `declare_missing_operators()` before the first import of compressai or torchvision.
"""

from __future__ import annotations

import importlib.util

import torch

_DECLARED: list[torch.library.Library] = []  # a Library object withdraws its operators when it is collected


def declare_missing_operators() -> bool:
    """Declare `torchvision::nms` and `torchvision::qnms` if no kernel library provides them; True if it had to."""
    if _DECLARED or torch.version.cuda is not None or importlib.util.find_spec("torchvision") is None:
        return False
    library = torch.library.Library("torchvision", "FRAGMENT")
    declared = False
    for name in ("nms", "qnms"):
        try:
            torch._C._dispatch_find_schema_or_throw(f"torchvision::{name}", "")
        except RuntimeError:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            declared = True
    if declared:
        _DECLARED.append(library)
    return declared
