"""Checkpoints made for a test, whole or broken: GGUF and safetensors written byte by byte, a tiny llama in both."""
import json
import os
import struct
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "data" / "golden"
PROGRAM = Path(os.environ.get("HANZO", ROOT / "build" / "release" / "hanzo"))


def run(*arguments, stdin=b"", timeout=120):
    """Runs the program; a sanitizer's report exits with 99, so that it is no ordinary failure."""
    if not PROGRAM.is_file():
        import pytest # not needed by those who only make files
        pytest.skip(f"{PROGRAM} is not built")
    environment = dict(os.environ, ASAN_OPTIONS="exitcode=99", UBSAN_OPTIONS="exitcode=99")
    return subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, timeout=timeout, env=environment)


# ---- safetensors -----------------------------------------------------------------------------------------------------


def safetensors(tensors, metadata=None):
    """tensors: {name: (dtype, shape, bytes)}."""
    header, at = {}, 0
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values())


def read_safetensors(path):
    data = Path(path).read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    start = 8 + length
    return {
        name: (t["dtype"], t["shape"], data[start + t["data_offsets"][0] : start + t["data_offsets"][1]])
        for name, t in header.items()
    }


# ---- GGUF ------------------------------------------------------------------------------------------------------------

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
PACK = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}
GGML = {"F32": 0, "F16": 1, "BF16": 30, "IQ2_XXS": 16}


def gguf_str(s):
    s = s.encode() if isinstance(s, str) else s
    return struct.pack("<Q", len(s)) + s


def gguf_value(kind, value):
    if kind == STRING:
        return gguf_str(value)
    if kind == ARRAY:
        inner, values = value
        return struct.pack("<IQ", inner, len(values)) + b"".join(gguf_value(inner, v) for v in values)
    return struct.pack("<" + PACK[kind], value)


def gguf(meta, tensors, version=3, alignment=32):
    """meta: {key: (type, value)}; tensors: {name: (GGML type, shape outermost first, bytes)}."""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(meta))
    for key, (kind, value) in meta.items():
        out += gguf_str(key) + struct.pack("<I", kind) + gguf_value(kind, value)
    data = b""
    for name, (kind, shape, content) in tensors.items():
        data += b"\0" * (-len(data) % alignment)
        out += gguf_str(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        out += struct.pack("<IQ", GGML.get(kind, kind), len(data))
        data += content
    return out + b"\0" * (-len(out) % alignment) + data


# ---- a tiny llama, with one token for each byte ------------------------------------------------------------------------


def byte_tokens():
    """GPT-2's printable spelling of the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = iter(range(256, 512))
    return [chr(b if b in plain else next(other)) for b in range(256)]


def tokenizer_json():
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(byte_tokens())}, "merges": [],
        },
    }


class Llama:
    """A checkpoint folder whose parts a test may change before it is written."""

    def __init__(self):
        self.config = json.loads((GOLDEN / "llama" / "config.json").read_text())
        self.tensors = read_safetensors(GOLDEN / "llama" / "model.safetensors")
        self.tokenizer = tokenizer_json()

    def write(self, folder):
        (folder / "config.json").write_text(json.dumps(self.config))
        (folder / "tokenizer.json").write_text(json.dumps(self.tokenizer))
        (folder / "model.safetensors").write_bytes(safetensors(self.tensors, {"format": "pt"}))
        return folder


def adjacent_pairs(tensor, heads):
    """Rows of q and k as GGUF has them for llama: the halves of each head woven into pairs."""
    dtype, (rows, columns), data = tensor
    width, head = len(data) // rows, rows // heads
    order = [h * head + half * (head // 2) + i for h in range(heads) for i in range(head // 2) for half in (0, 1)]
    return dtype, (rows, columns), b"".join(data[r * width : (r + 1) * width] for r in order)


GGUF_NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}


class LlamaGguf:
    """The same as a GGUF file."""

    def __init__(self):
        folder = Llama()
        c, names = folder.config, byte_tokens()
        self.meta = {
            "general.architecture": (STRING, "llama"),
            "llama.block_count": (U32, c["num_hidden_layers"]),
            "llama.context_length": (U32, c["max_position_embeddings"]),
            "llama.embedding_length": (U32, c["hidden_size"]),
            "llama.feed_forward_length": (U32, c["intermediate_size"]),
            "llama.attention.head_count": (U32, c["num_attention_heads"]),
            "llama.attention.head_count_kv": (U32, c["num_key_value_heads"]),
            "llama.attention.layer_norm_rms_epsilon": (F32, c["rms_norm_eps"]),
            "llama.rope.freq_base": (F32, c["rope_theta"]),
            "llama.rope.dimension_count": (U32, c["head_dim"]),
            "llama.vocab_size": (U32, c["vocab_size"]),
            "tokenizer.ggml.model": (STRING, "gpt2"),
            "tokenizer.ggml.pre": (STRING, "gpt-2"),
            "tokenizer.ggml.tokens": (ARRAY, (STRING, names)),
            "tokenizer.ggml.token_type": (ARRAY, (I32, [1] * len(names))),
            "tokenizer.ggml.merges": (ARRAY, (STRING, [])),
            "tokenizer.ggml.eos_token_id": (U32, c["eos_token_id"]),
            "tokenizer.ggml.add_bos_token": (BOOL, False),
        }
        self.tensors = {}
        for name, tensor in folder.tensors.items():
            if ".q_proj." in name:
                tensor = adjacent_pairs(tensor, c["num_attention_heads"])
            if ".k_proj." in name:
                tensor = adjacent_pairs(tensor, c["num_key_value_heads"])
            self.tensors[self.rename(name)] = tensor

    @staticmethod
    def rename(name):
        fixed = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
                 "lm_head.weight": "output.weight"}
        if name in fixed:
            return fixed[name]
        _, _, layer, part = name.split(".", 3)
        return f"blk.{layer}.{GGUF_NAMES[part.removesuffix('.weight')]}.weight"

    def bytes(self, **keywords):
        return gguf(self.meta, self.tensors, **keywords)

    def write(self, folder):
        path = folder / "model.gguf"
        path.write_bytes(self.bytes())
        return path


# ---- a model that says what it is told -------------------------------------------------------------------------------


def f32(shape, ones):
    """Zeros but for the places in `ones`; a number there instead fills all."""
    rows, columns = shape if len(shape) == 2 else (1, shape[0])
    values = [float(ones) if isinstance(ones, int) else 0.0] * (rows * columns)
    for row, column in () if isinstance(ones, int) else ones:
        values[row * columns + column] = 1.0
    return "F32", shape, struct.pack(f"<{len(values)}f", *values)


class Scripted:
    """A llama whose layer adds nothing and whose head names, for each token, the next: after a prompt that ends in "P"
    come the pieces, a token each. Those in `special` are special tokens."""

    def __init__(self, pieces, special=()):
        spelled = byte_tokens()
        for piece in pieces:
            raw = piece.encode() if isinstance(piece, str) else piece
            spelled.append(piece if piece in special else "".join(spelled[b] for b in raw))
        n, path = len(spelled), [spelled.index("P"), *range(256, len(spelled))]
        width = (n + 31) // 32 * 32
        self.spelled, self.special = spelled, [i for i in range(256, n) if spelled[i] in special]
        self.config = {
            "model_type": "llama", "hidden_size": width, "intermediate_size": 32, "num_attention_heads": 2,
            "num_key_value_heads": 2, "head_dim": 16, "num_hidden_layers": 1, "vocab_size": n, "rms_norm_eps": 1e-6,
            "max_position_embeddings": 64, "tie_word_embeddings": False,
        }
        self.tensors = {
            "model.embed_tokens.weight": f32([n, width], [(i, i) for i in range(n)]),
            "lm_head.weight": f32([n, width], [(b, a) for a, b in zip(path, path[1:])]),
            "model.norm.weight": f32([width], 1),
        }
        for part in GGUF_NAMES:
            into = part.endswith(("o_proj", "down_proj"))
            shape = [width] if "norm" in part else [width, 32] if into else [32, width]
            self.tensors[f"model.layers.0.{part}.weight"] = f32(shape, int("norm" in part))

    def tokenizer(self):
        made = tokenizer_json()
        made["model"]["vocab"] = {token: i for i, token in enumerate(self.spelled)}
        made["added_tokens"] = [
            {"id": i, "content": self.spelled[i], "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True} for i in self.special]
        return made

    def write(self, folder, **files):
        """files: the objects of other JSON files, by name."""
        for name, value in {"config": self.config, "tokenizer": self.tokenizer(), **files}.items():
            (folder / f"{name}.json").write_text(json.dumps(value))
        (folder / "model.safetensors").write_bytes(safetensors(self.tensors))
        return folder

    def write_gguf(self, folder, **keys):
        """keys: of tokenizer.ggml, or None to leave one out."""
        c, n = self.config, len(self.spelled)
        tokens = {
            "model": (STRING, "gpt2"), "pre": (STRING, "gpt-2"), "tokens": (ARRAY, (STRING, self.spelled)),
            "token_type": (ARRAY, (I32, [3 if i in self.special else 1 for i in range(n)])),
            "merges": (ARRAY, (STRING, [])), **keys,
        }
        meta = {
            "general.architecture": (STRING, "llama"), "llama.block_count": (U32, 1),
            "llama.context_length": (U32, c["max_position_embeddings"]),
            "llama.embedding_length": (U32, c["hidden_size"]), "llama.feed_forward_length": (U32, 32),
            "llama.attention.head_count": (U32, 2), "llama.attention.key_length": (U32, 16),
            "llama.attention.value_length": (U32, 16), "llama.attention.layer_norm_rms_epsilon": (F32, 1e-6),
            **{f"tokenizer.{'' if k == 'chat_template' else 'ggml.'}{k}": v for k, v in tokens.items() if v},
        }
        path = folder / "scripted.gguf"
        path.write_bytes(gguf(meta, {LlamaGguf.rename(name): t for name, t in self.tensors.items()}))
        return path
