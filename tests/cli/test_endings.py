"""Where answers end: end tokens of all spellings, stop strings across tokens, characters across tokens, the budget.
The models say exactly what a test wants."""
import json

import pytest

from makers import STRING, U32, Scripted, run


def answer(model, *options):
    result = run("run", "-m", model, "--raw", "-i", "P", "--temperature", "0", "--json", *options)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def text(model, *options):
    return answer(model, "--max-tokens", "5", *options)["text"]


# ---- end tokens ------------------------------------------------------------------------------------------------------

PIECES = ["Hi", " you", "<e>", "more", "<x>"]
END, OTHER = 258, 65


@pytest.mark.parametrize("config, files, ends", [
    ({"eos_token_id": END}, {}, True),
    ({"eos_token_id": [OTHER, END]}, {}, True),
    ({"eos_token_id": OTHER}, {"generation_config": {"eos_token_id": [OTHER, END]}}, True),
    ({"eos_token_id": END}, {"generation_config": {"eos_token_id": None}}, True),
    ({"eos_token_id": END}, {"generation_config": {"temperature": 0.5}}, True),
    ({"eos_token_id": END}, {"generation_config": {"eos_token_id": OTHER}}, False),
    ({"eos_token_id": OTHER}, {"tokenizer_config": {"eos_token": "<e>"}}, True),
    ({"eos_token_id": OTHER}, {"tokenizer_config": {"eos_token": {"content": "<e>", "lstrip": False}}}, True),
    ({"eos_token_id": OTHER}, {"special_tokens_map": {"eos_token": "<e>"}}, True),
    ({"eos_token_id": []}, {}, False),
    ({"eos_token_id": None}, {}, False),
    ({"eos_token_id": 99999}, {}, False),
    ({}, {}, False),
])
def test_end_of_a_folder(tmp_path, config, files, ends):
    model = Scripted(PIECES, ["<e>", "<x>"])
    model.config.update(config)
    assert text(model.write(tmp_path, **files)) == ("Hi you" if ends else "Hi youmore")


@pytest.mark.parametrize("key", ["eos_token_id", "eot_token_id", "eom_token_id"])
def test_end_of_a_gguf(tmp_path, key):
    assert text(Scripted(PIECES, ["<e>", "<x>"]).write_gguf(tmp_path, **{key: (U32, END)})) == "Hi you"


@pytest.mark.parametrize("elsewhere", [False, True])
def test_end_of_a_turn_that_no_file_names(tmp_path, elsewhere):
    """Configurations that name only the base model's end; of a GGUF with a tokenizer.json from elsewhere as well."""
    model = Scripted(["Hi", " you", "<|im_end|>", "more"], ["<|im_end|>"])
    model.config["eos_token_id"] = OTHER
    folder, path = model.write(tmp_path), model.write_gguf(tmp_path, eos_token_id=(U32, OTHER))
    assert text(folder, "--file", path.name) == "Hi you"
    assert text(path, *(["--tokenizer", tmp_path / "tokenizer.json"] if elsewhere else [])) == "Hi you"
    assert text(path, "--ignore-eos", "--max-tokens", "4") == "Hi youmore"


def test_special_tokens_of_a_gguf_with_a_tokenizer_from_elsewhere(tmp_path, json_file):
    """A tokenizer.json does not say which token is which."""
    model = Scripted(PIECES, ["<e>", "<x>"])
    model.write(tmp_path)
    path = model.write_gguf(tmp_path, bos_token_id=(U32, 260), eos_token_id=(U32, END),
                            chat_template=(STRING, "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"))
    request = json_file({"messages": [{"role": "user", "content": "P"}]})
    for more in [], ["--tokenizer", tmp_path / "tokenizer.json"]:
        assert run("template", "-m", path, *more, request).stdout == b"<x>P<e>"


# ---- stop strings, characters, budgets -------------------------------------------------------------------------------


@pytest.mark.parametrize("stops, said", [
    (["lo wo"], "Hel"),
    (["o w"], "Hell"),
    (["rld", "o w"], "Hell"),
    (["Hello world!\nEND"], ""),
    (["!\n"], "Hello world"),
    (["PHel"], "Hello world!\nEND"), # the prompt is no part of the answer
    (["ENDx"], "Hello world!\nEND"), # held back, then given out
    (["<|im_end|>"], "Hello world!\nEND"),
])
def test_stop_string_across_tokens(tmp_path, stops, said):
    folder = Scripted(["Hel", "lo ", "wor", "ld!", "\n", "END", "<|im_end|>"], ["<|im_end|>"]).write(tmp_path)
    given = answer(folder, *[word for stop in stops for word in ("--stop", stop)])
    assert (given["text"], given["finish_reason"]) == (said, "stop")


def test_character_across_tokens(tmp_path):
    pieces = [b"\xf0\x9f", b"\x91\xa9\xe2", b"\x80\x8d", b"\xf0\x9f\x92\xbb", b"\xc3", b"\xa9", b"ok", "</s>"]
    model = Scripted(pieces, ["</s>"])
    model.config["eos_token_id"] = 263
    folder = model.write(tmp_path)
    said = ["", "\ufffd", "👩\ufffd", "👩\u200d", "👩\u200d💻", "👩\u200d💻\ufffd", "👩\u200d💻é", "👩\u200d💻éok"]
    for budget, want in enumerate(said):
        given = answer(folder, "--max-tokens", budget)
        assert (given["text"], given["completion_tokens"], given["finish_reason"]) == (want, budget, "length")
    assert answer(folder)["text"] == said[-1]
    assert answer(folder, "--stop", "💻")["text"] == "👩\u200d"
