/* Checkpoints: which files of a folder count, shards by index, split GGUFs, configurations and chat templates; and
 * every folder of the reference data, opened as a table. */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "unit/file/bytes.h"

#include "file/checkpoint.h"
#include "file/safetensors.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- folders made for a test ------------------------------------------------------------------------------------ */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/hz_test_checkpoint_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static const char *in_folder(const char *name)
{
    static char paths[4][300];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void empty_path(const char *path)
{
    char **names;
    size_t n;
    if (hz_file_list(path, &names, &n, NULL) != HZ_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        char inner[400];
        snprintf(inner, sizeof inner, "%s/%s", path, names[i]);
        if (hz_file_kind(inner) == HZ_FILE_FOLDER)
            empty_path(inner);
        remove(inner);
    }
    hz_file_list_free(names, n);
}

static int remove_folder(void **state)
{
    (void)state;
    empty_path(folder);
    return remove(folder);
}

static void write_bytes(const char *name, const void *data, size_t len)
{
    FILE *f = fopen(in_folder(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void write_text(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

/* Frees b. */
static void write_buf(const char *name, struct hz_buf *b)
{
    write_bytes(name, b->data, b->len);
    hz_buf_free(b);
}

/* A safetensors file of one-byte tensors, each holding `value`; names is "a b c". */
static void write_tensors(const char *name, const char *names, uint8_t value)
{
    struct hz_tensor tensors[8];
    char copy[200];
    size_t n = 0;
    struct hz_error err;
    snprintf(copy, sizeof copy, "%s", names);
    for (char *save = NULL, *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save))
        tensors[n++] = (struct hz_tensor){.name = s, .type = HZ_U8, .data = &value, .bytes = 1};
    assert_int_equal(hz_safetensors_write(in_folder(name), tensors, n, &err), HZ_OK);
}

static struct hz_checkpoint *open_path_with(const char *path, const struct hz_checkpoint_options *options)
{
    struct hz_checkpoint *ck;
    struct hz_error err;
    if (hz_checkpoint_open(path, options, &ck, &err) != HZ_OK)
        fail_msg("%s", err.text);
    return ck;
}

static struct hz_checkpoint *open_folder(void)
{
    return open_path_with(folder, NULL);
}

static void refuse_with(const char *path, const struct hz_checkpoint_options *options, hz_status status,
                        const char *words, const char *more)
{
    struct hz_checkpoint *ck = (void *)&status;
    struct hz_error err = {0};
    assert_failed(hz_checkpoint_open(path, options, &ck, &err), &err, status, words, more, NULL);
    assert_null(ck);
}

static void refuse(hz_status status, const char *words, const char *more)
{
    refuse_with(folder, NULL, status, words, more);
}

static uint8_t value_of(const struct hz_checkpoint *ck, const char *name)
{
    const struct hz_tensor *t = hz_tensor_find(&ck->table, name);
    assert_non_null(t);
    return t->data[0];
}

/* ---- safetensors ------------------------------------------------------------------------------------------------ */

static const char index_name[] = "model.safetensors.index.json";

static void single_file_beats_the_index(void **state)
{
    (void)state;
    write_text("config.json", "{\"model_type\": \"llama\"}");
    write_tensors("model.safetensors", "a b", 1);
    write_tensors("consolidated.safetensors", "tok_embeddings.weight", 9);
    write_tensors("model-00001-of-00001.safetensors", "a c", 2);
    write_text(index_name, "{\"weight_map\": {\"a\": \"model-00001-of-00001.safetensors\"}}");
    struct hz_checkpoint *ck = open_folder();
    assert_int_equal(ck->kind, HZ_CHECKPOINT_FOLDER);
    assert_int_equal(ck->table.n, 2);
    assert_int_equal(value_of(ck, "a"), 1);
    assert_true(hz_json_str_is(hz_json_get(hz_json_root(ck->config), "model_type"), "llama"));
    assert_null(ck->generation_config);
    assert_null(ck->tokenizer_json);
    assert_null(ck->gguf);
    assert_int_equal(ck->n_templates, 0);
    assert_true(ck->bytes > 2 && ck->bytes < 1000);
    hz_checkpoint_close(ck);
    hz_checkpoint_close(NULL);
}

static void shards(void **state)
{
    (void)state;
    write_text("config.json", "{}");
    /* The stale copies of a and b are not what the index says; total_size is wrong, and a float. */
    write_tensors("model-00001-of-00002.safetensors", "a b.stale b", 1);
    write_tensors("model-00002-of-00002.safetensors", "a b", 2);
    write_tensors("model-00003-of-00002.safetensors", "c", 3);
    write_text(index_name,
               "{\"metadata\": {\"total_size\": 1e99}, \"weight_map\": {"
               "\"a\": \"model-00001-of-00002.safetensors\", \"b\": \"model-00002-of-00002.safetensors\"}}");
    struct hz_checkpoint *ck = open_folder();
    assert_int_equal(ck->table.n, 2);
    assert_int_equal(value_of(ck, "a"), 1);
    assert_int_equal(value_of(ck, "b"), 2);
    assert_non_null(strstr(hz_tensor_find(&ck->table, "b")->file, "/model-00002-of-00002.safetensors"));
    hz_checkpoint_close(ck);

    write_text(index_name, "{\"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\","
                           "\"missing\": \"model-00002-of-00002.safetensors\"}}");
    refuse(HZ_E_FORMAT, "gives tensor 'missing' to model-00002-of-00002.safetensors", "lacks it");
    write_text(index_name,
               "{\"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\", \"b\": \"gone.safetensors\"}}");
    refuse(HZ_E_NOTFOUND, "the shard gone.safetensors", "missing");
}

static void broken_indexes(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"{\"weight_map\": {\"a\": \"../other.safetensors\"}}", "tensor 'a' is not given a file of this folder"},
        {"{\"weight_map\": {\"a\": \"/etc/passwd\"}}", "tensor 'a' is not given a file of this folder"},
        {"{\"weight_map\": {\"a\": \"..\"}}", "tensor 'a'"},
        {"{\"weight_map\": {\"a\": \"\"}}", "tensor 'a'"},
        {"{\"weight_map\": {\"a\": 1}}", "tensor 'a'"},
        {"{\"weight_map\": {}}", "names no tensor"},
        {"{\"weight_map\": null}", "weight_map is null"},
        {"{}", "weight_map is "},
        {"[]", "weight_map is "},
        {"{\"weight_map\"", index_name},
    };
    write_text("config.json", "{}");
    for (size_t i = 0; i < HZ_COUNT(texts); i++) {
        write_text(index_name, texts[i][0]);
        refuse(HZ_E_FORMAT, index_name, texts[i][1]);
    }
    write_text(index_name, "{\"weight_map\": {\"a\": \"s.safetensors\"}}");
    write_text("s.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
    refuse(HZ_E_FORMAT, "/s.safetensors: ", "Git LFS pointer");
}

static void no_weights_to_read(void **state)
{
    (void)state;
    refuse(HZ_E_NOTFOUND, folder, "found no weights");
    write_text("config.json", "{}");
    write_text("pytorch_model.bin", "PK\3\4");
    write_text("README.md", "");
    refuse(HZ_E_NOTFOUND, "expected model.safetensors", "found only pytorch_model.bin");
    write_tensors("consolidated.00.safetensors", "a", 1);
    refuse(HZ_E_NOTFOUND, "expected model.safetensors", "found only consolidated.00.safetensors, pytorch_model.bin");
}

static void configurations(void **state)
{
    (void)state;
    write_tensors("model.safetensors", "a", 1);
    refuse(HZ_E_NOTFOUND, folder, "no config.json");
    write_text("config.json", "[1]");
    refuse(HZ_E_FORMAT, "/config.json: is an array", "an object");
    write_text("config.json", "{\"a\": }");
    refuse(HZ_E_FORMAT, "/config.json:1:7", "");
    write_text("config.json", "{\"rope_theta\": 1e6}");
    write_text("generation_config.json", "{\"eos_token_id\": [1, 2]}");
    write_text("tokenizer_config.json", "{\"bos_token\": null}");
    write_text("tokenizer.json", "{}");
    struct hz_checkpoint *ck = open_folder();
    assert_int_equal(hz_json_len(hz_json_get(hz_json_root(ck->generation_config), "eos_token_id")), 2);
    assert_non_null(ck->tokenizer_config);
    assert_string_equal(ck->tokenizer_json, in_folder("tokenizer.json"));
    hz_checkpoint_close(ck);
    write_text("generation_config.json", "");
    refuse(HZ_E_FORMAT, "/generation_config.json", "");
}

static void tokenizer_only(void **state)
{
    (void)state;
    const struct hz_checkpoint_options options = {.tokenizer_only = true};
    refuse_with(folder, &options, HZ_E_NOTFOUND, "expected tokenizer.json", "");
    write_text("tokenizer.json", "{}");
    struct hz_checkpoint *ck = open_path_with(folder, &options);
    assert_string_equal(ck->tokenizer_json, in_folder("tokenizer.json"));
    assert_null(ck->config);
    assert_int_equal(ck->table.n, 0);
    hz_checkpoint_close(ck);
    write_text(index_name, "{\"weight_map\": {\"a\": \"gone.safetensors\"}}");
    hz_checkpoint_close(open_path_with(folder, &options)); /* weights are not looked at */
}

/* ---- chat templates --------------------------------------------------------------------------------------------- */

static void assert_template(const struct hz_checkpoint *ck, size_t i, const char *name, const char *source,
                            const char *file)
{
    assert_true(i < ck->n_templates);
    assert_string_equal(ck->templates[i].name, name);
    assert_string_equal(ck->templates[i].source, source);
    assert_int_equal(ck->templates[i].len, strlen(source));
    assert_string_equal(ck->templates[i].file, file);
}

static void templates_of_the_configuration(void **state)
{
    (void)state;
    const struct hz_checkpoint_options options = {.tokenizer_only = true};
    const char *file = in_folder("tokenizer_config.json");
    write_text("tokenizer_config.json", "{\"chat_template\": \"{{ 1 }}\"}");
    struct hz_checkpoint *ck = open_path_with(folder, &options);
    assert_int_equal(ck->n_templates, 1);
    assert_template(ck, 0, "default", "{{ 1 }}", file);
    hz_checkpoint_close(ck);
    write_text("tokenizer_config.json",
               "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"T\"},"
               "{\"name\": \"default\", \"template\": \"D\"}, {\"name\": \"rag\", \"template\": \"R\"},"
               "{\"name\": \"rag\", \"template\": \"R2\"}]}");
    ck = open_path_with(folder, &options);
    assert_int_equal(ck->n_templates, 3);
    assert_template(ck, 0, "default", "D", file);
    assert_template(ck, 1, "tool_use", "T", file);
    assert_template(ck, 2, "rag", "R2", file);
    hz_checkpoint_close(ck);
    write_text("tokenizer_config.json", "{\"chat_template\": null}");
    ck = open_path_with(folder, &options);
    assert_int_equal(ck->n_templates, 0);
    hz_checkpoint_close(ck);
    write_text("tokenizer_config.json", "{\"chat_template\": 3}");
    refuse_with(folder, &options, HZ_E_FORMAT, file, "chat_template is an integer");
    write_text("tokenizer_config.json", "{\"chat_template\": [{\"name\": \"x\"}]}");
    refuse_with(folder, &options, HZ_E_FORMAT, file, "chat_template[0]");
}

static void template_files_come_first(void **state)
{
    (void)state;
    const struct hz_checkpoint_options options = {.tokenizer_only = true};
    write_text("tokenizer_config.json", "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"old\"}]}");
    write_text("chat_template.jinja", "new");
    struct hz_checkpoint *ck = open_path_with(folder, &options);
    assert_int_equal(ck->n_templates, 1);
    assert_template(ck, 0, "default", "new", in_folder("chat_template.jinja"));
    hz_checkpoint_close(ck);
    assert_int_equal(mkdir(in_folder("additional_chat_templates"), 0700), 0);
    write_text("additional_chat_templates/tool_use.jinja", "tools");
    write_text("additional_chat_templates/notes.txt", "none");
    ck = open_path_with(folder, &options);
    assert_int_equal(ck->n_templates, 2);
    assert_template(ck, 0, "default", "new", in_folder("chat_template.jinja"));
    assert_template(ck, 1, "tool_use", "tools", in_folder("additional_chat_templates/tool_use.jinja"));
    hz_checkpoint_close(ck);
    write_text("chat_template.jinja", "\xff");
    refuse_with(folder, &options, HZ_E_FORMAT, "/chat_template.jinja", "not UTF-8");
}

static void templates_of_a_gguf(void **state)
{
    (void)state;
    struct hz_buf b;
    gguf_head(&b, 3, 0, 4);
    gguf_string(&b, "tokenizer.chat_template.tool_use", "T");
    gguf_string(&b, "tokenizer.chat_templates", "no");
    gguf_string(&b, "tokenizer.chat_template", "D");
    gguf_string(&b, "tokenizer.chat", "no");
    write_buf("x.gguf", &b);
    struct hz_checkpoint *ck = open_path_with(in_folder("x.gguf"), NULL);
    assert_int_equal(ck->n_templates, 2);
    assert_template(ck, 0, "default", "D", in_folder("x.gguf"));
    assert_template(ck, 1, "tool_use", "T", in_folder("x.gguf"));
    hz_checkpoint_close(ck);
    gguf_head(&b, 3, 0, 1);
    gguf_u32(&b, "tokenizer.chat_template", 1);
    write_buf("x.gguf", &b);
    refuse_with(in_folder("x.gguf"), NULL, HZ_E_FORMAT, "tokenizer.chat_template is of type u32", "");
}

/* ---- GGUF ------------------------------------------------------------------------------------------------------- */

/* One part with one tensor of 4 bytes, filled with its number; count 0: no split keys; total: split.tensors.count. */
static void write_part(const char *name, unsigned no, unsigned count, const char *tensor, unsigned total)
{
    struct hz_buf b;
    gguf_head(&b, 3, 1, (count ? 2 : 0) + (total ? 1 : 0) + (no ? 0 : 1));
    if (count) {
        gguf_u16(&b, "split.no", (uint16_t)no);
        gguf_u16(&b, "split.count", (uint16_t)count);
    }
    if (total) {
        gguf_key(&b, "split.tensors.count", HZ_META_I32);
        put_u32(&b, total);
    }
    if (!no)
        gguf_string(&b, "general.architecture", "llama");
    gguf_tensor(&b, tensor, 1, (uint64_t[]){1}, 0, 0);
    pad_to(&b, 32);
    put_u32(&b, no);
    write_buf(name, &b);
}

static void gguf_choice(void **state)
{
    (void)state;
    write_part("one.gguf", 0, 0, "a", 0);
    write_text("config.json", "{}");
    struct hz_checkpoint *ck = open_folder();
    assert_int_equal(ck->kind, HZ_CHECKPOINT_GGUF);
    assert_non_null(hz_gguf_get(ck->gguf, "general.architecture"));
    assert_string_equal(ck->gguf->path, in_folder("one.gguf"));
    hz_checkpoint_close(ck);

    write_part("mmproj-one-f16.gguf", 0, 0, "v", 0); /* the image encoder beside it */
    ck = open_folder();
    assert_string_equal(ck->gguf->path, in_folder("one.gguf"));
    hz_checkpoint_close(ck);

    write_part("two.gguf", 0, 0, "b", 0);
    refuse(HZ_E_INVALID, "several GGUF files", "one.gguf, two.gguf");
    const struct hz_checkpoint_options second = {.file = "two.gguf"}, third = {.file = "three.gguf"},
                                       none = {.file = ""};
    ck = open_path_with(folder, &second);
    assert_non_null(hz_tensor_find(&ck->table, "b"));
    hz_checkpoint_close(ck);
    refuse_with(folder, &third, HZ_E_NOTFOUND, "there is no 'three.gguf'", "one.gguf, two.gguf");
    refuse_with(folder, &none, HZ_E_NOTFOUND, "there is no ''", "one.gguf");

    write_tensors("model.safetensors", "st", 1); /* a folder's own checkpoint comes first, unless a file is named */
    ck = open_folder();
    assert_int_equal(ck->kind, HZ_CHECKPOINT_FOLDER);
    hz_checkpoint_close(ck);
    ck = open_path_with(folder, &second);
    assert_int_equal(ck->kind, HZ_CHECKPOINT_GGUF);
    hz_checkpoint_close(ck);
    refuse_with(in_folder("two.gguf"), &second, HZ_E_INVALID, "is a file", "");
}

static void split_gguf(void **state)
{
    (void)state;
    static const char *const names[] = {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"};
    const struct hz_checkpoint_options header = {.tokenizer_only = true};
    write_part(names[0], 0, 3, "a", 3);
    write_part(names[1], 1, 3, "b", 3);
    refuse(HZ_E_NOTFOUND, names[2], "part 3 of 3 is missing");
    hz_checkpoint_close(open_path_with(folder, &header));
    write_part(names[2], 2, 3, "c", 3);
    for (size_t i = 0; i <= HZ_COUNT(names); i++) { /* the folder, and every part */
        struct hz_checkpoint *ck = open_path_with(i ? in_folder(names[i - 1]) : folder, NULL);
        assert_int_equal(ck->table.n, 3);
        assert_int_equal(value_of(ck, "c"), 2);
        assert_non_null(hz_gguf_get(ck->gguf, "general.architecture"));
        assert_string_equal(hz_tensor_find(&ck->table, "b")->file, in_folder(names[1]));
        hz_checkpoint_close(ck);
    }
    write_part("m-00001-of-00002.gguf", 0, 2, "a", 2); /* another set beside it */
    refuse(HZ_E_INVALID, "several GGUF files", "m-00001-of-00002.gguf, m-00001-of-00003.gguf");
    remove(in_folder("m-00001-of-00002.gguf"));

    write_part(names[2], 2, 3, "b", 3);
    refuse(HZ_E_FORMAT, names[2], "tensor 'b' stands twice");
    write_part(names[2], 1, 3, "c", 3);
    refuse(HZ_E_FORMAT, names[2], "says it is part 2 of 3, expected part 3 of 3");
    write_part(names[2], 2, 3, "c", 3);
    write_part(names[0], 0, 3, "a", 4);
    refuse(HZ_E_FORMAT, "split.tensors.count is 4", "hold 3 tensors");
    write_part(names[0], 0, 5, "a", 3);
    refuse(HZ_E_FORMAT, names[0], "part 1 of 5, expected part 1 of 3");
    remove(in_folder(names[0]));
    refuse(HZ_E_NOTFOUND, names[1], "whose first part");
    refuse_with(in_folder(names[2]), NULL, HZ_E_NOTFOUND, names[2], "m-00001-of-00003.gguf is missing");
    write_part("renamed.gguf", 0, 2, "a", 2);
    refuse_with(in_folder("renamed.gguf"), NULL, HZ_E_FORMAT, "one of 2 parts", "-00001-of-00002.gguf");
}

static void paths(void **state)
{
    (void)state;
    refuse_with(in_folder("none"), NULL, HZ_E_NOTFOUND, "no such file or folder", "/none");
    refuse_with("", NULL, HZ_E_NOTFOUND, "no such file", "");
    refuse_with("/dev/null", NULL, HZ_E_INVALID, "/dev/null: expected a GGUF file or a folder", "");
    write_tensors("model.safetensors", "a", 1);
    refuse_with(in_folder("model.safetensors"), NULL, HZ_E_INVALID, "model.safetensors",
                "the folder that this file lies in");
    write_text("empty.gguf", "");
    refuse_with(in_folder("empty.gguf"), NULL, HZ_E_FORMAT, "empty.gguf: not a GGUF file", "it is empty");
    write_text("model.bin", "PK\3\4....");
    refuse_with(in_folder("model.bin"), NULL, HZ_E_FORMAT, "model.bin: not a GGUF file", "pickle");
}

/* ---- the reference data ----------------------------------------------------------------------------------------- */

/* Opens every folder in `parent`; returns how many. */
static size_t open_all(const char *parent)
{
    char path[600], **names;
    size_t n, opened = 0;
    if (hz_file_list(parent, &names, &n, NULL) != HZ_OK)
        return 0;
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", parent, names[i]);
        if (hz_file_kind(path) != HZ_FILE_FOLDER)
            continue;
        struct hz_checkpoint *ck = open_path_with(path, NULL);
        uint64_t bytes = 0;
        assert_true(ck->table.n > 4);
        for (size_t k = 0; k < ck->table.n; k++) {
            const struct hz_tensor *t = &ck->table.tensors[k];
            assert_int_not_equal(t->type, HZ_DTYPES);
            assert_ptr_equal(hz_tensor_find(&ck->table, t->name), t);
            bytes += t->bytes;
        }
        assert_true(bytes < ck->bytes);
        assert_non_null(ck->config);
        hz_checkpoint_close(ck);
        opened++;
    }
    hz_file_list_free(names, n);
    return opened;
}

static void small_reference_folders(void **state)
{
    (void)state;
    assert_int_equal(open_all(HZ_TEST_DATA "/golden"), 6);
}

static void all_reference_folders(void **state)
{
    (void)state;
    if (hz_file_kind(HZ_SHARED "/golden") != HZ_FILE_FOLDER)
        skip();
    assert_int_equal(open_all(HZ_SHARED "/golden/hf"), 54);
    assert_int_equal(open_all(HZ_SHARED "/golden/mlx/checkpoints"), 15);
    assert_int_equal(open_all(HZ_SHARED "/golden/prequant"), 27);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(single_file_beats_the_index),
        IN_FOLDER(shards),
        IN_FOLDER(broken_indexes),
        IN_FOLDER(no_weights_to_read),
        IN_FOLDER(configurations),
        IN_FOLDER(tokenizer_only),
        IN_FOLDER(templates_of_the_configuration),
        IN_FOLDER(template_files_come_first),
        IN_FOLDER(templates_of_a_gguf),
        IN_FOLDER(gguf_choice),
        IN_FOLDER(split_gguf),
        IN_FOLDER(paths),
        cmocka_unit_test(small_reference_folders),
        cmocka_unit_test(all_reference_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
