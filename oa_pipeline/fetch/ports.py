"""Which ports a source may name. Publishers run web servers on odd ports; databases and brokers are none of them."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT_PORTS: Mapping[str, int] = {"http": 80, "https": 443, "ftp": 21}

# Well-known services at 1024 and above that answer to anybody who reaches them: databases, caches, queues, consoles,
# container and cluster managers, remote desktops, file systems, telephony and chat.
DENIED_PORTS = frozenset(
    {1080, 1099, 1433, 1434, 1521, 1719, 1720, 1723, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 2483, 2484}
    | {3128, 3260, 3306, 3389, 3659, 4045, 4190, 4369, 5037, 5060, 5061, 5222, 5432, 5433, 5555, 5601, 5671, 5672}
    | {5984, 5985, 5986, 6379, 6380, 6432, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 7000, 7001, 7199, 7474}
    | {7687, 8009, 8086, 8125, 8200, 8300, 8301, 8302, 8500, 8649, 8883, 9042, 9050, 9092, 9160, 9200, 9300, 9418}
    | {10080, 10250, 10255, 11211, 11434, 15672, 16379, 25672, 26257, 26379, 27017, 27018, 27019, 28015, 28017}
    | {50000, 50070, 61613, 61616}
    | set(range(5900, 5911))  # VNC
    | set(range(6000, 6011))  # X11
)


def port_allowed(scheme: str, port: int) -> bool:
    """Whether a source may name `port` with `scheme`.

    http and https: 80, 443, and 1024 or more unless it is a well-known internal service. ftp: 21. Others: none.
    """
    if scheme == "ftp":
        return port == DEFAULT_PORTS["ftp"]
    if scheme not in ("http", "https"):
        return False
    return port in (80, 443) or (1024 <= port <= 65535 and port not in DENIED_PORTS)
