#include "node/decoder/child.h"

#include "node/decoder/avlog.h"
#include "node/decoder/film.h"
#include "node/decoder/hooks.h"
#include "node/decoder/media_info.h"
#include "node/decoder/packets.h"
#include "node/decoder/sound.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { KEEP_BYTES = 32 << 20 };  // of freed memory

// A stream: its coder, what its frames go to, and whether a frame has been received and not passed on.
typedef struct part {
    kt_coder_t coder;
    bool       wanted, ready;
    uint64_t   noted;  // damaged packets that are counted
    kt_err_t   err;    // it gives nothing
} part_t;

typedef struct child {
    kt_channel_t     channel;
    kt_input_t       input;
    kt_sniffed_t     sniffed;
    kt_media_t       media;
    kt_media_info_t  media_info;
    kt_counts_t      counts;
    kt_packets_t     packets;  // that were read before the media info was complete
    part_t           parts[KT_COUNTS_STREAMS];
    kt_sound_t       sound;
    kt_film_t        film;
    kt_decode_want_t want;
    double           max_duration_s;
    bool             ended;  // the file has been read
} child_t;

static void
fault_unless_ok(child_t *self, kt_err_t err, const char *why)
{
    if (err != KT_OK)
        kt_channel_fault(&self->channel, err, why);
}

static kt_counts_stream_t
packet_stream(const child_t *self, const AVPacket *packet)
{
    const AVStream *video = self->media.video;
    return video && packet->stream_index == video->index ? KT_COUNTS_PICTURE : KT_COUNTS_SOUND;
}

static void
count_packet(child_t *self, const AVPacket *packet)
{
    const kt_counts_stream_t stream = packet_stream(self, packet);
    self->parts[stream].coder.packets++;
    kt_counts_packet(&self->counts, stream,
                     &(kt_counts_packet_t){.pts      = packet->pts,
                                           .dts      = packet->dts,
                                           .duration = packet->duration,
                                           .bytes    = packet->size > 0 ? (uint64_t)packet->size : 0,
                                           .key      = (packet->flags & AV_PKT_FLAG_KEY) != 0,
                                           .hidden   = (packet->flags & AV_PKT_FLAG_DISCARD) != 0});
}

static void
note_damage(child_t *self, part_t *part)
{
    for (; part->noted < part->coder.damaged; part->noted++)
        kt_counts_damaged(&self->counts, (kt_counts_stream_t)(part - self->parts));
}

// Sends the decoder a packet, NULL at the end, and takes the first frame that comes of it.
static void
part_decode(child_t *self, part_t *part, const AVPacket *packet)
{
    fault_unless_ok(self, kt_coder_send(&part->coder, packet), part->coder.why);
    fault_unless_ok(self, kt_coder_receive(&part->coder, &part->ready), part->coder.why);
    note_damage(self, part);
}

static void
begin_film(child_t *self)
{
    part_t *film = &self->parts[KT_COUNTS_PICTURE];
    film->err =
        kt_film_init(&self->film, film->coder.frame, self->media_info.duration_s, self->max_duration_s, &self->want);
    fault_unless_ok(self, film->err == KT_EDECMEM ? KT_EDECMEM : KT_OK, "too little memory");
}

// Passes on all frames that the decoder has.
static void
part_deliver(child_t *self, part_t *part)
{
    const bool sound = part == &self->parts[KT_COUNTS_SOUND];
    if (part->ready && !sound && !self->film.held)
        begin_film(self);  // its first picture came late
    while (part->ready && !part->err) {
        kt_err_t err = sound ? kt_sound_send(&self->sound, false) : kt_film_send(&self->film);
        fault_unless_ok(self, err, err == KT_ETOOLONG ? "more than is permitted" : "converting a frame");
        fault_unless_ok(self, kt_coder_receive(&part->coder, &part->ready), part->coder.why);
    }
    note_damage(self, part);
}

// Of a packet that was counted.
static void
decode_packet(child_t *self, const AVPacket *packet)
{
    part_t *part = &self->parts[packet_stream(self, packet)];
    if (!part->coder.codec || part->err)
        return;
    part_decode(self, part, packet);
    part_deliver(self, part);
}

static bool
read_packet(child_t *self)
{
    fault_unless_ok(self, kt_media_read(&self->media, &self->ended), self->media.why);
    if (!self->ended)
        count_packet(self, self->media.packet);
    return !self->ended;
}

static void
open_part(child_t *self, kt_counts_stream_t stream, AVStream *of, bool wanted)
{
    part_t *part       = &self->parts[stream];
    part->wanted       = wanted;
    part->coder.stream = of;
    if (!wanted || !of)
        return;
    part->err = kt_coder_open(&part->coder, of, &self->want);
    fault_unless_ok(self, part->err == KT_EDECMEM ? part->err : KT_OK, part->coder.why);
}

// Reads until each decoder has given its first frame, which the media info needs: other packets wait. A stream whose
// first frame does not come within the bound of the queue is described by its container alone.
static void
decode_first_frames(child_t *self)
{
    for (;;) {
        bool missing = false;
        for (int i = 0; i < KT_COUNTS_STREAMS; i++)
            missing |= self->parts[i].coder.codec && !self->parts[i].ready;
        if (!missing || kt_packets_full(&self->packets) || !read_packet(self))
            break;
        AVPacket *packet = self->media.packet;
        part_t   *part   = &self->parts[packet_stream(self, packet)];
        if (part->coder.codec && !part->ready)
            part_decode(self, part, packet);
        else if (part->coder.codec)
            fault_unless_ok(self, kt_packets_push(&self->packets, packet), "too little memory for packets");
    }
    for (int i = 0; i < KT_COUNTS_STREAMS; i++) {
        part_t *part = &self->parts[i];
        if (!self->ended || !part->coder.codec || part->ready)
            continue;
        part_decode(self, part, NULL);
        if (!part->ready)
            part->err = kt_coder_nothing(&part->coder);
    }
}

// What the sound's first frame would state.
static kt_err_t
describe_sound(AVFrame *out, const AVCodecParameters *par)
{
    out->sample_rate = par->sample_rate;
    out->format      = par->format;
    return av_channel_layout_copy(&out->ch_layout, &par->ch_layout) < 0 ? KT_EDECMEM : KT_OK;
}

static void
describe_media(child_t *self)
{
    const part_t *sound = &self->parts[KT_COUNTS_SOUND], *film = &self->parts[KT_COUNTS_PICTURE];
    kt_media_info_fill(&self->media_info, &self->media, &self->sniffed, sound->ready ? sound->coder.frame : NULL,
                       film->ready ? film->coder.frame : NULL);
}

static void
begin_parts(child_t *self)
{
    part_t *sound = &self->parts[KT_COUNTS_SOUND], *film = &self->parts[KT_COUNTS_PICTURE];
    if (sound->coder.codec && !sound->err) {
        AVFrame *first = sound->coder.frame;
        if (!sound->ready)
            sound->err = describe_sound(first, sound->coder.stream->codecpar);
        if (!sound->err)
            sound->err = kt_sound_init(&self->sound, first, self->max_duration_s);
        if (sound->err == KT_ESTREAM)
            (void)snprintf(sound->coder.why, KT_MEDIA_WHY, "the stream's rate or channel count");
    }
    fault_unless_ok(self, sound->err == KT_EDECMEM ? KT_EDECMEM : KT_OK, "too little memory");
    if (film->ready && !film->err)
        begin_film(self);
}

// The error of a file that gives nothing of what is wanted: that of the sound, or of the picture if there is no sound.
// A file whose streams are not wanted is only counted.
static void
fault_if_nothing(child_t *self)
{
    const part_t *failed = NULL;
    bool          there  = false;
    for (int i = 0; i < KT_COUNTS_STREAMS; i++) {
        const part_t *part = &self->parts[i];
        there |= part->coder.stream != NULL;
        if (!part->coder.stream || !part->wanted)
            continue;
        if (!part->err)
            return;
        failed = failed ? failed : part;
    }
    if (!there)
        kt_channel_fault(&self->channel, KT_ENOAUDIO, "neither a sound nor a moving picture");
    if (failed)
        kt_channel_fault(&self->channel, failed->err, failed->coder.why);
}

static void
send_media_info(child_t *self)
{
    const part_t *sound = &self->parts[KT_COUNTS_SOUND], *film = &self->parts[KT_COUNTS_PICTURE];
    (void)snprintf(self->media_info.audio_why, KT_MEDIA_WHY, "%s", sound->err ? sound->coder.why : "");
    (void)snprintf(self->media_info.video_why, KT_MEDIA_WHY, "%s", film->err ? film->coder.why : "");
    kt_channel_media_info(&self->channel, &self->media_info);
}

// Everything after the media info.
static void
decode_rest(child_t *self)
{
    AVPacket *packet = self->media.packet;
    for (int i = 0; i < KT_COUNTS_STREAMS; i++)
        if (!self->parts[i].err)
            part_deliver(self, &self->parts[i]);
    for (av_packet_unref(packet); kt_packets_pop(&self->packets, packet); av_packet_unref(packet))
        decode_packet(self, packet);
    while (!self->ended && read_packet(self))
        decode_packet(self, packet);
    for (int i = 0; i < KT_COUNTS_STREAMS; i++) {
        part_t *part = &self->parts[i];
        if (!part->coder.codec || part->err)
            continue;
        part_decode(self, part, NULL);
        part_deliver(self, part);
        kt_err_t err = i == KT_COUNTS_SOUND ? kt_sound_send(&self->sound, true) : kt_film_end(&self->film);
        fault_unless_ok(self, err, err == KT_ETOOLONG ? "more than is permitted" : "converting a frame");
    }
}

static void
note_nothing(child_t *self)
{
    const uint64_t given[KT_COUNTS_STREAMS] = {
        [KT_COUNTS_SOUND] = self->sound.frames, [KT_COUNTS_PICTURE] = self->film.sent};
    for (int i = 0; i < KT_COUNTS_STREAMS; i++)
        if (self->parts[i].coder.codec && !self->parts[i].err && !given[i])
            self->parts[i].err = kt_coder_nothing(&self->parts[i].coder);
}

static void
open_media(child_t *self)
{
    const char *why;
    kt_err_t    err = kt_sniff(&self->input, &self->sniffed, &why);
    fault_unless_ok(self, err, why);
    fault_unless_ok(self, kt_media_open(&self->media, &self->input, &self->sniffed), self->media.why);
    const AVStream  *sound = self->media.audio, *film = self->media.video;
    const AVRational rate = film ? film->avg_frame_rate : (AVRational){0, 1};
    kt_counts_init(&self->counts, sound ? av_q2d(sound->time_base) : 0, film ? av_q2d(film->time_base) : 0,
                   rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0);
    open_part(self, KT_COUNTS_SOUND, self->media.audio, self->want.sound);
    open_part(self, KT_COUNTS_PICTURE, self->media.video, self->want.pictures);
}

void
kt_child_run(const kt_sandbox_t *sandbox, const kt_test_faults_t *faults, const kt_decode_request_t *request,
             const int fds[KT_REQUEST_FDS])
{
    static child_t self;  // 1.5 MB; a process runs one
    // A decoder frees and takes a megabyte per picture: given back to the system each time, its pages would cost 7 % of
    // the decoding of 720p.
    (void)mallopt(M_MMAP_THRESHOLD, KEEP_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
    if (kt_sandbox_descriptors(fds) != KT_OK)
        _exit(1);
    if (kt_channel_init(&self.channel, KT_CHILD_CONTROL_FD, KT_CHILD_RING_FD, request->want.pictures) != KT_OK)
        _exit(1);
    close(KT_CHILD_RING_FD);
    self.want           = request->want;
    self.max_duration_s = request->limits.max_duration_s;
    self.sound =
        (kt_sound_t){.coder = &self.parts[KT_COUNTS_SOUND].coder, .channel = &self.channel, .counts = &self.counts};
    self.film.coder   = &self.parts[KT_COUNTS_PICTURE].coder;
    self.film.channel = &self.channel;
    self.film.counts  = &self.counts;
    fault_unless_ok(&self, kt_input_init(&self.input, KT_CHILD_MEDIA_FD), "the file's size is unknown");
    fault_unless_ok(&self, kt_sandbox_enter(sandbox, &request->limits), "the sandbox could not be set up");
    kt_hooks_fault(faults, &self.channel, self.input.size);

    // The media info is sent after the first frames, which the converter and some of the info need. A file of which
    // nothing can be decoded has its info sent before the error.
    open_media(&self);
    decode_first_frames(&self);
    describe_media(&self);
    begin_parts(&self);
    send_media_info(&self);
    fault_if_nothing(&self);
    decode_rest(&self);
    note_nothing(&self);
    fault_if_nothing(&self);

    for (uint64_t i = 0; i < self.media.damaged; i++)
        kt_counts_damaged(&self.counts, self.media.audio ? KT_COUNTS_SOUND : KT_COUNTS_PICTURE);
    kt_media_counts_t counts;
    kt_counts_finish(&self.counts, self.want.pictures && self.want.mode == KT_PICTURES_FULL, &counts);
    counts.broken_off = self.media.broken_off;
    kt_channel_end(&self.channel, &counts);
}
