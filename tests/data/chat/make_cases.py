#!/usr/bin/env python3
"""Writes cases.json: conversations that transformers renders with template.jinja.

    pip install transformers==5.24.0 jinja2==3.1.6
    make_cases.py > cases.json
"""
import datetime
import json
import pathlib
import sys

from transformers.utils import chat_template_utils as ctu

TEMPLATE = (pathlib.Path(__file__).parent / "template.jinja").read_text(encoding="utf-8")
NOW = datetime.datetime(2025, 1, 2, 3, 4, 5)
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}
TOOL = {"type": "function", "function": {"name": "add", "description": "Adds <two> \"numbers\" & more: é.", "parameters": {
    "type": "object", "properties": {"a": {"type": "number", "minimum": -1.5}, "b": {"type": "integer"}}, "required": ["a"]}}}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


CALL = {"type": "function", "id": "c1", "function": {"name": "add", "arguments": {"a": 1, "b": [2.0, None, "é\n"]}}}
THINK = [user("Is 7 prime?"), assistant("Yes.", reasoning_content="\n7 has no divisors.\n")]
CASES = {
    "user": ([user("Hello!")], {"add_generation_prompt": True}),
    "nothing": ([], {"add_generation_prompt": True}),
    "system": ([{"role": "system", "content": " S "}, user("Hi"), assistant("Yo"), user("\u00a0x\u3000")], {}),
    "tools": ([user("1+1?")], {"tools": [TOOL], "add_generation_prompt": True}),
    "no_tools": ([user("1+1?")], {"tools": []}),
    "call": ([user("1+1?"), assistant(None, tool_calls=[CALL, CALL]), {"role": "tool", "content": " 2 ", "name": None}],
             {"tools": [TOOL], "add_generation_prompt": True}),
    "call_text": ([user("1+1?"), assistant("Let me.", tool_calls=[{"name": "add", "arguments": "{\"a\": 1}"}])], {}),
    "reasoning": (THINK, {}),
    "reasoning_old": (THINK + [user("8?")], {"add_generation_prompt": True}),
    "reasoning_thinking": ([user("a"), assistant("b", thinking="t", reasoning=None)], {}),
    "reasoning_reasoning": ([user("a"), assistant("b", reasoning="r", reasoning_content=None)], {}),
    "reasoning_inline": ([user("a"), assistant("<think>\nt\n</think>\n\nb")], {}),
    "no_thinking": ([user("a")], {"add_generation_prompt": True, "kwargs": {"enable_thinking": False}}),
    "override": ([user("a")], {"kwargs": {"bos_token": "[B]", "unused": {"x": [1, None, 12345678901234567890]}}}),
    "continue": ([user("a"), assistant("Once upon a time")], {"continue_final_message": True}),
    "continue_blank": ([user("a"), assistant("Once upon a time  \n")], {"continue_final_message": True}),
    "continue_reasoning": ([user("a"), assistant("b", reasoning="so")], {"continue_final_message": "reasoning_content"}),
    "continue_missing": ([user("a"), assistant(None)], {"continue_final_message": True}),
    "continue_unknown": ([user("a"), assistant("b", zzz="c")], {"continue_final_message": "zzz"}),
    "continue_empty": ([], {"continue_final_message": True}),
    "bad_role": ([user("a"), {"role": "guest", "content": "x"}], {}),
    "bad_content": ([user(["a"])], {}),
    "parts": ([user([{"type": "text", "text": "a"}])], {}),
}


class Frozen(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(*NOW.timetuple()[:6])


def outcome(messages, o):
    try:
        rendered = ctu.render_jinja_template([messages], tools=o.get("tools"), chat_template=TEMPLATE,
                                             add_generation_prompt=o.get("add_generation_prompt", False),
                                             continue_final_message=o.get("continue_final_message", False),
                                             **{**SPECIAL, **o.get("kwargs", {})})[0][0]
        return {"rendered": rendered}
    except Exception as e:  # whatever a template or a request can raise
        return {"error": str(e), "error_type": type(e).__name__}


def main():
    ctu.datetime = Frozen
    cases = []
    for name, (messages, o) in CASES.items():
        case = {"name": name, "messages": messages, "tools": o.get("tools"), "kwargs": o.get("kwargs", {}),
                "add_generation_prompt": o.get("add_generation_prompt", False),
                "continue_final_message": o.get("continue_final_message", False), **outcome(messages, o)}
        case["without_nulls"] = outcome([{k: v for k, v in m.items() if v is not None} for m in messages], o)
        cases.append(case)
    lines = ",\n".join(json.dumps(c) for c in cases)
    sys.stdout.write(f'{{"now": "{NOW.isoformat()}", "special_tokens": {json.dumps(SPECIAL)}, "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
