"""The program in a pseudo-terminal, driven as a person would: type, wait for what appears, press Ctrl-C."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from makers import PROGRAM

ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")
PROMPT = r"[\r\n]> $"
CTRL_C, CTRL_D, UP, HOME, ALT_ENTER = b"\x03", b"\x04", b"\x1b[A", b"\x01", b"\x1b\r"


class Terminal:
    def __init__(self, *arguments, columns=80, rows=24, **environment):
        if not PROGRAM.is_file():
            pytest.skip(f"{PROGRAM} is not built")
        self.fd, inner = pty.openpty()
        self.resize(columns, rows)
        # libedit never frees the names of added key functions: that is all a leak check would find here.
        env = {**os.environ, "TERM": "xterm", "ASAN_OPTIONS": "exitcode=99,detect_leaks=0", **environment}
        self.process = subprocess.Popen(
            [PROGRAM, *map(str, arguments)], stdin=inner, stdout=inner, stderr=inner, env=env, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.inner = inner  # kept open: what the terminal is set to is looked at after the program ended
        self.seen = b""     # all there was, escape sequences too
        self.at = 0         # how far expect() has read in it, escape sequences left out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.inner)
        os.close(self.fd)

    def resize(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, keys):
        os.write(self.fd, keys.encode() if isinstance(keys, str) else keys)

    def line(self, text):
        self.send(text + "\r")

    def read(self, seconds):
        """What comes within a time; False when nothing does."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        self.seen += os.read(self.fd, 65536)
        return True

    def plain(self):
        return ESCAPE.sub(b"", self.seen)[self.at:]

    def expect(self, pattern, seconds=60):
        """Waits for a regular expression in what came since the last expected thing; returns the match."""
        pattern = re.compile(pattern.encode() if isinstance(pattern, str) else pattern)
        end = time.monotonic() + seconds
        while True:
            plain = self.plain()
            match = pattern.search(plain)
            if match:
                self.at += match.end()
                return match
            left = end - time.monotonic()
            assert left > 0, f"{pattern.pattern!r} did not appear in {plain!r}"
            assert self.process.poll() is None or self.read(0.5), f"ended without {pattern.pattern!r}: {plain!r}"
            self.read(min(left, 0.2))

    def settle(self, seconds=0.3):
        """Reads until nothing comes any more."""
        while self.read(seconds):
            pass
        plain = self.plain()
        self.at += len(plain)
        return plain

    def echoes(self):
        return bool(termios.tcgetattr(self.inner)[3] & termios.ECHO)

    def kill(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, seconds=30):
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.1)
        while self.read(0):
            pass
        return self.process.wait(timeout=1)
