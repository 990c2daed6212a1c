"""How the site is served: gunicorn (`serve`) with threads that nobody can hold for long (`worker`, `pace`), nor at all
before the headers of a request have come (`arriving`), and for which addresses take turns (`turns`).

`oddities` are headers that nobody can mean; `unreadable` is the answer to what is no request.
"""
