"""Mapbox, which makes a tileset of what it is sent.

`account` says whose, `api` asks Mapbox itself, `staging` puts the file into the bucket that it names, `upload` does all
of it and waits until the tileset is there.
"""
