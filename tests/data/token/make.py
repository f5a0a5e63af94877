#!/usr/bin/env python3
"""Makes the small tokenizers of this folder, and what the programs that define them make of texts.json.

    pip install tokenizers==0.23.3 sentencepiece protobuf
    make.py [--llama PATH/llama-tokenize]

NAME.json and NAME.ref.json: `tokenizers`. With --llama also NAME.gguf and NAME.gguf.json: llama.cpp. The formats are those
of the larger references: a case has text, ids, ids_special, decoded, decoded_skip and, where a streamer's output is
defined, pieces; of a GGUF only text, ids, ids_special and ids_plain (special tokens not parsed).
"""
import argparse
import json
import os
import struct
import subprocess
import tempfile
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).resolve().parent
TEXTS = json.loads((HERE / "texts.json").read_text(encoding="utf-8"))
BYTES = [f"<0x{b:02X}>" for b in range(256)]
GPT2 = pre_tokenizers.ByteLevel.alphabet()
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")


def charsmap():
    """A small one: SentencePiece's own is a quarter of a megabyte."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2
    with tempfile.TemporaryDirectory() as folder:
        rules = {"\u00a0": " ", "\u3000": " ", "\t": " ", "\r": "", "\u00ad": "", "\ufb01": "fi", "\u2460": "1", "\uff21": "A",
                 "e\u0301": "\u00e9", "\u212b": "\u00c5", "\u2026": "...", "\x1b": "", "\u200b": " "}
        Path(folder, "rules.tsv").write_text("".join(
            " ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n" for a, b in rules.items()))
        Path(folder, "text").write_text("\n".join(line for t in TEXTS for line in t.split("\n") if line.strip() and max(line) < "\u0250"), "utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=f"{folder}/text", model_prefix=f"{folder}/m", vocab_size=420, hard_vocab_limit=False, minloglevel=2,
            character_coverage=0.98, normalization_rule_tsv=f"{folder}/rules.tsv", num_threads=1)
        proto = sentencepiece_model_pb2.ModelProto()
        proto.ParseFromString(Path(folder, "m.model").read_bytes())
    return proto.normalizer_spec.precompiled_charsmap, [(p.piece, round(p.score, 4)) for p in proto.pieces]


def trained_bpe(tokenizer, **options):
    options = {"vocab_size": 420, "show_progress": False, **options}
    tokenizer.train_from_iterator(TEXTS, trainers.BpeTrainer(**options))
    return tokenizer


def bert():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator(TEXTS, trainers.WordPieceTrainer(
        vocab_size=420, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False, limit_alphabet=150))
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    t.decoder = decoders.WordPiece()
    return t


def unigram(byte_fallback=False):
    blob, pieces = charsmap()
    vocab = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + pieces[3:]
    if byte_fallback:
        vocab += [(b, -30.0) for b in BYTES]
    t = Tokenizer(models.Unigram(vocab, unk_id=2, byte_fallback=byte_fallback))
    t.normalizer = normalizers.Sequence([
        normalizers.Precompiled(blob), normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "\u2581")])
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first" if byte_fallback else "always")
    t.decoder = decoders.Metaspace()
    if byte_fallback:
        t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first"), decoders.Fuse()])
    t.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    t.add_special_tokens(["<pad>", "</s>", "<unk>"])
    t.add_tokens([AddedToken("the", single_word=True, lstrip=True, rstrip=True), AddedToken("Hello", normalized=False)])
    return t


def roberta():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trained_bpe(t, initial_alphabet=GPT2, special_tokens=["<s>", "<pad>", "</s>", "<unk>"])
    t.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    t.decoder = decoders.ByteLevel()
    return t


def llama3():
    t = Tokenizer(models.BPE(ignore_merges=True))
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    trained_bpe(t, initial_alphabet=GPT2)
    t.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>", "<|im_end|>"])
    t.add_tokens(["<think>"])
    first = t.token_to_id("<|begin_of_text|>")
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|> $B",
                                      special_tokens=[("<|begin_of_text|>", first)])])
    return t


def clip():
    t = Tokenizer(models.BPE(unk_token="<|endoftext|>", continuing_subword_prefix="", end_of_word_suffix="</w>"))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.decoder = decoders.ByteLevel()
    return trained_bpe(t, initial_alphabet=GPT2, special_tokens=["<|startoftext|>", "<|endoftext|>"], end_of_word_suffix="</w>")


def gpt1():
    t = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##", end_of_word_suffix="</w>", fuse_unk=True))
    t.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Nmt(), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Digits(individual_digits=True)])
    t.decoder = decoders.BPEDecoder()
    return trained_bpe(t, special_tokens=["<unk>"], limit_alphabet=80, end_of_word_suffix="</w>", continuing_subword_prefix="##")


def llama2():
    t = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    trained_bpe(t, vocab_size=640, special_tokens=["<unk>", "<s>", "</s>", *BYTES], limit_alphabet=90)
    t.pre_tokenizer = None
    t.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    t.add_special_tokens(["<unk>", "<s>", "</s>"])
    t.add_tokens([AddedToken("<tool>", normalized=False, rstrip=True), AddedToken("\n\n", normalized=False)])
    t.decoder = decoders.Sequence([
        decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return t


def words():
    t = Tokenizer(models.WordLevel(unk_token="<unk>"))
    t.normalizer = normalizers.Strip()
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.Split(Regex(r"[^\W\d_]{1,3}+|\b"), "merged_with_next"),
        pre_tokenizers.CharDelimiterSplit("-")])
    t.train_from_iterator(TEXTS, trainers.WordLevelTrainer(vocab_size=300, special_tokens=["<unk>"], show_progress=False))
    t.add_tokens([AddedToken("World", single_word=True), AddedToken("É", normalized=True)])
    return t


def scripts():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.UnicodeScripts(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    return trained_bpe(t, initial_alphabet=GPT2, vocab_size=340)


MAKERS = {f.__name__: f for f in (bert, unigram, roberta, llama3, clip, gpt1, llama2, words, scripts)}
MAKERS["unigram_bytes"] = lambda: unigram(True)


def pieces_of(tokenizer, ids, whole):
    """What a streamer shows after each id and at the end; None where text that was shown is contradicted later."""
    out, shown = [], ""
    for n in range(1, len(ids) + 2):
        text = whole if n > len(ids) else tokenizer.decode(ids[:n], skip_special_tokens=False)
        if n <= len(ids) and text.endswith("\ufffd"):
            out.append("")
            continue
        if not text.startswith(shown):
            return None
        out.append(text[len(shown):])
        shown = text
    return out


def case(tokenizer, text):
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    c = {"text": text, "ids": ids, "ids_special": tokenizer.encode(text).ids,
         "decoded": tokenizer.decode(ids, skip_special_tokens=False), "decoded_skip": tokenizer.decode(ids)}
    pieces = pieces_of(tokenizer, ids, c["decoded"])
    return c if pieces is None else {**c, "pieces": pieces}


def write_cases(path, cases):
    lines = ",\n".join(json.dumps(c, ensure_ascii=True, separators=(",", ":")) for c in cases)
    path.write_text('{"cases": [\n' + lines + "\n]}\n", encoding="ascii")


# ---- GGUF ---------------------------------------------------------------------------------------------------------

U32, I32, F32, BOOL, STRING, ARRAY, U8 = 4, 5, 6, 7, 8, 9, 0
PACK = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?", U8: "<B"}


def gguf_string(s):
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(b)) + b


def gguf(path, keys):
    out = struct.pack("<4sIQQ", b"GGUF", 3, 0, len(keys))
    for name, (kind, value) in keys.items():
        out += gguf_string(name)
        if isinstance(value, list):
            out += struct.pack("<IIQ", ARRAY, kind, len(value))
            out += b"".join(gguf_string(v) if kind == STRING else struct.pack(PACK[kind], v) for v in value)
        else:
            out += struct.pack("<I", kind) + (gguf_string(value) if kind == STRING else struct.pack(PACK[kind], value))
    path.write_bytes(out + bytes(-len(out) % 32))


def base_keys(model, tokens, types, **more):
    keys = {"general.architecture": (STRING, "llama"), "tokenizer.ggml.model": (STRING, model),
            "tokenizer.ggml.tokens": (STRING, tokens), "tokenizer.ggml.token_type": (I32, types)}
    for name, value in {"context_length": 8, "embedding_length": 8, "block_count": 1, "feed_forward_length": 8,
                        "attention.head_count": 1}.items():
        keys["llama." + name] = (U32, value)
    keys["llama.attention.layer_norm_rms_epsilon"] = (F32, 1e-5)
    keys.update({"tokenizer.ggml." + k: v for k, v in more.items()})
    return keys


def gguf_of_bpe(name, pre):
    j = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    tokens = list(j["model"]["vocab"])
    added = {a["content"]: a["special"] for a in j["added_tokens"]}
    tokens += [a for a in added if a not in tokens]
    types = [(3 if added[t] else 4) if t in added else 1 for t in tokens]
    return base_keys("gpt2", tokens, types, pre=(STRING, pre), merges=(STRING, [" ".join(m) for m in j["model"]["merges"]]),
                     bos_token_id=(U32, tokens.index("<|begin_of_text|>")), eos_token_id=(U32, tokens.index("<|end_of_text|>")))


def gguf_of_spm():
    """SentencePiece merges by score: the earlier a token was made, the higher."""
    j = json.loads((HERE / "llama2.json").read_text(encoding="utf-8"))
    tokens = list(j["model"]["vocab"]) + ["<tool>", "<|user|>"]
    types = [2, 3, 3] + [6] * 256 + [1] * (len(tokens) - 261) + [4, 3]
    scores = [0.0 if types[i] != 1 else -float(i) for i in range(len(tokens))]
    return base_keys("llama", tokens, types, scores=(F32, scores), add_eos_token=(BOOL, True))


def gguf_of_unigram():
    blob, pieces = charsmap()
    tokens = ["<pad>", "</s>", "<unk>"] + [p for p, _ in pieces[3:]] + ["<extra>", "<no>"]
    scores = [0.0, 0.0, 0.0] + [s for _, s in pieces[3:]] + [0.0, -1.0]
    types = [3, 3, 2] + [1] * (len(tokens) - 5) + [4, 5]
    return base_keys("t5", tokens, types, scores=(F32, scores), add_space_prefix=(BOOL, True),
                     remove_extra_whitespaces=(BOOL, True), precompiled_charsmap=(U8, list(blob)))


def gguf_of_wordpiece():
    vocab = list(json.loads((HERE / "bert.json").read_text(encoding="utf-8"))["model"]["vocab"])
    tokens = [t if t.startswith("[") and len(t) > 1 else t[2:] if t.startswith("##") else "\u2581" + t for t in vocab]
    tokens = [t if tokens.index(t) == i else f"[dup{i}]" for i, t in enumerate(tokens)]
    types = [3 if t.startswith("[") and len(t) > 1 else 1 for t in tokens]
    return base_keys("bert", tokens, types, bos_token_id=(U32, 2), seperator_token_id=(U32, 3), unknown_token_id=(U32, 1))


def llama_ids(program, path, text, *options):
    with tempfile.NamedTemporaryFile() as f:
        f.write(text.encode())
        f.flush()
        out = subprocess.run([program, "-m", str(path), "-f", f.name, "--ids", "--no-escape", "--log-disable", *options],
                             capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout
    return json.loads(out.decode().strip().split("\n")[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llama", help="llama-tokenize")
    program = parser.parse_args().llama
    for name, make in MAKERS.items():
        tokenizer = make()
        (HERE / f"{name}.json").write_text(tokenizer.to_str(pretty=False), encoding="utf-8")
        write_cases(HERE / f"{name}.ref.json", [case(tokenizer, t) for t in TEXTS])
    if not program:
        return
    files = {"gpt2": gguf_of_bpe("llama3", "llama-bpe"), "deepseek": gguf_of_bpe("llama3", "deepseek-llm"),
             "spm": gguf_of_spm(), "t5": gguf_of_unigram(), "wpm": gguf_of_wordpiece()}
    for name, keys in files.items():
        path = HERE / f"{name}.gguf"
        gguf(path, keys)
        cases = [{"text": t, "ids": llama_ids(program, path, t, "--no-bos"), "ids_special": llama_ids(program, path, t),
                  "ids_plain": llama_ids(program, path, t, "--no-bos", "--no-parse-special")} for t in TEXTS if t]
        if name == "t5":  # the program adds an EOS only to models that have a BOS
            for c in cases:
                del c["ids_special"]
        write_cases(HERE / f"{name}.gguf.json", cases)


main()
