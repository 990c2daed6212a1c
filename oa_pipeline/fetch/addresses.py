"""Which IP addresses are public: reachable by anybody, belonging to nobody's inside."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

# Python calls these global, or changed its mind between releases.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(n)
    for n in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier NAT; a cloud's metadata service lives at 100.100.100.200
        "168.63.129.16/32",  # a cloud's platform service behind a public number
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata service lives at 192.0.0.192
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
_UNICAST_6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Whether an address may be connected to; an IPv6 address that carries an IPv4 one is as public as that one."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return _public_4(address) if isinstance(address, IPv4Address) else _public_6(address)


def _public_4(address: IPv4Address) -> bool:
    return address.is_global and not any(address in network for network in _NOT_PUBLIC_4)


def _public_6(address: IPv6Address) -> bool:
    if address.scope_id:
        return False
    carried = _carried(address)
    if carried is not None:
        return all(_public_4(each) for each in carried)
    return address in _UNICAST_6 and address.is_global


def _carried(address: IPv6Address) -> tuple[IPv4Address, ...] | None:
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    return address.teredo
