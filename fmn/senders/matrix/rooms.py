"""Direct rooms of an account: one for each person, made once, and found again.

Which there are stands with the account itself, in its `m.direct`, so that every process and the
account's owner see the same ones. The homeserver has nothing to add one line to it: it is read and
written as a whole, so of what two processes note in the same moment one may be lost: that person
gets another room when no process remembers the first.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from nio import Api, RoomPreset

from fmn.errors import AddressRefused, TransientFailure
from fmn.senders.matrix.answer import Refused
from fmn.senders.matrix.homeserver import NOT_FOUND, Homeserver

MOST_KNOWN = 20_000
"""Rooms in memory, some 200 bytes each; others are looked up again."""
UNWANTED = {
    *("M_FORBIDDEN", "M_NOT_FOUND", "M_UNKNOWN", "M_INVALID_PARAM"),
    *("M_INVITE_BLOCKED", "ORG.MATRIX.MSC4155.INVITE_BLOCKED"),
}
"""Why somebody is not invited. Servers were never of one mind here."""


@dataclass(slots=True)
class Room:
    """Where we write to one person."""

    id: str
    noted: bool = True
    """Whether it stands in `m.direct`."""
    asked_back: bool = False
    """Whether the person was invited once more, and has not come yet."""
    empty: bool = False
    """Whether nobody was invited to it yet: it could be made only without the person."""


class Rooms:
    """Finds and makes them, at any time one for each person. Ends with `close`."""

    def __init__(self, homeserver: Homeserver) -> None:
        self.homeserver = homeserver
        self._known: OrderedDict[str, Room] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[str]] = {}
        self._noting = asyncio.Lock()
        self._ask = homeserver.ask

    async def room_of(self, person: str, *, wanted: bool = False, instead_of: str = "") -> str:
        """Return the room to write to a person in: they are in it or have been invited.

        Who left is invited once more; if they leave again, only where it is `wanted`. A room
        `instead_of` one that is lost is a new one. Raises AddressRefused, TransientFailure.
        """
        task = self._under_way.get(person)
        if task is None:
            task = asyncio.create_task(self._ready(person, wanted, instead_of))
            self._under_way[person] = task
            task.add_done_callback(lambda _: self._under_way.pop(person))
        # A room once asked for is made and noted, whoever goes away meanwhile: the next one who
        # asks would make another.
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Give up what is under way, and leave the homeserver."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.homeserver.close()

    async def _ready(self, person: str, wanted: bool, lost: str) -> str:  # noqa: FBT001
        room = self._known.get(person) or await self._looked_up(person)
        if room is None or room.id == lost:
            room = await self._make(person)
        else:
            room = await self._with(person, room, wanted=wanted)
        self._remember(person, room)
        if not room.noted:
            await self._note(person, room)
        return room.id

    async def _with(self, person: str, room: Room, *, wanted: bool) -> Room:
        membership = await self._membership(person, room)
        if membership == "join":
            room.asked_back = False
        if membership in {"join", "invite"}:
            return room
        if room.asked_back and not wanted:
            raise AddressRefused(f"{person!r} left the room, and again when invited back")
        await self._look_for(person)
        try:
            await self._ask(*Api.room_invite("", room.id, person), but=UNWANTED)
        except Refused as refused:
            if room.empty:
                raise AddressRefused(f"{person!r}: {refused}") from None
            room = await self._make(person)
        room.asked_back, room.empty = not room.empty, False
        return room

    async def _membership(self, person: str, room: Room) -> object:
        call = Api.room_get_state_event("", room.id, "m.room.member", person)
        try:
            return (await self._ask(*call, but={"M_NOT_FOUND", "M_FORBIDDEN"})).get("membership")
        except Refused:
            return None

    async def _make(self, person: str) -> Room:
        await self._look_for(person)
        try:
            room = await self._made([person], but=UNWANTED)
        except Refused:
            # Of whom is this, of us or of the person? Without them it is of us: a failure for now.
            room = await self._made([])
            room.empty = True
        self._remember(person, room)
        return await self._with(person, room, wanted=True) if room.empty else room

    async def _made(self, invite: Sequence[str], *, but: Collection[str] = ()) -> Room:
        # Who is invited here may do all that we may, and sees that it is a direct room: whom an
        # invitation to a room that is there already reaches is told neither.
        preset = RoomPreset.trusted_private_chat
        call = Api.room_create("", is_direct=True, preset=preset, invite=invite)
        made = (await self._ask(*call, but=but)).get("room_id")
        if not isinstance(made, str):
            raise TransientFailure(f"{self.homeserver.name}: it made a room and does not say which")
        return Room(made, noted=False)

    async def _look_for(self, person: str) -> None:
        # Some homeservers invite people of theirs whom there are not, and an invitation that fails
        # may leave an empty room behind; so this is asked before. Not everybody may ask it.
        try:
            await self._ask(*Api.profile_get(person), but=UNWANTED)
        except Refused as refused:
            if refused.answer.status == NOT_FOUND:
                why = "nobody has this Matrix ID"
                raise AddressRefused(f"{person!r}: {why}: {refused}") from None

    async def _looked_up(self, person: str) -> Room | None:
        listed = await self._listed()
        for other, rooms in listed.items():
            if other not in self._known and (first := _first(rooms)):
                self._remember(other, Room(first))
        own = _first(listed.get(person))
        return Room(own) if own else None

    async def _note(self, person: str, room: Room) -> None:
        async with self._noting:
            listed = await self._listed()
            before: Any = listed.get(person)
            others = [each for each in before if each != room.id] if _first(before) else []
            _, path = Api.direct_room_list("", self.homeserver.user)
            await self._ask("PUT", path, json.dumps(listed | {person: [room.id, *others]}))
        room.noted = True

    async def _listed(self) -> dict[str, Any]:
        try:
            call = Api.direct_room_list("", self.homeserver.user)
            return await self._ask(*call, but={"M_NOT_FOUND"})
        except Refused:
            return {}

    def _remember(self, person: str, room: Room) -> None:
        self._known[person] = room
        self._known.move_to_end(person)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)


def _first(rooms: Any) -> str | None:  # noqa: ANN401  # JSON is what it is
    return rooms[0] if isinstance(rooms, list) and rooms and isinstance(rooms[0], str) else None
