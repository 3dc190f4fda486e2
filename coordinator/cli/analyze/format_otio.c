// The JSON of OpenTimelineIO, version 1 of its schemas (Clip.2 and Marker.2 excepted), as its documentation of
// serialized data lists them.
#include "coordinator/cli/analyze/edit_list.h"
#include "coordinator/cli/analyze/formats.h"
#include "proto/job.h"

#include <stdio.h>
#include <string.h>

typedef struct otio {
    const kt_edit_list_t *list;
    const char           *name;  // of the file
    json_t               *url;   // of the file; borrowed
    bool                  good;  // false: out of memory
} otio_t;

static json_t *
schema_object(otio_t *self, const char *schema)
{
    json_t *object = kt_json_object();
    self->good     = self->good && kt_json_set(object, "OTIO_SCHEMA", kt_json_text(schema));
    return object;
}

static void
set_member(otio_t *self, json_t *object, const char *key, json_t *value)
{
    self->good = kt_json_set(object, key, value) && self->good;
}

static json_t *
time_json(otio_t *self, int64_t pictures)
{
    json_t *object = schema_object(self, "RationalTime.1");
    set_member(self, object, "rate", kt_json_real(self->list->rate_hz));
    set_member(self, object, "value", kt_json_real((double)pictures));
    return object;
}

static json_t *
range_json(otio_t *self, int64_t begin, int64_t end)
{
    json_t *object = schema_object(self, "TimeRange.1");
    set_member(self, object, "start_time", time_json(self, begin));
    set_member(self, object, "duration", time_json(self, end - begin));
    return object;
}

// What all items of a timeline have.
static json_t *
item_json(otio_t *self, const char *schema, const char *name)
{
    json_t *object = schema_object(self, schema);
    set_member(self, object, "metadata", kt_json_object());
    set_member(self, object, "name", kt_json_text(name));
    set_member(self, object, "effects", kt_json_array());
    set_member(self, object, "markers", kt_json_array());
    set_member(self, object, "enabled", kt_json_bool(true));
    return object;
}

static json_t *
media_json(otio_t *self)
{
    const kt_edit_list_t *list   = self->list;
    json_t               *media  = schema_object(self, "ExternalReference.1");
    json_t               *object = kt_json_object();
    set_member(self, media, "metadata", kt_json_object());
    set_member(self, media, "name", kt_json_text(self->name));
    set_member(self, media, "available_range",
               range_json(self, list->start, list->start + list->edits[list->n - 1].end));
    set_member(self, media, "available_image_bounds", kt_json_null());
    set_member(self, media, "target_url", kt_json_copy(self->url));
    set_member(self, object, "DEFAULT_MEDIA", media);
    return object;
}

static json_t *
clip_json(otio_t *self, size_t i)
{
    const kt_edit_list_t *list = self->list;
    char                  name[32];
    snprintf(name, sizeof name, "shot %zu", i + 1);
    json_t *clip = item_json(self, "Clip.2", name);
    set_member(self, clip, "source_range",
               range_json(self, list->start + list->edits[i].begin, list->start + list->edits[i].end));
    set_member(self, clip, "media_references", media_json(self));
    set_member(self, clip, "active_media_reference_key", kt_json_text("DEFAULT_MEDIA"));
    return clip;
}

// On the track, whose times begin at 0.
static json_t *
marker_json(otio_t *self, const kt_edit_t *edit)
{
    json_t *marker = schema_object(self, "Marker.2"), *metadata = kt_json_object(), *own = kt_json_object();
    set_member(self, own, "transition", kt_json_text(edit->change));
    set_member(self, metadata, "kithara", own);
    set_member(self, marker, "metadata", metadata);
    set_member(self, marker, "name", kt_json_text(edit->change));
    set_member(self, marker, "color", kt_json_text("GREEN"));
    set_member(self, marker, "comment", kt_json_text(""));
    set_member(self, marker, "marked_range", range_json(self, edit->from, edit->to));
    return marker;
}

static json_t *
track_json(otio_t *self)
{
    json_t *track = item_json(self, "Track.1", "shots"), *children = kt_json_array(), *markers = kt_json_array();
    for (size_t i = 0; i < self->list->n && self->good; i++) {
        const kt_edit_t *edit = &self->list->edits[i];
        self->good            = kt_json_append(children, clip_json(self, i)) && self->good;
        if (*edit->change)
            self->good = kt_json_append(markers, marker_json(self, edit)) && self->good;
    }
    set_member(self, track, "source_range", kt_json_null());
    set_member(self, track, "kind", kt_json_text("Video"));
    set_member(self, track, "markers", markers);
    set_member(self, track, "children", children);
    return track;
}

static json_t *
timeline_json(otio_t *self, const json_t *document)
{
    json_t *timeline = schema_object(self, "Timeline.1"), *stack = item_json(self, "Stack.1", "tracks");
    json_t *children = kt_json_array(), *metadata = kt_json_object(), *own = kt_json_object();
    set_member(self, own, "version", kt_json_text(KT_VERSION));
    set_member(self, own, "message_id", kt_json_text(kt_json_str(document, "message_id", "")));
    set_member(self, own, "variable_frame_rate", kt_json_bool(self->list->variable));
    set_member(self, metadata, "kithara", own);
    self->good = kt_json_append(children, track_json(self)) && self->good;
    set_member(self, stack, "source_range", kt_json_null());
    set_member(self, stack, "children", children);
    set_member(self, timeline, "metadata", metadata);
    set_member(self, timeline, "name", kt_json_text(self->name));
    set_member(self, timeline, "global_start_time", kt_json_null());
    set_member(self, timeline, "tracks", stack);
    return timeline;
}

kt_err_t
kt_format_otio(const json_t *document, kt_buf_t *out, char why[KT_EDIT_WHY])
{
    const char    *path = kt_json_str(document, "file_path", ""), *slash = strrchr(path, '/');
    kt_edit_list_t list;
    kt_err_t       err = kt_edit_list_init(&list, document, why);
    if (err)
        return err;
    json_t *url      = kt_job_is_url(path) ? kt_json_text(path) : kt_format_url(path);
    otio_t  self     = {.list = &list, .name = slash ? slash + 1 : path, .url = url, .good = url};
    json_t *timeline = self.good ? timeline_json(&self, document) : NULL;
    if (self.good)
        kt_json_write_exact(timeline, out);
    kt_json_free(&timeline);
    kt_json_free(&url);
    kt_edit_list_fini(&list);
    return self.good ? out->err : KT_ENOMEM;
}
