"""Certificates made while the tests run; none is kept."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


class Authority:
    """A certificate authority of the test's own. `file` is what a client trusts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of a test")])
        made = self._built(self._name, self._key.public_key(), authority=True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def issue(self, kind: str) -> tuple[Path, Path]:
        """Certificate and key: "valid", "expired", "wrong-host" or "self-signed"."""
        key = ec.generate_private_key(ec.SECP256R1())
        host = "192.0.2.1" if kind == "wrong-host" else "127.0.0.1"
        shift = -10 * DAY if kind == "expired" else 0 * DAY
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        signer = key if kind == "self-signed" else self._key
        issuer = name if kind == "self-signed" else self._name
        made = self._built(name, key.public_key(), host=host, shift=shift, issuer=issuer, signer=signer)
        certificate, secret = self.folder / f"{kind}.pem", self.folder / f"{kind}.key"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, secret

    def _built(
        self,
        name: x509.Name,
        public: ec.EllipticCurvePublicKey,
        *,
        host: str = "",
        shift: dt.timedelta = 0 * DAY,
        issuer: x509.Name | None = None,
        signer: ec.EllipticCurvePrivateKey | None = None,
        authority: bool = False,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC) + shift
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer or name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if host:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(signer or self._key, hashes.SHA256())
