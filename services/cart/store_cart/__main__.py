"""Run the cart service alone: `python -m store_cart`."""

from store_kit.running.server import run_service

from store_cart.app import create_service

if __name__ == "__main__":
    run_service(create_service())
