"""`poetvae check`: poems from files and stdin, for people and programs, without a model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from commands import refused, shell

TOWER = "登鸛雀樓\n白日依山盡，黃河入海流。\n欲窮千里目，更上一層樓。\n"
WEICHENG = "渭城朝雨浥輕塵，客舍青青柳色新。勸君更盡一杯酒，西出陽關無故人。\n"
SPRING = "忆江南\n江南好，风景旧曾谙。日出江花红胜火，春来江水绿如蓝。能不忆江南？\n"


def test_a_report_for_people(tmp_path: Path) -> None:
    path = tmp_path / "poems.txt"
    path.write_text(f"{TOWER}\n{WEICHENG}", encoding="utf-8")
    result = shell("check", path)
    assert (result.code, result.err) == (0, "")
    first, second = result.out.strip().split("\n\n")
    assert first.startswith("五言絕句 · 仄起，首句不入韻 · 5x4 · rhyme 尤 (平水)\n")
    assert first.endswith("no faults, no remarks")
    assert " 4  更   上   一   層   樓\n    平仄 仄   仄   平   平   中仄仄平平\n" in first
    assert "    ✗ 失粘, character 2: 舍 and 君, second in lines 2 and 3, differ in tone" in second


def test_json_and_the_code_of_strict() -> None:
    text = f"{WEICHENG}\n{TOWER}".encode()
    first, second = shell("check - --json", stdin=text).rows
    assert [fault["name"] for fault in first["faults"]] == ["失粘"]
    assert (first["form"], second["form"], second["faults"]) == ("7x4", "5x4", [])
    assert shell("check --json --strict", stdin=text).code == 1
    assert shell("check --json --strict", stdin=TOWER.encode()).code == 0


def test_a_tune_by_its_title_and_by_the_flag() -> None:
    for text in (SPRING, SPRING[4:]):
        answer = shell("check --json", stdin=text.encode()).answer
        assert (answer["form"], answer["kind"], answer["rhyme"]) == ("憶江南", "詞", "第十四部")
        assert (answer["book"], answer["faults"]) == ("詞林", [])
    answer = shell("check --json --form 浣溪沙", stdin=SPRING[4:].encode()).answer
    assert {fault["name"] for fault in answer["faults"]} >= {"句數"}


def test_json_with_poems_in_it_is_read(tmp_path: Path) -> None:
    entry = {"rhythmic": "忆江南", "title": "其一", "paragraphs": [SPRING[4:].strip()]}
    others = [{"text": TOWER[5:].strip()}, {"title": "none", "text": "..."}]
    path = tmp_path / "poems.json"
    path.write_text(json.dumps([entry, *others]), encoding="utf-8")
    assert [row["form"] for row in shell("check --json", path).rows] == ["憶江南", "5x4"]
    lines = "\n".join(json.dumps({"text": text}) for text in (TOWER[5:], WEICHENG))
    assert [row["form"] for row in shell("check --json", stdin=lines.encode()).rows] == [
        "5x4", "7x4"
    ]  # fmt: skip
    refused(1, "expected poems", "check", stdin=b'[{"text": "')


def test_an_encoding_other_than_utf_8_is_read() -> None:
    assert shell("check --json", stdin=SPRING.encode("gb18030")).answer["form"] == "憶江南"


def test_what_is_no_poem_is_one_line() -> None:
    refused(1, "no text came", "check")
    refused(1, "no verse of Chinese characters", "check", stdin=b"rien\n\nde rien")
    refused(1, "is not in utf-8", "check", stdin=TOWER.encode() + b"\xff\xfe\xfa\n")
    refused(1, "no-such-file", "check no-such-file")
    refused(2, "form 'x'", "check --form x", stdin=TOWER.encode())


def test_it_needs_no_torch() -> None:
    code = "import sys; sys.argv[1:] = ['check']; from poetvae.cli import main; main(); "
    code += "assert not {'torch', 'numpy', 'opencc'} & sys.modules.keys()"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input=TOWER.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
