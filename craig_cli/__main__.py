"""``python -m craig_cli`` is ``craig``."""

from craig_cli.cli import main

if __name__ == "__main__":
    main()
