"""fmn turns a message bus into notifications people want.

    bus ─▶ consumer ─▶ channel ─▶ worker ─▶ outbox ─▶ sender ─▶ people
                                    │ held ─▶ scheduler ─▶ outbox
                                    │ log ─▶ recorder ─▶ history

cli/           the composition root: a file for each group of verbs
processes/     consumer, worker, sender, scheduler, recorder: short, each reads as a sentence
web/           the pages and the API in which people say what they want to hear
report/        the load distribution and the ledger: figures and how they are drawn
bench/         how fast fmn is, measured against something else
demo/          the demo's mail server, sample rules and messages
service        what every process has: signals, draining, health, metrics
serving        HTTP: a socket, an application behind it, pages that open when ready
bus/           where messages come from: AMQP, a JSON-lines file or stdin
queues/        Redis, the only place: fenced scripts, channels, outbox, log, claims
senders/       a file a kind: email, irc, push, matrix, webhook, chat
render/        a message and a template make content
directory/     who owns what, who is in which group
storage/       SQL, the only place: preferences, held, history, migrations
preferences/   a user's rules and destinations as values, and their YAML
rules/         pure: rules, filters (a file a kind), the index, match, explain
emission       what a worker makes of a message, and what becomes of it
egress/        HTTP to addresses that people gave, and never into our own networks
links          signed links and codes: what whoever holds one may do without a login
model          messages, destinations, notifications: frozen, every field documented
config/        settings: a TOML file, then the environment
exact          JSON with its numbers as they are written
kinds          filter and sender kinds are the files of a folder
errors         what can go wrong; the docstring is the message

A room knows only rooms further down; `pyproject.toml` has this as a contract that is checked.
"""
