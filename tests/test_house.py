"""The house is as its map says."""

import ast
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import fmn
from fmn import kinds
from fmn.config import Settings, read
from fmn.config.fields import Section

ROOT = Path(__file__).parents[1]
FILTERS = kinds.kinds("fmn.rules.filters")
SENDERS = kinds.kinds("fmn.senders")


def rooms() -> set[str]:
    package = ROOT / "fmn"
    folders = {f"{at.name}/" for at in package.iterdir() if (at / "__init__.py").exists()}
    return folders | {at.stem for at in package.glob("*.py") if not at.stem.startswith("__")}


def test_the_map_names_every_room() -> None:
    lines = (fmn.__doc__ or "").splitlines()
    named = {line.split()[0] for line in lines if line[:1].isalpha() and "  " in line}
    assert named == rooms()


def test_there_are_the_filter_kinds_of_the_contract() -> None:
    assert set(FILTERS) == {
        *("owner", "artifact", "user", "agent", "group", "application", "topic", "severity"),
        *("text", "regex", "field"),
    }


@pytest.mark.parametrize("module", [*FILTERS.values(), *SENDERS.values()])
def test_a_kind_has_words_for_people_and_a_test(module: str) -> None:
    kind = module.rpartition(".")[2]
    assert kinds.load(module).__doc__
    assert list(ROOT.glob(f"tests/**/test_{kind}.py"))


def test_the_example_names_every_setting_with_its_default() -> None:
    example = tomllib.loads((ROOT / "config" / "fmn.toml").read_text())
    senders = example.pop("senders")
    assert {name: set(keys) for name, keys in example.items()} == fields(Settings, but="senders")
    assert (
        read(str(ROOT / "config" / "fmn.toml"), {})[0].model_copy(update={"senders": {}})
        == Settings()
    )
    for kind, module in SENDERS.items():
        made: type[Section] = kinds.load(module).Settings
        assert set(senders[kind]) == set(made.model_fields)
        assert made.model_validate(senders[kind]) == made()


def fields(model: type[Section], *, but: str) -> dict[str, set[str]]:
    sections: dict[str, Any] = {n: f.annotation for n, f in model.model_fields.items() if n != but}
    return {name: set(section.model_fields) for name, section in sections.items()}


def test_every_setting_of_the_example_says_what_it_is() -> None:
    settings = [
        line for line in (ROOT / "config" / "fmn.toml").read_text().splitlines() if " = " in line
    ]
    silent = [
        line
        for line in settings
        if "#" not in line and not line.startswith(("url", "host", "port"))
    ]
    assert silent == []


@pytest.mark.parametrize("at", sorted((ROOT / "fmn").rglob("*.py")), ids=lambda at: at.name)
def test_a_file_is_short_and_says_what_it_is_for(at: Path) -> None:
    text = at.read_text()
    assert len(text.splitlines()) <= 260
    tree = ast.parse(text)
    # A filter's class says to people what the filter asks; its file has nothing to add.
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    said = [ast.get_docstring(tree), *(ast.get_docstring(each) for each in classes)]
    assert not text or any(said)


def test_nothing_happens_at_import() -> None:
    """Modules import without a server, a file or the environment."""
    for at in (ROOT / "fmn").rglob("*.py"):
        if at.stem != "__main__":
            import_module(
                ".".join(at.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            )
