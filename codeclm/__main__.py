"""``python -m codeclm``."""

from codeclm.cli import main

if __name__ == "__main__":
    main()
