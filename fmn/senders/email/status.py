"""What mail servers answer: whom a failure is about."""

import re

CODE = re.compile(r"(?:\A\s*|#)([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
"""The first word, or behind a # anywhere, as qmail has it. It is no number of a network."""
ADDRESSING = "5.1."
SENDERS = {"5.1.7", "5.1.8"}
"""Those of addressing that are about the sender's address, ours."""
DISABLED, NO_HOST = "5.2.1", "5.4.4"
SYSTEM = "4.3."
ONE_MAIL = {"4.3.3", "4.3.4"}
"""Those of the system's status that are about what one mail wants of it: RFC 3463, 3.4."""
UNDEFINED = "5.0.0"
"""Some, as Exim, give this for whatever failed: the answer itself says more."""
REFUSED = {550, 551, 553, 556}
"""Of a recipient: RFC 5321, 4.2.3 and RFC 7504, 5."""
ABOUT_US = re.compile(r"relay|block|blacklist|[prsx]bl\b|policy|spam|denied|sender", re.IGNORECASE)
"""Words of those who refuse us, whoever the recipient is."""
ADDRESS = re.compile(r"\S+@\S+")
"""In an answer; words in it are none of the server's."""
ANSWER = re.compile(r"(?:smtp;)?\s*(\d{3})[ -](.*)", re.IGNORECASE | re.DOTALL)
"""In a Diagnostic-Code: RFC 3464, 2.3.6."""


def enhanced(said: str) -> str:
    """Return the code in an answer, or in a field of a report; empty where there is none."""
    found = CODE.search(said)
    return found[1] if found else ""


def refuses_address(code: int, said: str) -> bool:
    """Tell whether this answer to a recipient is about that address, for good.

    Without an enhanced code (RFC 3463) 550 is for an address that nobody has and for a client that
    nobody likes. Only the words tell; in doubt it is us, because this can stop a destination.
    """
    if known := enhanced(said):
        return is_about_address(known)
    return code in REFUSED and not ABOUT_US.search(ADDRESS.sub("", said))


def reports_address(status: str, diagnostic: str) -> bool:
    """Tell whether a report with this Status and Diagnostic-Code is about the address."""
    known = enhanced(status)
    if known != UNDEFINED:
        return is_about_address(known)
    answer = ANSWER.match(diagnostic.strip())
    return answer is not None and refuses_address(int(answer[1]), answer[2])


def is_about_address(code: str) -> bool:
    """Tell whether the recipient's address is the reason, for good.

    All else passes or is about us: the provider blocks us, the mail is too big, its time is up.
    """
    about_addresses = code.startswith(ADDRESSING) and code not in SENDERS
    return about_addresses or code in {DISABLED, NO_HOST}


def is_about_sender(code: str) -> bool:
    """Tell whether our own address is the reason."""
    return code in SENDERS


def is_about_system(code: str) -> bool:
    """Tell whether the mail system is the reason just now, whatever the mail: RFC 3463, 3.4."""
    return code.startswith(SYSTEM) and code not in ONE_MAIL
