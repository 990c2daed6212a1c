"""Serves the application with gunicorn."""

from __future__ import annotations

import gc
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from .worker import Worker

THREADS = 8
REQUESTS = 5000  # then a worker process is replaced, so that a leak stays small
SECONDS = 30


class Served(BaseApplication):  # type: ignore[misc]
    """The application at one address. `run` returns when it is told to end."""

    def __init__(self, app: Flask, address: str, workers: int) -> None:
        """`address`: host:port."""
        self._app = app
        self._options: dict[str, Any] = {
            "bind": [address],
            "workers": workers,
            "worker_class": Worker,
            "threads": THREADS,
            "max_requests": REQUESTS,
            "max_requests_jitter": REQUESTS // 10,
            "timeout": SECONDS,
            "graceful_timeout": SECONDS,
            "limit_request_line": 4094,
            "limit_request_fields": 60,
            # No header has a say in what was asked for, not from a proxy on this host either: see OA_PROXIES.
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "secure_scheme_headers": {},
            "accesslog": None,
            "errorlog": "-",
            "control_socket_disable": True,
            "proc_name": "oa-web",
        }
        super().__init__()

    def load_config(self) -> None:
        """See gunicorn: no configuration file, environment or command line is read."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """See gunicorn."""
        return self._app


def serve(app: Flask, host: str, port: int, *, workers: int = 2) -> None:
    """Serves until SIGTERM or SIGINT."""
    _settle(app)
    Served(app, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", workers).run()


def _settle(app: Flask) -> None:
    """Makes what stays as long as the processes do, which are forked later and share it.

    A collection of garbage does not walk over it any more: that took longer than most pages, in the middle of one.
    """
    app.config["SITE"].templates.compile()
    gc.collect()
    gc.freeze()
