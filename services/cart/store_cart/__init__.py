"""The cart service: what shoppers are about to buy, and what they looked at."""
