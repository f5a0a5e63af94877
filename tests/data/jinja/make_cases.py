#!/usr/bin/env python3
"""Writes cases.json: templates with the result that Python's jinja2 gives, set up as transformers does.

    pip install transformers==5.24.0 jinja2==3.1.6
    make_cases.py > cases.json

Every value meets every filter, test, method, subscript and operator, and random statements meet each other; a seeded
choice of all that is kept, so the file stays small. What Python prints with an address, or as a set, is left out.
"""
import json
import random
import sys

from transformers.utils import chat_template_utils as ctu

ENV = ctu._compile_jinja_template("").environment
RNG = random.Random(20250102)
CONTEXT = {"d": {"a": 1, "b": [1, 2], "keys": "K", "n": None}}

VALUES = """1 0 -7 3.5 -0.0 1e20 1e-7 2.675 true none missing '' 'abc' 'Hello World foo' ' \\t x\\u00a0' 'ß ŉ ΑΣ ΣΑΣ ǆ ﬁ İı'
'12' '0x1F' '-3.7e2' [] [3,1,2] ['b','A','a','C'] [1,'a',none] (1,2) () {} {'b':1,'a':2,'C':none}
{1:'x',2.5:'y',none:'z'} range(5) range(5,0,-2) [[1,2],[3]] [{'n':'x','v':2},{'n':'Y','v':1},{'n':'x','v':3}] d d.keys()
d.items() d.values() ('<b>&\\''|e) '<b>&' 100000000000000000000 -99999999999999999999 'a,b,,c' 'l1\\nl2\\r\\nl3\\u2028x\\n\\n'
namespace(a=1) '%s-%s' '{} {x}' '日本語' '😀a' 'the_quick-brown (fox) [it\\'s]' [true,false,1,0] [1.5,2,'3']""".split()
FILTERS = """abs attr('n') batch(2)|list batch(2,'z')|list capitalize center(9) count d('D') default('D',true) dictsort
dictsort(true) dictsort(false,'value') dictsort(reverse=true) e filesizeformat filesizeformat(true) first float float(9)
forceescape format(1,2) format(x=1) groupby('n') groupby('v')|list indent indent(2,true) indent('> ',false,true) int
int(5) int(0,16) int(base=2) items|list join join(',') join('-','n') last length list lower map('upper')|list
map(attribute='n')|list map(attribute='zz',default='q')|list max min max(attribute='v') min(case_sensitive=true) pprint
reject('none')|list rejectattr('n','eq','x')|list replace('a','ZZ') replace('l','L',1) replace('','-') reverse|list
reverse round round(1) round(-1) round(2,'ceil') round(1,'floor') safe select|list select('string')|list
select('gt',1)|list selectattr('v')|list selectattr('v','lt',3)|map(attribute='n')|list slice(2)|list slice(2,'f')|list
sort sort(true) sort(case_sensitive=true) sort(attribute='v') sort(attribute='n,v') string striptags sum
sum(attribute='v') sum(start=10) title tojson tojson(indent=2) tojson(ensure_ascii=true) tojson(separators=(',',':'))
tojson(sort_keys=true) trim trim('a') truncate(5) truncate(7,true) truncate(5,false,'!',0) unique|list
unique(attribute='n')|list unique(true)|list upper urlencode urlize wordcount wordwrap(5) wordwrap(7,false)
xmlattr""".split()
TESTS = """boolean callable defined divisibleby(2) eq('abc') escaped even false filter float ge(1) gt(1) in([1,'abc',none])
in('xabcx') integer iterable le(1) lower lt(1) mapping ne(1) none number odd sameas(none) sequence string test true
undefined upper""".split()
METHODS = """upper() lower() title() capitalize() casefold() swapcase() strip() lstrip() rstrip() strip('ac') split()
split(',') split('l',1) split(none,1) split(maxsplit=1) rsplit(None,1) rsplit('l',1) splitlines() splitlines(true)
partition('l') rpartition('l') replace('a','b') replace('l','',1) startswith('a') startswith(('x','a')) endswith('c')
endswith(('c','o'),1) startswith('b',1,2) find('l') find('l',4) find('l',-3,-1) rfind('l') index('a') rindex('b')
count('l') count('') join(['x','y']) ljust(8)~'|' rjust(8,'*') center(9,'-') zfill(8) expandtabs(4) isalnum() isalpha()
isdigit() isidentifier() islower() isnumeric() isprintable() isspace() istitle() isupper() removeprefix('a')
removesuffix('c') format(1,x=2) keys()|list values()|list items()|list get('a') get('zz',7) copy() index(1) count(1)
append(1) pop() update({}) bit_length() is_integer() real imag start n a 0 -1 nope __class__ _x""".split()
SUBSCRIPTS = ["0", "-1", "'a'", "1:", "::-1", ":2", "-2:", "1:0", "::2", "none", "1.0", "true", "5", "0:3:0", "-100:100:3"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
FORMATS = """%d %5d| %-5d| %05d %+d %x %X %#x %o %e %.3e %E %f %.0f %10.2f| %-10.2f| %+.1f %g %.3g %#g %s %10s| %-10s| %.2s
%5.1s| %r %a %c %i %05.1f %.5d %(a)s %*d %.*f %y""".split()
SPECS = """d 5 <5 ^7 >7 *^9 05 + +d x #x X o b #b , _ 08, ,.2f .2f e .3e g .3g G % .1% s .2s 10s c =+6 é>5 +.1f 010 <010 .0f .1
.3 z""".split()
NUMBERS = ["1", "-255", "3.14159", "-0.5", "'str'", "true", "none", "65", "'é'", "100000000000000000000", "[1]", "{'a':7}",
           "(3,4.5)", "1e300", "0.000012345", "('<'|e)"]


def expressions():
    for v in VALUES:
        yield f"{{{{ {v} }}}} {{{{ [{v}] }}}} {{{{ not ({v}) }}}}"
        yield f"{{{{ -({v}) }}}}"
        yield f"{{% for x in {v} %}}{{{{ loop.index }}}}/{{{{ loop.length }}}}/{{{{ loop.last }}}}[{{{{ x }}}}]{{% else %}}E{{% endfor %}}"
        yield f"{{% for a, b in {v} %}}{{{{ a }}}}={{{{ b }}}};{{% endfor %}}"
        yield from (f"{{{{ ({v}) | {f} }}}}" for f in FILTERS)
        yield from (f"{{{{ ({v}) is {t} }}}}" for t in TESTS)
        yield from (f"{{{{ ({v}).{m} }}}}" for m in METHODS)
        yield from (f"{{{{ ({v})[{s}] }}}}" for s in SUBSCRIPTS)
        for w in VALUES:
            yield from (f"{{{{ ({v}) {o} ({w}) }}}}" for o in OPERATORS if o != "**" or len(v + w) < 8)
    for n in NUMBERS:
        yield from (f"{{{{ '{f}' % {n} }}}}" for f in FORMATS)
        yield from (f"{{{{ '{{:{s}}}'.format({n}) }}}}" for s in SPECS)


def pick(*options):
    return RNG.choice(options)


def expr(depth=0):
    if depth > 2 or RNG.random() < .3:
        return pick("a", "b", "c", "x", "l", "d", "1", "2", "'t'", "none", "true", "[1,2]", "{'k':1}", "ns.v", "loop.index",
                    "loop.first", "loop.last", "loop.length", "loop.previtem", "varargs", "kwargs", "range(3)", "l[0]", "d.k")
    def e():
        return expr(depth + 1)

    return pick(lambda: f"({e()} {pick('+', '-', '*', '~', '==', '<', 'and', 'or', 'in')} {e()})",
                lambda: f"({e()} if {e()} else {e()})", lambda: f"({e()} if {e()})",
                lambda: f"{e()}|{pick('upper', 'length', 'list', 'string', 'first', 'join(0)', 'tojson', 'trim', 'nosuch')}",
                lambda: f"{pick('a', 'c', 'x', 'loop', 'ns')} is {pick('defined', 'none', 'string', 'not mapping')}",
                lambda: f"m({pick('', 'a=', 'b=', 'zz=')}{e()})", lambda: f"not {e()}",
                lambda: f"loop.{pick('index0', 'revindex', 'depth')}", lambda: f"caller({pick('', e())})",
                lambda: f"loop({pick('l', '[]')})", lambda: f"[{e()}]")()


def tag(text):
    return "{%" + pick("", "", "-", "+") + f" {text} " + pick("", "", "-", "+") + "%}"


def body(depth):
    return "".join(statement(depth) for _ in range(RNG.randrange(1, 4)))


def statement(depth=0):
    blank, inner = pick("", "", " ", "\n", "\n  "), depth + 1
    if depth > 3 or RNG.random() < .4:
        return blank + pick("{{ %s }}" % expr(), "{{- %s -}}" % expr(), "T", "u\n", "{#- c #}", "{# c #}\n",
                            tag(f"set {pick('a', 'b', 'c', 'x', 'ns.v', 'a, b')} = {expr()}")) + blank

    def b():
        return body(inner)

    def maybe(text):
        return text() if RNG.random() < .4 else ""

    return pick(lambda: tag(f"if {expr()}") + b() + maybe(lambda: tag(f"elif {expr()}") + b()) +
                maybe(lambda: tag("else") + b()) + tag("endif"),
                lambda: tag(f"for {pick('x', 'a', 'a, b')} in {pick('l', '[1,2,3]', 'd.items()', '[]', 'x')}"
                            f"{maybe(lambda: ' if ' + expr())}{pick('', '', ' recursive')}") + b() +
                maybe(lambda: tag("else") + b()) + tag("endfor"),
                lambda: tag(f"macro {pick('m', 'f')}({pick('', 'a', 'a, b=1', 'a, b=a', 'x=l')})") + b() + tag("endmacro"),
                lambda: tag(f"call{pick('', '(x)')} m({pick('', '1', 'a=2')})") + b() + tag("endcall"),
                lambda: tag(f"with {pick('a = 1', 'a = b, b = a', 'x = ns', '')}") + b() + tag("endwith"),
                lambda: tag(f"set {pick('a', 'ns.v')}{pick('', ' | upper')}") + b() + tag("endset"),
                lambda: tag(f"filter {pick('upper', 'trim', 'indent')}") + b() + tag("endfilter"),
                lambda: tag(pick("break", "continue")), lambda: tag("generation") + b() + tag("endgeneration"),
                lambda: tag("raw") + "{{ x }}" + tag("endraw"))()


def statements(n):
    for _ in range(n):
        yield (tag("set ns = namespace(v=0)") + tag("macro m(a, b=2)") +
               pick("[{{ a }}{{ b }}]", "{{ caller() }}", "{{ varargs }}{{ kwargs }}") + tag("endmacro") + body(0))


def case(template, context):
    try:
        got = {"rendered": ENV.from_string(template).render(**context)}
        got["rendered"].encode()
    except (RecursionError, UnicodeEncodeError, AssertionError):
        return None
    except Exception as e:  # whatever a template can raise
        got = {"error": str(e)[:100], "error_type": type(e).__name__}
    text = got.get("rendered", "")
    if " at 0x" in text or "<generator" in text or "TemplateReference" in text or len(text) > 2000:
        return None
    return {"template": template, "context": context, **got}


def main():
    plain = RNG.sample([t for t in expressions() if "missing).__class__" not in t], 9000)
    cases = [case(t, CONTEXT) for t in plain]
    cases += [case(t, {"a": "A", "b": 2, "l": ["p", "q"], "d": {"k": "v", "j": None}, "x": "X<"}) for t in statements(3000)]
    good = [c for c in cases if c and "rendered" in c]
    bad = [c for c in cases if c and "error" in c]
    chosen = RNG.sample(good, 900) + RNG.sample(bad, 100)
    for i, c in enumerate(chosen):
        c["name"] = str(i)
    lines = ",\n".join(json.dumps(c) for c in chosen)
    sys.stdout.write(f'{{"now": "2025-01-02T03:04:05", "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
