"""What starts poetvae elsewhere: workflows, the image, the Space, the citation. None runs here."""

from __future__ import annotations

import asyncio
import fnmatch
import re
import runpy
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

import poetvae
from poetvae.checkpoints.model_folder import PACKAGED

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SPACE = ROOT / "docs" / "space"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def commands(path: Path) -> list[str]:
    """What the steps of a workflow run."""
    jobs = load(path)["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


def versions() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def test_there_are_workflows() -> None:
    assert {path.stem for path in WORKFLOWS} == {"site", "tests", "wheel"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_calls_what_is_there(path: Path) -> None:
    assert load(path)["permissions"] == {"contents": "read"}
    for command in commands(path):
        for script in re.findall(r"scripts/\S+", command):
            assert (ROOT / script).is_file(), script
    wanted = {name for command in commands(path) for name in re.findall(r"constraints\S+", command)}
    assert wanted <= {"constraints.txt"}


def test_tools_of_the_workflows_have_their_versions() -> None:
    installs = [c for path in WORKFLOWS for c in commands(path) if "pip install" in c]
    names = {word for c in installs for word in c.split("constraints.txt")[1].split()}
    tools = {name for name in names if re.fullmatch("[a-z-]+", name.lstrip("-"))} - {"--editable"}
    assert tools == {"build", "check-wheel-contents", "twine"}
    assert tools <= versions().keys()


def test_read_the_docs_builds_the_same_site() -> None:
    wanted = load(ROOT / ".readthedocs.yaml")
    assert (ROOT / wanted["mkdocs"]["configuration"]).is_file()
    (install,) = wanted["build"]["jobs"]["post_install"]
    assert install.endswith(".[docs]")


def kept(name: str) -> bool:
    """Whether .dockerignore lets a file in: the last pattern that fits it decides."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    inside = True
    for rule in rules:
        pattern = rule.removeprefix("!")
        parts = [name, *(parent.as_posix() for parent in Path(name).parents)][:-1] or [name]
        shapes = (pattern, pattern.removeprefix("**/"), f"*/{pattern.removeprefix('**/')}")
        if any(fnmatch.fnmatchcase(part, shape) for part in parts for shape in shapes):
            inside = rule.startswith("!")
    return inside


@pytest.mark.slow
def test_the_image_is_built_of_all_that_the_wheel_needs(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    context = tmp_path / "context"
    for top in ("constraints.txt", "LICENSE", "NOTICE", "README.md", "pyproject.toml", "tests"):
        assert kept(top) == (top != "tests")
    for path in [*ROOT.glob("*"), *(ROOT / "poetvae").rglob("*"), *(ROOT / "data").rglob("*")]:
        name = path.relative_to(ROOT).as_posix()
        if path.is_file() and kept(name):
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, context / name)
    assert not list(context.rglob("__pycache__"))
    (built,) = WheelBuilder(str(context)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
    assert {f"poetvae/pretrained/{name}/model.safetensors" for name in PACKAGED} <= {*names}
    assert "poetvae/sample/five.txt" in names


def test_the_image_serves_the_page_as_nobody_special() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    words = {line.split()[0]: line for line in lines if line and not line.startswith("#")}
    assert words["USER"] == "USER 1000"
    assert "/health" in words["HEALTHCHECK"]
    assert words["CMD"] == 'CMD ["demo", "--host", "0.0.0.0", "--port", "7860"]'
    assert lines.index(words["USER"]) > lines.index(words["RUN"])


def test_the_space_builds_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    gradio = pytest.importorskip("gradio")
    launched: list[Any] = []
    monkeypatch.setattr(gradio.Blocks, "launch", lambda self, **how: launched.append((self, how)))

    async def run() -> None:  # outside a loop gradio makes one, and leaves it open
        runpy.run_path(str(SPACE / "app.py"))

    asyncio.run(run())
    ((blocks, how),) = launched
    assert len(blocks.fns) > 3
    assert how["max_file_size"] == 1
    lines = [line for line in (SPACE / "app.py").read_text("utf-8").splitlines() if line]
    assert len(lines) == 3


def test_the_card_of_the_space_names_what_the_tests_run_with() -> None:
    _, head, _ = (SPACE / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(head)
    assert card["sdk"] == "gradio"
    assert card["sdk_version"] == versions()["gradio"]
    assert (SPACE / card["app_file"]).is_file()
    assert len(card["short_description"]) <= 60
    assert (SPACE / "requirements.txt").read_text("utf-8") == "poetvae[demo]\n"


def test_the_citation_is_of_this_version() -> None:
    citation = load(ROOT / "CITATION.cff")
    assert citation["version"] == poetvae.__version__
    assert citation["license"] == "MIT"
    assert citation["authors"] == [{"name": "The poetvae authors"}]
