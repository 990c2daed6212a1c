"""What is reachable from outside: GitHub's webhook and the public pages. It reads ledger and store, and never fetches.

Serving: `app` puts it together from the means that `site` holds; `serve` runs it with the threads of `worker`, which
know by `pace` who reads. `oddities` are headers that nobody can mean; `unreadable` is what is answered where a request
cannot be read, `errors` all other errors, `headers` what every answer has, `limits` how often one may ask. `health`
tells whether all is well.

Pages: `endpoints` is the record that each address is made of, and `pages/` has them by group. `caching` answers a
request: it understands it by `asking`, shows what `keeping` holds, has it made anew by `renewing`, and notes what the
store (`stored`) could not give. `catalogue` holds how all data sources stand; lists of it are narrowed by `facets` and
`searching` and shown in parts by `ordering`. `forms` write an answer as JSON, CSV, Atom, GeoJSON or text, `state` as
state.txt, `rendering` as a page; `openapi` and `robots` are made of the same records.

What pages say: `cures`, `terms`, `columns`, `commands`, `places`, `spelling`, `glimpses`, `software`; what they draw:
`coverage_maps`, `mapstyle`, `sparkline`; what others made: `vendored`.

Files: `files` sends objects of the store, in `ranges`, under names of `naming`. Maintainers: `signin/`, `uploads/`.
Deliveries: `hook` keeps them, `signatures` are verified, `replay` sends them again.
"""
