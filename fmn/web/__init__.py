"""The pages and the API in which people say what they want to hear.

app            the application; parts: what it is made of; showing, forms: a page out, a form in
pages/         a file a page, each with its router
api/           the same over HTTP with tokens, and its OpenAPI document
editor/        a rule while it is written: its form, its preview
history/       looking back: why a message came, how loud a rule was, charts
destinations/  adding an address, proving whose it is, what signed links may do
login, oidc, sessions, safety    who somebody is, and what keeps that so
changing       the one way in which preferences are changed
"""
