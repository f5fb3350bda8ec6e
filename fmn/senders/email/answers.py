"""What a mail server means by its answers, and by none, in our failures."""

import ssl
from enum import Enum

from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from fmn.errors import (
    AddressRefused,
    FmnError,
    InDoubt,
    PeerAway,
    PermanentFailure,
    TransientFailure,
)
from fmn.senders.email.status import (
    ONE_MAIL,
    enhanced,
    is_about_sender,
    is_about_system,
    refuses_address,
)

Failed = SMTPException | OSError
"""What aiosmtplib raises."""

PERMANENT = range(500, 600)
REFUSED = range(400, 600)
GOING = 421
"""The server closes the connection."""
TOO_BIG = 552
LOGIN_WANTED = {530, 534, 535, 538}


class Stage(Enum):
    """How far a mail has come."""

    WAITING = "all connections are taken"
    GREETING = "the connection is being made"
    SENDER = "the server is told who the mail is from: so far it is as any other"
    RECIPIENT = "it is told whom the mail is for"
    CONTENT = "the mail itself is leaving, but for its last line"
    LEFT = "the last line, a dot, may have left: then the server has the mail"


BEFORE_RECIPIENT = {Stage.GREETING, Stage.SENDER}


def is_clear(failed: BaseException) -> bool:
    """Tell whether the connection can go on after this: a refusal by the rules."""
    if isinstance(failed, SMTPResponseException):
        return failed.code in REFUSED and failed.code != GOING
    return isinstance(failed, SMTPNotSupported)


def failure(server: str, address: str, failed: Failed, stage: Stage) -> FmnError:
    """Return what to raise for a mail to this address that came so far."""
    if isinstance(failed, SMTPNotSupported):
        return PermanentFailure(f"{address!r}: {server} takes only ASCII addresses")
    if isinstance(failed, SMTPResponseException) and failed.code in REFUSED:
        return _refusal(server, address, failed, stage)
    return _unanswered(stage)(f"{server}: {words(failed)}")


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


def _unanswered(stage: Stage) -> type[FmnError]:
    if stage is Stage.LEFT:
        return InDoubt
    # Later the recipient may be why it hangs up or stalls: that is no reason to stop the others.
    return PeerAway if stage in BEFORE_RECIPIENT else TransientFailure


def _refusal(server: str, address: str, answer: SMTPResponseException, stage: Stage) -> FmnError:
    said = words(answer)
    if _is_ours(answer):
        # Not so for a recipient's server that does not like our address: others may.
        ours = PeerAway if stage in BEFORE_RECIPIENT else TransientFailure
        return ours(f"{server}: {said}")
    kind = _permanent(answer) if answer.code in PERMANENT else _for_now(answer, stage)
    return kind(f"{address!r}: {said}")


def _for_now(answer: SMTPResponseException, stage: Stage) -> type[FmnError]:
    code = enhanced(answer.message)
    if is_about_system(code) or (answer.code == GOING and stage is not Stage.LEFT):
        return PeerAway
    return TransientFailure


def _permanent(answer: SMTPResponseException) -> type[FmnError]:
    if not isinstance(answer, SMTPRecipientRefused):
        return PermanentFailure
    about_it = refuses_address(answer.code, answer.message)
    return AddressRefused if about_it else PermanentFailure


def _is_ours(answer: SMTPResponseException) -> bool:
    # A sender or a login that is refused is our fault, not this recipient's: nothing is lost.
    code = enhanced(answer.message)
    too_big = answer.code == TOO_BIG or code in ONE_MAIL
    refused = isinstance(answer, SMTPSenderRefused) and not too_big
    return refused or answer.code in LOGIN_WANTED or is_about_sender(code)
