"""How a request is answered: understood (`asking`), from what is kept (`keeping`) or made anew (`renewing`).

`caching` puts that together, with ETags by the data's version; `stored` notes what the store could not give.
"""
