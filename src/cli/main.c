/* main.c - finds the command, runs it, and says in one line how it failed.
 *
 * Exit status: 0; 1 for everything that went wrong; 130 when Ctrl-C ended it. */
#include "cli/command.h"
#include "cli/io.h"
#include "cli/term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hz_command *const commands[] = {
    &hz_command_run,      &hz_command_bench,    &hz_command_perplexity, &hz_command_logits,
    &hz_command_tokenize, &hz_command_template, &hz_command_inspect,    &hz_command_doctor,
};

enum { HELP_WIDTH = 100 };

static void overview(struct hz_buf *out)
{
    hz_buf_puts(out, "hanzo runs large language models.\n\nUsage: hanzo COMMAND [options]\n\nCommands:\n");
    for (size_t i = 0; i < HZ_COUNT(commands); i++)
        hz_buf_printf(out, "  %-12s  %s\n", commands[i]->name, commands[i]->summary);
    hz_buf_puts(out, "\n`hanzo COMMAND --help` explains a command, `hanzo --version` prints the version.\n"
                     "The older spelling works as well: `hanzo -i plain -m MODEL`, `hanzo -i gguf -m DIR -f FILE`.\n");
}

static hz_status print_help(const struct hz_command *command, struct hz_error *err)
{
    struct hz_buf out;
    hz_buf_init(&out, 1 << 20);
    if (command)
        hz_options_help(command, HZ_MIN(hz_term_width(), HELP_WIDTH), &out);
    else
        overview(&out);
    hz_status status = hz_io_put_buf(&out, err);
    hz_buf_free(&out);
    return status;
}

static const struct hz_command *find(const char *name)
{
    for (size_t i = 0; i < HZ_COUNT(commands); i++)
        if (!strcmp(commands[i]->name, name))
            return commands[i];
    return NULL;
}

static hz_status unknown_command(const char *word, struct hz_error *err)
{
    const char *names[HZ_COUNT(commands)];
    for (size_t i = 0; i < HZ_COUNT(commands); i++)
        names[i] = commands[i]->name;
    const char *close = hz_suggest(word, names, HZ_COUNT(names));
    if (close)
        return hz_fail(err, HZ_E_INVALID, "unknown command '%s'; did you mean %s?", word, close);
    return hz_fail(err, HZ_E_INVALID, "unknown command '%s'; `hanzo --help` lists them", word);
}

static hz_status run_command(const struct hz_command *command, int argc, char **argv, struct hz_error *err)
{
    struct hz_arena arena = {0};
    struct hz_texts operands;
    bool help;
    void *values = hz_arena_alloc(&arena, 1, command->size);
    hz_status status = HZ_OK;
    if (!values)
        status = hz_fail_nomem(err, command->size);
    if (status == HZ_OK)
        status = hz_options_parse(command, argc, argv, &arena, values, &operands, &help, err);
    if (status == HZ_OK)
        status = help ? print_help(command, err) : command->run(values, &operands, err);
    hz_arena_free(&arena);
    return status;
}

static hz_status dispatch(int argc, char **argv, struct hz_error *err)
{
    const char *word = argc > 1 ? argv[1] : "--help";
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
        printf("hanzo %s\n", hz_version());
        return HZ_OK;
    }
    if (!strcmp(word, "help") && argc > 2) {
        const struct hz_command *command = find(argv[2]);
        return command ? print_help(command, err) : unknown_command(argv[2], err);
    }
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"))
        return print_help(NULL, err);
    if (word[0] == '-') {
        bool help;
        HZ_TRY(hz_legacy(argc - 1, argv + 1, &help, err));
        return help ? print_help(NULL, err) : HZ_OK;
    }
    const struct hz_command *command = find(word);
    return command ? run_command(command, argc - 2, argv + 2, err) : unknown_command(word, err);
}

int main(int argc, char **argv)
{
    enum { INTERRUPTED = 130 };
    struct hz_error err = {0};
    hz_status status = dispatch(argc, argv, &err);
    if (status == HZ_OK)
        status = hz_io_flush(&err);
    if (status == HZ_OK)
        return EXIT_SUCCESS;
    if (status == HZ_E_CANCELLED && hz_term_interrupted())
        return INTERRUPTED;
    if (!hz_io_reader_gone())
        fprintf(stderr, "hanzo: %s\n", err.text);
    return EXIT_FAILURE;
}
