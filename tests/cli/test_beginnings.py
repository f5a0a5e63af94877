"""What goes before and into a prompt: BOS once, no end token behind it, special tokens in its text, and what a
tokenizer.json says of cutting and filling, which is for training."""
import json

import pytest

from makers import ARRAY, BOOL, I32, STRING, U32, Scripted, run

BOS, END = 259, 258


def scripted():
    return Scripted(["Hi", " you", "<e>", "<b>"], ["<e>", "<b>"])


def folder(path, before=True, behind=False):
    """before, behind: what the post-processor puts around a text."""
    model = scripted()
    model.config.update(bos_token_id=BOS, eos_token_id=END)
    made = model.tokenizer()
    around = [("<b>", BOS)] * before, [("<e>", END)] * behind
    made["post_processor"] = {
        "type": "TemplateProcessing", "pair": [],
        "single": [*({"SpecialToken": {"id": name, "type_id": 0}} for name, _ in around[0]),
                   {"Sequence": {"id": "A", "type_id": 0}},
                   *({"SpecialToken": {"id": name, "type_id": 0}} for name, _ in around[1])],
        "special_tokens": {name: {"id": name, "ids": [i], "tokens": [name]} for name, i in [*around[0], *around[1]]},
    }
    made["truncation"] = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    made["padding"] = {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
                       "pad_type_id": 0, "pad_token": "<e>"}
    return model.write(path, tokenizer=made, tokenizer_config={"bos_token": "<b>", "eos_token": "<e>"})


def answer(model, *options, prompt="P"):
    result = run("run", "-m", model, "-i", prompt, "--temperature", "0", "--json", "--max-tokens", "3", *options)
    assert result.returncode == 0, result.stderr
    given = json.loads(result.stdout)
    return given["prompt_tokens"], given["text"]


@pytest.mark.parametrize("template, tokens", [
    ("{{ bos_token }}{{ messages[0].content }}", 2),
    ("{{ messages[0].content }}", 1), # a template says all: nothing is put in front
])
def test_bos_of_a_chat(tmp_path, template, tokens):
    folder(tmp_path)
    (tmp_path / "chat_template.jinja").write_text(template)
    assert answer(tmp_path) == (tokens, "Hi you")


def test_bos_of_a_text(tmp_path):
    folder(tmp_path)
    assert answer(tmp_path, "--raw") == (2, "Hi you")
    assert answer(tmp_path, "--raw", prompt="<b>P") == (3, "Hi you")


def test_end_token_behind_a_text_is_left_out(tmp_path):
    """Right for embeddings, but nothing would come after it."""
    assert answer(folder(tmp_path, behind=True), "--raw") == (2, "Hi you")


def test_truncation_and_padding_are_for_training(tmp_path):
    """The tokenizer.json cuts at 3 and fills up to 9."""
    folder(tmp_path, before=False)
    assert answer(tmp_path, "--raw", prompt="xxxxxxP") == (7, "Hi you")
    assert json.loads(run("tokenize", "-m", tmp_path, "--json", "--special", "P").stdout) == [ord("P")]


@pytest.mark.parametrize("adds, tokens", [(True, 2), (False, 1), (None, 1)])
def test_bos_of_a_gguf(tmp_path, adds, tokens):
    """add_bos_token is obeyed, though there is an id."""
    keys = {} if adds is None else {"add_bos_token": (BOOL, adds)}
    path = scripted().write_gguf(tmp_path, bos_token_id=(U32, BOS), eos_token_id=(U32, END), **keys,
                                 chat_template=(STRING, "{{ bos_token }}{{ messages[0].content }}"))
    assert answer(path, "--raw") == (tokens, "Hi you")
    assert answer(path) == (2, "Hi you")


@pytest.mark.parametrize("kind, ids", [(1, 6), (3, 1), (4, 1)])
def test_special_tokens_in_the_text_of_a_gguf(tmp_path, kind, ids):
    """Tokens that are USER_DEFINED (4) are found in the text as CONTROL (3) ones are; NORMAL ones need merges."""
    model = Scripted(["<tool>"])
    types = (ARRAY, (I32, [1] * 256 + [kind]))
    path = model.write_gguf(tmp_path, token_type=types, eos_token_id=(U32, 0))
    assert len(json.loads(run("tokenize", "-m", path, "--json", "<tool>").stdout)) == ids
