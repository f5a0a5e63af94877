/* sniff.c - the usual mistakes, told by their first bytes. */
#include "file/sniff.h"

#include "base/status.h"

#include <string.h>

static const struct {
    const char *bytes, *words;
} beginnings[] = {
    {"version https://git-lfs", "it is a Git LFS pointer, so the file itself has yet to be downloaded"},
    {"<!DOCTYPE", "it is a web page, so a download went wrong"},
    {"<!doctype", "it is a web page, so a download went wrong"},
    {"<html", "it is a web page, so a download went wrong"},
    {"GGUF", "it is a GGUF file"},
    {"FUGG", "it is a GGUF file whose magic has its bytes swapped"},
    {"lmgg", "it is a GGML file, older than GGUF, which must be converted"},
    {"fmgg", "it is a GGML file, older than GGUF, which must be converted"},
    {"tjgg", "it is a GGML file, older than GGUF, which must be converted"},
    {"PK\003\004", "it is a ZIP archive, such as PyTorch's pickles, which are never loaded"},
    {"\200\002", "it is a Python pickle, which is never loaded"},
    {"Entry not found", "it is the hub's answer to a file that it does not have"},
};

const char *hz_file_looks_like(const uint8_t *data, uint64_t size)
{
    if (!size)
        return "it is empty";
    for (size_t i = 0; i < HZ_COUNT(beginnings); i++) {
        size_t len = strlen(beginnings[i].bytes);
        if (size >= len && !memcmp(data, beginnings[i].bytes, len))
            return beginnings[i].words;
    }
    if (size >= 10 && data[8] == '{' && (data[9] == '"' || data[9] == '}'))
        return "it looks like safetensors";
    return "its first bytes are unknown";
}
