"""The command line: `codec-router`. One file per command; shared rules for inputs, options and reporting beside them."""
