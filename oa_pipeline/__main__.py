"""`python -m oa_pipeline` is `oa`."""

from .cli import main

main()
