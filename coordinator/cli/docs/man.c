// Manual pages (man(7)) from the tables of commands, options and settings.
#include "common/program.h"
#include "common/settings.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/docs/docs.h"

#include <ctype.h>
#include <string.h>

typedef struct daemon_page {
    const char *name, *section, *summary, *text;
    bool        has_options;
} daemon_page_t;

static const daemon_page_t DAEMONS[] = {
    {"kithara-coordinator", "8", "takes in jobs, gives them to nodes, stores the results",
     "The coordinator of a farm.\nIt takes jobs from AMQP, HTTP and backfills, gives them to nodes over ZeroMQ, stores "
     "the results and publishes them.\n"
     "SIGTERM drains: nothing new is given out, and it ends when its nodes have finished, after 60 s at most. "
     "A second SIGTERM ends it at once.\nSIGHUP reads the allowed keys again.",
     true},
    {"kithara-node", "8", "analyses the files that its coordinators give it",
     "A compute node of a farm.\nIt connects to its coordinators, decodes the files that it is given in sandboxed "
     "processes and returns their features.\n"
     "SIGTERM drains: files in progress are finished. A second SIGTERM returns them to the coordinators at once.",
     true},
    {"kithara-decode", "1", "the decoder of Kithara",
     "Started by kithara, kithara-node and libkithara, not by hand.\nIt decodes each media file in a sandboxed process "
     "of its own.",
     false},
};
enum { N_DAEMONS = sizeof DAEMONS / sizeof *DAEMONS };

// Text of many lines: a line that begins with a dot or an apostrophe would be a request.
static void
add_text(kt_buf_t *out, const char *text)
{
    bool line_begins = true;
    for (; *text; text++) {
        if (line_begins && (*text == '.' || *text == '\''))
            kt_buf_str(out, "\\&");
        if (*text == '\\')
            kt_buf_str(out, "\\e");
        else if (*text == '-')
            kt_buf_str(out, "\\-");
        else
            kt_buf_add(out, text, 1);
        line_begins = *text == '\n';
    }
}

static void
add_title(kt_buf_t *out, const char *name, const char *section, const char *summary)
{
    kt_buf_fmt(out, ".TH \"%s\" \"%s\" \"\" \"Kithara %s\" \"Kithara\"\n.SH NAME\n", name, section, KT_VERSION);
    add_text(out, name);
    kt_buf_str(out, " \\- ");
    add_text(out, summary);
    kt_buf_str(out, "\n");
}

// Lines as they are, in a fixed-width font.
static void
add_block(kt_buf_t *out, const char *text)
{
    kt_buf_str(out, ".nf\n.ft CW\n");
    add_text(out, text);
    kt_buf_str(out, "\n.ft\n.fi\n");
}

static void
add_paragraphs(kt_buf_t *out, const char *text)
{
    for (const char *end; *text; text = end) {
        char line[1024];
        end              = strstr(text, "\n\n");
        end              = end ? end + 2 : text + strlen(text);
        const size_t all = (size_t)(end - text);
        kt_buf_str(out, ".PP\n");
        for (size_t at = 0; at < all;) {
            size_t length = strcspn(text + at, "\n");
            length        = length < sizeof line ? length : sizeof line - 1;
            memcpy(line, text + at, length);
            line[length] = '\0';
            if (length > 0) {
                add_text(out, line);
                kt_buf_str(out, "\n");
            }
            at += length + (text[at + length] == '\n');
        }
    }
}

static void
add_options(kt_buf_t *out, const kt_command_option_t *options)
{
    for (const kt_command_option_t *option = options; option && option->code; option++) {
        const bool letter = option->code < KT_OPT_AFTER, brackets = option->value && option->value[0] == '[';
        kt_buf_str(out, ".TP\n\\fB");
        if (letter)
            kt_buf_fmt(out, "\\-%c%s", option->code, option->name ? "\\fR, \\fB" : "");
        if (option->name) {
            kt_buf_str(out, "\\-\\-");
            add_text(out, option->name);
        }
        kt_buf_str(out, "\\fR");
        if (option->value) {
            kt_buf_str(out, brackets ? "[=\\fI" : " \\fI");
            add_text(out, option->value + brackets);
            kt_buf_str(out, "\\fR");
        }
        kt_buf_str(out, "\n");
        if (option->verbs) {
            kt_buf_str(out, "With ");
            add_text(out, option->verbs);
            kt_buf_str(out, ": ");
        }
        add_text(out, option->help);
        kt_buf_str(out, "\n");
    }
}

static void
add_verbs(kt_buf_t *out, const kt_verb_t *verbs)
{
    for (const kt_verb_t *verb = verbs; verb && verb->name; verb++) {
        kt_buf_str(out, ".TP\n\\fB");
        add_text(out, verb->name);
        kt_buf_str(out, "\\fR \\fI");
        add_text(out, verb->arguments);
        kt_buf_str(out, "\\fR\n");
        add_text(out, verb->help);
        kt_buf_str(out, "\n");
    }
}

static void
program_page(kt_buf_t *out)
{
    add_title(out, "kithara", "1", "audio and video analysis farm");
    kt_buf_str(out, ".SH SYNOPSIS\n\\fBkithara\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR ...\n.SH DESCRIPTION\n"
                    "Kithara analyses music and video: on this machine alone, or on a farm of nodes.\n.SH COMMANDS\n");
    for (size_t i = 0; i < KT_CLI_N_COMMANDS; i++) {
        kt_buf_str(out, ".TP\n\\fB");
        add_text(out, KT_CLI_COMMANDS[i].name);
        kt_buf_str(out, "\\fR\n");
        add_text(out, KT_CLI_COMMANDS[i].summary);
        kt_buf_fmt(out, "; \\fBkithara\\-%s\\fR(1)\n", KT_CLI_COMMANDS[i].name);
    }
    kt_buf_str(out, ".SH OPTIONS\nBefore or after the command.\n");
    add_options(out, KT_CLI_GLOBALS);
    kt_buf_str(out, ".SH EXIT STATUS\n0 success, 1 failure, 2 wrong usage or a wrong setting.\n.SH EXAMPLES\n");
    add_block(out, "kithara analyze song.mp3\nkithara run ~/Music");
    kt_buf_str(out, ".SH SEE ALSO\n\\fBkithara.conf\\fR(5), \\fBkithara\\-coordinator\\fR(8), "
                    "\\fBkithara\\-node\\fR(8)\n");
}

static void
command_page(kt_buf_t *out, const kt_command_t *command, const char *page)
{
    add_title(out, page, "1", command->summary);
    kt_buf_fmt(out, ".SH SYNOPSIS\n\\fBkithara %s\\fR ", command->name);
    add_text(out, command->arguments);
    kt_buf_fmt(out, "\n.SH DESCRIPTION\n%c", toupper((unsigned char)command->summary[0]));
    add_text(out, command->summary + 1);
    kt_buf_str(out, ".\n");
    if (command->text)
        add_paragraphs(out, command->text);
    if (command->verbs) {
        kt_buf_str(out, ".SH VERBS\n");
        add_verbs(out, command->verbs);
    }
    kt_buf_str(out, ".SH OPTIONS\n");
    add_options(out, command->options);
    add_options(out, KT_CLI_GLOBALS);
    kt_buf_str(out, ".SH EXAMPLES\n");
    add_block(out, command->example);
    kt_buf_str(out, ".SH SEE ALSO\n\\fBkithara\\fR(1), \\fBkithara.conf\\fR(5)\n");
}

static void
daemon_page(kt_buf_t *out, const daemon_page_t *page)
{
    add_title(out, page->name, page->section, page->summary);
    kt_buf_str(out, ".SH SYNOPSIS\n\\fB");
    add_text(out, page->name);
    kt_buf_str(out, "\\fR");
    if (page->has_options)
        kt_buf_str(out, " [\\fIOPTIONS\\fR]");
    kt_buf_str(out, "\n.SH DESCRIPTION\n");
    add_text(out, page->text);
    kt_buf_str(out, "\n");
    for (const kt_program_option_t *option = KT_PROGRAM_OPTIONS; page->has_options && option->name; option++) {
        kt_buf_str(out, option == KT_PROGRAM_OPTIONS ? ".SH OPTIONS\n.TP\n" : ".TP\n");
        kt_buf_str(out, "\\fB\\-\\-");
        add_text(out, option->name);
        kt_buf_fmt(out, "\\fR \\fI%s\\fR\n", option->value ? option->value : "");
        add_text(out, option->help);
        kt_buf_str(out, "\n");
    }
    if (page->has_options)
        kt_buf_str(out, ".SH EXIT STATUS\n0 after a signal, 1 when it could not start or work, 2 for wrong usage.\n");
    kt_buf_str(out, ".SH SEE ALSO\n\\fBkithara\\fR(1), \\fBkithara.conf\\fR(5)\n");
}

static void
settings_page(kt_buf_t *out)
{
    kt_buf_t text;
    kt_buf_init(&text, out->max_bytes);
    kt_settings_help(&text, false);
    add_title(out, "kithara.conf", "5", "settings of Kithara");
    kt_buf_str(out,
               ".SH DESCRIPTION\nA file of \\fINAME=value\\fR lines, one setting per line, read by all programs of "
               "Kithara with \\fB\\-\\-config\\fR \\fIFILE\\fR or from the file that \\fBANALYZER_CONFIG\\fR names.\n"
               "A value with blanks is quoted; # begins a comment.\n"
               "A variable of the environment overrides the file, \\fB\\-\\-set\\fR overrides both.\n.SH SETTINGS\n");
    if (!text.err)
        add_block(out, text.bytes);
    out->err = out->err ? out->err : text.err;
    kt_buf_fini(&text);
    kt_buf_str(out, ".SH SEE ALSO\n\\fBkithara\\fR(1), \\fBkithara\\-coordinator\\fR(8), \\fBkithara\\-node\\fR(8)\n");
}

bool
kt_docs_man(kt_buf_t *out, const char *page)
{
    static const char   prefix[] = "kithara-";
    const kt_command_t *command  = NULL;
    if (strcmp(page, "kithara") == 0) {
        program_page(out);
        return true;
    }
    if (strcmp(page, "kithara.conf") == 0) {
        settings_page(out);
        return true;
    }
    for (size_t i = 0; i < N_DAEMONS; i++)
        if (strcmp(page, DAEMONS[i].name) == 0) {
            daemon_page(out, &DAEMONS[i]);
            return true;
        }
    if (strncmp(page, prefix, sizeof prefix - 1) == 0)
        command = kt_command_find(page + sizeof prefix - 1);
    if (command)
        command_page(out, command, page);
    return command != NULL;
}

void
kt_docs_man_names(kt_buf_t *out)
{
    kt_buf_str(out, "kithara.1\n");
    for (size_t i = 0; i < KT_CLI_N_COMMANDS; i++)
        kt_buf_fmt(out, "kithara-%s.1\n", KT_CLI_COMMANDS[i].name);
    for (size_t i = 0; i < N_DAEMONS; i++)
        kt_buf_fmt(out, "%s.%s\n", DAEMONS[i].name, DAEMONS[i].section);
    kt_buf_str(out, "kithara.conf.5\n");
}
