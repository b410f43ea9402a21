"""Run the user service alone: `python -m store_user`."""

from store_kit.running.server import run_service

from store_user.app import create_service

if __name__ == "__main__":
    run_service(create_service())
