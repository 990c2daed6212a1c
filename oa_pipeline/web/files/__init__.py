"""Objects of the store as the site sends them (`sending`), in parts (`ranges`), saved under names of `naming`."""
