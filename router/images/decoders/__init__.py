"""One module per container: `probe` reads its header from bytes, `plan` says what a read gives and how to get the pixels."""
