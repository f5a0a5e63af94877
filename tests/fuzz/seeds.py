#!/usr/bin/env python3
"""Writes what fuzzing starts from: for each target a folder of inputs, made from the tests' data, and a dictionary.

    seeds.py FOLDER      makes FOLDER/gguf/.., FOLDER/gguf.dict and so on
"""
import json
import re
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
DATA = TESTS / "data"
sys.path.insert(0, str(TESTS / "cli"))

from makers import ARRAY, BOOL, F32, I32, STRING, U32, gguf, safetensors  # noqa: E402

CHAT = {
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": "<think>t</think>y",
         "tool_calls": [{"id": "123456789", "type": "function",
                         "function": {"name": "f", "arguments": {"x": 1, "y": [1.5, None]}}}]},
        {"role": "tool", "name": "f", "tool_call_id": "123456789", "content": "{}"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {
        "type": "object", "required": ["x"], "properties": {"x": {"type": "integer", "description": "x"}}}}}],
    "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>", "enable_thinking": True,
}


def small_gguf():
    """A llama of one layer, so small that mutations meet what matters."""
    meta = {
        "general.architecture": (STRING, "llama"), "llama.block_count": (U32, 1), "llama.context_length": (U32, 32),
        "llama.embedding_length": (U32, 8), "llama.feed_forward_length": (U32, 8), "llama.attention.head_count": (U32, 2),
        "llama.attention.head_count_kv": (ARRAY, (U32, [1])), "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5),
        "llama.rope.freq_base": (F32, 1e4), "llama.rope.scaling.type": (STRING, "yarn"), "llama.rope.scaling.factor": (F32, 2.0),
        "tokenizer.ggml.model": (STRING, "gpt2"), "tokenizer.ggml.pre": (STRING, "gpt-2"),
        "tokenizer.ggml.tokens": (ARRAY, (STRING, ["a", "b", "ab", "<s>"])),
        "tokenizer.ggml.token_type": (ARRAY, (I32, [1, 1, 1, 3])), "tokenizer.ggml.merges": (ARRAY, (STRING, ["a b"])),
        "tokenizer.ggml.eos_token_id": (U32, 3), "tokenizer.ggml.add_bos_token": (BOOL, False),
    }
    shapes = {"token_embd": (4, 8), "output_norm": (8,), "blk.0.attn_norm": (8,), "blk.0.ffn_norm": (8,),
              "blk.0.attn_q": (8, 8), "blk.0.attn_k": (4, 8), "blk.0.attn_v": (4, 8), "blk.0.attn_output": (8, 8),
              "blk.0.ffn_gate": (8, 8), "blk.0.ffn_up": (8, 8), "blk.0.ffn_down": (8, 8)}
    tensors = {}
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        tensors[f"{name}.weight"] = ("F16", shape, bytes(2 * count))
    return gguf(meta, tensors)


def shortened(tokenizer):
    """Fewer tokens, so that mutations meet the settings; all that belongs together stays."""
    model = tokenizer["model"]
    vocab = model["vocab"]
    tokenizer["added_tokens"] = tokenizer["added_tokens"][:12]
    if isinstance(vocab, list):
        model["vocab"] = vocab[:64]
        return tokenizer
    order = sorted(vocab, key=vocab.get)
    added = {t["id"] for t in tokenizer["added_tokens"]}
    model["vocab"] = {t: i for i, t in enumerate(order[:96])} | {t: vocab[t] for t in order[96:] if vocab[t] in added}
    if "merges" in model:
        pairs = [m.split(" ") if isinstance(m, str) else m for m in model["merges"]]
        model["merges"] = [m for m in pairs if {*m, "".join(m)} <= set(model["vocab"])][:64]
    return tokenizer


def tokenizers():
    text = "\n---\nHello, W\u00f6rld! 123 <s>[MASK] it's  e\u0301\n\tthe end\U0001f600"
    for path in sorted((DATA / "token").glob("*.json")):
        if re.search(r"\.(ref|gguf)\.json$|texts", path.name):
            continue
        whole = json.loads(path.read_text("utf-8"))
        if path.stat().st_size < 16000:
            yield path.name, (json.dumps(whole, ensure_ascii=False, separators=(",", ":")) + text).encode()
        yield f"short_{path.name}", (json.dumps(shortened(whole), ensure_ascii=False, separators=(",", ":")) + text).encode()
    for path in sorted((DATA / "token").glob("*.gguf")):
        yield path.name, path.read_bytes()


def configs():
    for folder in sorted((DATA / "golden").glob("*/config.json")):
        yield f"{folder.parent.name}.json", folder.read_bytes()
    fits = {"model_type": "llama", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
            "num_key_value_heads": 1, "intermediate_size": 8, "vocab_size": 16, "max_position_embeddings": 32}
    for kind in ("llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe", "gemma", "gemma2", "gemma3_text", "phi3",
                 "smollm3", "granite", "olmo2", "cohere", "starcoder2", "gpt2"):
        more = {"num_local_experts": 2, "num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 8} if "x" in kind or "moe" in kind else {}
        yield f"fits_{kind}.json", json.dumps(fits | more | {"model_type": kind}).encode()
    for name, rope in {"yarn": {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 16},
                       "llama3": {"rope_type": "llama3", "factor": 2.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                  "original_max_position_embeddings": 16},
                       "longrope": {"rope_type": "longrope", "short_factor": [1.0, 1.0], "long_factor": [1.0, 2.0]},
                       "dynamic": {"rope_type": "dynamic", "factor": 2.0}}.items():
        yield f"rope_{name}.json", json.dumps(fits | {"rope_scaling": rope, "rope_theta": 1e4}).encode()


def templates():
    chat = json.dumps(CHAT)
    yield "chat", (DATA / "chat" / "template.jinja").read_bytes() + b"\0" + chat.encode()
    for case in json.loads((DATA / "jinja" / "cases.json").read_text("utf-8"))["cases"]:
        yield f"case_{case['name']}", (case["template"] + "\0" + json.dumps(case["context"])).encode("utf-8", "surrogatepass")


def seeds():
    small = small_gguf()
    tensors = {"a.weight": ("F32", (2, 3), bytes(24)), "b": ("BF16", (4,), bytes(8)), "c": ("F8_E4M3", (0, 3), b""), "d": ("I64", (), bytes(8))}
    ggufs = [("small", small), *((name, data) for name, data in tokenizers() if name.endswith(".gguf"))]
    yield "gguf", ggufs
    yield "safetensors", [("small", safetensors(tensors, {"format": "pt"})), ("plain", safetensors(tensors))]
    yield "json", [*configs(), ("odd", b'{"a": [NaN, -Infinity, 1e5, "\\ud83d\\ude00\\u0000"], "b": 123456789012345678901234567890}')]
    yield "model", [("small.gguf", small), *configs()]
    yield "tokenizer", list(tokenizers())
    yield "template", list(templates())


def words(inputs):
    """Strings and names that stand in the inputs."""
    found = set()
    for _, data in inputs:
        found |= set(re.findall(rb'"[A-Za-z_][A-Za-z0-9_. ]{1,40}"|\b[a-z_]{3,24}\b|\{%-?|-?%\}|\{\{-?|-?\}\}', data[:20000]))
    return sorted(found)[:600]


def main():
    out = Path(sys.argv[1])
    for target, inputs in seeds():
        (out / target).mkdir(parents=True, exist_ok=True)
        for name, data in inputs:
            (out / target / name).write_bytes(data)
        lines = ("".join(chr(b) if chr(b).isalnum() or b in b"_. {}%-" else f"\\x{b:02x}" for b in word) for word in words(inputs))
        (out / f"{target}.dict").write_text("".join(f'"{line}"\n' for line in lines))


main()
