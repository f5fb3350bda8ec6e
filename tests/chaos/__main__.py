"""`python -m tests.chaos`: run the proof, say what came of it, and how it ends."""

import argparse
import json
import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.chaos.losses import lose
from tests.chaos.plan import FORMS
from tests.chaos.proof import Leg, prove

FINE, WRONG, USAGE, INTERRUPTED = 0, 1, 2, 130


def main() -> int:
    """Run both legs; return the exit code."""
    given = _arguments()
    seed = given.seed if given.seed is not None else secrets.randbelow(10**6)
    os.environ.pop("FMN_TEST_STRICT", None)  # it makes of what is missing a failed test
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="fmn-chaos-"))
    # What libraries say of connections that were cut is for whoever looks closer.
    logging.basicConfig(filename=folder / "chaos.log")
    logging.captureWarnings(capture=True)
    _say(f"seed {seed}: again with --seed {seed}")
    report: dict[str, Any] = {"form": given.form, "seed": seed, "server": given.server}
    code = WRONG
    try:
        code = _legs(given, seed, folder, report)
    except pytest.skip.Exception as lacking:  # how the peers say that a program is missing
        _say(str(lacking.msg))
        report["error"], code = str(lacking.msg), USAGE
    except KeyboardInterrupt:
        _say("interrupted")
        report["error"], code = "interrupted", INTERRUPTED
    except (Exception, pytest.fail.Exception) as failed:
        report["error"] = f"{type(failed).__name__}: {failed}"
        raise
    finally:
        report["exit"] = code
        given.report.write_text(json.dumps(report, indent=2) + "\n")
        if code in {FINE, USAGE} and not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            _say(f"logs are in {folder}")
        _say(f"report: {given.report}")
        if "summary" in report:
            _say(report["summary"])
    return code


def _legs(given: argparse.Namespace, seed: int, folder: Path, report: dict[str, Any]) -> int:
    legs = {
        "faults": partial(prove, FORMS[given.form], seed, given.server),
        "losses": partial(lose, seed, given.server),
    }
    done = list[Leg]()
    for name in given.legs or legs:
        (folder / name).mkdir()
        done.append(leg := legs[name](folder / name, _say))
        report[name] = leg.report
        for words in leg.wrong:
            _say(f"WRONG: {words}")
    wrong = any(leg.wrong for leg in done)
    said = "FAILS" if wrong else "holds"
    words = "; ".join(leg.words for leg in done)
    report["summary"] = f"The proof {said} (seed {seed}): {words}."
    return WRONG if wrong else FINE


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("form", choices=sorted(FORMS))
    parser.add_argument("--seed", type=int, help="draws everything; else a new one, which is said")
    parser.add_argument("--server", choices=["valkey", "redis-server"], default="valkey")
    parser.add_argument("--report", type=Path, default=Path("chaos.json"), help="where to write it")
    parser.add_argument(
        "--leg", dest="legs", action="append", choices=["faults", "losses"], help="only this one"
    )
    parser.add_argument("--keep", action="store_true", help="leave the logs")
    return parser.parse_args()


def _say(words: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {words}\n")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
