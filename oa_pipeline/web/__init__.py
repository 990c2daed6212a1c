"""What is reachable from outside: GitHub's webhook and the public pages. It reads ledger and store, and never fetches.

`app` puts it together, `serve` runs it, `hook` takes deliveries. Of the pages: `endpoints` is the record that each
address is made of, `pages/` has them by group, `caching` answers a request, `forms` and `rendering` write what is
answered, `catalogue` holds how all data sources stand, `keeping` the pages for when the database is away.
"""
