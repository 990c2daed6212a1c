"""Collections: regional files of many sources, by area and licence.

`regions` says which area a source is of, `snapshot` which results are collected, `build` makes the files. What is
current, and when, is `orchestration.collect`'s business.
"""
