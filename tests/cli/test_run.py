"""`hanzo run` in pipes: one answer on standard output, nothing else; how it ends."""
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import prompt_length
from makers import PROGRAM, run
from terminal import Terminal

GREEDY = ("--temperature", "0", "--max-tokens", "8", "--ignore-eos")


def answer(model, *options, stdin=b""):
    done = run("run", "-m", model, *options, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return done.stdout


def report(model, *options, stdin=b""):
    return json.loads(answer(model, "--json", *options, stdin=stdin))


def refusal(*arguments, stdin=b""):
    done = run(*arguments, stdin=stdin)
    said = done.stderr.decode()
    assert done.returncode == 1 and done.stdout == b"", said
    assert said.startswith("hanzo: ") and len(said.splitlines()) == 1, said
    return said


# ---- what the prompt is --------------------------------------------------------------------------------------------------


def test_text_stdin_and_pipe_are_the_same(chat_model):
    given = answer(chat_model, "-i", "Hello", *GREEDY)
    assert given.endswith(b"\n") and len(given) > 1
    assert answer(chat_model, "-i", "-", *GREEDY, stdin=b"Hello") == given
    assert answer(chat_model, *GREEDY, stdin=b"Hello") == given
    assert answer(chat_model, *GREEDY, stdin=b"Hello\n") == given  # `echo Hello |` means no newline


def test_text_wins_over_a_pipe(chat_model):
    assert answer(chat_model, "-i", "Hello", *GREEDY, stdin=b"ignored") == answer(chat_model, "-i", "Hello", *GREEDY)


def test_chat_prompt(chat_model):
    messages = [("system", "Be brief."), ("user", "Hé, \"you\"")]
    r = report(chat_model, "-i", messages[1][1], "--system", messages[0][1], *GREEDY)
    assert r["prompt_tokens"] == prompt_length(*messages)


def test_raw_prompt(chat_model):
    assert report(chat_model, "--raw", "-i", "Hello", *GREEDY)["prompt_tokens"] == 5
    assert report(chat_model, "--raw", *GREEDY, stdin=b"Hello\n")["prompt_tokens"] == 6  # as it stands


def test_empty_stdin_is_refused(chat_model):
    assert "empty" in refusal("run", "-m", chat_model)
    assert "empty" in refusal("run", "-m", chat_model, "-i", "-", stdin=b"\n")


@pytest.mark.parametrize("arguments, stdin", [
    (["-i", os.fsdecode(b"a\xff")], b""),
    (["--system", os.fsdecode(b"\xc3"), "-i", "a"], b""),
    ([], b"abc\xed\xa0\x80"),
])
def test_invalid_utf8_is_refused(chat_model, arguments, stdin):
    assert "not valid UTF-8 at byte" in refusal("run", "-m", chat_model, *arguments, stdin=stdin)


def test_no_template(base_model):
    said = refusal("run", "-m", base_model, "-i", "Hello")
    assert "chat template" in said and "--raw" in said
    assert answer(base_model, "--raw", "-i", "Hello", *GREEDY)


def test_another_template(base_model, tmp_path):
    template = tmp_path / "t.jinja"
    template.write_text("{{ messages[0].content * 2 }}")
    assert report(base_model, "--chat-template", template, "-i", "abc", *GREEDY)["prompt_tokens"] == 6


def test_template_that_raises(base_model, tmp_path):
    template = tmp_path / "t.jinja"
    template.write_text("{{ raise_exception('No users, please.') }}")
    assert "No users, please." in refusal("run", "-m", base_model, "--chat-template", template, "-i", "a")


def test_prompt_longer_than_the_context(base_model):
    said = refusal("run", "-m", base_model, "--raw", stdin=b"x" * 100_000)
    assert "100000" in said


# ---- the answer ----------------------------------------------------------------------------------------------------------


def test_report(chat_model):
    r = report(chat_model, "-i", "Hello", *GREEDY)
    assert r["completion_tokens"] == len(r["ids"]) == 8
    assert r["finish_reason"] == "length"
    assert r["prompt_tokens"] == prompt_length(("user", "Hello"))
    for key in ("load_s", "first_token_s", "prompt_s", "decode_s", "prompt_tok_per_s", "decode_tok_per_s"):
        assert r[key] > 0, key
    assert r["peak_memory_bytes"] > 1 << 20
    assert (r["text"] + "\n").encode() == answer(chat_model, "-i", "Hello", *GREEDY)


def test_greedy_does_not_depend_on_the_seed(chat_model):
    ids = [report(chat_model, "-i", "Hello", "--seed", seed, *GREEDY)["ids"] for seed in (1, 2)]
    assert ids[0] == ids[1]


def test_seeds(chat_model):
    def draw(seed):
        return report(chat_model, "-i", "Hello", "--temperature", "2", "--seed", seed, "--max-tokens", "32",
                      "--ignore-eos")["ids"]
    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_options_of_sampling_are_taken(chat_model):
    greedy = report(chat_model, "-i", "Hello", *GREEDY)["ids"]
    hot = ("--temperature", "5", "--max-tokens", "8", "--ignore-eos", "--seed", "3")
    assert report(chat_model, "-i", "Hello", "--top-k", "1", *hot)["ids"] == greedy
    assert report(chat_model, "-i", "Hello", "--top-p", "0", *hot)["ids"] == greedy
    assert report(chat_model, "-i", "Hello", "--min-p", "1", *hot)["ids"] == greedy
    assert report(chat_model, "-i", "Hello", *hot)["ids"] != greedy
    once = report(chat_model, "-i", "Hello", "--repetition-penalty", "1000", "--temperature", "0", "--max-tokens", "32",
                  "--ignore-eos")["ids"]
    assert len(set(once)) == len(once)


def test_max_tokens(chat_model):
    assert report(chat_model, "-i", "Hello", "--max-tokens", "0")["ids"] == []
    assert len(report(chat_model, "-i", "Hello", "--max-tokens", "1", "--ignore-eos")["ids"]) == 1


def test_answer_ends_where_the_context_does(base_model):
    context = 128
    r = report(base_model, "--raw", "-i", "Hello", "--ignore-eos", "--max-seq-len", context)
    assert r["finish_reason"] == "length"
    assert context - 1 <= r["prompt_tokens"] + r["completion_tokens"] <= context + 1


def test_stop(base_model):
    options = ("--raw", "-i", "The quick", "--temperature", "0", "--ignore-eos", "--max-tokens", "40")
    text = report(base_model, *options)["text"]
    end = text[len(text) // 2 :][:2]
    r = report(base_model, *options, "--stop", "never said", "--stop", end)
    assert r["finish_reason"] == "stop"
    assert r["text"] == text[: text.index(end)]


def test_threads_and_kernels_change_nothing(chat_model):
    expected = report(chat_model, "-i", "Hello", *GREEDY)["ids"]
    assert report(chat_model, "-i", "Hello", "--threads", "1", *GREEDY)["ids"] == expected
    assert report(chat_model, "-i", "Hello", "--mmap", *GREEDY)["ids"] == expected


def test_unknown_device_and_kernels(chat_model):
    assert "abacus" in refusal("run", "-m", chat_model, "-i", "a", "--device", "abacus")
    assert "mmx" in refusal("run", "-m", chat_model, "-i", "a", "--cpu-rung", "mmx")


def test_verbose_talks_on_stderr(chat_model):
    done = run("run", "-m", chat_model, "-i", "Hello", "-vv", *GREEDY)
    assert done.returncode == 0 and b"tok/s" in done.stderr
    assert done.stdout == answer(chat_model, "-i", "Hello", *GREEDY)


def test_file_of_a_folder(chat_gguf):
    expected = answer(chat_gguf, "-i", "Hello", *GREEDY)
    assert answer(chat_gguf.parent, "--file", chat_gguf.name, "-i", "Hello", *GREEDY) == expected
    assert "nothing.gguf" in refusal("run", "-m", chat_gguf.parent, "--file", "nothing.gguf", "-i", "a")


# ---- how it ends ---------------------------------------------------------------------------------------------------------


def start(model, **keywords):
    if not PROGRAM.is_file():
        pytest.skip(f"{PROGRAM} is not built")
    return subprocess.Popen([PROGRAM, "run", "-m", model, "-i", "Hello", "--ignore-eos", "--temperature", "1"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **keywords)


def test_interrupt_keeps_what_was_said(chat_model):
    process = start(chat_model)
    first = os.read(process.stdout.fileno(), 64)
    process.send_signal(signal.SIGINT)
    rest, said = process.communicate(timeout=60)
    assert process.returncode == 130 and said == b""
    assert first and (first + rest).endswith(b"\n")


def test_text_comes_while_it_is_made(chat_model):
    process = start(chat_model)
    began = time.monotonic()
    os.read(process.stdout.fileno(), 16)
    first = time.monotonic() - began
    process.stdout.read(2000)
    assert time.monotonic() - began > first
    assert process.poll() is None  # thousands of tokens are still to come
    process.kill()
    process.communicate()


@pytest.mark.parametrize("ignored", [False, True], ids=["SIGPIPE", "EPIPE"])
def test_reader_that_goes_away(chat_model, ignored):
    """`hanzo run … | head -c 1`: it ends quietly, also where SIGPIPE is ignored."""
    process = start(chat_model, restore_signals=not ignored)
    os.read(process.stdout.fileno(), 1)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) in ((1,) if ignored else (1, -signal.SIGPIPE))


def test_full_disk():
    if not os.path.exists("/dev/full") or not PROGRAM.is_file():
        pytest.skip("no /dev/full, or no program")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == b"hanzo: standard output: No space left on device\n"


# ---- at a terminal -------------------------------------------------------------------------------------------------------


def test_progress_and_figures_at_a_terminal(chat_model):
    with Terminal("run", "-m", chat_model, "-i", "Hello", *GREEDY) as t:
        assert t.wait() == 0
        assert b"100 %" in t.seen
        t.expect(r"prompt: \d+ tokens, [\d.]+ tok/s \| answer: 8 tokens, [\d.]+ tok/s \| first token: [\d.]+ s")


def test_interrupt_at_a_terminal(chat_model):
    with Terminal("run", "-m", chat_model, "-i", "Hello", "--ignore-eos", "--temperature", "1") as t:
        t.expect(r"(?s)100 %.{300}")  # the end of the bar, then an answer that may hold newlines anywhere
        t.send(b"\x03")
        assert t.wait() == 130


def test_an_answer_cannot_drive_the_terminal(base_model):
    """The tiny model says any byte; no control character but newline and tab reaches the terminal."""
    with Terminal("run", "-m", base_model, "--raw", "-i", "x", "--temperature", "5", "--seed", "1", "--ignore-eos",
                  "--max-tokens", "500", TERM="dumb") as t:
        assert t.wait() == 0
        said = t.seen[t.seen.rindex(b"100 %"):]
        said = said[: said.rindex(b"prompt: ")].lstrip(b"100 %KiBofMytes.\r ")
        assert not set(said) & (set(range(32)) - set(b"\r\n\t")), said


# ---- the real model ------------------------------------------------------------------------------------------------------


def test_capital_of_france(smollm2):
    assert b"Paris" in answer(smollm2, "-i", "What is the capital of France?", "--temperature", "0", "--max-tokens", "32")
