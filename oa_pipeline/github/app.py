"""A GitHub App's ways to prove who it is, whose tokens are secrets from the moment that they are made."""

from __future__ import annotations

from github import Auth

from ..known_secrets import learn


class App(Auth.AppAuth):
    """As the App itself: signed tokens of some minutes."""

    def create_jwt(self, expiration: int | None = None) -> str:
        """A new one."""
        made = super().create_jwt(expiration)
        learn(made)
        return made


class Installation(Auth.AppInstallationAuth):
    """As its installation: tokens of an hour that GitHub gives."""

    @property
    def token(self) -> str:
        """The present one, or a new one where that is about to expire."""
        given = super().token
        learn(given)
        return given
