"""The scheduler over real servers: into SQL and back, whatever is killed between two steps."""



from fmn.emission import Emission
from fmn.model import Message, Origin, RuleId
from tests.factories import a_chunk, a_recipient
from tests.queues.full import MARK
from tests.storage.conftest import database_url as database_url  # noqa: PLC0414  # a fixture
from tests.storage.conftest import engine as engine  # noqa: PLC0414  # a fixture

ALL = 11
HELD = ALL - MARK


class KilledError(BaseException):
    """The process ends here, with what it has in hand."""


def one_each(message: Message, origin: Origin) -> Emission:
    rules = {RuleId("alice-updates"): "updates"}
    to = a_recipient(message.id, "alice-email", address="alice+email@example.org", rules=rules)
    return Emission((a_chunk(to, origin=origin),), ())
