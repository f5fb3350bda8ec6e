"""`python -m fmn` is `fmn`."""

from fmn.cli.main import main

main()
