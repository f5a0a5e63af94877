"""Golden checkpoints through the program: `hanzo logits` against the logits of transformers, for folders and for GGUF
files made of them. The rule is that of the golden data's README: 2e-4 of the spread over all logits; a greedy token
may differ from the reference's only where the two logits are within 4e-4 of the spread."""
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
import makers  # noqa: E402

sys.path.insert(0, str(HERE))
import make_gguf  # noqa: E402

SHARED = Path(os.environ.get("HZ_SHARED", makers.ROOT.parent / "shared")) / "golden" / "hf"
# In the repository; the others lie beside the checkout, where they do.
STORED = ["gemma3", "gpt2", "llama", "mixtral", "phi3_longrope", "qwen3"]
BESIDE = [
    "cohere", "gemma", "gemma2", "granite", "llama3_rope", "llama_dynamic_rope", "llama_linear_rope", "llama_yarn",
    "mistral", "mistral_full", "olmo2", "phi3", "qwen2", "qwen2_swa", "qwen3_moe", "smollm3", "starcoder2",
]
NO_GGUF = {"llama_dynamic_rope", "mistral", "qwen2_swa", "smollm3"}  # GGUF has no word for what is special in them
KINDS = [(name, "F32") for name in STORED + BESIDE if name not in NO_GGUF]
KINDS += [(name, kind) for name in ("llama", "qwen3", "phi3", "gpt2", "mixtral") for kind in ("BF16", "F16")]
PROMPTS, GREEDY = 3, 12


def golden(name):
    folder = makers.GOLDEN / name if name in STORED else SHARED / name
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return folder


def arrays(path):
    kinds = {"F32": np.float32, "I32": np.int32}
    return {
        name: np.frombuffer(data, kinds[dtype]).reshape(shape)
        for name, (dtype, shape, data) in makers.read_safetensors(path).items()
    }


def logits(model, ids, tmp_path, greedy=0):
    """Logits [T, vocabulary] of the ids, and a greedy continuation."""
    (tmp_path / "ids.json").write_text(json.dumps([int(i) for i in ids]))
    out = tmp_path / "out.safetensors"
    done = makers.run("logits", "-m", model, "--ids", tmp_path / "ids.json", "-o", out, "--dtype", "f32",
                      "--greedy", greedy)
    assert done.returncode == 0, done.stderr.decode()
    result = arrays(out)
    return result["logits"], result["greedy"] if greedy else None


def check(model, reference, tmp_path):
    reference = arrays(reference)
    for p in range(PROMPTS):
        ids, want, tokens = (reference[f"{key}_{p}"] for key in ("ids", "logits", "greedy"))
        spread = float(want.max() - want.min())
        got, continued = logits(model, ids, tmp_path, GREEDY)
        assert got.shape == want.shape
        assert np.abs(got - want).max() / spread <= 2e-4
        assert len(continued) == GREEDY
        # Feed the reference's own tokens: row T - 1 + n decides token n.
        fed, _ = logits(model, np.concatenate([ids.ravel(), tokens.ravel()[:-1]]), tmp_path)
        rows = fed[ids.size - 1 :]
        missed = (rows.max(axis=1) - rows[np.arange(GREEDY), tokens.ravel()]) / spread
        assert missed.max() <= 4e-4
        differ = np.flatnonzero(continued.ravel() != tokens.ravel())
        assert differ.size == 0 or missed[differ[0]] > 0, "another token than the one with the largest logit"


@pytest.mark.parametrize("name", STORED + BESIDE)
def test_folder(name, tmp_path):
    folder = golden(name)
    check(folder, folder / "reference.safetensors", tmp_path)


@pytest.mark.parametrize("name, kind", KINDS)
def test_gguf(name, kind, tmp_path):
    folder = golden(name)
    model = tmp_path / "model.gguf"
    make_gguf.convert(folder, model, kind)
    check(model, folder / "reference.safetensors", tmp_path)


def test_rows_without_token(tmp_path):
    """Greedy ids are those of the largest logits, also where the tokenizer has no token for them."""
    folder = golden("llama")
    model = tmp_path / "model.gguf"
    make_gguf.convert(folder, model, tokens=100)
    check(model, folder / "reference.safetensors", tmp_path)
