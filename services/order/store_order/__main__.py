"""Run the order service alone: `python -m store_order`."""

from store_kit.running.server import run_service

from store_order.app import create_service

if __name__ == "__main__":
    run_service(create_service())
