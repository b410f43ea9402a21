"""Run the `store` command as a module: `python -m store_cli`."""

from store_cli.main import main

main()
