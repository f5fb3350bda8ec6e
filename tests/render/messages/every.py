"""All our sample messages: `<app>-<case>`."""

from tests.render.messages import bodhi, copr, koji, other, pagure_cases
from tests.render.messages.facts import Cases


def every() -> Cases:
    """Return the messages by name."""
    apps = {
        "koji": koji.CASES,
        "bodhi": bodhi.CASES,
        "copr": copr.CASES,
        "pagure": pagure_cases.CASES,
        "other": other.CASES,
    }
    return {f"{app}-{case}": made for app, cases in apps.items() for case, made in cases.items()}
