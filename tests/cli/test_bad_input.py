"""What the program does with files that are broken, cut off, hostile or merely odd: it says in one line what is wrong,
and where; or it runs, where nothing is. The faults are those that users of other engines reported."""
import json
import os
import shutil
import struct

import pytest

from makers import ARRAY, F32, GOLDEN, I32, STRING, U32, Llama, LlamaGguf, gguf, run, safetensors


def complete(path, *options):
    return run("run", "-m", path, "--raw", "-i", "The quick", "--max-tokens", "4", "--temperature", "0", *options)


def assert_runs(path, *options):
    done = complete(path, *options)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def assert_refused(path, *words, command=complete):
    done = command(path)
    said = done.stderr.decode()
    assert 0 < done.returncode < 99, f"exit status {done.returncode}: {said}"
    assert len(said.splitlines()) == 1, said
    assert done.stdout == b""
    for word in words:
        assert word in said, f"expected {word!r} in: {said}"


# ---- the unbroken ones, so that a refusal below means something ------------------------------------------------------------


def test_the_same_model_runs_from_both_formats(tmp_path):
    from_folder = assert_runs(Llama().write(tmp_path), "--dtype", "f32")
    from_gguf = assert_runs(LlamaGguf().write(tmp_path), "--dtype", "f32")
    assert from_folder == from_gguf and from_folder


# ---- GGUF, as a file -------------------------------------------------------------------------------------------------------

WHOLE = LlamaGguf().bytes()
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"

GGUF_FILES = {
    "empty": (b"", "empty"),
    "lfs_pointer": (LFS, "Git LFS"),
    "web_page": (b"<!DOCTYPE html><html></html>", "web page"),
    "ggjt": (b"tjgg" + bytes(60), "older than GGUF"),
    "version_1": (b"GGUF" + struct.pack("<I", 1) + WHOLE[8:], "version 1"),
    "version_9": (b"GGUF" + struct.pack("<I", 9) + WHOLE[8:], "version 9"),
    "big_endian": (b"GGUF" + struct.pack(">IQQ", 3, 1, 1) + bytes(64), "big-endian"),
    "cut_in_header": (WHOLE[:20], "ends inside the header"),
    "cut_in_metadata": (WHOLE[:500], "passes the end"),
    "cut_in_tensor_list": (WHOLE[: WHOLE.index(b"blk.1.ffn_up.weight")], "tensor list"),
    "cut_in_data": (WHOLE[:-100], "passes the end of the file"),
    "2_to_60_tensors": (WHOLE[:8] + struct.pack("<Q", 1 << 60) + WHOLE[16:], "tensors cannot be listed"),
    "2_to_63_keys": (WHOLE[:16] + struct.pack("<Q", 1 << 63) + WHOLE[24:], "metadata entries"),
}


@pytest.mark.parametrize("name", GGUF_FILES)
def test_gguf_file(tmp_path, name):
    content, word = GGUF_FILES[name]
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    assert_refused(path, str(path), word)


def test_gguf_array_longer_than_the_file(tmp_path):
    path = tmp_path / "x.gguf"
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
    path.write_bytes(head + struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", ARRAY, STRING, 1 << 60))
    assert_refused(path, "'k'", "array")


@pytest.mark.parametrize("alignment", [0, 7, 12])
def test_gguf_alignment(tmp_path, alignment):
    model = LlamaGguf()
    model.meta["general.alignment"] = (U32, alignment)
    assert_refused(model.write(tmp_path), "general.alignment", str(alignment))


def test_gguf_other_alignment_is_fine(tmp_path):
    model = LlamaGguf()
    model.meta["general.alignment"] = (U32, 64)
    path = tmp_path / "aligned.gguf"
    path.write_bytes(model.bytes(alignment=64))
    assert_runs(path)


def test_gguf_alignment_of_another_type(tmp_path):
    model = LlamaGguf()
    model.meta["general.alignment"] = (I32, 32)
    assert_refused(model.write(tmp_path), "general.alignment", "i32")


@pytest.mark.parametrize("kind, shape, word", [
    (0, (1, 1, 1, 1, 1), "dimensions"),
    (0, (0,), "dimension of 0"),
    (0, (1 << 32, 1 << 32), "2^63"),
    (2, (33,), "multiple"),
    (99, (4,), "type id 99"),
])
def test_gguf_tensor(tmp_path, kind, shape, word):
    path = tmp_path / "x.gguf"
    path.write_bytes(gguf({}, {"the.tensor": (kind, shape, bytes(64))}))
    assert_refused(path, "'the.tensor'", word)


# ---- GGUF, as a model ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["blk.1.ffn_up.weight", "token_embd.weight", "output_norm.weight", "blk.0.attn_q.weight"])
def test_gguf_tensor_missing(tmp_path, name):
    model = LlamaGguf()
    del model.tensors[name]
    assert_refused(model.write(tmp_path), name)


def test_gguf_without_a_head_uses_the_embedding(tmp_path):
    model = LlamaGguf()
    del model.tensors["output.weight"]
    assert_runs(model.write(tmp_path))


def test_gguf_tensor_of_another_shape(tmp_path):
    model = LlamaGguf()
    kind, (rows, columns), data = model.tensors["blk.0.ffn_up.weight"]
    model.tensors["blk.0.ffn_up.weight"] = (kind, (rows // 2, columns), data[: len(data) // 2])
    assert_refused(model.write(tmp_path), "blk.0.ffn_up.weight")


def test_gguf_embedding_with_fewer_rows_than_tokens(tmp_path):
    model = LlamaGguf()
    for name in ("token_embd.weight", "output.weight"):
        kind, (rows, columns), data = model.tensors[name]
        model.tensors[name] = (kind, (rows // 2, columns), data[: len(data) // 2])
    assert_refused(model.write(tmp_path), "token_embd.weight")


def test_gguf_tensors_of_different_types(tmp_path):
    """Each its own: every third is F32, the others BF16; the numbers are the same."""
    model = LlamaGguf()
    plain = assert_runs(model.write(tmp_path), "--dtype", "f32")
    for i, (name, tensor) in enumerate(model.tensors.items()):
        if i % 3 == 0:
            model.tensors[name] = as_f32(tensor)
    assert assert_runs(model.write(tmp_path), "--dtype", "f32") == plain


def test_gguf_type_that_is_not_read(tmp_path):
    model = LlamaGguf()
    model.tensors["blk.0.ffn_up.weight"] = ("IQ2_XXS", (1, 256), bytes(66))
    assert_refused(model.write(tmp_path), "blk.0.ffn_up.weight")


def test_gguf_extra_tensors_are_fine(tmp_path):
    model = LlamaGguf()
    model.tensors["of.no.use"] = ("F32", (3,), bytes(12))
    model.tensors["of.no.use.either"] = ("IQ2_XXS", (1, 256), bytes(66))
    assert_runs(model.write(tmp_path))


@pytest.mark.parametrize("key, value", [
    ("llama.block_count", (U32, 2**32 - 1)),
    ("llama.block_count", (U32, 3)),
    ("llama.block_count", (STRING, "two")),
    ("llama.attention.head_count", (U32, 0)),
    ("llama.attention.head_count", (U32, 2**31)),
    ("llama.attention.head_count_kv", (U32, 0)),
    ("llama.attention.head_count_kv", (U32, 3)),
    ("llama.embedding_length", (U32, 0)),
    ("llama.embedding_length", (U32, 2**32 - 1)),
    ("llama.feed_forward_length", (U32, 0)),
    ("llama.context_length", (U32, 0)),
    ("llama.attention.layer_norm_rms_epsilon", (F32, float("nan"))),
    ("llama.rope.freq_base", (F32, 0.0)),
    ("llama.rope.dimension_count", (U32, 1000)),
    ("llama.rope.scaling.type", (STRING, "spiral")),
    ("general.architecture", (STRING, "no_such_architecture")),
    ("general.architecture", (U32, 1)),
    ("tokenizer.ggml.model", (STRING, "no_such_tokenizer")),
    ("tokenizer.ggml.tokens", (ARRAY, (I32, [1, 2]))),
])
def test_gguf_metadata_value(tmp_path, key, value):
    model = LlamaGguf()
    model.meta[key] = value
    assert_refused(model.write(tmp_path), "model.gguf")


@pytest.mark.parametrize("key", ["general.architecture", "llama.block_count", "llama.embedding_length",
                                 "llama.attention.head_count", "tokenizer.ggml.model", "tokenizer.ggml.tokens"])
def test_gguf_metadata_missing(tmp_path, key):
    model = LlamaGguf()
    del model.meta[key]
    assert_refused(model.write(tmp_path), key)


# ---- folders: files --------------------------------------------------------------------------------------------------------


def in_shards(folder, model):
    """Writes the model as two shards with an index; returns {tensor: shard}."""
    names = list(model.tensors)
    shards = {f"model-0000{i + 1}-of-00002.safetensors": names[i::2] for i in range(2)}
    (folder / "model.safetensors").unlink()
    for shard, members in shards.items():
        (folder / shard).write_bytes(safetensors({name: model.tensors[name] for name in members}))
    weight_map = {name: shard for shard, members in shards.items() for name in members}
    write_index(folder, weight_map)
    return weight_map


def write_index(folder, weight_map):
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": 1.5}, "weight_map": weight_map}))


def test_shards(tmp_path):
    model = Llama()
    whole = assert_runs(model.write(tmp_path))
    weight_map = in_shards(tmp_path, model)
    assert assert_runs(tmp_path) == whole
    write_index(tmp_path, weight_map | {"not.there": "model-00002-of-00002.safetensors"})
    assert_refused(tmp_path, "'not.there'", "model-00002-of-00002.safetensors")
    write_index(tmp_path, weight_map)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    assert_refused(tmp_path, "model-00002-of-00002.safetensors", "missing")
    write_index(tmp_path, {"a": "../../../etc/passwd"})
    assert_refused(tmp_path, "index.json", "'a'")


def test_stale_index_beside_the_single_file(tmp_path):
    Llama().write(tmp_path)
    write_index(tmp_path, {"a": "gone.safetensors"})
    assert_runs(tmp_path)


def test_empty_folder(tmp_path):
    assert_refused(tmp_path, str(tmp_path), "model.safetensors")


def test_no_such_path(tmp_path):
    assert_refused(tmp_path / "nowhere", "nowhere")


def test_only_pickles(tmp_path):
    Llama().write(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    assert_refused(tmp_path, "pytorch_model.bin", "model.safetensors")


def test_several_ggufs(tmp_path):
    LlamaGguf().write(tmp_path)
    (tmp_path / "other.gguf").write_bytes(WHOLE)
    assert_refused(tmp_path, "model.gguf", "other.gguf")
    assert_runs(tmp_path, "--file", "other.gguf")


@pytest.mark.parametrize("name, content, word", [
    ("config.json", b"{", "config.json"),
    ("config.json", b"[]", "object"),
    ("config.json", b"\xef\xbb\xbf{}", "config.json"),
    ("config.json", b'{"a": "\xff"}', "UTF-8"),
    ("config.json", b"[" * 100000, "config.json"),
    ("config.json", LFS, "config.json"),
    ("tokenizer.json", b"{}", "tokenizer.json"),
    ("tokenizer.json", b"", "tokenizer.json"),
    ("generation_config.json", b"no", "generation_config.json"),
    ("generation_config.json", b'{"eos_token_id": "</s>"}', "generation_config.json: eos_token_id is a string"),
    ("generation_config.json", b'{"eos_token_id": [1, null]}', "eos_token_id is a list with null"),
    ("generation_config.json", b'{"eos_token_id": [' + b"1," * 99 + b"1]}", "eos_token_id has 100 ids"),
    ("generation_config.json", b'{"bos_token_id": [1]}', "bos_token_id is an array"),
    ("generation_config.json", b'{"temperature": -1}', "generation_config.json: temperature is -1, expected 0 to"),
    ("generation_config.json", b'{"top_p": 2}', "generation_config.json: top_p is 2, expected 0 to 1"),
    ("generation_config.json", b'{"top_k": "all"}', "generation_config.json: top_k is a string"),
    ("generation_config.json", b'{"repetition_penalty": 0}', "repetition_penalty is 0"),
    ("generation_config.json", b'{"do_sample": 1}', "do_sample is an integer"),
    ("tokenizer_config.json", b'{"chat_template": 7}', "chat_template"),
    ("model.safetensors", b"", "empty"),
    ("model.safetensors", LFS, "Git LFS"),
    ("model.safetensors", struct.pack("<Q", 1 << 62) + b"{}", "header"),
    ("model.safetensors", struct.pack("<Q", 2) + b"{}" + b"x", "cover 0 of 1"),
])
def test_companion_file(tmp_path, name, content, word):
    Llama().write(tmp_path)
    (tmp_path / name).write_bytes(content)
    assert_refused(tmp_path, name, word)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "generation_config.json"])
@pytest.mark.parametrize("kind, word", [
    ("folder", "folder"), ("fifo", "neither file nor folder"), ("device", "neither file nor folder"),
    ("loop", "symbolic links"), ("dangling", "No such file"),
])
def test_companion_that_is_no_file(tmp_path, name, kind, word):
    folder = Llama().write(tmp_path)
    path = folder / name
    path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to({"device": "/dev/zero", "loop": name, "dangling": "nowhere"}[kind])
    assert_refused(folder, name, word)


@pytest.mark.parametrize("template, word", [
    ("{% for i in range(10**12) %}x{% endfor %}", "MAX_RANGE"),
    ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "too many steps"),
    ("{{ 'x' * 10**12 }}", "too large"),
    ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "macros call each other"),
    ("{{ raise_exception('') }}", "raise_exception() without a message"),
])
def test_chat_template_without_end(tmp_path, template, word):
    folder = Llama().write(tmp_path)
    (folder / "chat_template.jinja").write_text(template)
    assert_refused(folder, word, command=lambda path: run("run", "-m", path, "-i", "Hello", "--max-tokens", "4"))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_companion_missing(tmp_path, name):
    Llama().write(tmp_path)
    (tmp_path / name).unlink()
    assert_refused(tmp_path, name)


# ---- folders: tensors ------------------------------------------------------------------------------------------------------

UP = "model.layers.1.mlp.up_proj.weight"


@pytest.mark.parametrize("name", [UP, "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"])
def test_tensor_missing(tmp_path, name):
    model = Llama()
    del model.tensors[name]
    assert_refused(model.write(tmp_path), name.removeprefix("model."))


def test_tensor_of_another_shape(tmp_path):
    model = Llama()
    dtype, (rows, columns), data = model.tensors[UP]
    model.tensors[UP] = (dtype, (columns, rows), data)
    assert_refused(model.write(tmp_path), UP)


@pytest.mark.parametrize("dtype", ["I16", "U16"])
def test_tensor_of_integers(tmp_path, dtype):
    model = Llama()
    _, shape, data = model.tensors[UP]
    model.tensors[UP] = (dtype, shape, data)
    assert_refused(model.write(tmp_path), UP)


def test_cut_inside_the_header(tmp_path):
    folder = Llama().write(tmp_path)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    assert_refused(folder, "model.safetensors", "incomplete download")


def test_tensors_that_nothing_uses_are_fine(tmp_path):
    model = Llama()
    plain = assert_runs(model.write(tmp_path))
    model.tensors |= {
        "model.layers.0.self_attn.rotary_emb.inv_freq": ("F32", (8,), b"\xff" * 32),
        "model.position_ids": ("I64", (1, 4), bytes(32)),
        "model.causal_mask": ("BOOL", (2, 2), bytes(4)),
        "left.over": ("F8_E4M3", (3,), bytes(3)),
        "nothing": ("F32", (0, 4), b""),
    }
    assert assert_runs(model.write(tmp_path)) == plain


@pytest.mark.parametrize("trunk, head", [("", ""), ("language_model.model.", "language_model."), ("model.language_model.", "")])
def test_prefixes_of_names(tmp_path, trunk, head):
    """Saved from the bare model, or inside the shell of a model that sees: what the names begin with is found out."""
    model = Llama()
    plain = assert_runs(model.write(tmp_path))
    model.tensors = {trunk + name.removeprefix("model.") if name.startswith("model.") else head + name: tensor
                     for name, tensor in model.tensors.items()}
    if trunk:
        model.tensors["vision_tower.patch.weight"] = ("F32", (2,), bytes(8))
        model.config = {"model_type": "llava", "text_config": model.config, "vision_config": {"hidden_size": 3},
                        "ignore_index": -100, "image_token_index": 7, "projection_dim": 8}
    assert assert_runs(model.write(tmp_path)) == plain


@pytest.mark.parametrize("tied", [False, True])
def test_bias_of_the_head(tmp_path, tied):
    """Also of a head that is the embedding: one id is far above all others."""
    model = Llama()
    if tied:
        model.config["tie_word_embeddings"] = True
        del model.tensors["lm_head.weight"]
    bias = [0.0] * 256
    bias[ord("!")] = 1000.0
    model.tensors["lm_head.bias"] = ("F32", (256,), struct.pack("<256f", *bias))
    assert assert_runs(model.write(tmp_path)).strip() == b"!!!!"


def as_f32(tensor):
    """bf16 to f32 is two more bytes."""
    _, shape, data = tensor
    return "F32", shape, b"".join(b"\0\0" + data[i : i + 2] for i in range(0, len(data), 2))


def test_data_need_not_be_aligned(tmp_path):
    """Blanks behind the header put f32 at any address."""
    model = Llama()
    model.tensors = {name: as_f32(tensor) for name, tensor in model.tensors.items()}
    plain = assert_runs(model.write(tmp_path))
    path = tmp_path / "model.safetensors"
    whole = path.read_bytes()
    (length,) = struct.unpack_from("<Q", whole)
    for blanks in (1, 2, 3):
        path.write_bytes(struct.pack("<Q", length + blanks) + whole[8 : 8 + length] + b" " * blanks + whole[8 + length :])
        assert assert_runs(tmp_path) == plain


def test_types_may_differ_from_the_config(tmp_path):
    model = Llama()
    plain = assert_runs(model.write(tmp_path), "--dtype", "f32")
    model.config["torch_dtype"] = "float16"
    for name, tensor in model.tensors.items():
        if "norm" in name:
            model.tensors[name] = as_f32(tensor)
    assert assert_runs(model.write(tmp_path), "--dtype", "f32") == plain


def test_bf16_is_the_fast_mode_of_weights_in_bf16_alone(tmp_path):
    model = Llama()
    assert assert_runs(model.write(tmp_path), "--dtype", "bf16") == assert_runs(tmp_path)
    model.tensors[UP] = as_f32(model.tensors[UP])
    done = complete(model.write(tmp_path), "--dtype", "bf16")
    assert done.returncode and f"{UP} is stored as F32, expected BF16" in done.stderr.decode()


# ---- folders: config.json --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key, value", [
    ("hidden_size", 0), ("hidden_size", -64), ("hidden_size", "64"), ("hidden_size", 2**40), ("hidden_size", 63),
    ("num_attention_heads", 0), ("num_attention_heads", 2**31), ("num_attention_heads", None),
    ("num_key_value_heads", 0), ("num_key_value_heads", 3),
    ("num_hidden_layers", -1), ("num_hidden_layers", 10**9), ("num_hidden_layers", 3), ("num_hidden_layers", 1.5),
    ("intermediate_size", 0), ("head_dim", 0), ("head_dim", 15),
    ("vocab_size", -1), ("vocab_size", 0), ("vocab_size", 257), ("rms_norm_eps", -1), ("eos_token_id", "x"), ("max_position_embeddings", 0),
    ("hidden_act", "no_such_activation"), ("rope_theta", 0), ("rope_theta", "hot"), ("rms_norm_eps", float("nan")),
    ("rope_scaling", {"rope_type": "no_such_rope"}), ("rope_scaling", {"rope_type": "linear", "factor": 0}),
    ("rope_scaling", {"rope_type": "yarn"}), ("rope_scaling", "linear"),
])
def test_config_value(tmp_path, key, value):
    model = Llama()
    model.config[key] = value
    assert_refused(model.write(tmp_path), str(tmp_path))


@pytest.mark.parametrize("key", ["hidden_size", "num_attention_heads", "num_hidden_layers"])
def test_config_key_missing(tmp_path, key):
    model = Llama()
    del model.config[key]
    assert_refused(model.write(tmp_path), key)


def test_config_names_an_unknown_architecture(tmp_path):
    model = Llama()
    model.config |= {"architectures": ["NoSuchForCausalLM"], "model_type": "no_such"}
    assert_refused(model.write(tmp_path), "no_such")


def test_config_key_that_nobody_knows(tmp_path):
    model = Llama()
    model.config["attention_twist"] = 3
    assert_refused(model.write(tmp_path), "attention_twist")


@pytest.mark.parametrize("change", [
    {"architectures": []}, {"architectures": None}, {"rope_scaling": {"rope_type": "default"}}, {"rope_theta": 10000},
    {"num_key_value_heads": 2.0}, {"initializer_range": float("inf")}, {"quantization_config": None},
    {"head_dim": None}, {"torch_dtype": None},
])
def test_odd_configs_that_are_fine(tmp_path, change):
    model = Llama()
    plain = assert_runs(model.write(tmp_path))
    model.config |= change
    assert assert_runs(model.write(tmp_path)) == plain


# ---- what the user types ---------------------------------------------------------------------------------------------------


def test_prompt_longer_than_learned_positions(tmp_path):
    """Where a longer context cannot be had nobody is told to ask for one."""
    model = Llama()
    shutil.copytree(GOLDEN / "gpt2", tmp_path / "gpt2")
    (tmp_path / "gpt2" / "tokenizer.json").write_text(json.dumps(model.tokenizer))
    done = run("run", "-m", tmp_path / "gpt2", "--raw", "-i", "x" * 200)
    assert done.returncode and b"200 tokens, the context holds 128, all that the model has learned" in done.stderr


def test_prompt_longer_than_the_context(tmp_path):
    folder = Llama().write(tmp_path)
    long = lambda path: run("run", "-m", path, "--raw", "-i", "x" * 5000, "--max-tokens", "4")
    assert_refused(folder, "5000", "--max-seq-len", command=long)
    assert run("run", "-m", folder, "--raw", "-i", "x" * 500, "--max-tokens", "4", "--max-seq-len", "600").returncode == 0


def test_prompt_that_is_not_utf8(tmp_path):
    folder = Llama().write(tmp_path)
    broken = lambda path: run("run", "-m", path, "--raw", "-i", "-", "--max-tokens", "4", stdin=b"a\xff\xfeb")
    assert_refused(folder, "UTF-8", command=broken)


def test_no_chat_template(tmp_path):
    folder = Llama().write(tmp_path)
    chat = lambda path: run("run", "-m", path, "-i", "Hello", "--max-tokens", "4")
    assert_refused(folder, "template", command=chat)


def test_gguf_without_an_end_token_is_fine(tmp_path):
    model = LlamaGguf()
    del model.meta["tokenizer.ggml.eos_token_id"]
    assert_runs(model.write(tmp_path))
