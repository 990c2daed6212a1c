"""How big the pool is: it follows what waits, within its bounds. `oa capacity` does this every half a minute."""
