"""Certificates made up for a test: authorities, and what they sign; good ones, and each kind of bad one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)

SIGNS = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
"""What an authority's key is for: RFC 5280, 4.2.1.3."""

HERE = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Who signs certificates; its own is in `issued`.

    `lax`: as many recipes have it, without the extensions that Python asks for from 3.13 on.
    """

    def __init__(self, directory: Path, name: str = "test authority", *, lax: bool = False) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory, self._lax = directory, lax
        self._name = _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        itself = _begun(self._name, self._name, self._key)
        if not lax:
            its_key = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
            itself = itself.add_extension(its_key, critical=False).add_extension(SIGNS, critical=True)
        itself = itself.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.issued = self._written("authority", itself, self._key, self._key)

    def sign(
        self,
        name: str,
        hosts: Sequence[str] = (),
        *,
        ends: timedelta = DAY,
        file: str | None = None,
        alone: bool = False,
    ) -> Issued:
        """A certificate for `name`, and for a server under these `hosts`, that ends so long from now.

        `alone`: signed with its own key, by nobody.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(name)
        unsigned = _begun(subject, subject if alone else self._name, key, ends)
        if not self._lax:
            signer = (key if alone else self._key).public_key()
            by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer)
            unsigned = unsigned.add_extension(by, critical=False)
        if hosts:
            unsigned = unsigned.add_extension(x509.SubjectAlternativeName(list(map(_host, hosts))), critical=False)
        return self._written(file or name, unsigned, key, key if alone else self._key)

    def _written(
        self,
        name: str,
        unsigned: x509.CertificateBuilder,
        key: ec.EllipticCurvePrivateKey,
        signer: ec.EllipticCurvePrivateKey,
    ) -> Issued:
        issued = Issued(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        issued.certificate.write_bytes(unsigned.sign(signer, SHA256()).public_bytes(Encoding.PEM))
        issued.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return issued


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, ends: timedelta = DAY
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 30 * DAY)
        .not_valid_after(now + ends)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
