// --help, from the table of commands.
#include "coordinator/cli/command.h"

#include <stdio.h>
#include <string.h>

enum { HELP_COLUMN = 24, HELP_LINE = 84 };

// Lines separated by '\n', each after `column` blanks but the first.
static void
print_lines(const char *lines, int column)
{
    for (const char *at = lines;; at++) {
        const int length = (int)strcspn(at, "\n");
        printf("%*s%.*s\n", at == lines ? 0 : column, "", length, at);
        at += length;
        if (!*at)
            return;
    }
}

// "  -o, --output FORMAT   table, ..."; what is too long for its column has a line of its own.
static void
print_term(const char *term, const char *help, int column)
{
    if ((int)strlen(term) + 2 > column)
        printf("%s\n%*s", term, column, "");
    else
        printf("%-*s", column, term);
    print_lines(help, column);
}

static void
print_options(const kt_command_option_t *options)
{
    char term[128], help[1024];
    for (const kt_command_option_t *option = options; option && option->code; option++) {
        const bool letter = option->code < KT_OPT_AFTER, brackets = option->value && option->value[0] == '[';
        int        n = snprintf(term, sizeof term, "  %c%c%s %s%s", letter ? '-' : ' ', letter ? option->code : ' ',
                         letter && option->name ? ","
                                : letter               ? ""
                                                       : " ",
                         option->name ? "--" : "", option->name ? option->name : "");
        if (option->value && brackets)
            (void)snprintf(term + n, sizeof term - (size_t)n, "[=%s", option->value + 1);
        else if (option->value)
            (void)snprintf(term + n, sizeof term - (size_t)n, "%s%s", option->name ? " " : "", option->value);
        (void)snprintf(help, sizeof help, "%s%s%s", option->verbs ? option->verbs : "",
                       !option->verbs                                                    ? ""
                       : strlen(option->verbs) + strcspn(option->help, "\n") > HELP_LINE ? ":\n"
                                                                                         : ": ",
                       option->help);
        print_term(term, help, HELP_COLUMN);
    }
}

static void
print_verbs(const kt_command_t *command)
{
    char term[128];
    for (const kt_verb_t *verb = command->verbs; verb && verb->name; verb++) {
        (void)snprintf(term, sizeof term, "  %s %s", verb->name, verb->arguments);
        print_term(term, verb->help, HELP_COLUMN);
    }
    printf("%s", command->verbs ? "\n" : "");
}

static void
print_example(const char *example)
{
    printf("Example:\n  ");
    print_lines(example, 2);
}

static void
print_program_help(void)
{
    printf("kithara -- audio and video analysis farm\n\nUsage: kithara [OPTIONS] COMMAND ...\n\nCommands:\n");
    for (size_t i = 0; i < KT_CLI_N_COMMANDS; i++)
        printf("  %-9s %s\n", KT_CLI_COMMANDS[i].name, KT_CLI_COMMANDS[i].summary);
    printf("\nOptions, before or after the command:\n");
    print_options(KT_CLI_GLOBALS);
    printf("\nExit code: 0 success, 1 failure, 2 wrong usage or a wrong setting.\n\n");
    print_example("kithara run ~/Music");
}

void
kt_command_help(const kt_command_t *command)
{
    if (!command) {
        print_program_help();
        return;
    }
    printf("kithara %s -- %s\n\nUsage: kithara %s%s%s\n\n", command->name, command->summary, command->name,
           *command->arguments ? " " : "", command->arguments);
    print_verbs(command);
    print_options(command->options);
    printf("%s", command->options ? "\n" : "");
    if (command->text && *command->text)
        printf("%s\n", command->text);
    print_example(command->example);
}
