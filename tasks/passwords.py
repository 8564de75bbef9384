"""Passwords of the console: argon2id hashes, what a password must be, and checks that take equally long for all."""

import secrets
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from models.errors import SetupError

LEAST_CHARS = 10
MOST_CHARS = 256  # hashing a longer one would only cost time
_MADE_CHARS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that are taken for another

_hasher = PasswordHasher()  # argon2id with 64 MiB, 3 passes, 4 lanes: RFC 9106's second recommendation
_places = BoundedSemaphore(2)  # each takes 64 MiB


def check_password(name: str, password: str) -> None:
    """Raise SetupError when a password of this person is too easy."""
    if not LEAST_CHARS <= len(password) <= MOST_CHARS:
        raise SetupError(f"the password of {name} must have from {LEAST_CHARS} to {MOST_CHARS} characters")
    if password.casefold() == name.casefold() or len(set(password)) < 4:
        raise SetupError(f"the password of {name} must not be the name, nor a few characters repeated")


def made_up_password() -> str:
    """A password of 80 bits that can be read out."""
    letters = "".join(secrets.choice(_MADE_CHARS) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def hash_password(password: str) -> str:
    """The argon2id hash with its parameters and salt."""
    with _places:
        return _hasher.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether the password belongs to the hash; takes as long without a hash, so that nobody learns who exists."""
    with _places:
        try:
            found = _hasher.verify(stored or _nobody(), password[:MOST_CHARS])
        except (VerificationError, InvalidHashError):
            return False
    return found and stored is not None


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than ours today."""
    return _hasher.check_needs_rehash(stored)


@cache
def _nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))
