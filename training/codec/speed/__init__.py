"""How fast the codec is and how much memory it takes, beside CompressAI's mbt2018-mean and AVIF."""
