"""A destination as its owner sees it: its address without secrets, and how it is confirmed."""

from dataclasses import dataclass

from fmn.emission import State
from fmn.kinds import Proof
from fmn.model import Destination, DestinationState
from fmn.preferences.states import UNPROVEN
from fmn.storage.lookback import Reached
from fmn.web.destinations.letters import CONFIRM
from fmn.web.destinations.proving import obstacle, proof_of
from fmn.web.parts import Parts


@dataclass(frozen=True, slots=True)
class Place:
    """A destination, as a page shows it."""

    destination: Destination
    address: str
    """Without what is secret in it."""
    state: DestinationState
    proof: Proof | None
    """How it is confirmed; None where nothing can just now."""
    obstacle: str | None
    """Why nothing can."""
    silence: str | None
    """Why nothing can be sent there now, whatever its state; None where something can."""
    last: Reached | None = None
    """What became of the last thing for it, where that was asked for."""

    @property
    def waits(self) -> bool:
        """Tell whether a confirmation would make it active."""
        return self.destination.state in UNPROVEN

    @property
    def may_ask(self) -> bool:
        """Tell whether a letter is sent to confirm it."""
        return self.waits and self.proof not in {None, Proof.PAGE}

    @property
    def letter(self) -> Reached | None:
        """Return what became of the last letter that asked to confirm it, where that is known."""
        return self.last if self.last and self.last.message.startswith(CONFIRM) else None

    @property
    def undelivered(self) -> Reached | None:
        """Return what became of that letter, where it has not arrived."""
        return self.letter if self.letter and self.letter.state is not State.SENT else None


def place_of(parts: Parts, destination: Destination, last: Reached | None = None) -> Place:
    """Return a destination as its owner sees it now."""
    return Place(
        destination,
        parts.shown(destination),
        destination.state_at(parts.now()),
        proof_of(parts, destination),
        obstacle(parts, destination),
        parts.silence(destination.kind),
        last,
    )
