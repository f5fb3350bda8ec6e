"""The proof: messages over a real site while its processes and services are killed and cut off.

    python -m tests.chaos short|long [--seed N] [--server valkey|redis-server] [--report FILE]

`oracle.py` says beforehand who must hear of what, `plan.py` draws from a seed which fault comes
when, `faults.py` does them and notes what was in hand, `verdict.py` holds what came out against
what was foretold. `losses.py` is the second leg: a power cut on a server that syncs every second.
"""
