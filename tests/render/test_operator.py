import json
from dataclasses import replace
from pathlib import Path

import pytest

from fmn.emission import FOOTER
from fmn.errors import ConfigError, TemplateError
from fmn.render.content import Templates
from tests.render.examples import BUILD, OWN, PLAIN


def a_folder(tmp_path: Path, **texts: str) -> Templates:
    for name, text in texts.items():
        file = tmp_path / (name.replace("__", "/") + ".j2")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return Templates(str(tmp_path))


# What an operator writes.


def test_an_operators_template_comes_first(tmp_path: Path) -> None:
    templates = a_folder(tmp_path, email__koji="{% block subject %}Mine{% endblock %}")
    assert templates.content("email", [BUILD]).subject == "Mine"
    other = replace(BUILD, app="bodhi")
    assert templates.content("email", [other]) == OWN.content("email", [other])


def test_a_block_that_a_template_lacks_comes_from_the_default(tmp_path: Path) -> None:
    text = "{% block subject %}Mine: {{ super() }}{% endblock %}"
    content = a_folder(tmp_path, email__pagure=text).content(
        "email", [replace(BUILD, app="Pagure")]
    )
    assert content.subject == f"Mine: [Pagure] {BUILD.summary}"
    assert content.text == OWN.content("email", [replace(BUILD, app="Pagure")]).text


def test_a_folder_makes_templates_for_a_new_kind(tmp_path: Path) -> None:
    text = "{% block text %}<{{ messages[0].body.name }}>{% endblock %}"
    content = a_folder(tmp_path, pigeon__default=text).content("pigeon", [PLAIN])
    assert content.text == "<chromium>"
    assert content.subject == f"[Kiln] {BUILD.summary}"


def test_html_is_escaped_wherever_it_comes_from(tmp_path: Path) -> None:
    body = json.dumps({"name": "<script>"}).encode()
    text = "{% block html %}<p>{{ messages[0].body.name }}</p>{% endblock %}"
    templates = a_folder(tmp_path, email__koji=text)
    content = templates.content("email", [replace(BUILD, body=body)])
    assert content.html == "<p>&lt;script&gt;</p>"


def test_values_of_a_body_are_clean(tmp_path: Path) -> None:
    body = json.dumps({"a": ["x\r\ny" + FOOTER, {"\u202eb": "z" * 2000}]}).encode()
    text = "{% block text %}{{ messages[0].body }}{% endblock %}"
    content = a_folder(tmp_path, irc__koji=text).content("irc", [replace(BUILD, body=body)])
    assert content.text == str({"a": ["x y", {"b": "z" * 999 + "…"}]})


@pytest.mark.parametrize("app", ["ko/ji", "../Koji", "KOJI", "k o j i\x00"])
def test_only_safe_characters_of_an_app_choose_a_template(tmp_path: Path, app: str) -> None:
    templates = a_folder(tmp_path, irc__koji="{% block text %}Mine{% endblock %}")
    assert templates.content("irc", [replace(BUILD, app=app)]).text == "Mine"


def test_files_are_read_once(tmp_path: Path) -> None:
    templates = a_folder(tmp_path, irc__koji="{% block text %}Mine{% endblock %}")
    (tmp_path / "irc" / "koji.j2").unlink()
    assert templates.content("irc", [BUILD]).text == "Mine"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{% block text %}\n{{ messages[0].colour }}{% endblock %}", "'colour'"),
        ("{% block text %}\n{{ messages[0]._message }}{% endblock %}", "unsafe"),
        ("{% block text %}\n{{ 1 / 0 }}{% endblock %}", "division by zero"),
    ],
)
def test_a_template_that_raises_is_named_with_its_line(
    tmp_path: Path, text: str, said: str
) -> None:
    templates = a_folder(tmp_path, irc__default=text)
    with pytest.raises(TemplateError) as raised:
        templates.content("irc", [BUILD])
    assert str(raised.value).startswith("A template cannot be rendered: ")
    assert f"{tmp_path}/irc/default.j2:2: " in str(raised.value)
    assert said in str(raised.value)


@pytest.mark.parametrize("block", ["subject", "text", "html"])
def test_a_template_of_an_app_that_raises_is_left_out_for_that_message(
    tmp_path: Path, block: str
) -> None:
    told: list[tuple[str, str]] = []
    text = (
        "{% block subject %}Mine{% endblock %}"
        f"{{% block {block} %}}\n{{{{ messages[0].body.colour }}}}{{% endblock %}}"
    )
    if block == "subject":
        text = text.partition("{% endblock %}")[2]
    (tmp_path / "email").mkdir()
    (tmp_path / "email" / "kiln.j2").write_text(text)
    templates = Templates(str(tmp_path), tell=lambda *fault: told.append(fault))
    assert templates.content("email", [PLAIN]) == OWN.content("email", [PLAIN])
    ((template, why),) = told
    assert template == "email/kiln.j2"
    assert why.startswith(f"{tmp_path}/email/kiln.j2:2: ")
    assert "colour" in why
    coloured = replace(PLAIN, body=b'{"colour": "green"}')
    assert "green" in str(templates.content("email", [coloured]))


# What an operator writes for all kinds.


def test_an_apps_words_are_used_by_every_kind(tmp_path: Path) -> None:
    templates = a_folder(
        tmp_path,
        apps__kiln=(
            "{% block title %}\n{{ self.pot() }} is hot{% endblock %}"
            "{% block summary %}{{ message.agent }} fired {{ self.pot() }}{% endblock %}"
            "{% block details %}\nPot: {{ self.pot() }}\nNothing: {{ message.said('no') }}\n"
            "{% endblock %}"
            "{% block text %}Mind your fingers.{% endblock %}"
            "{% block pot %}{{ message.said('name') }}{% endblock %}"
        ),
    )
    mail = templates.content("email", [PLAIN])
    assert mail.subject == "[Kiln] chromium is hot"
    assert mail.text.startswith("alice fired chromium\n\nMind your fingers.\n\nhttps://")
    assert "\n\nPot:      chromium\nBy:       alice\n" in mail.text
    assert '<th scope="row">Pot</th><td>chromium</td>' in (mail.html or "")
    assert templates.content("irc", [PLAIN]).text.startswith("[Kiln] alice fired chromium https:")
    assert templates.content("push", [PLAIN]).text == "alice fired chromium\nMind your fingers."


def test_each_message_of_a_digest_is_in_the_words_of_its_app(tmp_path: Path) -> None:
    templates = a_folder(tmp_path, apps__kiln="{% block summary %}Hot{% endblock %}")
    said = templates.content("irc", [PLAIN, BUILD]).text.splitlines()
    assert said == [f"[Kiln] Hot {PLAIN.url}", OWN.content("irc", [BUILD]).text]


def test_a_message_an_apps_words_do_not_know_reads_as_published(tmp_path: Path) -> None:
    blocks = "{% block title %} {% endblock %}{% block summary %}\n{% endblock %}"
    templates = a_folder(tmp_path, apps__kiln=blocks)
    for kind in ("email", "irc", "push", "matrix", "chat", "webhook", "pigeon"):
        assert templates.content(kind, [PLAIN]) == OWN.content(kind, [PLAIN])


def test_an_apps_words_that_raise_are_left_out_for_that_message(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    (tmp_path / "apps").mkdir()
    words = "{% block title %}Mine{% endblock %}{% block text %}\n{{ 1 / 0 }}{% endblock %}"
    (tmp_path / "apps" / "kiln.j2").write_text(words)
    templates = Templates(str(tmp_path), tell=lambda *fault: told.append(fault))
    assert templates.content("email", [PLAIN]) == OWN.content("email", [PLAIN])
    assert told == [("apps/kiln.j2", f"{tmp_path}/apps/kiln.j2:2: division by zero")]


def test_a_template_that_runs_away_is_stopped(tmp_path: Path) -> None:
    text = "{% block text %}{{ 'x' * 5000000 }}{% endblock %}"
    with pytest.raises(TemplateError, match=r"irc/default\.j2: it makes more than 4,000,000 char"):
        a_folder(tmp_path, irc__default=text).content("irc", [BUILD])


def test_a_file_that_is_no_template_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"irc/koji\.j2:2: "):
        a_folder(tmp_path, irc__koji="{% block text %}\n{% for %}{% endblock %}")
    (tmp_path / "irc" / "koji.j2").write_bytes(b"\xff")
    with pytest.raises(TemplateError, match=r"irc/koji\.j2: .*utf-8"):
        Templates(str(tmp_path))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"templates\.folder: .*missing' is not a folder"):
        Templates(str(tmp_path / "missing"))
