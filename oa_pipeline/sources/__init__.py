"""Source files: read, listed, checked. Pure: no network, no Dagster."""
