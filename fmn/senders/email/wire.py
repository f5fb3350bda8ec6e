"""What comes from a mail server, of which only some is an answer."""

from aiosmtplib import SMTPResponse, SMTPResponseException, SMTPServerDisconnected, SMTPStatus
from aiosmtplib.protocol import SMTPProtocol


class Wire(SMTPProtocol):
    """Takes for an answer what was asked for and has one code.

    aiosmtplib's own drops what nobody asked for, and all codes of an answer but the last.
    """

    _unasked = False

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        waiter = self._response_waiter
        if not self._response_pending or waiter is None or waiter.done():
            self._unasked = True
        super().data_received(data)

    def expect_nothing(self) -> None:
        """Raise SMTPServerDisconnected if there is anything that no command has asked for."""
        # It would be taken for the next answer, or for the beginning of it.
        if self._unasked or self._buffer:
            raise SMTPServerDisconnected("it answers what it was not asked")

    def _read_response_from_buffer(self) -> SMTPResponse | None:
        came = bytes(self._buffer)
        answer = super()._read_response_from_buffer()
        if answer is not None:
            _expect_one_code(came[: len(came) - len(self._buffer)])
        return answer


def _expect_one_code(answer: bytes) -> None:
    # RFC 5321, 4.2.1: all lines have the same. If not, they come from two answers, and nobody
    # knows which of them is meant.
    if len({line[:3] for line in answer.removesuffix(b"\n").split(b"\n")}) > 1:
        said = f"lines with different codes are no answer: {answer.decode(errors='replace')}"
        raise SMTPResponseException(SMTPStatus.invalid_response.value, said)
