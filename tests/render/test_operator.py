import json
from dataclasses import replace
from pathlib import Path

import pytest

from fmn.emission import FOOTER
from fmn.errors import ConfigError, TemplateError
from fmn.render.content import Templates
from tests.render.examples import BUILD, OWN


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
    assert content.text == OWN.content("email", [BUILD]).text


def test_a_folder_makes_templates_for_a_new_kind(tmp_path: Path) -> None:
    text = "{% block text %}<{{ messages[0].body.name }}>{% endblock %}"
    content = a_folder(tmp_path, push__default=text).content("push", [BUILD])
    assert content.text == "<chromium>"
    assert content.subject == f"[Koji] {BUILD.summary}"


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
    templates = a_folder(tmp_path, irc__koji=text)
    with pytest.raises(TemplateError) as raised:
        templates.content("irc", [BUILD])
    assert str(raised.value).startswith("A template cannot be rendered: ")
    assert f"{tmp_path}/irc/koji.j2:2: " in str(raised.value)
    assert said in str(raised.value)


def test_a_template_that_runs_away_is_stopped(tmp_path: Path) -> None:
    text = "{% block text %}{{ 'x' * 5000000 }}{% endblock %}"
    with pytest.raises(TemplateError, match=r"irc/koji\.j2: it makes more than 4,000,000 char"):
        a_folder(tmp_path, irc__koji=text).content("irc", [BUILD])


def test_a_file_that_is_no_template_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"irc/koji\.j2:2: "):
        a_folder(tmp_path, irc__koji="{% block text %}\n{% for %}{% endblock %}")
    (tmp_path / "irc" / "koji.j2").write_bytes(b"\xff")
    with pytest.raises(TemplateError, match=r"irc/koji\.j2: .*utf-8"):
        Templates(str(tmp_path))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"templates\.folder: .*missing' is not a folder"):
        Templates(str(tmp_path / "missing"))
