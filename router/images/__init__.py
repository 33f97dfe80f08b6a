"""Image input: `read` turns whatever holds one still image into an ImageSample; headers, limits, orientation, colour."""
