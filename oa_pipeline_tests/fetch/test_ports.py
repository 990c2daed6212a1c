"""Which ports a source may name."""

from __future__ import annotations

import pytest

from oa_pipeline.fetch.ports import port_allowed


@pytest.mark.parametrize("port", [80, 443, 1024, 5443, 6080, 6443, 8080, 8087, 8399, 8443, 8815, 65535])
def test_ports_that_publishers_use_are_allowed(port: int) -> None:
    assert port_allowed("https", port)
    assert port_allowed("http", port)


@pytest.mark.parametrize(
    "port",
    [0, -1, 21, 22, 25, 53, 111, 445, 1023, 2375, 2379, 3306, 3389, 5432, 5900, 6379, 9200, 11211, 27017, 65536],
)
def test_ports_of_internal_services_are_refused(port: int) -> None:
    assert not port_allowed("https", port)
    assert not port_allowed("http", port)


@pytest.mark.parametrize(("port", "allowed"), [(21, True), (20, False), (2121, False), (80, False)])
def test_ftp_is_port_21_only(port: int, allowed: bool) -> None:
    assert port_allowed("ftp", port) is allowed


@pytest.mark.parametrize("scheme", ["file", "gopher", "", "HTTP"])
def test_other_schemes_have_no_port(scheme: str) -> None:
    assert not port_allowed(scheme, 80)
