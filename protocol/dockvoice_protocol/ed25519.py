"""Ed25519 signatures (RFC 8032) verified by `cryptography` or, where that is missing, by the standard library alone.

Both give the same answer. The stand-alone verifier of dossiers has this module, so that checking one needs no package.
It only verifies: no secret is in its hands that its timing could betray.
"""

from __future__ import annotations

from hashlib import sha512

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, P) % P
_ROOT = pow(2, (P - 1) // 4, P)
"""The field's prime, the order of the base point, the curve's constant, and a square root of -1."""

_Point = tuple[int, int, int, int]  # Extended coordinates X, Y, Z, T: x = X/Z, y = Y/Z, xy = T/Z.


def verify_signature(key: bytes, signed: bytes, signature: bytes) -> bool:
    """Whether the signature of these bytes is valid for this public key."""
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - not where the verifier stands alone
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    except ImportError:
        return verify_in_python(key, signed, signature)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except (ValueError, InvalidSignature):
        return False
    return True


def verify_in_python(key: bytes, signed: bytes, signature: bytes) -> bool:
    """Verify the signature by the standard library alone, in some milliseconds."""
    point = _decode_point(key) if (len(key), len(signature)) == (32, 64) else None
    scalar = int.from_bytes(signature[32:], "little")
    if point is None or scalar >= L:
        return False
    x, y, z, t = point
    hashed = int.from_bytes(sha512(signature[:32] + key + signed).digest(), "little") % L
    found = _add_points(_multiply_point(scalar, _BASE), _multiply_point(hashed, (P - x, y, z, P - t)))
    return _encode_point(found) == signature[:32]


def _decode_point(key: bytes) -> _Point | None:
    """The point of a public key; None if there is none."""
    sign, y = key[31] >> 7, (int.from_bytes(key, "little") & (1 << 255) - 1) % P
    square = (y * y - 1) * pow(_D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * _ROOT % P
    if x * x % P != square:
        return None
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P


def _encode_point(point: _Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, -1, P)
    return (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, "little")


def _add_points(one: _Point, other: _Point) -> _Point:
    (x1, y1, z1, t1), (x2, y2, z2, t2) = one, other
    a, b, c, d = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P, 2 * _D * t1 * t2 % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply_point(scalar: int, point: _Point) -> _Point:
    found = (0, 1, 1, 0)
    while scalar:
        found = _add_points(found, point) if scalar & 1 else found
        point, scalar = _add_points(point, point), scalar >> 1
    return found


_BASE = _decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or (0, 1, 1, 0)
"""The base point: y is 4/5, x is even."""
