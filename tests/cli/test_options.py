"""Help, usage and mistakes in options: every mistake is one line that says what to do, with exit status 1."""
import pytest

from makers import run

COMMANDS = ["run", "bench", "perplexity", "logits", "tokenize", "template", "inspect", "doctor"]


def refused(*arguments):
    done = run(*arguments)
    said = done.stderr.decode()
    assert done.returncode == 1, said
    assert done.stdout == b""
    assert said.startswith("hanzo: ") and len(said.splitlines()) == 1, said
    return said


def test_version():
    done = run("--version")
    assert done.returncode == 0 and done.stderr == b""
    assert done.stdout.startswith(b"hanzo 0.")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("help",)])
def test_help_lists_the_commands(arguments):
    done = run(*arguments)
    assert done.returncode == 0 and done.stderr == b""
    for command in COMMANDS:
        assert f"\n  {command} " in done.stdout.decode()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command):
    done = run(command, "--help")
    assert done.returncode == 0 and done.stderr == b""
    text = done.stdout.decode()
    assert f"Usage: hanzo {command}" in text
    assert max(map(len, text.splitlines())) <= 80 + 20  # a line may hold an example
    assert run("help", command).stdout == done.stdout


@pytest.mark.parametrize("arguments, words", [
    (["rnu"], "did you mean run?"),
    (["tokenise"], "did you mean tokenize?"),
    (["frobnicate"], "`hanzo --help` lists them"),
    (["help", "rnu"], "did you mean run?"),
    (["run"], "run needs -m MODEL"),
    (["run", "-m"], "-m wants a value: -m MODEL"),
    (["run", "-m", "x", "--max-tokns", "3"], "unknown option --max-tokns; did you mean --max-tokens?"),
    (["run", "-m", "x", "--max-tok=3"], "did you mean --max-tokens?"),
    (["run", "-m", "x", "--zzz"], "unknown option --zzz; `hanzo run --help` lists them"),
    (["run", "-m", "x", "-q"], "unknown option -q"),
    (["run", "-m", "x", "-vq"], "unknown option -q"),
    (["run", "-m", "x", "--raw=yes"], "--raw takes no value, yet 'yes' was given"),
    (["run", "-m", "x", "stray"], "'stray'"),
    (["run", "-m", "x", "--", "--raw"], "'--raw'"),
    (["run", "-m", "x", "--max-tokens", "many"], "--max-tokens wants a whole number from 0"),
    (["run", "-m", "x", "--max-tokens", ""], "--max-tokens wants a whole number"),
    (["run", "-m", "x", "--max-tokens", " 3"], "--max-tokens wants a whole number"),
    (["run", "-m", "x", "--max-tokens", "3x"], "not '3x'"),
    (["run", "-m", "x", "--max-tokens=-1"], "not '-1'"),
    (["run", "-m", "x", "--max-tokens", "99999999999999999999"], "--max-tokens wants"),
    (["run", "-m", "x", "--threads", "0"], "--threads wants a whole number from 1"),
    (["run", "-m", "x", "--temperature", "-1"], "--temperature wants a number of at least 0, not '-1'"),
    (["run", "-m", "x", "--temperature", "nan"], "--temperature wants a number"),
    (["run", "-m", "x", "--temperature", "inf"], "--temperature wants a number"),
    (["run", "-m", "x", "--top-p", "1.5"], "--top-p wants a number from 0 to 1, not '1.5'"),
    (["run", "-m", "x", "--top-k", "1.5"], "--top-k wants a whole number"),
    (["run", "-m", "x", "--seed", "-1"], "--seed wants a whole number of at least 0"),
    (["run", "-m", "x", "--dtype", "f16"], "--dtype wants one of auto, f32, bf16, not 'f16'"),
    (["run", "-m", "x", "--raw", "--system", "s", "-i", "t"], "--system"),
    (["bench", "-m", "x", "-p", "1,a"], "-p wants a whole number"),
    (["bench", "-m", "x", "-p", "1,"], "-p wants a whole number"),
    (["bench", "-m", "x", "-p", "0", "-n", "0"], "nothing to measure"),
    (["perplexity", "-m", "x"], "perplexity needs -f FILE"),
    (["logits", "-m", "x", "--ids", "y"], "logits needs -o FILE"),
    (["logits", "-m", "x", "-o", "y"], "logits needs --ids FILE.json"),
    (["tokenize", "-m", "x", "--batch", "y", "text"], "only one of them"),
    (["template"], "template needs FILE.json"),
    (["inspect"], "inspect needs MODEL"),
    (["inspect", "a", "b"], "'b'"),
    (["doctor", "x"], "'x'"),
    (["-m", "x"], "a command comes first"),
    (["-i"], "-i needs a selector"),
    (["-i", "plain"], "plain needs -m MODEL"),
    (["-i", "lora", "-m", "x"], "unknown selector 'lora'; there are plain, gguf and run"),
    (["-i", "plain", "-m", "x", "--mystery"], "unknown option --mystery"),
    (["--port", "8080", "plain", "-m", "x"], "--port: the server is not in this build yet"),
    (["-i", "--isq=4", "plain", "-m", "x"], "--isq: quantizing while loading is not in this build yet"),
])
def test_mistake(arguments, words):
    assert words in refused(*arguments)


@pytest.mark.parametrize("command", [
    ["run", "-i", "x", "-m"], ["bench", "-m"], ["inspect"], ["tokenize", "x", "-m"], ["-i", "plain", "-m"],
    ["perplexity", "-f", __file__, "-m"],
])
def test_model_that_is_not_there(command):
    assert "/no/such/model" in refused(*command, "/no/such/model")


def test_control_characters_in_a_name_stay_on_one_line():
    refused("inspect", "/no/such\nmodel\x1b[31m")
