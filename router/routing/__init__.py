"""The way of one image from its decision to the bytes that are released."""
