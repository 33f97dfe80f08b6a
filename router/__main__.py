"""`python -m router` is `codec-router`."""

from router.cli.main import main

if __name__ == "__main__":
    main()
