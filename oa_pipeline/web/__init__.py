"""What is reachable from outside: GitHub's webhook and the public pages. It reads ledger and store, and never fetches.

`app` puts it together from the means that `site` holds; `serving/` runs it under gunicorn. `errors` are what is said
instead of an answer, `headers` what every answer has, `limits` how often one may ask, `health` whether all is well.

Pages: `endpoints` is the record that each address is made of, and `pages/` has them by group. `answering/` answers from
what is kept, or has it made. `catalogue` holds how all data sources stand; lists of it are narrowed by `facets` and
`searching` and shown in parts by `ordering`. `forms` write an answer as JSON, CSV, Atom, GeoJSON or text, `state` as
state.txt, `rendering` as a page; `openapi` and `robots` are made of the same records.

What pages say: `cures`, `terms`, `columns`, `commands`, `places`, `spelling`, `glimpses`, `software`; what they draw:
`drawn/`; what others made: `vendored`.

Files of the store: `files/`. Deliveries of GitHub: `hook/`. Maintainers: `signin/`, `uploads/`.
"""
