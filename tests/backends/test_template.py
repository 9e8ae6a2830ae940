"""Chat templates: the published ways to store them, and what servers do with the first token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from itc.backends.template import ChatTemplate, load_template
from itc.errors import ConfigError

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
WITH_BOS = "{{ bos_token }}" + CHATML


def folder(path: Path, config: dict[str, Any] | None = None, **files: str) -> str:
    if config is not None:
        (path / "tokenizer_config.json").write_text(json.dumps(config))
    for name, text in files.items():
        (path / name.replace("_jinja", ".jinja").replace("_json", ".json")).write_text(text)
    return str(path)


def test_chatml() -> None:
    template = ChatTemplate(CHATML)
    assert template.render("", "2+2?") == "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n"
    assert template.render("Be brief.", "2+2?").startswith("<|im_start|>system\nBe brief.<|im_end|>\n")


def test_from_a_jinja_file(tmp_path: Path) -> None:
    file = tmp_path / "chat.jinja"
    file.write_text(CHATML)
    assert load_template(str(file)) == ChatTemplate(CHATML)


def test_from_tokenizer_config(tmp_path: Path) -> None:
    path = folder(tmp_path, {"chat_template": WITH_BOS, "bos_token": {"content": "<s>"}})
    assert load_template(path).render("", "x").startswith("<s><|im_start|>user")


def test_the_default_of_several_named_ones(tmp_path: Path) -> None:
    named = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": CHATML}]
    assert load_template(folder(tmp_path, {"chat_template": named})).source == CHATML


def test_the_jinja_file_goes_before_the_config(tmp_path: Path) -> None:
    path = folder(tmp_path, {"chat_template": "old"}, chat_template_jinja=CHATML)
    assert load_template(path).source == CHATML


@pytest.mark.parametrize("stated", [True, False])
def test_bos_is_not_doubled(tmp_path: Path, stated: bool) -> None:
    config = {"chat_template": WITH_BOS, "bos_token": "<s>", "add_bos_token": stated}
    assert load_template(folder(tmp_path, config)).render("", "x").startswith("<s>") is not stated


def test_bos_added_by_a_post_processor(tmp_path: Path) -> None:
    single = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    processor = {"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"single": single}]}
    config = {"chat_template": WITH_BOS, "bos_token": "<s>"}
    path = folder(tmp_path, config, tokenizer_json=json.dumps({"post_processor": processor}))
    assert load_template(path).render("", "x").startswith("<|im_start|>user")


def test_published_extras_work() -> None:
    source = (
        "{% for m in messages %}{% if loop.index > 5 %}{% break %}{% endif %}{% generation %}{{ m.content }}"
        "{% endgeneration %}{% endfor %}|{{ messages | tojson }}|{{ strftime_now('%Y-%m-%d') }}"
    )
    once = ChatTemplate(source).render("", "é<")
    assert once == 'é<|[{"role": "user", "content": "é<"}]|2024-07-26'


def test_the_template_can_refuse() -> None:
    source = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}ok"
    assert ChatTemplate(source).render("", "x") == "ok"
    with pytest.raises(ConfigError, match=r"no system.*empty system text"):
        ChatTemplate(source).render("Be brief.", "x")


def test_templates_run_in_a_sandbox() -> None:
    source = "{{ messages.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(ConfigError, match="unsafe"):
        ChatTemplate(source).render("", "x")


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_template(str(tmp_path / "absent.jinja"))
    with pytest.raises(ConfigError, match="neither"):
        load_template(folder(tmp_path, {}))
    with pytest.raises(ConfigError, match="not a valid Jinja"):
        ChatTemplate("{% for %}").render("", "x")
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(ConfigError, match="as JSON"):
        load_template(str(tmp_path))


def test_everything_that_shapes_the_text_is_in_the_hash() -> None:
    base = ChatTemplate(WITH_BOS, {"bos_token": "<s>"})
    others = [
        ChatTemplate(CHATML, {"bos_token": "<s>"}),
        ChatTemplate(WITH_BOS, {"bos_token": "<b>"}),
        ChatTemplate(WITH_BOS, {"bos_token": "<s>"}, adds_bos=True),
    ]
    assert len({t.sha256 for t in (base, *others)}) == 4
    assert base.sha256 == ChatTemplate(WITH_BOS, {"bos_token": "<s>"}).sha256
