"""What can be set for a network."""

import base64
import re
from datetime import timedelta

from pydantic import Field, SecretStr

from fmn.config.fields import Duration, ExistingFile, Section
from fmn.senders.irc.lines import clean

NICK = r"[A-Za-z\[\]\\`_^{|}~\x80-\U0010ffff][A-Za-z0-9\[\]\\`_^{|}~\x80-\U0010ffff-]*"
CHUNK = 400
"""Characters of base64 in one AUTHENTICATE: IRCv3 SASL."""


class Network(Section):
    """A network, who we are on it, and how fast and how much we speak."""

    host: str = Field(default="localhost", pattern=r"^[^\s/@]+$")
    port: int = Field(default=6667, ge=1, le=65535)
    tls: bool = False
    ca_file: ExistingFile = ""
    nick: str = Field(default="fmn", pattern=rf"^{NICK}$")
    realname: str = "Notifications"
    password: SecretStr = SecretStr("")
    username: str = Field(default="", pattern=r"^[^\s\x00]*$")
    account_password: SecretStr = SecretStr("")
    nickserv: str = Field(default="NickServ", pattern=r"^[^\s,:#&$*][^\s,]*$")
    accounts_are_users: bool = False
    burst: int = Field(default=4, ge=1)
    pace: Duration = timedelta(seconds=2)
    lines: int = Field(default=10, ge=1)
    timeout: Duration = timedelta(seconds=30)
    wait: Duration = timedelta(days=1)
    look_again: Duration = timedelta(seconds=30)
    reconnect_first: Duration = timedelta(seconds=1)
    reconnect_longest: Duration = timedelta(minutes=2)

    @property
    def server(self) -> str:
        """What to call it in a reason or a log line."""
        return f"IRC server {self.host}:{self.port}"

    @property
    def login(self) -> str:
        """Name of the account there; empty where we have none."""
        return (self.username or self.nick) if self.account_password.get_secret_value() else ""

    @property
    def sasl(self) -> list[str]:
        """What proves with SASL PLAIN (RFC 4616) who we are, in pieces for AUTHENTICATE."""
        said = f"\0{self.login}\0{self.account_password.get_secret_value()}"
        text = base64.b64encode(said.encode()).decode()
        pieces = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]
        return [*pieces, "+"] if len(pieces[-1]) == CHUNK else pieces

    @property
    def secrets(self) -> re.Pattern[str]:
        """What no reason and no log line may hold, whoever says it.

        A word of a password is found only where it stands alone: a server may echo the rest.
        """
        both = (self.password.get_secret_value(), self.account_password.get_secret_value())
        whole = sorted(
            {one for one in (*both, *(self.sasl if self.login else ())) if len(one) > 1}, key=len
        )[::-1]
        words = {word for one in both for word in one.split() if len(word) > 1}
        found = [re.escape(clean(one)) for one in whole]
        found += (rf"(?<!\w){re.escape(clean(word))}(?!\w)" for word in sorted(words))
        return re.compile("|".join(found) or r"(?!)", re.IGNORECASE)
