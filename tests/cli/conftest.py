"""Models for the tests of the program: a tiny llama with one token for each byte, with and without a chat template."""
import json
import os
from pathlib import Path

import pytest

from makers import ROOT, Llama, LlamaGguf, STRING

# A prompt is the messages with their roles; its length in bytes is its length in tokens.
CHAT_TEMPLATE = "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}\n{% endfor %}"


def prompt_length(*messages):
    """Tokens of a conversation as CHAT_TEMPLATE renders it: ("user", "Hi"), ..."""
    return sum(len(f"{role[0]}:{content}\n".encode()) for role, content in messages)


@pytest.fixture(scope="session")
def chat_model(tmp_path_factory):
    """A folder. Its context is long enough that an answer can be interrupted."""
    model = Llama()
    model.config["max_position_embeddings"] = 32768
    folder = model.write(tmp_path_factory.mktemp("chat"))
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    return folder


@pytest.fixture(scope="session")
def chat_gguf(tmp_path_factory):
    model = LlamaGguf()
    model.meta["tokenizer.chat_template"] = (STRING, CHAT_TEMPLATE)
    return model.write(tmp_path_factory.mktemp("chat_gguf"))


@pytest.fixture(scope="session")
def base_model(tmp_path_factory):
    """A folder without a chat template."""
    return Llama().write(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def smollm2():
    """The real model, where it was fetched."""
    path = Path(os.environ.get("HZ_TEST_MODELS", ROOT / "models")) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if not path.is_file():
        pytest.skip(f"{path} is not there; tools/fetch_model.sh brings it")
    return path


@pytest.fixture
def json_file(tmp_path):
    """Writes a value as a JSON file and gives its path."""
    def write(value, name="input.json"):
        path = tmp_path / name
        path.write_text(json.dumps(value))
        return path
    return write
