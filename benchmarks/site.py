"""The public site on 250,000 runs, as gunicorn serves it: how long a reader waits for each page, and 200 at once.

Every page is asked for in as many variants as there are times, so that most are rendered and not only sent again.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from oa_pipeline.ledger.upgrade import upgrade
from oa_pipeline.orchestration import embedded
from oa_pipeline_tests.database import FAST, create, named, open_folder
from oa_pipeline_tests.ledger import many_runs
from oa_pipeline_tests.web.served import Served, served

LATE, LATE_UNCHANGED = 100.0, 5.0  # milliseconds
LARGEST = 60_000  # bytes of a page, compressed
READERS = 200
PAGES: dict[str, Callable[[int], str]] = {
    "home": lambda n: "/",
    "sources": lambda n: f"/sources/?q=c{n}",
    "sources, sorted": lambda n: f"/sources/?sort=rows&order=down&per={100 + n}",
    "sources as JSON": lambda n: f"/sources.json?q=c{n}",
    "sources as CSV": lambda n: f"/sources.csv?q=c{n}",
    "all sources as CSV": lambda n: "/sources.csv",
    "all as GeoJSON": lambda n: "/sources.geojson",
    "a source": lambda n: f"/sources/us/{('ca', 'ny', 'tx', 'wa', 'oh')[(n + 4) % 5]}/c{n + 1}",
    "a source's feed": lambda n: f"/sources/us/{('ca', 'ny', 'tx', 'wa', 'oh')[(n + 4) % 5]}/c{n + 1}.atom",
    "a run": lambda n: f"/runs/{150_000 + n}/",
    "index.json": lambda n: "/index.json",
    "collections": lambda n: f"/collections/?per={100 + n}",
    "quality": lambda n: f"/quality/?per={100 + n}",
    "quality, by cause": lambda n: f"/quality/?state=failing&sort=since&q=c{n}",
    "quality's feed": lambda n: f"/quality.atom?per={100 + n}",
    "changes": lambda n: f"/changes/?page={150_000 + n}",
    "changes, of a kind": lambda n: f"/changes/?kind=held&page={200_000 + 500 * n}",
    "licences": lambda n: f"/licences/?per={100 + n}",
    "licences as text": lambda n: f"/licences.txt?q=c{n}",
    "coverage": lambda n: f"/coverage/?per={100 + n}",
    "coverage, states": lambda n: f"/coverage/us/?per={100 + n}",
    "coverage, a country": lambda n: f"/coverage/ca/?per={100 + n}",
    "statistics": lambda n: f"/statistics/?per={20 + n}",
    "sets": lambda n: f"/sets/?past={50 - n}",
    "a set": lambda n: f"/sets/{many_runs.SETS - n % 3}/?page=%3Eus%2F{n}",
    "a set at work": lambda n: f"/sets/{many_runs.SET}/",
    "a set's failures": lambda n: f"/sets/{many_runs.SETS - 1 - n % 2}/?outcome=failed&page=%3Eus%2F{n}",
    "jobs": lambda n: f"/jobs/?past=job-{2_000 + n:05d}",
    "a job": lambda n: f"/jobs/job-{2_000 + n:05d}",
    "map": lambda n: "/map/",
    "state.txt": lambda n: "/state.txt",
    "a set's state.txt": lambda n: f"/sets/{many_runs.SETS - 1 - n}/state.txt",
    "licenses.json": lambda n: "/latest/licenses.json",
    "sitemap.xml": lambda n: "/sitemap.xml",
    "api": lambda n: "/api/",
    "openapi.json": lambda n: "/openapi.json",
}


def ask(port: int, address: str, tag: str = "") -> tuple[int, float, int, str]:
    """Status, milliseconds, bytes and ETag."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Accept": "text/html", "Accept-Encoding": "gzip", **({"If-None-Match": tag} if tag else {})}
    began = time.perf_counter()
    connection.request("GET", address, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    taken = (time.perf_counter() - began) * 1000
    connection.close()
    return answer.status, taken, len(body), answer.headers.get("ETag", "")


def worked(site: Served) -> float:
    """Seconds of CPU that the processes of the site have used."""
    found = 0.0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == site.process.pid:
                found += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def measured(site: Served, times: int) -> bool:
    """Prints a line a page; whether all limits were kept."""
    kept, port = True, site.port
    print(f"load {os.getloadavg()[0]:.1f}; CPU is the site's own, without the database's, for one page")
    print(f"{'page':<22}{'median ms':>10}{'p95 ms':>10}{'304 p95':>10}{'CPU ms':>10}{'bytes':>10}")
    for _ in range(8):
        ask(port, "/")  # both processes have read the catalogue
    for name, address in PAGES.items():
        before = worked(site)
        answers = [ask(port, address(n)) for n in range(times)]
        cpu = (worked(site) - before) / times * 1000
        again = [ask(port, address(n), answers[n][3]) for n in range(times)]
        if {a[0] for a in answers} != {200} or {a[0] for a in again} != {304}:
            raise SystemExit(f"{name}: {Counter(a[0] for a in answers)}, then {Counter(a[0] for a in again)}")
        late, unchanged = (statistics.quantiles([a[1] for a in some], n=20)[-1] for some in (answers, again))
        largest = max(a[2] for a in answers)
        is_page = "." not in address(0).partition("?")[0]  # and not a whole table for programs
        fine = late <= LATE and unchanged <= LATE_UNCHANGED and (largest <= LARGEST or not is_page)
        kept &= fine
        median = statistics.median(a[1] for a in answers)
        print(
            f"{name:<22}{median:>10.1f}{late:>10.1f}{unchanged:>10.1f}{cpu:>10.1f}{largest:>10,}  "
            f"{'reached' if fine else 'short'}"
        )
    return kept


def crowded(port: int, each: int = 5) -> bool:
    """200 readers at once, each of whom asks for some pages; whether nobody got an error."""
    together = threading.Barrier(READERS)

    def reader(number: int) -> list[tuple[int, float]]:
        together.wait()
        addresses = list(PAGES.values())
        return [ask(port, addresses[(number + n) % len(addresses)](number % 50))[:2] for n in range(each)]

    began = time.perf_counter()
    with ThreadPoolExecutor(READERS) as pool:
        answers = [one for some in pool.map(reader, range(READERS)) for one in some]
    took = time.perf_counter() - began
    counts = Counter(status for status, _ in answers)
    late = statistics.quantiles([taken for _, taken in answers], n=20)[-1]
    print(f"{READERS} readers, {len(answers)} pages in {took:.1f} s: {dict(counts)}, p95 {late:.0f} ms")
    return set(counts) == {200}


def main(times: int = 40, url: str = "") -> None:
    """Measures; exits with 1 where a limit was not kept. `url`: a ledger that `many_runs` has filled."""
    with open_folder() as folder:
        server = None if url else embedded.start(folder, options=FAST)
        try:
            if server is not None:
                create(server.url, "years")
                url = named(server.url, "years")
                upgrade(url)
                many_runs.fill(url)
            with served(url, folder / "home", OA_RATE_LIMIT="0") as site:
                fine = [measured(site, times), crowded(site.port)]
        finally:
            if server is not None:
                server.stop()
    if not all(fine):
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--url", default="")
    given = parser.parse_args()
    main(given.times, given.url)
