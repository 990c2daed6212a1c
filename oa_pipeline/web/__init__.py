"""What is reachable from outside: GitHub's webhook and the public pages. It reads ledger and store, and never fetches.

`app` puts it together, `serve` runs it, `hook` takes deliveries; each other module is one group of addresses.
"""
