"""The wheel carries all it needs: templates, scripts, samples, migrations."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.peers import lacking
from tests.peers.site import demo, environment

ROOT = Path(__file__).parents[1]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Build the wheel and install it, with what it needs, into an empty environment."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir"]
    run(*build, str(tmp_path), str(ROOT), at=tmp_path)
    [wheel] = tmp_path.glob("*.whl")
    run(sys.executable, "-m", "venv", "env", at=tmp_path)
    pip = [str(tmp_path / "env/bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
    wanted = f"fmn[embedded,schemas] @ {wheel.as_uri()}"
    done = subprocess.run(
        [*pip, "--constraint", str(ROOT / "constraints.txt"), wanted],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "No matching distribution" in done.stderr:
        lacking("pip reaches no package index to fill an empty environment from")
    assert done.returncode == 0, done.stderr
    return tmp_path / "env/bin/fmn"


def run(*command: str, at: Path) -> str:
    done = subprocess.run(
        command, cwd=at, env=environment(), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_upgrades_a_database_and_runs_the_demo(installed: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "fmn.toml").write_text(f'[storage]\nurl = "sqlite:///{elsewhere}/fmn.db"\n')
    run(str(installed), "db", "upgrade", at=elsewhere)
    assert run(str(installed), "db", "current", at=elsewhere) != "none\n"
    (elsewhere / "fmn.toml").unlink()
    run(str(installed), "demo", "--once", "--json", "told.jsonl", at=elsewhere)
    assert (elsewhere / "told.jsonl").read_text().count('"status":"sent"') > 0
    with (
        demo([str(installed)], elsewhere) as address,
        httpx.Client(base_url=address, follow_redirects=True) as browser,
    ):
        home = browser.get("/").text
        assert "What reached you" in home
        static = re.findall(r'(?:href|src)="(/static/[^"]+)"', home)
        assert [browser.get(path).status_code for path in static] == [200] * 3
