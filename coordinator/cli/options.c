#include "coordinator/cli/options.h"

#include "coordinator/cli/command.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { OPTIONS_MAX = 40 };

// The table as getopt_long wants it.
static void
fill_options(const kt_command_option_t *table, struct option *longs, char *letters)
{
    size_t n   = 0;
    *letters++ = ':';
    for (const kt_command_option_t *option = table; option && option->code && n + 1 < OPTIONS_MAX; option++) {
        const int argument = !option->value            ? no_argument
                             : option->value[0] == '[' ? optional_argument
                                                       : required_argument;
        if (option->name)
            longs[n++] = (struct option){option->name, argument, NULL, option->code};
        if (option->code >= KT_OPT_AFTER)
            continue;
        *letters++ = (char)option->code;
        for (int i = 0; i < argument; i++)
            *letters++ = ':';
    }
    longs[n] = (struct option){0};
    *letters = '\0';
}

static const kt_command_option_t *
find_option(const kt_command_t *command, int code)
{
    for (const kt_command_option_t *option = command->options; option && option->code; option++)
        if (option->code == code)
            return option;
    return NULL;
}

static int
refuse_unknown(const kt_cli_t *cli, const char *text)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
    const char *close = strncmp(name, "--", 2) == 0 ? kt_command_option_suggest(cli->command, name + 2) : NULL;
    if (close)
        (void)kt_cli_usage(cli, "unknown option '%s' (did you mean --%s?)", name, close);
    else
        (void)kt_cli_usage(cli, "unknown option '%s'", name);
    return '?';
}

static int
take_common(kt_cli_t *cli, const kt_command_option_t *option, int code)
{
    if (code == KT_OPT_SINK)
        return kt_sink_open(cli, optarg) ? code : '?';
    cli->all_columns |= code == KT_OPT_ALL_COLUMNS;
    cli->statistics |= code == KT_OPT_STATISTICS;
    cli->units |= code == KT_OPT_UNITS;
    return code == 'o' && option->words && !strncmp(option->words, "table", 5) && !kt_cli_format(cli, optarg) ? '?'
                                                                                                              : code;
}

int
kt_cli_option(kt_cli_t *cli, int argc, char **argv, const char *verb)
{
    struct option longs[OPTIONS_MAX];
    char          letters[3 * OPTIONS_MAX];
    int           index = -1;
    fill_options(cli->command->options, longs, letters);
    opterr         = 0;
    const int code = getopt_long(argc, argv, letters, longs, &index);
    if (code == -1)
        return -1;
    const char *text = argv[optind - 1];
    if (code == ':') {
        (void)kt_cli_usage(cli, "%s needs a value", text);
        return '?';
    }
    if (code == '?') {
        char letter[3] = {'-', (char)optopt, '\0'};
        bool value     = strncmp(text, "--", 2) == 0 && optopt != 0;
        if (value)
            (void)kt_cli_usage(cli, "%.*s takes no value", (int)strcspn(text, "="), text);
        return value ? '?' : refuse_unknown(cli, optopt > 0 && optopt < KT_OPT_AFTER ? letter : text);
    }
    if (index >= 0) {
        if (optarg == text)
            text = argv[optind - 2];
        const size_t length = strcspn(text, "=");
        if (length != strlen(longs[index].name) + 2)
            return refuse_unknown(cli, text);
    }
    const kt_command_option_t *option = find_option(cli->command, code);
    if (verb && !kt_command_option_has_verb(option, verb)) {
        (void)kt_cli_usage(cli, "%s%s is not for %s %s", option->name ? "--" : "-", option->name ? option->name : "",
                           cli->command->name, verb);
        return '?';
    }
    return take_common(cli, option, code);
}
