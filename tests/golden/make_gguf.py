#!/usr/bin/env python3
"""Writes a golden checkpoint as the GGUF that llama.cpp's converter would make of it, so that the same reference logits
test that road too: names, metadata, q and k woven into pairs for the llama family, norms of Gemma with 1 added, the
scaling of Llama 3 as divisors of the frequencies, transposed weights turned. What GGUF cannot say is refused, but for
the attention scale of Gemma 2 and 3, which goes into q.

  make_gguf.py CHECKPOINT OUT.gguf [F32 | F16 | BF16]

Follows conversion/*.py of llama.cpp b9000 (llama-cpp-python 0.3.36). The vocabulary is one token for each byte."""
import json
import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
import makers  # noqa: E402
from makers import ARRAY, BOOL, F32, I32, STRING, U32  # noqa: E402

# GGUF's architecture for a model_type; goldens that are not here have no GGUF.
ARCHITECTURES = {
    "cohere": "command-r", "gemma": "gemma", "gemma2": "gemma2", "gemma3_text": "gemma3", "gpt2": "gpt2",
    "granite": "granite", "llama": "llama", "mistral": "llama", "mixtral": "llama", "olmo2": "olmo2", "phi3": "phi3",
    "qwen2": "qwen2", "qwen3": "qwen3", "qwen3_moe": "qwen3moe", "smollm3": "smollm3", "starcoder2": "starcoder2",
}
WOVEN = ("llama", "granite", "smollm3")  # rope over adjacent pairs
LAYER = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.qkv_proj": "attn_qkv",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm",
    "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "mlp.gate_up_proj": "ffn_up",
    "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down", "mlp.gate": "ffn_gate_inp", "block_sparse_moe.gate": "ffn_gate_inp",
    "ln_1": "attn_norm", "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output",
}
OUTSIDE = {
    "embed_tokens": "token_embd", "wte": "token_embd", "wpe": "position_embd", "norm": "output_norm",
    "ln_f": "output_norm", "lm_head": "output",
}
EXPERT = {"gate_proj": "ffn_gate_exps", "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps",
          "w1": "ffn_gate_exps", "w3": "ffn_up_exps", "w2": "ffn_down_exps"}


def load(path):
    """Tensors of a golden, all of them bf16, as f32."""
    tensors = {}
    for name, (dtype, shape, data) in makers.read_safetensors(path).items():
        assert dtype == "BF16", (name, dtype)
        tensors[name] = (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(shape)
    return tensors


def weave(tensor, heads):
    """LlamaModel.permute"""
    return tensor.reshape(heads, 2, len(tensor) // heads // 2, *tensor.shape[1:]).swapaxes(1, 2).reshape(tensor.shape)


def encode(tensor, kind):
    if kind == "F16":
        return tensor.astype(np.float16).tobytes()
    if kind == "BF16":
        return (np.ascontiguousarray(tensor).view(np.uint32) >> 16).astype(np.uint16).tobytes()
    return tensor.astype(np.float32).tobytes()


class Converter:
    def __init__(self, folder, kind, tokens):
        self.config = json.loads((folder / "config.json").read_text())
        self.tokens = tokens or self.config["vocab_size"]
        self.source = load(folder / "model.safetensors")
        self.model_type = self.config["model_type"]
        self.arch = ARCHITECTURES[self.model_type]
        self.kind = kind
        self.meta, self.tensors = {}, {}

    def find(self, *names, default=None):
        return next((self.config[n] for n in names if self.config.get(n) is not None), default)

    def put(self, key, kind, value):
        if value is not None:
            self.meta[key if "." in key and key.split(".")[0] in ("general", "tokenizer") else f"{self.arch}.{key}"] = (kind, value)

    # ---- tensors

    def add(self, name, tensor):
        dense = tensor.ndim <= 1 or name.endswith("_norm.weight") or name.startswith("rope_")
        kind = "F32" if dense else self.kind
        self.tensors[name] = (kind, tensor.shape, encode(tensor, kind))

    def add_source(self, name, tensor):
        if self.model_type.startswith("gemma") and name.endswith("norm.weight"):
            tensor = tensor + np.float32(1)
        if name.endswith({"gemma2": ".q_proj.weight", "gemma3": ".q_norm.weight"}.get(self.arch, "?")):
            # llama.cpp takes the scale of the key length, whatever query_pre_attn_scalar was
            tensor = tensor * np.float32((self.config["head_dim"] / self.config["query_pre_attn_scalar"]) ** 0.5)
        heads = self.find("num_attention_heads", "n_head")
        if self.arch in WOVEN and "q_proj" in name:
            tensor = weave(tensor, heads)
        if self.arch in WOVEN and "k_proj" in name:
            tensor = weave(tensor, self.find("num_key_value_heads", default=heads))
        if self.arch == "gpt2" and name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            tensor = tensor.T
        module, suffix = name.removeprefix("model.").removeprefix("transformer.").rsplit(".", 1)
        if module in OUTSIDE:
            return self.add(f"{OUTSIDE[module]}.{suffix}", tensor)
        _, layer, rest = module.split(".", 2)
        after = rest == "post_attention_layernorm" and self.arch in ("gemma2", "gemma3", "olmo2")
        return self.add(f"blk.{layer}.{'post_attention_norm' if after else LAYER[rest]}.{suffix}", tensor)

    def add_experts(self):
        stacks = {}
        for name, tensor in self.source.items():
            if ".experts." in name:
                layer, expert, kind = name.split(".")[2], int(name.split(".")[5]), name.split(".")[6]
                stacks.setdefault(f"blk.{layer}.{EXPERT[kind]}.weight", {})[expert] = tensor
        for name, experts in stacks.items():
            self.add(name, np.stack([experts[i] for i in range(len(experts))]))

    # ---- rope

    def rope(self):
        nested = self.config.get("rope_parameters") or self.config.get("rope_scaling") or {}
        flat = dict(nested.get("full_attention", nested))
        flat.setdefault("rope_theta", self.config.get("rope_theta", 10000.0))
        kind, factor = flat.get("rope_type", flat.get("type")), flat.get("factor")
        heads = self.find("num_attention_heads", "n_head")
        dim = self.config.get("head_dim") or self.find("hidden_size", "n_embd") // heads
        if self.arch != "gpt2" and self.model_type not in ("gemma", "gemma2"):  # those write no base
            self.put("rope.freq_base", F32, flat["rope_theta"])
        if self.arch in ("llama", "phi3", "granite", "smollm3"):
            self.put("rope.dimension_count", U32, int(dim * flat.get("partial_rotary_factor", 1)))
        if kind == "linear":
            self.put("rope.scaling.type", STRING, "linear")
            self.put("rope.scaling.factor", F32, factor)
        if kind == "yarn":
            self.put("rope.scaling.type", STRING, "yarn")
            self.put("rope.scaling.factor", F32, factor)
            self.put("rope.scaling.original_context_length", U32, flat["original_max_position_embeddings"])
        if kind == "llama3":
            self.add("rope_freqs.weight", llama3_divisors(flat, dim))
        if kind == "longrope":
            original, longest = flat["original_max_position_embeddings"], self.config["max_position_embeddings"]
            scale = longest / original
            self.put("rope.scaling.original_context_length", U32, original)
            self.put("rope.scaling.attn_factor", F32,
                     math.sqrt(1 + math.log(scale) / math.log(original)) if scale > 1 else 1.0)
            self.add("rope_factors_long.weight", np.array(flat["long_factor"], np.float32))
            self.add("rope_factors_short.weight", np.array(flat["short_factor"], np.float32))
        if kind == "dynamic":
            raise ValueError("GGUF cannot say dynamic scaling")

    # ---- metadata

    def hyperparameters(self):
        layer_norm = self.arch in ("command-r", "gpt2", "starcoder2")
        self.put("general.architecture", STRING, self.arch)
        self.put("general.name", STRING, "golden")
        self.put("general.file_type", U32, {"F32": 0, "F16": 1, "BF16": 32}[self.kind])
        self.put("block_count", U32, self.find("num_hidden_layers", "n_layer"))
        self.put("context_length", U32, self.find("max_position_embeddings", "n_positions"))
        self.put("embedding_length", U32, self.find("hidden_size", "n_embd"))
        self.put("attention.head_count", U32, self.find("num_attention_heads", "n_head"))
        if self.arch == "gpt2":
            self.put("feed_forward_length", U32, self.find("n_inner", default=4 * self.config["n_embd"]))
        else:
            self.put("feed_forward_length", U32, self.config["intermediate_size"])
            self.put("attention.head_count_kv", U32, self.config["num_key_value_heads"])
        eps = self.find("layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "rms_norm_eps")
        self.put(f"attention.layer_norm{'' if layer_norm else '_rms'}_epsilon", F32, eps)
        if self.arch == "llama":
            self.put("vocab_size", U32, self.config["vocab_size"])
        if self.find("head_dim"):
            self.put("attention.key_length", U32, self.config["head_dim"])
            self.put("attention.value_length", U32, self.config["head_dim"])
        if self.arch in ("gemma2", "gemma3", "phi3"):
            self.put("attention.sliding_window", U32, self.config.get("sliding_window") or 0)
        if self.arch == "gemma2":
            self.put("attn_logit_softcapping", F32, self.config["attn_logit_softcapping"])
            self.put("final_logit_softcapping", F32, self.config["final_logit_softcapping"])
        if self.arch == "command-r":
            self.put("logit_scale", F32, self.config["logit_scale"])
            self.put("rope.scaling.type", STRING, "none")
        if self.arch == "granite":
            self.put("attention.scale", F32, self.config["attention_multiplier"])
            self.put("embedding_scale", F32, self.config["embedding_multiplier"])
            self.put("residual_scale", F32, self.config["residual_multiplier"])
            self.put("logit_scale", F32, self.config["logits_scaling"])
        self.put("expert_count", U32, self.find("num_experts", "num_local_experts"))
        self.put("expert_used_count", U32, self.find("num_experts_per_tok"))
        self.put("expert_feed_forward_length", U32, self.find("moe_intermediate_size"))

    def vocabulary(self):
        tokens = makers.byte_tokens()[:self.tokens]
        tokens += [f"[UNUSED{i}]" for i in range(len(tokens), self.tokens)]
        self.put("tokenizer.ggml.model", STRING, "gpt2")
        self.put("tokenizer.ggml.pre", STRING, "gpt-2")
        self.put("tokenizer.ggml.tokens", ARRAY, (STRING, tokens))
        self.put("tokenizer.ggml.token_type", ARRAY, (I32, [1] * len(tokens)))
        self.put("tokenizer.ggml.merges", ARRAY, (STRING, []))
        self.put("tokenizer.ggml.bos_token_id", U32, self.config["bos_token_id"])
        self.put("tokenizer.ggml.eos_token_id", U32, self.config["eos_token_id"])
        self.put("tokenizer.ggml.add_bos_token", BOOL, False)

    def convert(self):
        if self.model_type in ("mistral", "qwen2") and self.config.get("sliding_window") and \
                self.config.get("use_sliding_window", True):
            raise ValueError(f"GGUF cannot say that a {self.model_type} has windows")
        if self.config.get("no_rope_layer_interval", 4) != 4:
            raise ValueError("a GGUF of smollm3 has no rope in every fourth layer")
        self.hyperparameters()
        self.vocabulary()
        for name, tensor in self.source.items():
            if ".experts." not in name:
                self.add_source(name, tensor)
        self.add_experts()
        self.rope()
        return makers.gguf(self.meta, self.tensors)


def llama3_divisors(rope, dim):
    """LlamaModel.generate_extra_tensors"""
    original, factor = rope["original_max_position_embeddings"], rope["factor"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    divisors = []
    for frequency in rope["rope_theta"] ** -(np.arange(0, dim, 2) / dim):
        wave = 2 * math.pi / frequency
        smooth = (original / wave - low) / (high - low)
        divisors.append(1 if wave < original / high else factor if wave > original / low
                        else 1 / ((1 - smooth) / factor + smooth))
    return np.array(divisors, np.float32)


def convert(folder, out, kind="F32", tokens=None):
    """tokens: how many of the vocabulary's ids have one; all if it is not given."""
    Path(out).write_bytes(Converter(Path(folder), kind, tokens).convert())


if __name__ == "__main__":
    convert(*sys.argv[1:])
