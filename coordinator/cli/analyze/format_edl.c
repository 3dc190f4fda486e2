// CMX 3600: a title, the mode of the timecodes, events of fixed columns, remarks after "* ". Source and record are the
// same times. AX is the reel that stands for a file; its name is a remark, as editing programs read it.
//
// CMX 3600 counts to 999. Longer lists go on with four digits and two spaces behind them, as Adobe Premiere writes them
// and OpenTimelineIO and pycmx read them; a remark states the number, for programs that read three digits alone.
#include "common/text.h"
#include "coordinator/cli/analyze/edit_list.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 240, CMX_EVENTS = 999 };

// One line, printable.
static void
add_name(kt_buf_t *out, const char *name)
{
    bool control;
    for (size_t i = 0, n; i < NAME_MAX_BYTES && (n = kt_text_character(name + i, &control)); i += n)
        kt_buf_add(out, control ? " " : name + i, control ? 1 : n);
    kt_buf_str(out, "\n");
}

static void
add_event(kt_buf_t *out, const kt_edit_list_t *list, size_t i, const char *file)
{
    const kt_edit_t *edit = &list->edits[i];
    char             begin[KT_TIMECODE], end[KT_TIMECODE];
    kt_edit_timecode(list, edit->begin, begin);
    kt_edit_timecode(list, edit->end, end);
    kt_buf_fmt(out, "%03zu  AX       V     C        %s %s %s %s\n* FROM CLIP NAME: ", i + 1, begin, end, begin, end);
    add_name(out, file);
    if (*edit->change)
        kt_buf_fmt(out, "* COMMENT: %s FROM %s TO %s\n", edit->change, kt_edit_timecode(list, edit->from, begin),
                   kt_edit_timecode(list, edit->to, end));
}

kt_err_t
kt_format_edl(const json_t *document, kt_buf_t *out, char why[KT_EDIT_WHY])
{
    const char    *path = kt_json_str(document, "file_path", ""), *slash = strrchr(path, '/');
    const char    *file = slash ? slash + 1 : path;
    kt_edit_list_t list;
    kt_err_t       err = kt_edit_list_init(&list, document, why);
    if (err)
        return err;
    if (list.base > 99) {
        snprintf(why, KT_EDIT_WHY, "%.6g pictures per second do not fit the timecodes of an EDL; -o otio has none",
                 list.rate_hz);
        kt_edit_list_fini(&list);
        return KT_EINVAL;
    }
    kt_buf_str(out, "TITLE: ");
    add_name(out, file);
    kt_buf_fmt(out, "FCM: %s\n\n", list.drop_frame ? "DROP FRAME" : "NON-DROP FRAME");
    for (size_t i = 0; i < list.n; i++) {
        add_event(out, &list, i, file);
        if (i == 0)  // readers refuse a remark before the first event
            kt_buf_fmt(out, "* COMMENT: %.6g PICTURES PER SECOND, %lld NUMBERS PER SECOND OF TIMECODE%s\n",
                       list.rate_hz, (long long)list.base, list.variable ? "; THE FILE KEEPS NO CONSTANT RATE" : "");
        if (i == 0 && list.n > CMX_EVENTS)
            kt_buf_fmt(out, "* COMMENT: %zu EVENTS, MORE THAN THE %d OF CMX 3600\n", list.n, CMX_EVENTS);
    }
    kt_edit_list_fini(&list);
    return out->err;
}
