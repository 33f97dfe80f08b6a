"""Everything that produces and measures the shipped artefacts. Not part of the installed package; needs the `training` extra."""
