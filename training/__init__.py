"""Everything that produces the shipped artefacts. Not part of the installed package; needs the `training` extra."""
