"""Every Redis key there is. Those of one channel share its hash tag, so a script stays in one slot.

fmn:{k}:channel        stream, group "workers"    messages; in mode pubsub the name published to
fmn:{k}:outbox:<kind>  stream, group "senders"    chunks: content rendered once, and recipients
fmn:{k}:outbox:held    stream, group "schedulers" chunks that did not go into their lane
fmn:{k}:released:<id>  string, expires            this was held and has gone: so it goes once
fmn:{k}:retry:<kind>   zset                       chunks to try again, by due time (server seconds)
fmn:{k}:log            stream, group "recorders"  what was handled, and what became of it
fmn:{k}:dead           stream                     dead letters
fmn:{k}:suspects       hash                       entry taken over from a dead process → tries
fmn:{k}:progress       hash                       entry with many recipients → the last one out
fmn:{k}:counts         hash                       what moved where: the ledger and the report
fmn:{k}:alive          zset                       process → server time of its last sign of life
fmn:sent:<hash of key> string, expires            claim: state, origin, token
fmn:lease:<name>       string, expires            who holds what only one process may have
fmn:limit:<what>:<hash> string, expires           how often somebody did it
fmn:channels           string                     N: consumers pick below it
fmn:channels:most      string                     the largest N ever: the others read below it
fmn:settled            string, expires            written to ask when it is on disk
fmn:went-back          string                     when Redis last went back in time (its ms)
fmn:nudge              pub/sub                    "preferences changed, version V"

Every entry of a stream has the fields `v` (format version), `n` (notifications it stands for)
and `d` (the value), in the lane `held` also `r` (why it is there); a member of a retry zset is
`<unique> <v> <n>` and a newline before the value.
"""

from hashlib import blake2b

CHANNELS = "fmn:channels"
MOST_CHANNELS = "fmn:channels:most"
NUDGE = "fmn:nudge"
SETTLED = "fmn:settled"
WENT_BACK = "fmn:went-back"


def channel(k: int) -> str:
    return f"fmn:{{{k}}}:channel"


def outbox(k: int, kind: str) -> str:
    return f"fmn:{{{k}}}:outbox:{kind}"


def held(k: int) -> str:
    return outbox(k, "held")


def released(k: int, release: str) -> str:
    return f"fmn:{{{k}}}:released:{release}"


def retry(k: int, kind: str) -> str:
    return f"fmn:{{{k}}}:retry:{kind}"


def log(k: int) -> str:
    return f"fmn:{{{k}}}:log"


def dead(k: int) -> str:
    return f"fmn:{{{k}}}:dead"


def suspects(k: int) -> str:
    return f"fmn:{{{k}}}:suspects"


def progress(k: int) -> str:
    return f"fmn:{{{k}}}:progress"


def counts(k: int) -> str:
    return f"fmn:{{{k}}}:counts"


def of_steps(k: int) -> list[str]:
    """Return what every fenced step on a channel touches beside its input and outputs."""
    return [counts(k), suspects(k), progress(k)]


def alive(k: int) -> str:
    return f"fmn:{{{k}}}:alive"


def lease(name: str) -> str:
    return f"fmn:lease:{name}"


def claim(key: str) -> str:
    """Return the claim of a notification; hashed, because keys may be long (128 bits)."""
    return f"fmn:sent:{_hash_of(key)}"


def limit(what: str, who: str) -> str:
    """Return the count of one's uses; hashed, because `who` may be an address."""
    return f"fmn:limit:{what}:{_hash_of(who)}"


def _hash_of(text: str) -> str:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()
