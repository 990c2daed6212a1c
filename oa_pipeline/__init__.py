"""OpenAddresses on Dagster: downloads, converts and publishes the world's public address data."""

__version__ = "0.1.0"
