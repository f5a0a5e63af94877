"""The conversation at a terminal: typing, several lines, Ctrl-C, Ctrl-D, commands, history."""
import json
import signal

import pytest

from conftest import prompt_length
from makers import run
from terminal import ALT_ENTER, CTRL_C, CTRL_D, HOME, PROMPT, UP, Terminal

SHORT = ("--temperature", "0", "--max-tokens", "3", "--ignore-eos")
LONG = ("--temperature", "1", "--ignore-eos")


@pytest.fixture(scope="module")
def editor():
    """For tests of what libedit does: a build without it reads lines as they come."""
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    if not all(c["ok"] for c in checks if c["name"] == "line editing"):
        pytest.skip("built without libedit")


@pytest.fixture
def talk(chat_model, tmp_path):
    """Starts a conversation and waits for its first prompt."""
    opened = []

    def start(*options, model=chat_model, **keywords):
        t = Terminal("run", "-m", model, *(options or SHORT), XDG_STATE_HOME=str(tmp_path), **keywords)
        opened.append(t)
        t.expect(PROMPT)
        return t
    yield start
    for t in opened:
        t.__exit__()


def said(t, *messages, cached=r"( \(\d+ cached\))?"):
    """Waits for an answer to a conversation of this length, and for the next prompt."""
    t.expect(rf"prompt: {prompt_length(*messages)} tokens{cached}, ")
    t.expect(PROMPT)


def leave(t):
    t.line("/exit")
    assert t.wait() == 0


def test_typing(talk):
    t = talk()
    t.line("Hello")
    said(t, ("user", "Hello"))
    leave(t)


def test_a_conversation_goes_on(talk):
    t = talk("--temperature", "0", "--max-tokens", "0")
    t.line("One")
    said(t, ("user", "One"))
    t.line("Two")  # without an answer the first message was taken back
    said(t, ("user", "Two"))
    leave(t)


def test_answers_are_remembered(talk):
    t = talk()
    t.line("One")
    said(t, ("user", "One"))
    t.line("Two")
    m = t.expect(r"prompt: (\d+) tokens")
    assert int(m[1]) > prompt_length(("user", "One"), ("assistant", ""), ("user", "Two"))
    leave(t)


def test_letters_of_all_kinds(talk):
    t = talk(LC_ALL="C")
    t.line("héllo 日本 🙂")
    said(t, ("user", "héllo 日本 🙂"))
    leave(t)


def test_editing(editor, talk):
    t = talk()
    t.send("ello wörldd")
    t.send(b"\x7f")  # backspace
    t.send(HOME)
    t.line("H")
    said(t, ("user", "Hello wörld"))
    leave(t)


def test_ctrl_d_leaves(talk):
    t = talk()
    t.send(CTRL_D)
    assert t.wait() == 0


def test_ctrl_c_stops_the_answer_alone(talk):
    t = talk(*LONG)
    t.line("Hello")
    t.expect(r"(?s)Hello\r\n.{100}")
    t.send(CTRL_C)
    t.expect(r"answer: \d+ tokens")
    t.expect(PROMPT)
    t.line("/temperature")
    t.expect("temperature is 1")
    leave(t)


def test_ctrl_c_twice_still_leaves_the_program_alone(talk):
    t = talk(*LONG)
    t.line("Hello")
    t.expect(r"(?s)Hello\r\n.{100}")
    t.send(CTRL_C)
    t.send(CTRL_C)
    t.expect(PROMPT)
    leave(t)


def test_ctrl_c_clears_the_line(talk):
    t = talk()
    t.send("rubbish")
    t.expect("rubbish")
    t.send(CTRL_C)
    t.expect(r"\^C")
    t.expect(PROMPT)
    t.line("Hi")
    said(t, ("user", "Hi"))
    leave(t)


def test_what_is_typed_during_an_answer_comes_after_it(talk):
    t = talk(*LONG, "--max-tokens", "4000")
    t.line("Hello")
    t.expect(r"(?s)Hello\r\n.{100}")
    assert not t.echoes()
    t.line("/clear")
    t.expect("answer: 4000 tokens")
    t.expect("begins anew")
    t.expect(PROMPT)
    leave(t)


def test_backslash_continues(talk):
    t = talk()
    t.line("one\\")
    t.expect(r"\. $")
    t.line("two")
    said(t, ("user", "one\ntwo"))
    leave(t)


def test_block(talk):
    t = talk()
    t.line('"""')
    t.expect(r"\. $")
    t.line("one\\")
    t.expect(r"\. $")
    t.line("")
    t.expect(r"\. $")
    t.line('two"""')
    said(t, ("user", "one\\\n\ntwo"))
    t.line("/clear")
    t.expect(PROMPT)
    t.line('"""in one line"""')
    said(t, ("user", "in one line"))
    leave(t)


def test_ctrl_c_in_a_block_drops_it(talk):
    t = talk()
    t.line('"""')
    t.expect(r"\. $")
    t.line("lost")
    t.expect(r"\. $")
    t.send(CTRL_C)
    t.expect(PROMPT)
    t.line("Hi")
    said(t, ("user", "Hi"))
    leave(t)


def test_paste(editor, talk):
    """A pasted block is one message, whatever newlines are in it."""
    t = talk()
    t.send(b"\x1b[200~one\rtwo\n\tthree\x1b[201~")
    t.expect("three")
    t.line(" four")
    said(t, ("user", "one\ntwo\n\tthree four"))
    leave(t)


def test_long_paste(editor, talk):
    text = "word " * 400
    t = talk()
    t.send(b"\x1b[200~")
    for i in range(0, len(text), 500):
        t.send(text[i : i + 500])
        t.read(0)
    t.send(b"\x1b[201~")
    t.line("end")
    said(t, ("user", text + "end"))
    leave(t)


def test_alt_enter(editor, talk):
    t = talk()
    t.send("one")
    t.send(ALT_ENTER)
    t.line("two")
    said(t, ("user", "one\ntwo"))
    leave(t)


def test_history(editor, talk):
    t = talk()
    t.line("first")
    said(t, ("user", "first"))
    t.line('"""a\\')
    t.expect(r"\. $")
    t.line('b"""')
    t.expect("prompt: ")
    t.expect(PROMPT)
    leave(t)
    t = talk()  # another program: the history was kept
    t.send(UP)
    t.expect("/exit")
    t.send(UP)
    t.expect(r'"""a\\[\r\n]+b"""')
    t.send(UP)
    t.expect("first")
    t.line("!")
    said(t, ("user", "first!"))
    leave(t)


def test_resize(editor, talk):
    t = talk(columns=80)
    t.send("some words that fill more than half a line")
    t.expect("line")
    for columns in (30, 100, 20, 80):
        t.resize(columns, 24)
        t.expect("half")  # drawn again
        t.settle()
    t.line("!")
    said(t, ("user", "some words that fill more than half a line!"))
    leave(t)


def test_stop_and_continue(editor, talk):
    """Ctrl-Z hands over a terminal as the shell wants it; after fg the line is still there."""
    t = talk()
    t.send("half a ")
    t.expect("half a ")
    assert not t.echoes()
    t.kill(signal.SIGTSTP)  # a session leader's SIGTSTP stops nothing here, but the terminal is handed over and back
    t.settle()
    t.kill(signal.SIGCONT)
    t.line("line")
    said(t, ("user", "half a line"))
    leave(t)


def test_death_during_an_answer_leaves_a_sane_terminal(talk):
    t = talk(*LONG)
    t.line("Hello")
    t.expect(r"(?s)Hello\r\n.{100}")
    assert not t.echoes()
    t.kill(signal.SIGTERM)
    assert t.wait() == -signal.SIGTERM
    assert t.echoes()


def test_death_at_the_prompt_leaves_a_sane_terminal(editor, talk):
    t = talk()
    t.kill(signal.SIGHUP)
    assert t.wait() == -signal.SIGHUP
    assert t.echoes() and t.seen.rindex(b"\x1b[?2004l") > t.seen.rindex(b"\x1b[?2004h")


def test_commands(talk):
    t = talk()
    t.line("/help")
    shown = t.expect(r"(?s)/help .*Ctrl-D leaves.*\n> $")[0]
    for word in (b"/exit", b"/clear", b"/system", b"/temperature", b"/topk", b"/topp"):
        assert word in shown
    for name, value, shown in (("temperature", "0.5", "0.5"), ("topp", "0.25", "0.25"), ("topk", "7", "7")):
        t.line(f"/{name} {value}")
        t.expect(PROMPT)
        t.line(f"/{name}")
        t.expect(rf"is {shown}\.")
        t.line(f"/{name} nonsense")
        t.expect(r"hanzo: .*not 'nonsense'")
        t.expect(PROMPT)
    t.line("/topp 2")
    t.expect("hanzo: top-p is a number from 0 to 1, not '2'")
    t.line("/tempreature 1")
    t.expect(r"hanzo: there is no /tempreature; did you mean /temperature\?")
    t.line("/nonsense")
    t.expect("hanzo: there is no /nonsense; /help")
    t.line(" /etc/passwd")
    said(t, ("user", "/etc/passwd"))
    leave(t)


def test_system_and_clear(talk):
    t = talk("--system", "Be brief.", *SHORT)
    t.line("Hi")
    said(t, ("system", "Be brief."), ("user", "Hi"))
    t.line("/system")
    t.expect("Be brief.")
    t.line("/system Be long.")
    t.line("/clear")
    t.expect(PROMPT)
    t.settle()
    t.line("Hi")
    said(t, ("system", "Be long."), ("user", "Hi"))
    t.line('/system ""')
    t.line("/clear")
    t.settle()
    t.line("Hi")
    said(t, ("user", "Hi"))
    leave(t)


def test_cached_prefix_is_reused(talk):
    t = talk()
    t.line("x" * 100)
    said(t, ("user", "x" * 100))
    t.line("again")
    assert int(t.expect(r"\((\d+) cached\)")[1]) >= 64
    leave(t)


def test_a_message_longer_than_the_context_is_no_end(talk, chat_model):
    t = talk("--max-seq-len", "64", *SHORT)
    t.line("x" * 200)
    t.expect("hanzo: ")
    t.expect(PROMPT)
    t.line("short")
    said(t, ("user", "short"))
    leave(t)


def test_empty_lines_say_nothing(talk):
    t = talk()
    t.line("")
    t.line("   ")
    t.settle()
    t.line("Hi")
    said(t, ("user", "Hi"))
    leave(t)


def test_raw(base_model, talk):
    t = talk("--raw", *SHORT, model=base_model)
    t.line("abc")
    t.expect("prompt: 3 tokens")
    t.expect(PROMPT)
    t.line("defg")
    t.expect("prompt: 4 tokens")
    t.line("/system x")
    t.expect("hanzo: .*--raw")
    leave(t)


def test_no_template_is_said_at_once(base_model):
    with Terminal("run", "-m", base_model) as t:
        assert t.wait() == 1
        assert b"--raw" in t.expect(r"hanzo: .*chat template.*\r\n")[0]


# ---- the older spelling --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selector", ["plain", "run"])
def test_older_spelling(chat_model, tmp_path, selector):
    with Terminal("-i", selector, "-m", chat_model, XDG_STATE_HOME=str(tmp_path)) as t:
        t.expect(PROMPT)
        leave(t)


def test_older_spelling_gguf(chat_gguf, tmp_path):
    with Terminal("--seed", "1", "-i", "gguf", "-m", chat_gguf.parent, "-f", chat_gguf.name,
                  XDG_STATE_HOME=str(tmp_path)) as t:
        t.expect(PROMPT)
        t.line("Hi")
        t.expect("prompt: 5 tokens")
        t.expect(PROMPT)
        leave(t)


def test_older_spelling_in_a_pipe_reads_lines(chat_gguf):
    done = run("-i", "gguf", "-m", chat_gguf.parent, "-f", chat_gguf.name, stdin=b"/topk 5\n/topk\nHi\n/exit\nnever\n")
    assert done.returncode == 0 and done.stderr == b""
    assert done.stdout.startswith(b"top-k is 5.\n") and len(done.stdout.splitlines()) >= 2
    assert run("-i", "gguf", "-m", chat_gguf.parent, "-f", chat_gguf.name, stdin=b"/nonsense\n").returncode == 1
