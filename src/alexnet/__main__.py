"""`python -m alexnet` is the `alexnet` command."""

from alexnet.cli.main import main

if __name__ == "__main__":
    main()
