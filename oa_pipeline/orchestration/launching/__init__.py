"""Where runs are carried out: by the workers of the pool, or each on an instance of its own."""
