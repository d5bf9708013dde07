"""``python -m supervisor``: the same as the console script."""

from supervisor.cli import main

main()
