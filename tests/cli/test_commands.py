"""tokenize, template, logits, perplexity, bench, inspect and doctor, as scripts use them."""
import json
import math
import struct

import pytest

from makers import GOLDEN, read_safetensors, run, tokenizer_json


def output(*arguments, stdin=b""):
    done = run(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return done.stdout


def refusal(*arguments, stdin=b""):
    done = run(*arguments, stdin=stdin)
    said = done.stderr.decode()
    assert done.returncode == 1 and done.stdout == b"", said
    assert said.startswith("hanzo: ") and len(said.splitlines()) == 1, said
    return said


def ids(path):
    return list(struct.unpack(f"<{len(path) // 4}i", path))


# ---- tokenize --------------------------------------------------------------------------------------------------------


def byte_ids(model, data):
    """The tiny models have one token for each byte, in the order of byte_tokens()."""
    return json.loads(output("tokenize", "-m", model, "--json", stdin=data))


def test_tokenize(base_model):
    given = output("tokenize", "-m", base_model, "--json", "Hi you")
    assert len(json.loads(given)) == 6
    assert output("tokenize", "-m", base_model, "--json", "Hi", "you") == given
    assert output("tokenize", "-m", base_model, "--json", stdin=b"Hi you") == given
    assert output("tokenize", "-m", base_model, "--json", "-", stdin=b"Hi you") == given
    assert output("tokenize", "-m", base_model, "--json", "--", "-x") != b"[]\n"
    assert json.loads(output("tokenize", "-m", base_model, "--json", "")) == []


def test_tokenize_for_people(base_model):
    lines = output("tokenize", "-m", base_model, "Hé\n").decode().splitlines()
    assert len(lines) == 4
    assert lines[0].split() == [str(byte_ids(base_model, b"H")[0]), '"H"']


def test_decode(base_model):
    text = "Hé \"you\"\n"
    given = byte_ids(base_model, text.encode())
    for words in ([json.dumps(given)], list(map(str, given)), [",".join(map(str, given))]):
        assert output("tokenize", "-m", base_model, "--decode", *words).decode() == text
    assert json.loads(output("tokenize", "-m", base_model, "--decode", "--json", json.dumps(given))) == text
    assert output("tokenize", "-m", base_model, "--decode", "[]") == b""


def test_batch(base_model, json_file):
    texts = ["Hi", "", "é\0\"\\\n", "日本 🙂"]
    given = json.loads(output("tokenize", "-m", base_model, "--batch", json_file(texts)))
    assert given == [byte_ids(base_model, text.encode()) for text in texts]
    assert json.loads(output("tokenize", "-m", base_model, "--decode", "--batch", json_file(given))) == texts
    assert output("tokenize", "-m", base_model, "--batch", json_file([])) == b"[]\n"


def test_only_a_tokenizer(base_model, tmp_path):
    (tmp_path / "tokenizer.json").write_bytes((base_model / "tokenizer.json").read_bytes())
    assert output("tokenize", "-m", tmp_path, "--json", "Hi") == output("tokenize", "-m", base_model, "--json", "Hi")


def test_a_tokenizer_from_elsewhere(base_model, tmp_path):
    (tmp_path / "tok.json").write_text(json.dumps(tokenizer_json()))
    other = ["--tokenizer", tmp_path / "tok.json", "--json", "Once"]
    assert output("tokenize", "-m", GOLDEN / "llama", *other) == output("tokenize", "-m", base_model, *other)
    assert "no tokenizer.json" in refusal("tokenize", "-m", GOLDEN / "llama", "Once")


def test_special_tokens(chat_gguf, tmp_path):
    from makers import BOOL, U32, LlamaGguf
    model = LlamaGguf()
    model.meta["tokenizer.ggml.bos_token_id"] = (U32, 1)
    model.meta["tokenizer.ggml.add_bos_token"] = (BOOL, True)
    path = model.write(tmp_path)
    plain = json.loads(output("tokenize", "-m", path, "--json", "Hi"))
    assert json.loads(output("tokenize", "-m", path, "--json", "--special", "Hi")) == [1, *plain]


@pytest.mark.parametrize("arguments, value, words", [
    ([], {"a": 1}, "array"),
    ([], ["a", 1], "item 1"),
    (["--decode"], ["a"], "item 0"),
    (["--decode"], [[0, -1]], "item 0"),
    (["--decode"], [[0, 1.5]], "item 1"),
    (["--decode"], [[0], [0, 100000]], "100000"),
])
def test_batch_mistakes(base_model, json_file, arguments, value, words):
    path = json_file(value)
    said = refusal("tokenize", "-m", base_model, "--batch", path, *arguments)
    assert words in said and str(path) in said


def test_tokenize_mistakes(base_model, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text('["a",')
    assert "broken.json" in refusal("tokenize", "-m", base_model, "--batch", broken)
    assert "absent.json" in refusal("tokenize", "-m", base_model, "--batch", tmp_path / "absent.json")
    assert "UTF-8" in refusal("tokenize", "-m", base_model, stdin=b"\xff")
    refusal("tokenize", "-m", base_model, "--decode", "one")
    refusal("tokenize", "-m", base_model, "--decode", "123456789012345678901234567890")
    assert "tokenizer" in refusal("tokenize", "-m", GOLDEN / "llama", "Hi")


# ---- template --------------------------------------------------------------------------------------------------------

BARE = {"template": "{{ x }}{% for i in range(2) %}{{ i }}{% endfor %}\n", "context": {"x": "é<"}}


def test_template_as_it_stands(json_file):
    assert output("template", json_file(BARE)).decode() == "é<01"
    assert output("template", "-", stdin=json.dumps(BARE).encode()).decode() == "é<01"


def test_template_of_a_model(chat_model, json_file):
    request = {"messages": [{"role": "user", "content": "Hé"}]}
    assert output("template", "-m", chat_model, json_file(request)).decode() == "u:Hé\n"


def test_templates(chat_model, json_file):
    requests = [BARE, {"messages": [{"role": "user", "content": "a"}]}, {"template": "{{ raise_exception('no') }}"}, 5]
    results = json.loads(output("template", "-m", chat_model, json_file(requests)))
    assert results[:2] == [{"rendered": "é<01"}, {"rendered": "u:a\n"}]
    assert list(results[2]) == list(results[3]) == ["error"] and "no" in results[2]["error"]
    results = json.loads(output("template", json_file(requests)))
    assert "-m" in results[1]["error"]


def test_special_tokens_of_templates(json_file, tmp_path):
    """They may be strings, objects, null (then undefined) or stand in extra_special_tokens; before transformers 4.34
    special_tokens_map.json counted, since then it does not."""
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
    (tmp_path / "chat_template.jinja").write_text("{{ bos_token }}{{ eos_token }}{{ image_token }}{{ pad_token is defined }}")
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"bos_token": {"content": "<m>"}, "unk_token": "<u>"}))
    config = {"bos_token": "<b>", "eos_token": {"content": "<e>"}, "pad_token": None,
              "extra_special_tokens": {"image_token": "<i>"}}
    for more, want in (({}, b"<m><e><i>False"), ({"added_tokens_decoder": {}}, b"<b><e><i>False")):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config | more))
        assert output("template", "-m", tmp_path, json_file({"messages": [{"role": "user", "content": ""}]})) == want


def test_clock(json_file):
    request = {"template": "{{ strftime_now('%Y-%m-%d %H:%M') }}", "context": {}, "now": "2025-01-02T03:04:05"}
    assert output("template", json_file(request)) == b"2025-01-02 03:04"


def test_template_mistakes(chat_model, base_model, json_file):
    assert "bad.json: no" in refusal("template", json_file({"template": "{{ raise_exception('no') }}"}, "bad.json"))
    assert "-m MODEL" in refusal("template", json_file({"messages": []}))
    assert "chat template" in refusal("template", "-m", base_model, json_file({"messages": []}))
    assert "object" in refusal("template", json_file(5))


# ---- logits ----------------------------------------------------------------------------------------------------------


def test_logits(json_file, tmp_path):
    reference = read_safetensors(GOLDEN / "llama" / "reference.safetensors")
    prompt = ids(reference["ids_1"][2])
    out = tmp_path / "out.safetensors"
    assert output("logits", "-m", GOLDEN / "llama", "--ids", json_file(prompt), "-o", out, "--greedy", "12",
                  "--dtype", "f32") == b""
    result = read_safetensors(out)
    kind, shape, data = result["logits"]
    assert kind == "F32" and shape == reference["logits_1"][1] == [len(prompt), 256]
    got, expected = (struct.unpack(f"<{len(d) // 4}f", d) for d in (data, reference["logits_1"][2]))
    assert max(abs(a - b) for a, b in zip(got, expected)) <= 2e-4 * (max(expected) - min(expected))
    assert result["greedy"][:2] == ("I32", [12])
    assert ids(result["greedy"][2]) == ids(reference["greedy_1"][2])


def test_logits_alone(json_file, tmp_path):
    out = tmp_path / "out.safetensors"
    output("logits", "-m", GOLDEN / "gpt2", "--ids", json_file([5]), "-o", out)
    result = read_safetensors(out)
    assert result["logits"][1] == [1, 256] and result["greedy"] == ("I32", [0], b"")


@pytest.mark.parametrize("value, words", [
    ([], "no tokens"), ({}, "array"), ([1, "2"], "item 1"), ([1, -1], "-1"), ([1, 256], "256"), ([1 << 40], "1099511627776"),
    (list(range(200)), "200"),
])
def test_logits_of_wrong_ids(json_file, tmp_path, value, words):
    out = tmp_path / "out.safetensors"
    assert words in refusal("logits", "-m", GOLDEN / "llama", "--ids", json_file(value), "-o", out)
    assert not out.exists()


def test_logits_where_nothing_can_be_written(json_file, tmp_path):
    out = tmp_path / "no" / "such" / "folder" / "out.safetensors"
    assert str(out) in refusal("logits", "-m", GOLDEN / "llama", "--ids", json_file([1]), "-o", out)


# ---- perplexity ------------------------------------------------------------------------------------------------------


def log_softmax(row):
    top = max(row)
    total = math.log(sum(math.exp(x - top) for x in row)) + top
    return [x - total for x in row]


def test_perplexity_is_what_its_definition_says(base_model, json_file, tmp_path):
    """Against the same numbers worked out from `hanzo logits`."""
    context, text = 16, "It was a bright cold day in April, and the clocks were."  # three chunks and a rest
    source = tmp_path / "text.txt"
    source.write_text(text)
    tokens = byte_ids(base_model, text.encode())
    total, count, running = 0.0, 0, []
    for start in range(0, len(tokens) - context + 1, context):
        chunk, out = tokens[start : start + context], tmp_path / "out.safetensors"
        output("logits", "-m", base_model, "--ids", json_file(chunk), "-o", out, "--dtype", "f32")
        _, (rows, width), data = read_safetensors(out)["logits"]
        flat = struct.unpack(f"<{rows * width}f", data)
        for row in range(context // 2, context - 1):
            total -= log_softmax(flat[row * width : (row + 1) * width])[chunk[row + 1]]
            count += 1
        running.append(math.exp(total / count))
    r = json.loads(output("perplexity", "-m", base_model, "-f", source, "-c", context, "--json", "--dtype", "f32"))
    assert r["context"] == context and r["tokens"] == len(tokens) and r["scored_tokens"] == count
    assert r["chunks"] == pytest.approx(running, rel=1e-5)
    assert r["perplexity"] == r["chunks"][-1]
    lines = output("perplexity", "-m", base_model, "-f", source, "-c", context, "--dtype", "f32").decode().splitlines()
    assert len(lines) == len(running) + 1
    assert lines[0] == f"chunk 1 of 3: {r['chunks'][0]:.4f}"
    assert lines[-1].startswith(f"perplexity: {r['perplexity']:.4f} ")


def test_perplexity_of_too_little(base_model, tmp_path):
    source = tmp_path / "text.txt"
    source.write_text("short")
    said = refusal("perplexity", "-m", base_model, "-f", source)
    assert "5 tokens" in said and "512" in said
    source.write_bytes(b"\xff")
    assert "UTF-8" in refusal("perplexity", "-m", base_model, "-f", source)


# ---- bench -----------------------------------------------------------------------------------------------------------


def test_bench():
    r = json.loads(output("bench", "-m", GOLDEN / "llama", "-p", "16", "-n", "4", "-d", "0,40", "--threads", "1", "--json"))
    assert r["threads"] == 1 and r["model"].startswith("llama ")
    assert [t["test"] for t in r["results"]] == ["pp16", "tg4", "pp16@d40", "tg4@d40"]
    for t in r["results"]:
        assert len(t["samples"]) == 3 and min(t["samples"]) > 0
        assert t["tok_per_s"] == sorted(t["samples"])[1]
    assert [(t["n_prompt"], t["n_gen"], t["depth"]) for t in r["results"]] == [(16, 0, 0), (0, 4, 0), (16, 0, 40), (0, 4, 40)]


def test_bench_leaves_out_what_is_0():
    for options, test in (("-p 8 -n 0", "pp8"), ("-p 0 -n 3", "tg3")):
        r = json.loads(output("bench", "-m", GOLDEN / "llama", *options.split(), "-r", "4", "--json"))
        assert [t["test"] for t in r["results"]] == [test] and len(r["results"][0]["samples"]) == 4


def test_bench_for_people(base_model):
    text = output("bench", "-m", base_model, "-p", "8", "-n", "3").decode()
    assert "pp8" in text and "tg3" in text and "tok/s" in text


def test_bench_beyond_the_context():
    refusal("bench", "-m", GOLDEN / "llama", "-p", "8", "-n", "3", "-d", "100000")


# ---- inspect, doctor -------------------------------------------------------------------------------------------------


def test_inspect(chat_gguf):
    text = output("inspect", chat_gguf).decode()
    for word in ("llama", "gguf", "BF16", "256 logits"):
        assert word in text
    assert text.splitlines()[-1].split() == ["chat", "template", "default"]
    assert "token_embd.weight" not in text
    assert "token_embd.weight" in output("inspect", chat_gguf, "--tensors").decode()
    assert "attend" in output("inspect", chat_gguf, "--plan").decode()


def test_inspect_json():
    r = json.loads(output("inspect", GOLDEN / "gemma3", "--json"))
    assert r["architecture"] == "gemma3" and r["format"] == "safetensors"
    assert {t["name"] for t in r["tensors"]} >= {"model.embed_tokens.weight"}
    assert r["config"]["model_type"]


def test_doctor():
    assert b"kernels" in output("doctor")
    r = json.loads(output("doctor", "--json"))
    assert r["machine"]["cpus"] >= 1 and "cpu" in r["backends"] and "llama" in r["architectures"]
    assert all(c["ok"] or c["advice"] for c in r["checks"])
    assert {"kernels", "memory", "build", "line editing"} == {c["name"] for c in r["checks"]}
