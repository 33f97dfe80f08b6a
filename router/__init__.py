"""codec-router: image compression that uses a neural codec where it is safe and a classical codec where it is not.

    import router

    enc = router.compress("cat.png", policy="balanced", quality=70, receiver="self")
    enc.save("out/cat")                      # adds the suffix
    img = router.decompress(enc.data)        # PIL.Image
    router.inspect(enc.data).reasons         # why this lane

Names are imported on first use: `import router` costs milliseconds and loads neither torch nor any codec.
"""

import lazy_loader

_offered, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # what `__init__.pyi` names, from where it says
__all__ = sorted({*__all__, "__version__"})


def __getattr__(name: str) -> object:
    if name != "__version__":
        return _offered(name)
    from importlib.metadata import version

    return version("codec-router")
