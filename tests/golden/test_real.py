"""Published models through the program: the greedy text and the perplexity of SmolLM2-135M-Instruct (Q4_1) and Gemma 3
270M (Q4_K_M) against llama.cpp (commit 0c1e570), as stored in tests/data/real. tools/fetch_model.sh brings the models.

The rules: fed the reference's ids, the best token is the reference's wherever its margin is above 0.3, which is what 8-bit
activations move a logit by; the perplexity lies between that of llama.cpp's rounded run and that of an exact one, give or
take 0.3 %."""
import json
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
sys.path.insert(0, str(HERE))
import makers  # noqa: E402
from test_golden import arrays  # noqa: E402

DATA = HERE.parent / "data" / "real"
MODELS = Path(os.environ.get("HZ_TEST_MODELS", makers.ROOT / "models"))
PERPLEXITY = {  # rounded, exact
    "SmolLM2-135M-Instruct.Q4_1": (30.3256, 30.1099),
    "gemma-3-270m-q4_k_m": (26.4739, 26.3356),
}
DTYPES = ["auto", "f32"]
CASES = json.loads((DATA / "greedy.json").read_text())["models"]


def model_file(name):
    path = MODELS / f"{name}.gguf"
    if not path.is_file():
        pytest.skip(f"{path} is not there; tools/fetch_model.sh brings it")
    return path


def best_and_margins(model, ids, dtype, tmp_path):
    """For each id but the first: the likeliest token before it."""
    (tmp_path / "ids.json").write_text(json.dumps(ids))
    out = tmp_path / "out.safetensors"
    done = makers.run("logits", "-m", model, "--ids", tmp_path / "ids.json", "-o", out, "--dtype", dtype)
    assert done.returncode == 0, done.stderr.decode()
    return arrays(out)["logits"][:-1].argmax(axis=1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name, number", [(name, i) for name in CASES for i in range(len(CASES[name]))])
def test_greedy(name, number, dtype, tmp_path):
    case = CASES[name][number]
    prompt = case["prompt_ids"]
    reference = case["exact"] if dtype == "f32" else case
    best = best_and_margins(model_file(name), prompt + reference["ids"], dtype, tmp_path)
    for step, (id_, margin) in enumerate(zip(reference["ids"], reference["margin"])):
        ours = int(best[len(prompt) - 1 + step])
        assert ours == id_ or margin is None or margin <= 0.3, f"step {step}: {ours}, reference {id_} by {margin}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PERPLEXITY)
def test_perplexity(name, dtype):
    done = makers.run("perplexity", "-m", model_file(name), "-f", DATA / "text.txt", "--dtype", dtype, "--json",
                      timeout=600)
    assert done.returncode == 0, done.stderr.decode()
    ours, (rounded, exact) = json.loads(done.stdout)["perplexity"], PERPLEXITY[name]
    assert exact * 0.997 <= ours <= rounded * 1.003


@pytest.mark.parametrize("dtype", DTYPES)
def test_capital_of_france(dtype):
    model = model_file("SmolLM2-135M-Instruct.Q4_1")
    done = makers.run("run", "-m", model, "-i", "What is the capital of France?", "--dtype", dtype, "--max-tokens", 30)
    assert done.returncode == 0 and b"Paris" in done.stdout


def test_mmap_gives_the_same_bits():
    model = model_file("SmolLM2-135M-Instruct.Q4_1")
    ask = ["run", "-m", model, "-i", "Name three colours.", "--max-tokens", 24, "--temperature", 0]
    assert makers.run(*ask).stdout == makers.run(*ask, "--mmap").stdout


@pytest.mark.parametrize("name", PERPLEXITY)
def test_memory(name):
    """The packed weights replace the file's bytes; beside them stand the tokenizer, the activations and the cache."""
    model = model_file(name)
    done = makers.run("run", "-m", model, "--raw", "-i", "Once upon a time", "--max-tokens", "16", "--json")
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["peak_memory_bytes"] < model.stat().st_size + 100 * 2**20
