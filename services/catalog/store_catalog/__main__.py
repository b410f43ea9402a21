"""Run the catalogue alone: `python -m store_catalog`."""

from store_kit.running.server import run_service

from store_catalog.app import create_service

if __name__ == "__main__":
    run_service(create_service())
