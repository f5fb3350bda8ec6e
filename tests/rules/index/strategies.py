"""Everything that can be sought, and messages that may have it, for hypothesis."""

import json
from typing import Any

from hypothesis import strategies as st

from fmn.model import Message, MessageId, Ownership
from fmn.rules.access import Sought
from fmn.rules.json_value import identity
from fmn.rules.sought import Begins, Equal, Exists, Expression, Limit, Pattern, Word
from tests.rules.strategies import JSON, NUMBERS

SHORT = st.text(
    st.sampled_from("aaabk.-/sSK \u0130\u00df\u1e9e\u017f\u212a\ud83d\ude00\0\n"), max_size=6
)
"""Few characters, so that they meet; among them those that fold oddly, and halves of pairs."""
ANY = st.text(max_size=8)
TEXTS = SHORT | ANY
GLOBS = st.text(st.sampled_from("ab*?.-\ud83d"), max_size=7)
REGEXES = st.sampled_from(
    [
        "", "a", "a+b", "(?i)K", "(?i)ss", "(?i)a.b", "a|b", "(a|b)k", "(?:a|)k", "(ab)?k",
        "a*k", "ab*", "a{0}k", "a{2}", "a{2,}b", "^a", "k$", "^$", r"\ba", r"a\.b", r"\.|-",
        "[ab]k", "[]k]a", "[^]a]b", r"[a\]]k", "[[:alpha:]]a", r"\pLa", r"\x61b", r"\x{61}k",
        r"\Qa.b\E", r"(?s)a.b", "(?i:A)k", "(?P<n>ab)+k", "((a|b)|k)s", "a??b", "(a", "a**",
        "\ufffd", "\u00df", "(?i)\u1e9e", "\0", "a\nb", r"\d", r"\W", "(?U)a+k", r"a\{b",
        "a{,2}k", "(?i)\u017f", "(?i)\u212a", "a+?k", "a{1}?k", "(?:ab|k)*s", r"a\/b",
    ]
)  # fmt: skip
PATHS = st.sampled_from(
    ["a", "a.b", "a[]", "a[].b", "a[][]", r"a\.b", "b", "b.a.b", "", "[]", "a.[]", "b[].a[]"]
)


def sought() -> st.SearchStrategy[Sought]:
    fields = st.sampled_from(["topic", "name", "artifact", "user", "severity"])
    return st.one_of(
        st.builds(Pattern, fields, GLOBS),
        st.builds(lambda text: Word(text.casefold()), TEXTS),
        st.builds(Expression, REGEXES | st.text("ab|()*+?k", max_size=8)),
        st.builds(Equal, PATHS, JSON.map(identity) | st.integers(0, 3).map(identity)),
        st.builds(Begins, PATHS, TEXTS),
        st.builds(Limit, PATHS, NUMBERS | st.integers(-2, 4), st.booleans()),
        st.builds(Exists, PATHS),
    )


NAMES = st.sampled_from(["a", "b", "a.b", "", "k"])
BODY_NUMBERS = st.integers(-3, 5) | st.floats() | st.integers() | st.sampled_from([1.0, 2.50])
BODIES = st.recursive(
    st.none() | st.booleans() | BODY_NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
).map(lambda content: json.dumps(content).encode())


@st.composite
def messages(draw: st.DrawFn) -> Message:
    artifacts = draw(st.frozensets(TEXTS | st.builds("{}/{}".format, SHORT, SHORT), max_size=3))
    people = st.frozensets(TEXTS, max_size=3)
    facts: dict[str, Any] = {
        "topic": draw(TEXTS),
        "app": draw(st.none() | TEXTS),
        "users": draw(people),
        "artifacts": artifacts,
        "owners": tuple(Ownership(each, draw(people)) for each in artifacts),
        "summary": draw(TEXTS),
        "text": draw(TEXTS),
        "body": draw(
            BODIES | st.sampled_from([b"", b"nul", b"\xff", b'{"a": 1e999999999999999999}'])
        ),
    }
    return Message(id=MessageId("m-1"), **facts)
