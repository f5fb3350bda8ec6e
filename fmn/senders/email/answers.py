"""What a mail server means by its answers, in our two failures."""

import ssl

from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from fmn.errors import AddressRefused, FmnError, PermanentFailure, TransientFailure
from fmn.senders.email.status import enhanced, is_about_sender, refuses_address

Failed = SMTPException | OSError
"""What aiosmtplib raises."""

PERMANENT = range(500, 600)
REFUSED = range(400, 600)
GOING = 421
"""The server closes the connection."""
TOO_BIG = 552
LOGIN_WANTED = {530, 534, 535, 538}


def is_clear(failed: Failed) -> bool:
    """Tell whether the connection can go on after this: a refusal by the rules."""
    if isinstance(failed, SMTPResponseException):
        return failed.code in REFUSED and failed.code != GOING
    return isinstance(failed, SMTPNotSupported)


def failure(server: str, address: str, failed: Failed) -> FmnError:
    """Return what to raise for a mail to this address."""
    if isinstance(failed, SMTPNotSupported):
        return PermanentFailure(f"{address!r}: {server} takes only ASCII addresses")
    if isinstance(failed, SMTPResponseException) and not _is_ours(failed):
        return _refusal(failed)(f"{address!r}: {words(failed)}")
    return TransientFailure(f"{server}: {words(failed)}")


def words(failed: Failed, *, logged_in: bool = True) -> str:
    """Return what was said as one printable line; of an answer before our login only its code.

    Servers repeat what they did not like, and that may be our password.
    """
    refused = failed.__cause__ if isinstance(failed.__cause__, ssl.SSLError) else failed
    if isinstance(refused, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {refused.verify_message}; see ca_file"
    if isinstance(failed, SMTPAuthenticationError):
        return f"our login is refused ({failed.code})"
    said = str(failed)
    if isinstance(failed, SMTPResponseException):
        said = failed.message if logged_in else "no good answer before our login"
        said = f"{said} ({failed.code})"
    line = "".join(c if c.isprintable() else " " for c in said).strip()
    return line[:500] or type(failed).__name__


def _refusal(answer: SMTPResponseException) -> type[FmnError]:
    if answer.code not in PERMANENT:
        return TransientFailure
    if not isinstance(answer, SMTPRecipientRefused):
        return PermanentFailure
    about_it = refuses_address(answer.code, answer.message)
    return AddressRefused if about_it else PermanentFailure


def _is_ours(answer: SMTPResponseException) -> bool:
    # A sender or a login that is refused is our fault, not this recipient's: nothing is lost.
    refused = isinstance(answer, SMTPSenderRefused) and answer.code != TOO_BIG
    return refused or answer.code in LOGIN_WANTED or is_about_sender(enhanced(answer.message))
