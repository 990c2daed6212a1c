"""Addresses that belong to somebody's inside, however they are written."""

from __future__ import annotations

import pytest

from oa_pipeline.fetch.addresses import is_public

INSIDE = {
    "loopback": "127.0.0.1",
    "loopback, the far end": "127.255.255.254",
    "this host": "0.0.0.0",
    "private 10": "10.1.2.3",
    "private 172": "172.31.255.255",
    "private 192": "192.168.0.1",
    "link local, cloud metadata": "169.254.169.254",
    "carrier NAT, cloud metadata": "100.100.100.200",
    "protocol assignments, cloud metadata": "192.0.0.192",
    "protocol assignments that Python calls global": "192.0.0.9",
    "a cloud's platform behind a public number": "168.63.129.16",
    "6to4 relay": "192.88.99.1",
    "benchmarking": "198.18.0.1",
    "documentation": "203.0.113.9",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "loopback 6": "::1",
    "unspecified 6": "::",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped private": "::ffff:10.0.0.1",
    "compatible loopback": "::127.0.0.1",
    "NAT64 of cloud metadata": "64:ff9b::a9fe:a9fe",
    "local NAT64": "64:ff9b:1::8.8.8.8",
    "6to4 of cloud metadata": "2002:a9fe:a9fe::1",
    "6to4 of loopback": "2002:7f00:1::",
    "Teredo with a private client": "2001:0:808:808::f5ff:fffe",
    "Teredo with a private server": "2001:0:a00:1::f7f7:f7f7",
    "unique local, cloud metadata": "fd00:ec2::254",
    "link local 6": "fe80::1",
    "link local 6 with a zone": "fe80::1%eth0",
    "public with a zone": "2606:4700::1111%eth0",
    "multicast 6": "ff02::1",
    "documentation 6": "2001:db8::1",
    "discard only": "100::1",
    "no address": "example.com",
}
OUTSIDE = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


@pytest.mark.parametrize("address", INSIDE.values(), ids=INSIDE)
def test_an_inside_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_outside_address_is_public(address: str) -> None:
    assert is_public(address)
