"""TLS for a cluster of our own: one certificate, its own authority, known to nobody else.

Loopback is shared by everybody on the machine, so connections there are encrypted and both ends
show the certificate. The key is a file of mode 0600 in a folder of mode 0700; only paths to it
are passed on.
"""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Security

__all__ = ["Credentials", "make_certificate"]

LIFETIME = datetime.timedelta(days=365)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Paths of a certificate and its key, both PEM."""

    certificate: Path
    key: Path

    @classmethod
    def within(cls, folder: Path) -> Credentials:
        """Those of the cluster whose folder it is."""
        return cls(certificate=folder / "certificate.pem", key=folder / "key.pem")

    def security(self) -> Security:
        """What Dask's scheduler, workers and clients take: paths, not contents."""
        from distributed import security

        untyped: Any = security.Security
        certificate, key = str(self.certificate), str(self.key)
        made: Security = untyped(
            require_encryption=True,
            tls_ca_file=certificate,
            tls_client_cert=certificate,
            tls_client_key=key,
            tls_scheduler_cert=certificate,
            tls_scheduler_key=key,
            tls_worker_cert=certificate,
            tls_worker_key=key,
        )
        return made


def make_certificate(folder: Path) -> Credentials:
    """Make a new certificate and key in `folder`."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "spicelab_nb cluster")])
    now = datetime.datetime.now(datetime.UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks of a cluster's machines differ.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(identifier, critical=False)
        # Python 3.13 refuses an authority without it.
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    credentials = Credentials.within(folder)
    _write_private(
        credentials.key,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    _write_private(credentials.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    return credentials


def _write_private(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
